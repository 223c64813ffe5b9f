/*
 * push.h
 *		How a session waits for what it has asked a client, or a gateway.
 */
#ifndef RT_BACKEND_PUSH_H
#define RT_BACKEND_PUSH_H

#include "src/compat.h"

#include "src/ipc/push.h"

/* Before it asks: whoever ends while it waits lets go of its place. */
extern void rt_push_ensure_end(void);

/*
 * Waits until something has come of it, or the time of rt_clock_ms(): then it is
 * still ASKED or SENT.  To be ended all the same.
 */
extern RtPushState rt_push_await(const RtPushTarget *target, int64 deadline_ms);

#endif							/* RT_BACKEND_PUSH_H */

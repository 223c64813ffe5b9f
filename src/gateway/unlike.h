/*
 * unlike.h
 *		Whether the answer to a request is the same for all who ask the same.
 *
 * That is known to the executor only: not if a guard may write, or if some
 * function has looked at the connection's id.  A path of which that was seen is
 * remembered until a declaration changes.
 */
#ifndef RT_GATEWAY_UNLIKE_H
#define RT_GATEWAY_UNLIKE_H

#include "src/ipc/request.h"
#include "src/protocol/text.h"

extern bool rt_answer_is_alike(const RtRequest *request);

extern bool rt_path_is_unlike(RtText path);
extern void rt_path_note_unlike(RtText path);

#endif							/* RT_GATEWAY_UNLIKE_H */

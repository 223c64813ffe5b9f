/*
 * spin.h
 *		Waiting for an answer without sleeping.
 */
#ifndef RT_GATEWAY_SPIN_H
#define RT_GATEWAY_SPIN_H

#include "src/ipc/request.h"

/* A request has been queued; its answer has come. */
extern void rt_spin_note_queued(RtRequest *request);
extern void rt_spin_note_answered(const RtRequest *request);

/*
 * Waits a few tens of microseconds for an answer if one is likely to come in
 * that time.  Returns whether one has.
 */
extern bool rt_spin_for_answers(void);

#endif							/* RT_GATEWAY_SPIN_H */

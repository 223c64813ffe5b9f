/*
 * outgoing.h
 *		Answers that are ready and of which nobody has been told yet.
 */
#ifndef RT_EXECUTOR_OUTGOING_H
#define RT_EXECUTOR_OUTGOING_H

#include "src/compat.h"

#include "portability/instr_time.h"

#include "src/ipc/request.h"
#include "src/ipc/worker_slot.h"

extern void rt_outgoing_init(RtExecutorCounters *counters);

extern bool rt_outgoing_is_empty(void);

/*
 * Takes a finished request; now is the time of its end.  wanted is what must be
 * durable before its client is told.
 */
extern void rt_outgoing_add(RtRequest *request, RtDurability wanted,
							instr_time now);

/* Whether the answers should go out before another call is taken. */
extern bool rt_outgoing_is_due(instr_time now);

/*
 * A call is about to run that takes mean_us (< 0 = unknown).  Hands the
 * answers over if it would keep them too long; returns whether it did.
 */
extern bool rt_outgoing_before(double mean_us);

/* Whether something takes so long (< 0 = unknown) that a flush of its own is little. */
extern bool rt_outgoing_is_long(double mean_us);

/* Flushes what must be, then says that there are answers. */
extern void rt_outgoing_push(void);

/*
 * A call takes long while answers wait, or this process ends: says so, and has
 * the launcher flush.  May be called in a signal handler.
 */
extern void rt_outgoing_alarm(void);

#endif							/* RT_EXECUTOR_OUTGOING_H */

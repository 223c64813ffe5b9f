/*
 * outgoing.h
 *		Answers that are ready and not yet handed over.
 */
#ifndef RT_EXECUTOR_OUTGOING_H
#define RT_EXECUTOR_OUTGOING_H

#include "src/compat.h"

#include "portability/instr_time.h"

#include "src/executor/commit.h"
#include "src/ipc/request.h"
#include "src/ipc/worker_slot.h"

extern void rt_outgoing_init(int executor, RtExecutorCounters *counters);

extern bool rt_outgoing_is_empty(void);

/* What the transaction that just ended has left to be flushed. */
extern RtDurability *rt_outgoing_durability(void);

/* Takes a finished request; now is the time of its end. */
extern void rt_outgoing_add(RtRequest *request, instr_time now);

/* Whether the answers should go out before another call is taken. */
extern bool rt_outgoing_is_due(instr_time now);

/*
 * A call is about to run that takes mean_us (< 0 = unknown).  Hands the
 * answers over if it would keep them too long; returns whether it did.
 */
extern bool rt_outgoing_before(double mean_us);

/* Makes durable what must be, then hands all answers over. */
extern void rt_outgoing_push(void);

/* In a signal handler: a call takes long while answers are held. */
extern void rt_outgoing_alarm(void);

#endif							/* RT_EXECUTOR_OUTGOING_H */

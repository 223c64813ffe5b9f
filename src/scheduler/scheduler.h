/*
 * scheduler.h
 *		Tasks of the scheduler, and what it offers them.
 *
 * Times are milliseconds of rt_clock_ms().
 */
#ifndef RT_SCHEDULER_SCHEDULER_H
#define RT_SCHEDULER_SCHEDULER_H

#include "src/compat.h"

#include "src/ipc/request.h"
#include "src/ipc/worker_slot.h"

#define RT_NEVER PG_INT64_MAX

/*
 * A task does its work in pieces of some milliseconds: between them the loop
 * reads notifications, and must not be kept from it.  A task is run when it is
 * due; what sets the scheduler's latch makes the loop ask all tasks again.
 *
 * due, run and answered are called while the extension is installed, due and
 * answered outside of transactions.  run begins and ends its own; an ERROR in
 * it is logged, its transaction rolled back, and the task not run again for a
 * second.  The others should not fail.
 */
typedef struct RtSchedulerTask
{
	const char *name;
	int64		(*due) (void);	/* when run is wanted next, or RT_NEVER */
	void		(*run) (void);

	void		(*suspend) (void);	/* the extension has gone; may be NULL */

	/* requests of this kind are the task's; answered NULL = has none */
	RtRequestKind kind;
	void		(*answered) (RtRequest *request);	/* frees nothing */
} RtSchedulerTask;

extern RtSchedulerCounters *rt_scheduler_counters;

/*
 * A request to an executor: begin it, set path, args and text, submit or
 * cancel it (rt_request_cancel()).  begin returns NULL if there is no slot:
 * then try again a little later.
 */
extern RtRequest *rt_scheduler_request(RtRequestKind kind);
extern void rt_scheduler_submit(RtRequest *request);

/*
 * Between begin and end lies a transaction with a snapshot.  begin returns
 * false, without one, if the extension is not installed.
 */
extern bool rt_scheduler_begin(void);
extern void rt_scheduler_end(void);

#define rt_scheduler_count(counter, n) \
	pg_atomic_write_u64(&rt_scheduler_counters->counter, \
						pg_atomic_read_u64(&rt_scheduler_counters->counter) + (n))

#endif							/* RT_SCHEDULER_SCHEDULER_H */

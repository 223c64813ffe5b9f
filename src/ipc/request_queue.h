/*
 * request_queue.h
 *		The way of requests from their owners to the executors.
 *
 * Connections take turns (fair_queue.h), one executor is kept for what is
 * short (crew.h), and the launcher starts more of them when too few are there
 * for what waits.
 */
#ifndef RT_IPC_REQUEST_QUEUE_H
#define RT_IPC_REQUEST_QUEUE_H

#include "src/ipc/request.h"

extern Size rt_request_queue_size(void);
extern void rt_request_queue_init(void);

/* Owners queue n filled slots at once; as many idle executors are woken. */
extern void rt_requests_submit(RtRequest **requests, int n);

/* Whether anything is queued, and the next request for who only empties it. */
extern bool rt_requests_queued(void);
extern RtRequest *rt_request_unqueue(void);

/*
 * How many are queued, without the lock; and whether something has waited longer
 * than wait_ms though everybody who may take it is busy.
 */
extern int	rt_requests_queued_count(void);
extern bool rt_requests_are_late(int wait_ms);

/* Of a RUNNING one: since when it was queued, by rt_clock_ms(). */
extern int64 rt_request_queued_since(const RtRequest *request);

/*
 * An executor joins before it takes its first request.  take returns the next
 * one that it may run, now RUNNING, or NULL; with NULL and mark_idle the
 * executor is noted as idle in the same moment, so that the next submit wakes
 * it.
 *
 * retire lets it leave, if it is idle and more are there than the least; leave
 * is for its exit, whatever the reason.
 */
extern void rt_executor_join(int executor);
extern int	rt_executor_self(void); /* that this process is; -1 = none */
extern bool rt_executor_is_present(int executor);	/* has joined */

/* How many have joined; how many wait for clients, and may. */
extern int64 rt_executors_present(void);
extern int64 rt_executors_waiting(void);
extern int64 rt_executors_waiting_max(void);
extern bool rt_executor_is_busy(int executor);	/* has, and is not idle */
extern RtRequest *rt_request_take(int executor, bool mark_idle);
extern void rt_executor_not_idle(int executor);
extern bool rt_executor_retire(int executor);
extern bool rt_executor_leave(int executor);	/* returns whether nobody else is there */

/* At the server's end, by one that has nothing left to do: see crew.h. */
extern bool rt_executor_may_end(int executor);

/*
 * Of the process that calls: it is about to wait for a reply of a client.
 * Executors do not count as busy meanwhile, but some are never to wait; false =
 * this one must not.  Other processes may.
 */
extern bool rt_executor_begin_wait(void);
extern void rt_executor_end_wait(void);

/*
 * Likewise: it works for a queue of jobs.  As it may take long, there should be
 * as many for calls as without it.
 */
extern void rt_executor_begin_jobs(void);
extern void rt_executor_end_jobs(void);

/* So many wait, or work for jobs, that there should be more. */
extern bool rt_executors_are_short(void);

/* The server stops: none is kept any more, everybody takes everything. */
extern void rt_executors_keep_none(void);

/*
 * A round of live queries is wanted, because something has been committed that
 * they read: an idle executor is woken, if no round is wanted already.  Neither
 * fails, waits nor allocates.  An executor looks before it takes a request and
 * before it sleeps; who makes the round takes the wish before it looks what has
 * been committed.
 */
extern void rt_round_want(void);
extern void rt_round_want_by(int64 due_ms); /* then, if none is before */
extern bool rt_round_is_wanted(void);
extern void rt_round_take(void);

/*
 * Launcher's side.  What is queued while everybody is busy is to be watched:
 * the launcher is woken and looks now and then.  A look that finds nothing
 * queued ends the watch.
 */
typedef struct RtQueueLook
{
	bool		empty;			/* and no round is wanted */
	bool		late;			/* something has waited longer than wait_ms, and
								 * who may take it is busy */
	uint64		taken;			/* requests, since the server's start */
} RtQueueLook;

extern bool rt_request_queue_is_watched(void);
extern RtQueueLook rt_request_queue_look(int wait_ms);

#endif							/* RT_IPC_REQUEST_QUEUE_H */

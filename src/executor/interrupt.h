/*
 * interrupt.h
 *		Signals of an executor, and the deadlines of what it runs.
 */
#ifndef RT_EXECUTOR_INTERRUPT_H
#define RT_EXECUTOR_INTERRUPT_H

#include "src/compat.h"

#include "utils/timestamp.h"

#include "src/ipc/request.h"

/* Installs the signal handlers; the worker starts with signals blocked. */
extern void rt_interrupt_init(void);

/* Registers the timers; once connected. */
extern void rt_interrupt_init_timer(void);

/*
 * Whether SIGTERM has arrived, and whether what runs must end now because of
 * it, or because the database is being vacated.
 */
extern bool rt_shutdown_is_requested(void);
extern bool rt_grace_is_over(void);

/* The server stops, and there is something to do yet: so long from now on. */
extern void rt_grace_renew(int ms);

/*
 * Between arm and disarm the running statement is cancelled when the deadline
 * passes (0 = never) or the grace is over; arming again moves the deadline.
 * disarm also forgets a cancel that came too late.
 */
extern void rt_deadline_arm(TimestampTz deadline);
extern void rt_deadline_disarm(void);

/*
 * Between arm and disarm, which are a job's, others are told if it takes long
 * (rt_job_hold_up()).
 */
extern void rt_hold_up_arm(void);
extern void rt_hold_up_rearm(void); /* if all timers have been disabled meanwhile */
extern void rt_hold_up_disarm(void);

/*
 * What goes on after its deadline although it has been cancelled is cancelled
 * again and again, then its request becomes overdue, and at last the process
 * ends.  watch names the request (NULL = none).  may_commit is asked right
 * before a commit: if it is true the request does not become overdue any more.
 */
extern void rt_overdue_watch(RtRequest *request);
extern bool rt_overdue_may_commit(void);

/*
 * What runs is cancelled, again and again, once the upload in a place is aborted;
 * RT_UPLOAD_NONE = there is none.
 */
extern void rt_upload_watch(int place);

#endif							/* RT_EXECUTOR_INTERRUPT_H */

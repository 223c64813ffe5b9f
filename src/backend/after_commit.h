/*
 * after_commit.h
 *		What has to be told to our processes when a transaction is over.
 *
 * Each function may be called any number of times in a transaction.
 */
#ifndef RT_BACKEND_AFTER_COMMIT_H
#define RT_BACKEND_AFTER_COMMIT_H

#include "utils/timestamp.h"

#include "src/ipc/client_order.h"

/* Registers the callback; once, from rt_backend_install(). */
extern void rt_after_commit_install(void);

/* Once this commits, declarations have changed. */
extern void rt_after_commit_declarations_changed(void);

/* What clients may see may have changed: all are asked again. */
extern void rt_after_commit_recheck(RtRecheck what);

/* Settings of roles or of a database have changed. */
extern void rt_after_commit_settings_changed(void);

/* What live queries return may have changed: by settings, or in another database. */
extern void rt_after_commit_queries_changed(void);

/* Once this commits, kept events are removed, or their numbers say nothing more. */
extern void rt_after_commit_events_removed(void);

/* Once this commits, waiting workers shall look again. */
extern void rt_after_commit_wake_workers(void);

/*
 * Once this commits, a job is ready at this place of its queue's order, or is to be
 * made ready at a time; somebody waits for a job that is over.
 */
extern void rt_after_commit_job_ready(int queue_place, int64 place);
extern void rt_after_commit_job_due(TimestampTz at);
extern void rt_after_commit_task_over(void);

/* Once this ends, a job of a queue may be ready that it has had in its hands. */
extern void rt_after_end_job_released(int queue_place, int64 place);

/* Once this ends, the vacated database may be connected to again. */
extern void rt_after_end_vacate_end(void);

#endif							/* RT_BACKEND_AFTER_COMMIT_H */

/*
 * jobs.h
 *		The tasks that have jobs of queues run when they are ready, and remove those
 *		that have been over for long enough.
 */
#ifndef RT_SCHEDULER_JOBS_H
#define RT_SCHEDULER_JOBS_H

#include "src/ipc/request.h"

extern int64 rt_jobs_task_due(void);
extern void rt_jobs_task_run(void);
extern void rt_jobs_task_forget(void);
extern void rt_jobs_task_leave(void);
extern void rt_jobs_task_answered(RtRequest *request);

extern int64 rt_jobs_cleanup_due(void);
extern void rt_jobs_cleanup_run(void);

#endif							/* RT_SCHEDULER_JOBS_H */

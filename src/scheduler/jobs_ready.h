/*
 * jobs_ready.h
 *		Makes jobs ready whose time has come, and puts those for whose end somebody
 *		waits.
 */
#ifndef RT_SCHEDULER_JOBS_READY_H
#define RT_SCHEDULER_JOBS_READY_H

#include "src/ipc/request.h"

extern int64 rt_jobs_ready_due(void);
extern void rt_jobs_ready_run(void);

/* What has been asked for, to bury those that are lost, has been answered. */
extern void rt_jobs_ready_buried(const RtRequest *request);

/* By jobs.c: a job of a queue is ready, at that place of its order. */
extern void rt_jobs_task_ready(const char *queue, int64 place);

#endif							/* RT_SCHEDULER_JOBS_READY_H */

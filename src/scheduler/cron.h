/*
 * cron.h
 *		The task that has jobs of realtime.cron() run when they are due.
 */
#ifndef RT_SCHEDULER_CRON_H
#define RT_SCHEDULER_CRON_H

#include "src/scheduler/scheduler.h"

extern int64 rt_cron_due(void);
extern void rt_cron_task_run(void);
extern void rt_cron_forget(void);
extern void rt_cron_answered(RtRequest *request);

#endif							/* RT_SCHEDULER_CRON_H */

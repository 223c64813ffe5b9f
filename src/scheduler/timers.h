/*
 * timers.h
 *		The task that has throttled and debounced events published.
 */
#ifndef RT_SCHEDULER_TIMERS_H
#define RT_SCHEDULER_TIMERS_H

#include "src/scheduler/scheduler.h"

extern int64 rt_timers_task_due(void);
extern void rt_timers_task_run(void);
extern void rt_timers_task_answered(RtRequest *request);

#endif							/* RT_SCHEDULER_TIMERS_H */

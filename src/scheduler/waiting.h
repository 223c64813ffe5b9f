/*
 * waiting.h
 *		The task that counts jobs and events that wait, for metrics.
 */
#ifndef RT_SCHEDULER_WAITING_H
#define RT_SCHEDULER_WAITING_H

#include "src/scheduler/scheduler.h"

extern int64 rt_waiting_due(void);
extern void rt_waiting_run(void);
extern void rt_waiting_forget(void);

#endif							/* RT_SCHEDULER_WAITING_H */

/*
 * intake.h
 *		The task that has events taken by who is to take them.
 */
#ifndef RT_SCHEDULER_INTAKE_H
#define RT_SCHEDULER_INTAKE_H

#include "src/scheduler/scheduler.h"

extern int64 rt_intake_task_due(void);
extern void rt_intake_task_run(void);
extern void rt_intake_task_forget(void);
extern void rt_intake_task_answered(RtRequest *request);

#endif							/* RT_SCHEDULER_INTAKE_H */

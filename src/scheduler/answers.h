/*
 * answers.h
 *		The task that removes answers which need not be kept any more.
 */
#ifndef RT_SCHEDULER_ANSWERS_H
#define RT_SCHEDULER_ANSWERS_H

#include "src/scheduler/scheduler.h"

extern int64 rt_answers_due(void);
extern void rt_answers_run(void);

#endif							/* RT_SCHEDULER_ANSWERS_H */

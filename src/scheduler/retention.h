/*
 * retention.h
 *		Removes old events of replay topics.
 */
#ifndef RT_SCHEDULER_RETENTION_H
#define RT_SCHEDULER_RETENTION_H

#include "src/compat.h"

/* The task. */
extern int64 rt_retention_due(void);
extern void rt_retention_run(void);

#endif							/* RT_SCHEDULER_RETENTION_H */

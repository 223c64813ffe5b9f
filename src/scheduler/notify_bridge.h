/*
 * notify_bridge.h
 *		Listens to channels of NOTIFY and has executors publish what comes.
 */
#ifndef RT_SCHEDULER_NOTIFY_BRIDGE_H
#define RT_SCHEDULER_NOTIFY_BRIDGE_H

#include "src/compat.h"

#include "src/ipc/request.h"

/* Once, connected. */
extern void rt_bridges_init(void);

/*
 * Reads all notifications that have arrived, outside of transactions.  To be
 * called as often as can be, extension or not.
 */
extern void rt_bridges_drain(void);

/* The task. */
extern int64 rt_bridges_due(void);
extern void rt_bridges_run(void);
extern void rt_bridges_answered(RtRequest *request);
extern void rt_bridges_suspend(void);

#endif							/* RT_SCHEDULER_NOTIFY_BRIDGE_H */

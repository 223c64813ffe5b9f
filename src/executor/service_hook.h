/*
 * service_hook.h
 *		The functions of realtime.hook('init') and realtime.hook('shutdown').
 */
#ifndef RT_EXECUTOR_SERVICE_HOOK_H
#define RT_EXECUTOR_SERVICE_HOOK_H

#include "src/compat.h"

/*
 * Outside of a transaction, before calls are run: returns once the init hook has been
 * run in this database since the server's start, by whichever executor.  Returns
 * whether the session must not run anything else.
 */
extern bool rt_service_hook_begin(void);

/* By the last executor, when the server stops (crew.h): runs the shutdown hook. */
extern void rt_service_hook_end(void);

/* By the same, if it must not run anything else: says that the hook was not run. */
extern void rt_service_hook_miss(void);

#endif							/* RT_EXECUTOR_SERVICE_HOOK_H */

/*
 * error_hook.h
 *		Tells the function of realtime.hook('error', ...) what has gone wrong.
 */
#ifndef RT_EXECUTOR_ERROR_HOOK_H
#define RT_EXECUTOR_ERROR_HOOK_H

#include "src/compat.h"

#include "src/executor/work.h"

/*
 * After a work that has failed with what nobody has intended, outside of a
 * transaction: runs the function, if there is one, in a transaction of its own.
 * Nothing is raised; what the executor has to know is added to the work.
 */
extern void rt_error_hook_run(RtWork *failed);

#endif							/* RT_EXECUTOR_ERROR_HOOK_H */

/*
 * due.h
 *		When a group of a live query is run.
 */
#ifndef RT_EXECUTOR_QUERY_DUE_H
#define RT_EXECUTOR_QUERY_DUE_H

#include "src/executor/query/run.h"

/* Whether to run it now; if not, a round will be due when it is. */
extern bool rt_group_run_is_due(RtGroupRun *run, int64 now_ms);

/* It was not run, or in vain: it will be again, after a while that grows. */
extern void rt_group_put_off_locked(RtQueryGroup *group, int64 now_ms);
extern void rt_group_put_off_failed(RtQueryGroup *group, int64 now_ms);

/*
 * Something has happened that may be what such a group waits for.  After a command
 * it may fail for another reason.
 */
extern void rt_group_try_sooner(RtQueryGroup *group, bool after_command);

#endif							/* RT_EXECUTOR_QUERY_DUE_H */

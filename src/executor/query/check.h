/*
 * check.h
 *		Whether groups have what running all of a query finds, for developers: the
 *		setting realtime.query_check.
 */
#ifndef RT_EXECUTOR_QUERY_CHECK_H
#define RT_EXECUTOR_QUERY_CHECK_H

#include "src/executor/query/run.h"

/*
 * Compares the state of a run's group with run->expected, and logs if it is
 * another.
 */
extern void rt_query_check(const RtGroupRun *run);

/*
 * With the setting at all: compares all groups with runs of all of their queries,
 * at the active snapshot, which is that of a round that has come to its end.
 */
extern void rt_query_check_all(void);

/*
 * Says in the log if a restricted plan reads a large table from end to end.  With
 * the setting on only; after it was run, at the same snapshot.
 */
extern void rt_query_check_plan(const char *path, RtQueryPlan *plan);

#endif							/* RT_EXECUTOR_QUERY_CHECK_H */

/*
 * watched.h
 *		Whether changes of the tables that a live query reads are told.
 */
#ifndef RT_EXECUTOR_QUERY_WATCHED_H
#define RT_EXECUTOR_QUERY_WATCHED_H

#include "src/query/analysis.h"

/*
 * ERROR if a table that a query reads, or a partition or an heir of it, has no
 * trigger that tells all columns that the query looks at: then nobody would
 * notice that its rows are not true any more.  Where it is not sure that each change
 * is told once its groups cannot be counted: query->tally is NULL then.
 */
extern void rt_query_check_watched(RtQuery *query);

#endif							/* RT_EXECUTOR_QUERY_WATCHED_H */

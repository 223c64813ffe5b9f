/*
 * together.h
 *		Restricted runs of many groups of a query by one statement.
 */
#ifndef RT_EXECUTOR_QUERY_TOGETHER_H
#define RT_EXECUTOR_QUERY_TOGETHER_H

#include "src/executor/query/result.h"

/* What is asked for a group, and what is answered. */
typedef struct RtTogether
{
	const NullableDatum *values;	/* of the query's parameters */
	const RtRestriction *restriction;	/* without NULLs */
	const RtQueryState *before;
	RtQueryResult *result;		/* NULL = all of it is to be run */
} RtTogether;

/*
 * Does what rt_query_result_restricted() does for one, of a query of which there
 * are such plans (rt_query_can_gather()).  Returns false if there are so many rows
 * that each should be asked for alone.
 */
extern bool rt_query_results_together(const RtStreamDeclaration *declaration,
									  RtQuery *query, RtTogether *groups, int count);

#endif							/* RT_EXECUTOR_QUERY_TOGETHER_H */

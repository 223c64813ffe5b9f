/*
 * result.h
 *		The rows that a live query has at a moment, as its clients get them.
 */
#ifndef RT_EXECUTOR_QUERY_RESULT_H
#define RT_EXECUTOR_QUERY_RESULT_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
#include "src/executor/query/difference.h"
#include "src/executor/query/restriction.h"
#include "src/ipc/query_state.h"
#include "src/protocol/text.h"
#include "src/query/analysis.h"

typedef struct RtQueryResult
{
	RtQueryState *state;		/* in private memory */
	bool		ordered;
	StringInfoData rows;		/* "[{...},{...}]" */
	Size	   *ends;			/* of each row in it */
	const char *key_name;		/* as a JSON string */
	const RtDifference *difference; /* of a restricted run, whose rows are not all;
									 * state is of all */
} RtQueryResult;

/*
 * Runs all of a query as the current role, at the active snapshot, with values
 * for its parameters, and each row through the stream's transform.  Raises if
 * there are too many rows, or two with the same key.
 */
extern RtQueryResult *rt_query_result(const RtStreamDeclaration *declaration,
									  RtQuery *query, const NullableDatum *values);

/*
 * The same of what may have changed of a result, with what it was before.
 */
extern RtQueryResult *rt_query_result_restricted(const RtStreamDeclaration *declaration,
												 RtQuery *query,
												 const NullableDatum *values,
												 const RtRestriction *restriction,
												 const RtQueryState *before);

/* One row. */
extern RtText rt_query_result_row(const RtQueryResult *result, uint32 row);

#endif							/* RT_EXECUTOR_QUERY_RESULT_H */

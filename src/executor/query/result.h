/*
 * result.h
 *		The rows that a live query has at a moment, as its clients get them.
 */
#ifndef RT_EXECUTOR_QUERY_RESULT_H
#define RT_EXECUTOR_QUERY_RESULT_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
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
} RtQueryResult;

/*
 * Runs all of a query as the current role, at the active snapshot, with values
 * for its parameters, and each row through the stream's transform.  Raises if
 * there are too many rows, or two with the same key.
 */
extern RtQueryResult *rt_query_result(const RtStreamDeclaration *declaration,
									  RtQuery *query, const NullableDatum *values);

/* One row. */
extern RtText rt_query_result_row(const RtQueryResult *result, uint32 row);

#endif							/* RT_EXECUTOR_QUERY_RESULT_H */

/*
 * result.h
 *		The rows that a live query has at a moment, as its clients get them.
 */
#ifndef RT_EXECUTOR_QUERY_RESULT_H
#define RT_EXECUTOR_QUERY_RESULT_H

#include "src/compat.h"

#include "src/executor/query/collector.h"
#include "src/executor/query/difference.h"
#include "src/ipc/query_group.h"

typedef struct RtQueryResult
{
	bool		ordered;
	StringInfoData rows;		/* "[{...},{...}]" */
	Size	   *ends;			/* of each row in it */
	const char *key_name;		/* as a JSON string */
	RtQueryState *state;		/* of these rows, in private memory */
	RtQueryState *window;		/* what is remembered of them instead, or NULL */
	bool		restricted;		/* only what may have changed was run */
	bool		together;		/* with other groups */
	bool		counted;		/* nothing was asked for (tally.h) */

	/* If the rows are only those that may have changed: */
	const RtDifference *difference;
	RtQueryState *merged;		/* what the group's state is then; NULL = that can
								 * be changed in place */
	RtQueryState *gone;			/* rows of which the group's state says nothing, and
								 * which are not there any more; NULL = it says */
	bool		may_be_keyless;
} RtQueryResult;

/*
 * Runs all of a query as the current role, at the active snapshot, with values
 * for its parameters, and each row through the stream's transform.  Raises if
 * there are too many rows, or two with the same key.
 */
extern RtQueryResult *rt_query_result(const RtStreamDeclaration *declaration,
									  RtQuery *query, const NullableDatum *values);

/*
 * The same of what may have changed of a result, with what it was before; of one
 * in an order all rows are there.  Returns NULL if all of it must be run.
 */
extern RtQueryResult *rt_query_result_restricted(const RtStreamDeclaration *declaration,
												 RtQuery *query,
												 const NullableDatum *values,
												 const RtRestriction *restriction,
												 const RtQueryState *before);

/*
 * The same of rows that have been collected already, of a query without order: by a
 * restriction, or all that have changed.
 */
extern RtQueryResult *rt_query_result_merge(RtCollector *collector,
											const RtQueryState *before);

/*
 * Whether groups that have been collected are so large, since a state of them without
 * tallies, that these are worth having.
 */
extern bool rt_query_result_wants_tallies(const RtCollector *collector,
										  const RtQueryState *before);

/* What is to be remembered of a result with all rows. */
extern RtQueryState *rt_query_result_state(const RtQueryResult *result);

/*
 * The group's state is what it is after the result, which was found when it was
 * as it is.  Returns false without memory.
 */
extern bool rt_query_result_keep(const RtQueryResult *result, RtQueryGroup *group);

/* The state to which the difference refers, of a group that has one. */
extern const RtQueryState *rt_query_result_before(const RtQueryResult *result,
												  const RtQueryState *before);

/* Bytes, about. */
extern Size rt_query_result_size(const RtQueryResult *result);

/* One row. */
extern RtText rt_query_result_row(const RtQueryResult *result, uint32 row);

#endif							/* RT_EXECUTOR_QUERY_RESULT_H */

/*
 * restriction.h
 *		To which rows of a group the changes of a round can be restricted.
 */
#ifndef RT_EXECUTOR_QUERY_RESTRICTION_H
#define RT_EXECUTOR_QUERY_RESTRICTION_H

#include "src/executor/query/match.h"
#include "src/query/analysis.h"

typedef struct RtCutValue
{
	int			cut;			/* of the query */
	bool		is_null;
	Datum		value;
	uint64		hash;
	const char *text;			/* that a key with it has (collector.c); NULL = not
								 * asked for yet */
	uint32		text_len;
} RtCutValue;

/* Rows that have one of the values in its cut. */
typedef struct RtRestriction
{
	int			count;
	int			room;
	RtCutValue *values;
} RtRestriction;

/*
 * Finds it for a query and the values of its parameters, those of a group, as the
 * current role, at the active snapshot, in the current context.  Returns why all of the query, which has so many rows, is to
 * be run, or that it is not.
 */
extern RtQueryWhyFull rt_restriction_find(RtRestriction *restriction, RtRoundChanges *changes,
										  const RtQueryGroup *group, RtQuery *query,
										  const NullableDatum *values, uint32 row_count);

/* Whether a row, by its hashes in the cuts, has one of the first values. */
extern bool rt_restriction_concerns(const RtRestriction *restriction, int count,
									const uint64 *cuts);

#endif							/* RT_EXECUTOR_QUERY_RESTRICTION_H */

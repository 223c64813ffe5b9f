/*
 * tally.h
 *		What groups of rows come to after some have changed, without reading them.
 */
#ifndef RT_EXECUTOR_QUERY_TALLY_H
#define RT_EXECUTOR_QUERY_TALLY_H

#include "src/executor/query/match.h"
#include "src/executor/query/result.h"

/*
 * The result of a run for a group, of what has changed since a state of it that has
 * tallies.  Returns NULL if it has none, or the changes do not say all: then a run
 * has to ask.
 */
extern RtQueryResult *rt_tally_result(const RtStreamDeclaration *declaration,
									  RtQuery *query, const NullableDatum *values,
									  RtRoundChanges *changes, const RtQueryGroup *group,
									  const RtQueryState *before);

#endif							/* RT_EXECUTOR_QUERY_TALLY_H */

/*
 * keyless.h
 *		Groups of which no rows are remembered.
 *
 * Where rows would take too much memory, and the query needs none (see
 * RtQuery.keyless), a group's state says no more than that it is loaded.  What
 * has changed is asked for as ever; clients are told all of it, and of what is
 * not there any more that it is gone.
 */
#ifndef RT_EXECUTOR_QUERY_KEYLESS_H
#define RT_EXECUTOR_QUERY_KEYLESS_H

#include "src/executor/query/result.h"

/* Whether a query of a declaration can do without. */
extern bool rt_keyless_is_possible(const RtStreamDeclaration *declaration,
								   const RtQuery *query);

/*
 * A group's state is one of a query, or so much of it as there is room for, which
 * may be nothing but that it is loaded.  Returns false without memory.
 */
extern bool rt_keyless_set_state(RtQueryGroup *group, const RtQueryState *state,
								 bool keyless_is_possible);

/* The result of collected rows, for a group without any. */
extern RtQueryResult *rt_keyless_result(RtCollector *collector, RtQueryResult *result);

#endif							/* RT_EXECUTOR_QUERY_KEYLESS_H */

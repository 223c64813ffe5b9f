/*
 * prepared.h
 *		The queries of declarations as this process knows them: analysed for a
 *		role, with their plans, until something that they rest on changes.
 */
#ifndef RT_EXECUTOR_QUERY_PREPARED_H
#define RT_EXECUTOR_QUERY_PREPARED_H

#include "src/catalog/declaration.h"
#include "src/query/analysis.h"

/*
 * A declaration's query for the current role; good until the next call for the
 * same query, or the end of the transaction.  Raises what is wrong with it.
 */
extern RtQuery *rt_query_prepared(const RtStreamDeclaration *declaration);

/*
 * The same for a role by its name, if it is known at the moment; NULL if not.  To
 * be looked at, not to be run.
 */
extern RtQuery *rt_query_prepared_find(Oid declaration, const char *role);

#endif							/* RT_EXECUTOR_QUERY_PREPARED_H */

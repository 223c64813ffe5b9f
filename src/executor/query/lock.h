/*
 * lock.h
 *		Queries with all locked that they read.
 */
#ifndef RT_EXECUTOR_QUERY_LOCK_H
#define RT_EXECUTOR_QUERY_LOCK_H

#include "src/catalog/declaration.h"
#include "src/query/analysis.h"

/*
 * rt_query_prepared(), with locks on what the query reads: nothing of that changes
 * before they are gone.  Does not wait for them: raises LOCK_NOT_AVAILABLE.
 */
extern RtQuery *rt_query_lock(const RtStreamDeclaration *declaration);

/*
 * The same, but tries until it can, having none of these locks meanwhile.  Without
 * them afterwards if they are not to be kept.
 */
extern RtQuery *rt_query_lock_patiently(const RtStreamDeclaration *declaration, bool keep);

/* What is waited for all the same ends soon, as long as settings of the caller last. */
extern void rt_query_wait_briefly(void);

/* Whether an error that is being caught says that others have locked something. */
extern bool rt_query_is_locked(void);

#endif							/* RT_EXECUTOR_QUERY_LOCK_H */

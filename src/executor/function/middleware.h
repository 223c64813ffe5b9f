/*
 * middleware.h
 *		Functions that run around all that clients ask for: realtime.next().
 */
#ifndef RT_EXECUTOR_FUNCTION_MIDDLEWARE_H
#define RT_EXECUTOR_FUNCTION_MIDDLEWARE_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/executor/function/guard.h"

/* What they run around; appends the JSON of its result, if it has one. */
typedef void (*RtMiddlewareRest) (void *arg, StringInfo result);

/* Finds the functions, of anything; raises if one is gone. */
extern void rt_middleware_find(RtGuarded *guarded);

/* Whether one of them may write. */
extern bool rt_middleware_may_write(const RtGuarded *guarded);

/*
 * Runs the rest as the innermost of them.  result gets what the outermost has
 * returned; NULL = it is not wanted.  Returns whether the rest came to its end.
 */
extern bool rt_middleware_run(RtGuarded *guarded, RtMiddlewareRest rest, void *arg,
							  StringInfo result);

#endif							/* RT_EXECUTOR_FUNCTION_MIDDLEWARE_H */

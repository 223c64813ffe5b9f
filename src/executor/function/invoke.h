/*
 * invoke.h
 *		Calls a described function and writes its result as JSON.
 */
#ifndef RT_EXECUTOR_FUNCTION_INVOKE_H
#define RT_EXECUTOR_FUNCTION_INVOKE_H

#include "src/compat.h"

#include "utils/jsonb.h"

#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"

/* Whether it is strict and one of the arguments NULL: then it is not run. */
extern bool rt_function_is_skipped(const RtFunction *function,
								   const RtArguments *arguments);

/*
 * Calls a function that returns no set.  One that is skipped gives NULL back.
 */
extern NullableDatum rt_function_invoke(RtFunction *function,
										RtArguments *arguments);

/*
 * Calls any function and appends the JSON of its result to out.  Nothing is
 * appended for void.  out NULL: the result is not wanted, but all of the
 * function runs.  Raises when out grows beyond limit bytes.
 */
extern void rt_function_invoke_json(RtFunction *function, RtArguments *arguments,
									StringInfo out, int limit);

/* The same, as jsonb; NULL for void, NULL and null. */
extern Jsonb *rt_function_invoke_jsonb(RtFunction *function, RtArguments *arguments,
									   int limit);

#endif							/* RT_EXECUTOR_FUNCTION_INVOKE_H */

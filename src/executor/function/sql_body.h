/*
 * sql_body.h
 *		Bodies of SQL functions, planned once instead of at every call.
 */
#ifndef RT_EXECUTOR_FUNCTION_SQL_BODY_H
#define RT_EXECUTOR_FUNCTION_SQL_BODY_H

#include "src/compat.h"

#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"

/*
 * Notes what is needed to plan the body of a function that is being described,
 * if it is one whose body can be planned.
 */
extern void rt_sql_body_describe(RtFunction *function, HeapTuple tuple);

/*
 * Runs the body and puts the function's value, in the current memory context,
 * into *result.  Returns false, having done nothing, if the body must be run
 * by PostgreSQL's own handler.
 */
extern bool rt_sql_body_run(RtFunction *function, RtArguments *arguments,
							NullableDatum *result);

#endif							/* RT_EXECUTOR_FUNCTION_SQL_BODY_H */

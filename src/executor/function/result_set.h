/*
 * result_set.h
 *		A function's result as JSON: a value, or an array of rows.
 */
#ifndef RT_EXECUTOR_FUNCTION_RESULT_SET_H
#define RT_EXECUTOR_FUNCTION_RESULT_SET_H

#include "src/compat.h"

#include "executor/tuptable.h"
#include "lib/stringinfo.h"

#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"

typedef struct RtResultSet RtResultSet;

/* One value of the function's result type (of a row of the set). */
extern void rt_result_write_value(RtFunction *function, StringInfo out,
								  Datum value, bool isnull);

/* Raises PAYLOAD_TOO_LARGE if out is longer than limit. */
extern void rt_result_check_size(StringInfo out, int limit);

/* An array of rows; out NULL counts for nothing and writes nothing. */
extern RtResultSet *rt_result_set_begin(RtFunction *function, StringInfo out,
										int limit);
extern void rt_result_set_end(RtResultSet *set);

/* The row type that the function should produce, or NULL if it says it. */
extern TupleDesc rt_result_set_expected(RtResultSet *set);

/*
 * The row type to read rows with, given the one that the function says it has
 * produced (or NULL).  Raises if the two do not go together.
 */
extern TupleDesc rt_result_set_desc(RtResultSet *set, TupleDesc produced);

extern void rt_result_set_add_value(RtResultSet *set, Datum value, bool isnull);
extern void rt_result_set_add_slot(RtResultSet *set, TupleTableSlot *slot);

/* Fills the set by a query around an inlinable function. */
extern void rt_result_set_run_query(RtResultSet *set, RtFunction *function,
									RtArguments *arguments);

#endif							/* RT_EXECUTOR_FUNCTION_RESULT_SET_H */

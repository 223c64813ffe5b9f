/*
 * arguments.h
 *		From the JSON that a client sent to the values of a call.
 */
#ifndef RT_EXECUTOR_FUNCTION_ARGUMENTS_H
#define RT_EXECUTOR_FUNCTION_ARGUMENTS_H

#include "src/compat.h"

#include "nodes/params.h"
#include "utils/jsonb.h"

#include "src/executor/function/function.h"
#include "src/ipc/request.h"

typedef struct RtArguments
{
	int			count;
	NullableDatum values[FUNC_MAX_ARGS];
} RtArguments;

/* The JSON of what SQL gives as arguments; an ERROR if it is no array. */
extern char *rt_arguments_text(Jsonb *args);

/*
 * Converts a JSON array (len 0 = empty) that rt_json_check() has accepted; it is for
 * the parameters behind those whose values are given already.
 * While a parameter is converted its name stands in *parameter, so that an
 * error can be told to the client; it is NULL otherwise.
 */
extern void rt_arguments_convert(RtFunction *function, const char *text,
								 RtRequestSpan span, int given,
								 RtArguments *arguments, const char **parameter);

/* One value from its text, as the type's input function reads it. */
extern NullableDatum rt_argument_from_text(RtParameter *parameter, const char *text);

/* The arguments as parameters $1 ... of a query. */
extern ParamListInfo rt_arguments_params(const RtFunction *function,
										 const RtArguments *arguments);

#endif							/* RT_EXECUTOR_FUNCTION_ARGUMENTS_H */

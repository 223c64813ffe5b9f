/*
 * parameter.h
 *		Parameters of the declaring functions.
 *
 * All of these raise, with DETAIL and HINT, if the parameter is wrong; name is
 * what the user calls it.
 */
#ifndef RT_BACKEND_DECLARE_PARAMETER_H
#define RT_BACKEND_DECLARE_PARAMETER_H

#include "src/compat.h"

#include "fmgr.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "src/backend/declare/function_check.h"
#include "src/catalog/declaration.h"

/* Not NULL. */
/* Refuses NULL. */
extern void rt_parameter_require(FunctionCallInfo fcinfo, int number,
								 const char *name);

extern char *rt_parameter_text(FunctionCallInfo fcinfo, int number,
							   const char *name);
extern bool rt_parameter_bool(FunctionCallInfo fcinfo, int number,
							  const char *name);

/* The name of something, which is said with article: 1 to 63 bytes. */
extern char *rt_parameter_name(FunctionCallInfo fcinfo, int number,
							   const char *name, const char *of_what);

/* The path of what clients call. */
extern char *rt_parameter_path(FunctionCallInfo fcinfo, int number);

/* A topic template that is not reserved. */
extern char *rt_parameter_template(FunctionCallInfo fcinfo, int number,
								   const char *name);

/* NULL, or a class of service that is declared. */
extern char *rt_parameter_class(FunctionCallInfo fcinfo, int number);

/* NULL, or a circuit breaker that is declared. */
extern char *rt_parameter_breaker(FunctionCallInfo fcinfo, int number);

/* A jsonb, or 0; refused without a breaker. */
extern Datum rt_parameter_fallback(FunctionCallInfo fcinfo, int number,
								   const char *breaker);

/* NULL, or an interval of at least a millisecond. */
extern Interval *rt_parameter_interval(FunctionCallInfo fcinfo, int number,
									   const char *name, int64 longest_ms);

/* See rt_function_lock(); of all functions among the parameters. */
extern void rt_parameter_lock_functions(FunctionCallInfo fcinfo);

/* Functions that can guard another one, or a module (NULL); returns their signatures. */
extern List *rt_parameter_guards(FunctionCallInfo fcinfo, int number,
								 const RtCheckedFunction *guarded);

/* Functions of one shape that takes no arguments; returns their signatures. */
extern List *rt_parameter_functions(FunctionCallInfo fcinfo, int number,
									const char *name,
									const RtFunctionShape *shape);

/* Texts, none NULL. */
extern List *rt_parameter_texts(FunctionCallInfo fcinfo, int number,
								const char *name);

/* A time zone, as SET TimeZone takes it, but for offsets that are no names. */
extern pg_tz *rt_parameter_zone(const char *name);

/* The live query whose path is given, as it is declared. */
extern const RtStreamDeclaration *rt_parameter_query(FunctionCallInfo fcinfo, int number);

pg_noreturn extern void rt_parameter_refuse_null(const char *name);

#endif							/* RT_BACKEND_DECLARE_PARAMETER_H */

/*
 * function_check.h
 *		Whether a function can do what a declaration wants of it.
 *
 * What cannot is an ERROR with DETAIL and HINT.
 */
#ifndef RT_BACKEND_DECLARE_FUNCTION_CHECK_H
#define RT_BACKEND_DECLARE_FUNCTION_CHECK_H

#include "src/compat.h"

typedef struct RtCheckedFunction
{
	Oid			oid;
	char	   *signature;		/* see src/catalog/signature.h */
	const char *purpose;		/* with article, "a handler" */
	Oid			result;
	bool		returns_set;
	bool		has_columns;	/* OUT or TABLE parameters */
	int			parameter_count;	/* those that take a value */
	Oid		   *parameter_types;
	char	  **parameter_names;	/* NULL = without a name */
	int			default_count;
	Oid			variadic;		/* element type, InvalidOid = not variadic */
} RtCheckedFunction;

/* Any function that a declaration may name at all. */
extern RtCheckedFunction *rt_function_check_any(Oid function, const char *purpose);

/* Returns anything that has a JSON form, or nothing. */
extern void rt_function_check_handler(const RtCheckedFunction *function);

/*
 * Takes nothing, "path text", or the parameters of what it guards; boolean or
 * void.
 */
extern void rt_function_check_guard(const RtCheckedFunction *function,
									const RtCheckedFunction *guarded);

/* Takes nothing or the handler's parameters; text. */
extern void rt_function_check_key(const RtCheckedFunction *function,
								  const RtCheckedFunction *handler);

/* Takes "topic" and placeholders of the template, by name; boolean. */
extern void rt_function_check_access(const RtCheckedFunction *function,
									 const char *tpl);

/*
 * The access function of a stream (NULL: it has none) and the template of its
 * topic: the function takes nothing or the client's arguments and returns
 * boolean, and each placeholder stands for an argument or the caller.  Returns
 * what has the parameters of the stream, for its guards.
 */
extern const RtCheckedFunction *rt_function_check_stream_access(const RtCheckedFunction *function,
																const char *tpl);

/* Takes one or two texts; jsonb, or realtime.envelope or a set of it. */
extern void rt_function_check_parse(const RtCheckedFunction *function);

#endif							/* RT_BACKEND_DECLARE_FUNCTION_CHECK_H */

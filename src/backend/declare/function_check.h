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
	char		volatility;
	bool		returns_set;
	bool		has_columns;	/* OUT or TABLE parameters */
	int			parameter_count;	/* those that take a value */
	Oid		   *parameter_types;
	char	  **parameter_names;	/* NULL = without a name */
	int			default_count;
	Oid			variadic;		/* element type, InvalidOid = not variadic */
} RtCheckedFunction;

/*
 * Whoever drops or renames it waits until the declaration can be seen.  To be
 * called before anything else is locked: who drops it comes to the tables last.
 */
extern void rt_function_lock(Oid function);

/* Any function that a declaration may name at all. */
extern RtCheckedFunction *rt_function_check_any(Oid function, const char *purpose);

/* Returns anything that has a JSON form, or nothing. */
extern void rt_function_check_handler(const RtCheckedFunction *function);

/* That it takes what is given to it by position, or less from the end. */
extern void rt_function_check_given(const RtCheckedFunction *function, const Oid *given,
									int count, const char *of, const char *detail);

/*
 * Takes nothing, "path text", or the parameters of what it guards, NULL = of a
 * module; boolean or void.
 */
extern void rt_function_check_guard(const RtCheckedFunction *function,
									const RtCheckedFunction *guarded);

/* Takes nothing or the handler's parameters; text. */
extern void rt_function_check_key(const RtCheckedFunction *function,
								  const RtCheckedFunction *handler);

/* Takes "topic" and placeholders of the template, by name; boolean. */
extern void rt_function_check_access(const RtCheckedFunction *function,
									 const char *tpl);

/* Returns anything that has a JSON form: there is a value. */
extern void rt_function_check_loader(const RtCheckedFunction *function);

/*
 * Takes nothing or the client's arguments, which are the loader's parameters,
 * if there is one; boolean.
 */
extern void rt_function_check_stream_access(const RtCheckedFunction *function,
											const RtCheckedFunction *loader);

/*
 * Whether each placeholder in the topic of a stream stands for an argument or
 * the caller.  The arguments are the parameters of function, a loader or an
 * access function, NULL = there is none.  Returns what has the parameters of
 * the stream.
 */
extern const RtCheckedFunction *rt_function_check_stream_topic(const RtCheckedFunction *function,
															   const char *tpl);

/*
 * What a function takes and returns: fixed parameters, and behind them, if it
 * may, nothing or those of what it belongs to.
 */
#define RT_FIXED_PARAMETERS 3

typedef struct RtFunctionShape
{
	const char *purpose;		/* with article */
	Oid			result;			/* InvalidOid = of any type */
	int			fixed_count;
	Oid			fixed[RT_FIXED_PARAMETERS];
	bool		fixed_may_end;	/* the last of them may be left out */
	bool		arguments;		/* it may take the arguments, too */
	bool		stable;			/* it must not be VOLATILE */
	const char *takes;			/* all that as a sentence */
} RtFunctionShape;

extern void rt_function_check_shape(const RtCheckedFunction *function,
									const RtFunctionShape *shape,
									const RtCheckedFunction *guarded);

/* Any function that has a shape; returns its signature. */
extern const char *rt_function_check_as(Oid function, const RtFunctionShape *shape,
										const RtCheckedFunction *guarded);

/* Takes one or two texts; jsonb, or realtime.envelope or a set of it. */
extern void rt_function_check_parse(const RtCheckedFunction *function);

#endif							/* RT_BACKEND_DECLARE_FUNCTION_CHECK_H */

/*
 * guard.h
 *		The guards of a declaration: who may go on to what it declares.
 */
#ifndef RT_EXECUTOR_FUNCTION_GUARD_H
#define RT_EXECUTOR_FUNCTION_GUARD_H

#include "src/compat.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"
#include "src/executor/work.h"

/* A function, a client's arguments for it, and who lets them pass. */
typedef struct RtGuarded
{
	RtWork	   *work;
	const char *text;			/* the request's */
	RtFunction *function;		/* NULL until found */
	bool		authenticated;	/* no anonymous caller passes */
	int			guard_count;
	int			module_count;	/* the first of them, which take no arguments */
	bool		leads;			/* what the others take is the first of the
								 * arguments, which may be more */
	RtFunction **guards;
	int			middleware_count;	/* what runs around it, see middleware.h */
	RtFunction **middlewares;
	bool		converted;		/* arguments are filled */
	RtArguments arguments;
} RtGuarded;

/* Finds the guards.  Raises if one is gone: it lets nobody pass. */
extern void rt_guarded_find(RtGuarded *guarded, const RtGuards *guards);

/* Converts the arguments, unless they have been. */
extern void rt_guarded_convert(RtGuarded *guarded);

/* Runs the guards in order.  Raises if one refuses. */
extern void rt_guarded_run(RtGuarded *guarded);

/* An error has passed through it. */
extern void rt_guarded_failed(RtGuarded *guarded);

/* Whether a guard or access function that has returned this lets pass. */
extern bool rt_guard_passes(const RtFunction *guard, NullableDatum result);

/* Calls one of a client's arguments' kind; one that is not run has not agreed. */
extern bool rt_guard_agrees(RtFunction *guard, RtArguments *arguments);

/* Raises what a client gets who may not go on. */
pg_noreturn extern void rt_guard_refuse(void);

#endif							/* RT_EXECUTOR_FUNCTION_GUARD_H */

/*
 * guard.h
 *		The guards of a declaration: who may go on to the handler.
 */
#ifndef RT_EXECUTOR_GUARD_H
#define RT_EXECUTOR_GUARD_H

#include "src/compat.h"

#include "src/executor/function.h"

/* What a guard is called with. */
typedef enum RtGuardInput
{
	RT_GUARD_NOTHING,
	RT_GUARD_PATH,
	RT_GUARD_ARGUMENTS			/* the handler's */
} RtGuardInput;

/* Raises if the guard's parameters are neither. */
extern RtGuardInput rt_guard_input(const RtFunction *guard,
								   const RtFunction *handler);

/* Whether a guard or access function that has returned this lets pass. */
extern bool rt_guard_passes(const RtFunction *guard, NullableDatum result);

#endif							/* RT_EXECUTOR_GUARD_H */

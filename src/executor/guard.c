/*
 * guard.c
 *		The guards of a declaration: who may go on to the handler.
 *
 * A guard is told as much as it asks for: nothing, the path, or the handler's
 * arguments.  One text parameter means the path, unless the handler has the
 * same single parameter and the guard does not call its own "path".
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "src/executor/guard.h"

static bool
has_same_parameters(const RtFunction *guard, const RtFunction *handler)
{
	if (guard->nargs != handler->nargs || guard->variadic != handler->variadic)
		return false;
	for (int i = 0; i < guard->nargs; i++)
	{
		if (guard->parameters[i].type != handler->parameters[i].type)
			return false;
	}
	return true;
}

RtGuardInput
rt_guard_input(const RtFunction *guard, const RtFunction *handler)
{
	if (guard->nargs == 0)
		return RT_GUARD_NOTHING;
	if (has_same_parameters(guard, handler) &&
		strcmp(guard->parameters[0].name, "path") != 0)
		return RT_GUARD_ARGUMENTS;
	if (guard->nargs == 1 && guard->parameters[0].type == TEXTOID)
		return RT_GUARD_PATH;
	if (has_same_parameters(guard, handler))
		return RT_GUARD_ARGUMENTS;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("guard \"%s\" has neither no parameters, nor one of type text, nor those of function \"%s\"",
					guard->name, handler->name)));
}

/* A guard that returns nothing has raised if it minds. */
bool
rt_guard_passes(const RtFunction *guard, NullableDatum result)
{
	if (guard->result_type == VOIDOID)
		return true;
	if (guard->result_type != BOOLOID || guard->returns_set)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function \"%s\" that decides about access must return type boolean",
						guard->name)));
	return !result.isnull && DatumGetBool(result.value);
}

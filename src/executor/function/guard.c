/*
 * guard.c
 *		The guards of a declaration: who may go on to what it declares.
 *
 * A guard is told as much as it asks for: nothing, the path, or the arguments
 * of the function that it guards.  One text parameter means the path, unless
 * the function has the same single parameter and the guard does not call its
 * own "path".
 *
 * Guards that do not look at the arguments run before these are converted, so
 * that somebody who may not call at all does not learn what the arguments
 * should be.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/function/guard.h"
#include "src/executor/function/invoke.h"
#include "src/executor/function/middleware.h"
#include "src/executor/identity.h"

/* What a guard is called with. */
typedef enum GuardInput
{
	NOTHING,
	PATH,
	ARGUMENTS					/* the function's */
} GuardInput;

void
rt_guarded_find(RtGuarded *guarded, const RtGuards *guards)
{
	rt_middleware_find(guarded);
	guarded->guard_count = 0;
	guarded->module_count = guards->module_count;
	guarded->authenticated = guards->authenticated;
	if (guards->count == 0)
		return;
	guarded->guards = palloc(guards->count * sizeof(RtFunction *));
	for (int i = 0; i < guards->count; i++)
	{
		if (!OidIsValid(guards->functions[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("a guard of \"%s\" does not exist",
							guarded->work->activity)));
		guarded->guards[i] = rt_function_get(guards->functions[i]);
		guarded->guard_count++;
	}
}

/* That of a binary call is the first argument; returns how many are given. */
static int
take_payload(RtGuarded *guarded)
{
	const RtQuestion *asked = &guarded->work->request->asked;
	RtFunction *function = guarded->function;

	if (!asked->binary)
		return 0;
	if (function->nargs == 0 || function->parameters[0].type != BYTEAOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("the first parameter of function \"%s\" is not of type bytea",
						function->name)));
	guarded->arguments.values[0].value =
		PointerGetDatum(cstring_to_text_with_len(guarded->text + asked->payload.off,
												 asked->payload.len));
	guarded->arguments.values[0].isnull = false;
	return 1;
}

void
rt_guarded_convert(RtGuarded *guarded)
{
	RtWork	   *work = guarded->work;
	RtStage		stage = work->stage;

	if (guarded->converted)
		return;
	work->stage = RT_STAGE_ARGUMENTS;
	rt_arguments_convert(guarded->function, guarded->text,
						 work->request->asked.args, take_payload(guarded),
						 &guarded->arguments, &work->parameter);
	guarded->converted = true;
	work->stage = stage;
}

static bool
has_same_parameters(const RtFunction *guard, const RtFunction *handler, bool leads)
{
	if (leads ? guard->nargs > handler->nargs :
		guard->nargs != handler->nargs || guard->variadic != handler->variadic)
		return false;
	for (int i = 0; i < guard->nargs; i++)
	{
		if (guard->parameters[i].type != handler->parameters[i].type)
			return false;
	}
	return true;
}

static GuardInput
guard_input(const RtGuarded *guarded, const RtFunction *guard, bool of_module)
{
	const RtFunction *handler = guarded->function;
	bool		leads = guarded->leads;

	if (guard->nargs == 0)
		return NOTHING;
	if (of_module && guard->nargs == 1 && guard->parameters[0].type == TEXTOID)
		return PATH;
	if (of_module)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("guard \"%s\" of a module has neither no parameters nor one of type text",
						guard->name)));
	if (has_same_parameters(guard, handler, leads) &&
		strcmp(guard->parameters[0].name, "path") != 0)
		return ARGUMENTS;
	if (guard->nargs == 1 && guard->parameters[0].type == TEXTOID)
		return PATH;
	if (has_same_parameters(guard, handler, leads))
		return ARGUMENTS;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("guard \"%s\" has neither no parameters, nor one of type text, nor those of function \"%s\"",
					guard->name, handler->name)));
}

void
rt_guard_refuse(void)
{
	RtCode		code = rt_caller()->anonymous ? RT_CODE_UNAUTHENTICATED :
		RT_CODE_FORBIDDEN;

	ereport(ERROR,
			(errcode(code == RT_CODE_FORBIDDEN ?
					 MAKE_SQLSTATE('R', 'T', '4', '0', '3') :
					 MAKE_SQLSTATE('R', 'T', '4', '0', '1')),
			 errmsg_internal("%s", rt_code_message(code))));
}

bool
rt_guard_agrees(RtFunction *guard, RtArguments *arguments)
{
	/* even if it returns nothing */
	if (rt_function_is_skipped(guard, arguments))
		return false;
	return rt_guard_passes(guard, rt_function_invoke(guard, arguments));
}

static void
run_guard(RtGuarded *guarded, int number)
{
	RtFunction *guard = guarded->guards[number];
	RtArguments own;
	RtArguments *arguments = &own;

	own.count = guard->nargs;
	switch (guard_input(guarded, guard, number < guarded->module_count))
	{
		case NOTHING:
			break;
		case PATH:
			own.values[0].value = CStringGetTextDatum(guarded->work->activity);
			own.values[0].isnull = false;
			break;
		case ARGUMENTS:
			rt_guarded_convert(guarded);
			if (guarded->leads)
				memcpy(own.values, guarded->arguments.values,
					   guard->nargs * sizeof(NullableDatum));
			else
				arguments = &guarded->arguments;
			break;
	}
	if (!rt_guard_agrees(guard, arguments))
		rt_guard_refuse();
}

/* Whoever comes next sees what they have done. */
void
rt_guarded_run(RtGuarded *guarded)
{
	if (guarded->authenticated && rt_caller()->anonymous)
		rt_guard_refuse();
	if (guarded->guard_count == 0)
		return;
	guarded->work->stage = RT_STAGE_GUARD;
	for (int i = 0; i < guarded->guard_count; i++)
	{
		run_guard(guarded, i);
		CommandCounterIncrement();
		PopActiveSnapshot();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
}

void
rt_guarded_failed(RtGuarded *guarded)
{
	if (guarded->function != NULL && guarded->work->stage == RT_STAGE_ARGUMENTS)
		rt_function_refused(guarded->function);
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

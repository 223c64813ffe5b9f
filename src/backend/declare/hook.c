/*
 * hook.c
 *		realtime.hook(): which functions have a say in what the server does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"

/* Positions of parameters, as in src/sql */
enum
{
	HOOK_NAME,
	HOOK_FUNCTION
};

static const RtFunctionShape shapes[] = {
	[RT_HOOK_AUTHENTICATE] = {
		.purpose = "an authenticate hook",
		.result = JSONBOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("An authenticate hook takes (request jsonb) and returns jsonb, the data of the user, or NULL.")
	},
	[RT_HOOK_ERROR] = {
		.purpose = "an error hook",
		.result = VOIDOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("An error hook takes (error jsonb) and returns void.")
	}
};

PG_FUNCTION_INFO_V1(realtime_hook);

static RtHook
checked_name(FunctionCallInfo fcinfo)
{
	char	   *name = rt_parameter_text(fcinfo, HOOK_NAME, "name");
	RtHook		hook = rt_hook_of_name(name);

	if (hook == RT_HOOKS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hook \"%.80s\" does not exist", name),
				 errhint("Hooks are \"authenticate\" and \"error\".")));
	return hook;
}

Datum
realtime_hook(PG_FUNCTION_ARGS)
{
	RtHook		hook;

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_hook();
	hook = checked_name(fcinfo);
	rt_store_hook(hook, PG_ARGISNULL(HOOK_FUNCTION) ? NULL :
				  rt_function_check_as(PG_GETARG_OID(HOOK_FUNCTION), &shapes[hook], NULL));
	PG_RETURN_VOID();
}

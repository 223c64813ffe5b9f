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
	[RT_HOOK_CLOSE] = {
		.purpose = "a close hook",
		.result = VOIDOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("A close hook takes (connection jsonb) and returns void.")
	},
	[RT_HOOK_ERROR] = {
		.purpose = "an error hook",
		.result = VOIDOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("An error hook takes (error jsonb) and returns void.")
	},
	[RT_HOOK_INIT] = {
		.purpose = "an init hook",
		.result = VOIDOID,
		.takes = gettext_noop("An init hook takes nothing and returns void.")
	},
	[RT_HOOK_MESSAGE] = {
		.purpose = "a message hook",
		.result = JSONBOID,
		.fixed_count = 2,
		.fixed = {BYTEAOID, BOOLOID},
		.takes = gettext_noop("A message hook takes (message bytea, is_text boolean) and returns jsonb, which is sent, or NULL.")
	},
	[RT_HOOK_OPEN] = {
		.purpose = "an open hook",
		.result = VOIDOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("An open hook takes (connection jsonb) and returns void.")
	},
	[RT_HOOK_SHUTDOWN] = {
		.purpose = "a shutdown hook",
		.result = VOIDOID,
		.takes = gettext_noop("A shutdown hook takes nothing and returns void.")
	},
	[RT_HOOK_SUBSCRIBE] = {
		.purpose = "a subscribe hook",
		.result = TEXTOID,
		.fixed_count = 1,
		.fixed = {TEXTOID},
		.takes = gettext_noop("A subscribe hook takes (topic text) and returns text, the code with which it refuses, or NULL.")
	},
	[RT_HOOK_UNSUBSCRIBE] = {
		.purpose = "an unsubscribe hook",
		.result = VOIDOID,
		.fixed_count = 2,
		.fixed = {TEXTOID, INT4OID},
		.fixed_may_end = true,
		.takes = gettext_noop("An unsubscribe hook takes (topic text, remaining integer), or the topic alone, and returns void.")
	},
	[RT_HOOK_UPGRADE] = {
		.purpose = "an upgrade hook",
		.result = BOOLOID,
		.fixed_count = 1,
		.fixed = {JSONBOID},
		.takes = gettext_noop("An upgrade hook takes (request jsonb) and returns boolean: whether the connection may open.")
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
				 errhint("Hooks are \"authenticate\", \"close\", \"error\", \"init\", \"message\", \"open\", \"shutdown\", \"subscribe\", \"unsubscribe\" and \"upgrade\".")));
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

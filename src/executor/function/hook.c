/*
 * hook.c
 *		The functions of realtime.hook(), as an executor finds and calls them.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/hook.h"

RtFunction *
rt_hook_find(RtHook hook, RtWork *work)
{
	RtNamedFunction named = rt_declaration_hook(hook);
	RtFunction *function;

	if (!named.declared)
		return NULL;
	if (!OidIsValid(named.oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the function of hook \"%s\" does not exist",
						rt_hook_name(hook))));
	function = rt_function_get(named.oid);
	work->mean_us = function->mean_us;
	return function;
}

void
rt_hook_note_run(RtFunction *function, const RtWork *work)
{
	if (function != NULL && work->fault.code == NULL)
		rt_function_timed(function, rt_work_run_time(work));
}

static void
begin_member(StringInfo object, const char *name)
{
	appendStringInfo(object, "%c\"%s\":", object->len == 0 ? '{' : ',', name);
}

void
rt_hook_tell(StringInfo object, const char *name, const char *text)
{
	begin_member(object, name);
	if (text != NULL)
		escape_json(object, text);
	else
		appendStringInfoString(object, "null");
}

void
rt_hook_tell_json(StringInfo object, const char *name, const char *json)
{
	begin_member(object, name);
	appendStringInfoString(object, json);
}

Datum
rt_hook_told(StringInfo object)
{
	appendStringInfoChar(object, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(object->data));
}

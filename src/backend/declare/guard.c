/*
 * guard.c
 *		realtime.guard(): who may go on to anything of a module.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/protocol/envelope.h"

/* Positions of parameters, as in src/sql */
enum
{
	GUARD_MODULE,
	GUARD_GUARD,
	GUARD_AUTHENTICATED
};

PG_FUNCTION_INFO_V1(realtime_guard);

/* What a path may begin with: it becomes one by another word. */
static char *
checked_module(FunctionCallInfo fcinfo)
{
	char	   *module = rt_parameter_text(fcinfo, GUARD_MODULE, "module");
	char	   *path = psprintf("%s/x", module);

	if (strlen(path) > RT_PATH_MAX || !rt_path_is_valid(path, strlen(path)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("module \"%.100s\" is not valid", module),
				 errdetail("A module is the first word of paths, or more of them: letters, digits, \"_\" and \"-\", joined by \"/\"."),
				 errhint("For example: \"chat\", which has the path \"chat/send\".")));
	return module;
}

Datum
realtime_guard(PG_FUNCTION_ARGS)
{
	RtGuardRow	row;

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_guard();
	row.module = checked_module(fcinfo);
	row.guards = rt_parameter_guards(fcinfo, GUARD_GUARD, NULL);
	row.authenticated = rt_parameter_bool(fcinfo, GUARD_AUTHENTICATED, "authenticated");
	rt_store_guard(&row);
	PG_RETURN_VOID();
}

/*
 * rate_limit.c
 *		realtime.rate_limits(): how often clients may call what says nothing
 *		about it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/catalog/declaration.h"

/* Positions of parameters, as in src/sql */
enum
{
	RATE_PATH,
	RATE_LIMIT,
	RATE_WINDOW,
	RATE_EXEMPT
};

PG_FUNCTION_INFO_V1(realtime_rate_limits);

static char *
checked_path(FunctionCallInfo fcinfo)
{
	char	   *path = rt_parameter_text(fcinfo, RATE_PATH, "path");

	return strcmp(path, RT_RATE_OF_ALL) == 0 ? path :
		rt_parameter_path(fcinfo, RATE_PATH);
}

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errhint("%s", hint)));
}

/* 0 = none. */
static int
checked_limit(FunctionCallInfo fcinfo, const char *path, bool exempt)
{
	if (exempt && strcmp(path, RT_RATE_OF_ALL) == 0)
		refuse("not all paths can be exempt", "Remove the rule: realtime.rate_limits('*').");
	if (PG_ARGISNULL(RATE_LIMIT))
		return 0;
	if (exempt)
		refuse("a path cannot be exempt and have a limit",
			   "Leave out one of \"exempt\" and \"rate_limit\".");
	if (PG_GETARG_INT32(RATE_LIMIT) <= 0)
		refuse("rate_limit must be greater than 0", "Leave it out to remove the rule.");
	return PG_GETARG_INT32(RATE_LIMIT);
}

Datum
realtime_rate_limits(PG_FUNCTION_ARGS)
{
	char	   *path = checked_path(fcinfo);
	bool		exempt = rt_parameter_bool(fcinfo, RATE_EXEMPT, "exempt");
	int			limit = checked_limit(fcinfo, path, exempt);
	Interval   *window = rt_parameter_interval(fcinfo, RATE_WINDOW, "rate_window",
											   PG_INT32_MAX);

	if (window == NULL)
		rt_parameter_refuse_null("rate_window");
	rt_store_begin_rate_limit();
	rt_store_rate_limit(path, limit, window, exempt);
	PG_RETURN_VOID();
}

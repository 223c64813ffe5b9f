/*
 * middleware.c
 *		realtime.middleware(): what runs around all that clients ask for.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/syscache.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"

/* Positions of parameters, as in src/sql */
enum
{
	MIDDLEWARE_NAME,
	MIDDLEWARE_FUNCTION,
	MIDDLEWARE_PLACE
};

static const RtFunctionShape shape = {
	.purpose = "a middleware",
	.result = JSONBOID,
	.fixed_count = 1,
	.fixed = {TEXTOID},
	.fixed_may_end = true,
	.takes = gettext_noop("A middleware takes (path text) or nothing and returns jsonb, the answer of the call.")
};

PG_FUNCTION_INFO_V1(realtime_middleware);

/* All that is inside would run with it. */
static void
check_surroundings(Oid function, const char *signature)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		definer;
	bool		sets;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	definer = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef;
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &sets);
	sets = !sets;
	ReleaseSysCache(tuple);
	if (definer || sets)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be a middleware", signature),
				 errdetail(definer ? "It is SECURITY DEFINER, and what is inside of it would run as its owner." :
						   "It has SET, and what is inside of it would have these settings."),
				 errhint("Let it call such a function before or behind realtime.next().")));
}

Datum
realtime_middleware(PG_FUNCTION_ARGS)
{
	const char *function = NULL;
	char	   *name;

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_middleware();
	name = rt_parameter_name(fcinfo, MIDDLEWARE_NAME, "name", "a middleware");
	if (PG_ARGISNULL(MIDDLEWARE_PLACE))
		rt_parameter_refuse_null("place");
	if (!PG_ARGISNULL(MIDDLEWARE_FUNCTION))
	{
		function = rt_function_check_as(PG_GETARG_OID(MIDDLEWARE_FUNCTION), &shape, NULL);
		check_surroundings(PG_GETARG_OID(MIDDLEWARE_FUNCTION), function);
	}
	rt_store_middleware(name, function, PG_GETARG_INT32(MIDDLEWARE_PLACE));
	PG_RETURN_VOID();
}

/*
 * breaker.c
 *		realtime.breaker(): what is not tried while it fails, and
 *		realtime.breakers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/ipc/breaker.h"

#define BREAKER_COLUMNS 4

/* Positions of parameters, as in src/sql */
enum
{
	BREAKER_NAME,
	BREAKER_THRESHOLD,
	BREAKER_RESET
};

PG_FUNCTION_INFO_V1(realtime_breaker);
PG_FUNCTION_INFO_V1(realtime_stat_get_breakers);

/* 0 = none: it is removed. */
static int
checked_threshold(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(BREAKER_THRESHOLD))
		return 0;
	if (PG_GETARG_INT32(BREAKER_THRESHOLD) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be greater than 0"),
				 errhint("NULL removes the breaker.")));
	return PG_GETARG_INT32(BREAKER_THRESHOLD);
}

Datum
realtime_breaker(PG_FUNCTION_ARGS)
{
	char	   *name = rt_parameter_name(fcinfo, BREAKER_NAME, "name", "a breaker");
	int			threshold = checked_threshold(fcinfo);
	Interval   *reset = rt_parameter_interval(fcinfo, BREAKER_RESET, "reset",
											  PG_INT32_MAX);

	if (reset == NULL)
		rt_parameter_refuse_null("reset");
	rt_store_begin_breaker();
	rt_store_breaker(name, threshold, reset);
	PG_RETURN_VOID();
}

static const char *
state_name(RtBreakerState state)
{
	switch (state)
	{
		case RT_BREAKER_HEALTHY:
			return "healthy";
		case RT_BREAKER_BROKEN:
			return "broken";
		case RT_BREAKER_PROBING:
			break;
	}
	return "probing";
}

Datum
realtime_stat_get_breakers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RtBreaker	breaker;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; rt_breaker_read(i, &breaker); i++)
	{
		Datum		values[BREAKER_COLUMNS];
		bool		nulls[BREAKER_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(breaker.name);
		values[1] = CStringGetTextDatum(state_name(breaker.state));
		values[2] = Int32GetDatum(breaker.failures);
		values[3] = Int64GetDatum((int64) breaker.trips);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

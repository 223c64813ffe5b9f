/*
 * stat_limit.c
 *		The view realtime.limits.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "src/ipc/limit.h"
#include "src/ipc/limit_use.h"

#define COLUMNS 9

PG_FUNCTION_INFO_V1(realtime_stat_get_limits);

/* -1 is none. */
static Datum
number(int64 value, bool *isnull)
{
	*isnull = value < 0;
	return Int64GetDatum(value);
}

static void
put_row(ReturnSetInfo *info, RtLimitKind limit)
{
	const RtLimitRow *row = rt_limit_row(limit);
	RtLimitUse	use = rt_limit_use(limit);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	int			count = 0;

	values[count++] = CStringGetTextDatum(row->name);
	values[count++] = CStringGetTextDatum(rt_limit_policy_name(row->policy));
	values[count++] = CStringGetTextDatum(row->action);
	nulls[count] = row->answer == NULL;
	values[count++] = row->answer == NULL ? (Datum) 0 : CStringGetTextDatum(row->answer);
	values[count++] = CStringGetTextDatum(row->per);
	values[count] = number(use.current, &nulls[count]);
	count++;
	values[count] = number(use.peak, &nulls[count]);
	count++;
	values[count] = number(use.maximum, &nulls[count]);
	count++;
	values[count++] = Int64GetDatum((int64) rt_limit_hits(limit));
	Assert(count == COLUMNS);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

Datum
realtime_stat_get_limits(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < RT_LIMITS; i++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, (RtLimitKind) i);
	return (Datum) 0;
}

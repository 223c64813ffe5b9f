/*
 * stat_rate.c
 *		The view realtime.stat_rate_limit.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "src/ipc/rate.h"

#define COLUMNS 4

PG_FUNCTION_INFO_V1(realtime_stat_get_rate_limit);

Datum
realtime_stat_get_rate_limit(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	RtRatePath *paths;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	count = rt_rate_paths(&paths);
	for (int i = 0; i < count; i++)
	{
		Datum		values[COLUMNS] = {
			CStringGetTextDatum(paths[i].name),
			Int64GetDatum(paths[i].identities),
			Int64GetDatum((int64) paths[i].passed),
			Int64GetDatum((int64) paths[i].refused)
		};
		bool		nulls[COLUMNS] = {0};

		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * stat_handler.c
 *		The view realtime.stat_handler.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "src/errcodes.h"
#include "src/ipc/path_stat.h"

#define COLUMNS 10

#define COMPUTED_COLUMNS 10		/* of realtime.stat_get_computed() */

PG_FUNCTION_INFO_V1(realtime_stat_get_handler);
PG_FUNCTION_INFO_V1(realtime_stat_reset_handler);

static Datum
jsonb_of(StringInfo json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}

static void
append_member(StringInfo json, const char *name, uint64 value)
{
	appendStringInfo(json, "%s\"%s\": " UINT64_FORMAT, json->len > 1 ? ", " : "", name, value);
}

/* How many took up to each bound, and longer than the one before. */
static Datum
buckets_of(const RtPathStat *stat)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < RT_STAT_BUCKETS; i++)
		append_member(&json, i < RT_STAT_BUCKETS - 1 ? rt_stat_bucket_bound(i) : "+Inf",
					  stat->buckets[i]);
	appendStringInfoChar(&json, '}');
	return jsonb_of(&json);
}

/* Those that have occurred. */
static Datum
codes_of(const RtPathStat *stat)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 0; i < RT_CODE_COUNT; i++)
	{
		if (stat->codes[i] > 0)
			append_member(&json, i == RT_CODE_CUSTOM ? "CUSTOM" : rt_code_wire(i),
						  stat->codes[i]);
	}
	appendStringInfoChar(&json, '}');
	return jsonb_of(&json);
}

static Datum
milliseconds(double us)
{
	return Float8GetDatum(us / 1000);
}

/* What else is counted is in metrics alone. */
static const char *const kinds[] = {
	[RT_PATH_CALL] = "call",
	[RT_PATH_STREAM] = "stream",
	[RT_PATH_CRON] = "cron",
	[RT_PATH_JOB] = "job",
	[RT_PATH_AGGREGATE] = "aggregate",
	[RT_PATH_EFFECT] = "effect",
	[RT_PATH_RELOAD] = "reload"
};

static void
put_row(ReturnSetInfo *info, const RtPathStat *stat)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	int			count = 0;

	values[count++] = CStringGetTextDatum(stat->path);
	values[count++] = CStringGetTextDatum(kinds[stat->kind]);
	values[count++] = Int64GetDatum((int64) stat->calls);
	values[count++] = Int64GetDatum((int64) stat->errors);
	values[count++] = milliseconds(stat->total_us);
	nulls[count] = stat->calls == 0;
	values[count++] = milliseconds((double) stat->total_us / Max(stat->calls, 1));
	values[count++] = milliseconds(stat->max_us);
	values[count++] = codes_of(stat);
	values[count++] = buckets_of(stat);
	values[count++] = TimestampTzGetDatum(stat->since);
	Assert(count == COLUMNS);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

Datum
realtime_stat_get_handler(PG_FUNCTION_ARGS)
{
	RtPathStat	stat;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; rt_path_stat_read(i, &stat); i++)
	{
		if (stat.kind <= RT_PATH_JOB)
			put_row((ReturnSetInfo *) fcinfo->resultinfo, &stat);
	}
	return (Datum) 0;
}

/* What nobody waits for. */
static void
put_computed(ReturnSetInfo *info, const RtPathStat *stat)
{
	Datum		values[COMPUTED_COLUMNS];
	bool		nulls[COMPUTED_COLUMNS] = {0};
	bool		is_well = stat->last_error[0] == '\0';
	int			count = 0;

	values[count++] = CStringGetTextDatum(stat->path);
	values[count++] = CStringGetTextDatum(kinds[stat->kind]);
	values[count++] = Int64GetDatum((int64) stat->calls);
	values[count++] = Int64GetDatum((int64) stat->errors);
	values[count++] = Int64GetDatum((int64) stat->events);
	values[count++] = milliseconds(stat->total_us);
	values[count++] = milliseconds(stat->max_us);
	nulls[count] = is_well;
	values[count++] = is_well ? (Datum) 0 : CStringGetTextDatum(stat->last_error);
	nulls[count] = is_well;
	values[count++] = TimestampTzGetDatum(stat->last_error_at);
	values[count++] = TimestampTzGetDatum(stat->since);
	Assert(count == COMPUTED_COLUMNS);
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(realtime_stat_get_computed);

Datum
realtime_stat_get_computed(PG_FUNCTION_ARGS)
{
	RtPathStat	stat;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; rt_path_stat_read(i, &stat); i++)
	{
		if (stat.kind == RT_PATH_AGGREGATE || stat.kind == RT_PATH_EFFECT ||
			stat.kind == RT_PATH_RELOAD)
			put_computed((ReturnSetInfo *) fcinfo->resultinfo, &stat);
	}
	return (Datum) 0;
}

Datum
realtime_stat_reset_handler(PG_FUNCTION_ARGS)
{
	char	   *path = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (!rt_path_stats_reset(path))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there are no statistics of path \"%s\"", path),
				 errdetail("Nobody has called it since the server's start, or there was no room for it.")));
	PG_RETURN_VOID();
}

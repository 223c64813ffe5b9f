/*
 * stat.c
 *		What the view realtime.stat_query shows: the groups of live queries.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"

#include "src/executor/query/group_key.h"
#include "src/ipc/query_group.h"

#define COLUMNS 19

PG_FUNCTION_INFO_V1(realtime_stat_get_query);

static const char *
state_name(const RtQueryGroupView *view)
{
	const RtQueryGroup *group = &view->group;

	if (rt_query_group_is_loading(group))
		return "loading";
	if (group->failing)
		return "failing";
	if (!DsaPointerIsValid(group->state))
		return "empty";
	return view->keyless ? "keyless" : "ready";
}

static const char *
why_full_text(RtQueryWhyFull why_full)
{
	static const char *const texts[] = {
		[RT_FULL_NOT] = "",
		[RT_FULL_UNKNOWN] = "what clients had was not known",
		[RT_FULL_WAITED] = "changes had waited",
		[RT_FULL_ANYTHING] = "anything in a table may have changed",
		[RT_FULL_MANY_ROWS] = "many rows have changed",
		[RT_FULL_NO_CUT] = "a table has no cut",
		[RT_FULL_MANY_VALUES] = "many values of a cut",
		[RT_FULL_ORDER] = "not enough of the order was known",
		[RT_FULL_GROWN] = "a group has become large, and is counted from now on",
		[RT_FULL_LONG] = "all rows are less than what has changed"
	};

	return texts[why_full];
}

static Datum
milliseconds(uint64 us)
{
	return Float8GetDatum(us / 1000.0);
}

static void
show_group(ReturnSetInfo *result, const RtQueryGroupView *view)
{
	const RtQueryGroup *group = &view->group;
	const RtQueryGroupCounters *counters = &group->counters;
	uint32		gateways = pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &group->gateways));
	RtQueryGroupKey key;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	int			count = 0;

	rt_query_group_key_read(view->key, &key);
	values[count++] = CStringGetTextDatum(key.path);
	values[count++] = CStringGetTextDatum(rt_query_group_key_describe(&key));
	values[count++] = CStringGetTextDatum(key.role);
	nulls[count] = !key.has_identity;
	values[count++] = CStringGetTextDatum(key.user_id);
	values[count++] = CStringGetTextDatum(rt_query_group_topic(key.path, &group->hash));
	values[count++] = CStringGetTextDatum(state_name(view));
	values[count++] = Int32GetDatum(pg_number_of_ones[gateways & 0xFF] +
									pg_number_of_ones[gateways >> 8 & 0xFF]);
	values[count++] = Int64GetDatum(view->row_count);
	values[count++] = Int64GetDatum(counters->runs);
	values[count++] = Int64GetDatum(counters->failures);
	values[count++] = Int64GetDatum(counters->refreshes);
	values[count++] = Int64GetDatum(counters->restricted);
	values[count++] = Int64GetDatum(counters->together);
	values[count++] = Int64GetDatum(counters->counted);
	nulls[count] = counters->why_full == RT_FULL_NOT;
	values[count++] = CStringGetTextDatum(why_full_text(counters->why_full));
	values[count++] = Int64GetDatum(counters->events);
	values[count++] = milliseconds(counters->total_us);
	values[count++] = milliseconds(counters->last_us);
	values[count++] = Int64GetDatum(view->memory);
	Assert(count == COLUMNS);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
realtime_stat_get_query(PG_FUNCTION_ARGS)
{
	RtQueryGroupView view;

	InitMaterializedSRF(fcinfo, 0);
	rt_query_groups_attach();
	for (int place = 0; place < rt_query_group_count(); place++)
	{
		if (rt_query_group_look(place, &view))
			show_group((ReturnSetInfo *) fcinfo->resultinfo, &view);
	}
	return (Datum) 0;
}

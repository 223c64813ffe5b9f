/*
 * restriction.c
 *		To which rows of a group the changes of a round can be restricted.
 *
 * Each changed row that passes the query's own conditions on its table gives
 * values of the table's cut.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/params.h"
#include "utils/datum.h"

#include "src/executor/query/restriction.h"
#include "src/guc.h"
#include "src/query/run.h"

#define VALUES_LEAST 50			/* are asked for whatever it costs */
#define VALUES_PART 16			/* of the rows */
#define VALUES_MAX 1000			/* of a large result */
#define VALUES_AT_FIRST 4

typedef struct Finding
{
	RtRestriction *restriction;
	const RtQueryGroup *group;
	RtQuery    *query;
	ParamListInfo arguments;
	MemoryContext context;		/* of values */
	int			cut;			/* that values are told of */
	int			max;			/* values */
	bool		overflow;
} Finding;

static bool
is_known(const RtRestriction *restriction, int cut, uint64 hash)
{
	for (int i = 0; i < restriction->count; i++)
	{
		if (restriction->values[i].cut == cut && restriction->values[i].hash == hash)
			return true;
	}
	return false;
}

static RtCutValue *
next_value(RtRestriction *restriction)
{
	if (restriction->count == restriction->room)
	{
		restriction->room *= 2;
		restriction->values = repalloc(restriction->values,
									   sizeof(RtCutValue) * restriction->room);
	}
	return &restriction->values[restriction->count++];
}

static void
add_value(Datum value, bool is_null, void *arg)
{
	Finding    *finding = arg;
	RtRestriction *restriction = finding->restriction;
	const RtQueryCut *cut = list_nth(finding->query->cuts, finding->cut);
	uint64		hash = rt_query_cut_hash(cut, value, is_null);
	MemoryContext before;

	if (is_known(restriction, finding->cut, hash) ||
		(is_null && realtime_query_check == RT_QUERY_CHECK_WITHOUT_NULL))
		return;
	if (restriction->count == finding->max)
	{
		finding->overflow = true;
		return;
	}
	before = MemoryContextSwitchTo(finding->context);
	if (!is_null)
		value = datumCopy(value, cut->type_by_value, cut->type_length);
	MemoryContextSwitchTo(before);
	*next_value(restriction) = (RtCutValue) {finding->cut, is_null, value, hash, NULL, 0};
}

static RtQueryWhyFull
add_relation(Finding *finding, RtRoundChanges *changes, RtQueryRelation *relation)
{
	RtChangeImages images;
	TupleTableSlot **passing;
	int			count = 0;
	RtQueryWhyFull why_full = rt_round_changes_images(changes, finding->group,
													  finding->query, relation, &images);

	if (why_full != RT_FULL_NOT)
		return why_full;
	passing = palloc(sizeof(TupleTableSlot *) * Max(1, images.count));
	for (int i = 0; i < images.count; i++)
	{
		TupleTableSlot *image = images.images[i].slot;

		if (rt_query_passes(finding->query, relation, finding->arguments, image))
			passing[count++] = image;
	}
	if (count == 0)
		return RT_FULL_NOT;
	if (relation->cut < 0)
		return RT_FULL_NO_CUT;
	finding->cut = relation->cut;
	rt_query_values(finding->query, relation, passing, count, NULL, add_value, finding);
	return finding->overflow ? RT_FULL_MANY_VALUES : RT_FULL_NOT;
}

/* To ask for one costs what some rows of a full run cost. */
static int
max_values(uint32 row_count)
{
	return Max(VALUES_LEAST, Min(VALUES_MAX, row_count / VALUES_PART));
}

RtQueryWhyFull
rt_restriction_find(RtRestriction *restriction, RtRoundChanges *changes,
					const RtQueryGroup *group, RtQuery *query,
					const NullableDatum *values, uint32 row_count)
{
	Finding		finding = {
		.restriction = restriction,
		.group = group,
		.query = query,
		.max = max_values(row_count),
		.context = CurrentMemoryContext
	};
	RtQueryWhyFull why_full = RT_FULL_NOT;
	ListCell   *cell;

	restriction->count = 0;
	restriction->room = VALUES_AT_FIRST;
	restriction->values = palloc(sizeof(RtCutValue) * VALUES_AT_FIRST);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	finding.arguments = rt_query_arguments(query, values);
	foreach(cell, query->relations)
	{
		if (why_full == RT_FULL_NOT)
			why_full = add_relation(&finding, changes, lfirst(cell));
	}
	SPI_finish();
	return why_full;
}

bool
rt_restriction_concerns(const RtRestriction *restriction, int count, const uint64 *cuts)
{
	for (int i = 0; i < count; i++)
	{
		if (cuts[restriction->values[i].cut] == restriction->values[i].hash)
			return true;
	}
	return false;
}

/*
 * together.c
 *		Restricted runs of many groups of a query by one statement.
 *
 * Groups that differ in nothing but their arguments are rows of arrays then, one
 * for each value that a group asks for, and a statement is run for each cut.  Rows
 * come back with the place in the arrays, and each group collects its own.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "src/executor/query/check.h"
#include "src/executor/query/together.h"

#define ROWS_MAX 20000			/* of all groups, which are in memory at once */

/* A row of the arrays. */
typedef struct Place
{
	int			group;
	int			value;			/* of its restriction */
} Place;

typedef struct Work
{
	RtQuery    *query;
	RtTogether *groups;
	int			count;
	RtCollector *collectors;	/* of each group */
	Place	   *places;
	int			place_count;
	Datum	   *column;			/* room for one */
	bool	   *nulls;
} Work;

/* ---- arrays ---- */

static void
find_places(Work *work, int cut)
{
	work->place_count = 0;
	for (int i = 0; i < work->count; i++)
	{
		const RtRestriction *restriction = work->groups[i].restriction;

		for (int value = 0; value < restriction->count; value++)
		{
			if (restriction->values[value].cut == cut)
				work->places[work->place_count++] = (Place) {i, value};
		}
	}
}

static Datum
make_array(const Work *work, Oid type)
{
	int			dimension = work->place_count;
	int			lower = 1;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	return PointerGetDatum(construct_md_array(work->column, work->nulls, 1, &dimension,
											  &lower, type, length, by_value, align));
}

static Datum
arguments_array(Work *work, int param)
{
	for (int i = 0; i < work->place_count; i++)
	{
		const NullableDatum *value = &work->groups[work->places[i].group].values[param];

		work->column[i] = value->value;
		work->nulls[i] = value->isnull;
	}
	return make_array(work, work->query->param_types[param]);
}

static Datum
values_array(Work *work, int cut)
{
	for (int i = 0; i < work->place_count; i++)
	{
		const Place *place = &work->places[i];

		work->column[i] = work->groups[place->group].restriction->values[place->value].value;
		work->nulls[i] = false;
	}
	return make_array(work, ((RtQueryCut *) list_nth(work->query->cuts, cut))->type);
}

/* ---- running ---- */

/* The query's own parameters stand in it no more. */
static uint64
run_cut(Work *work, int cut, RtQueryPlan *plan)
{
	int			params = work->query->param_count;
	Datum	   *datums = palloc0(sizeof(Datum) * (2 * params + 1));
	char	   *nulls = palloc(2 * params + 1);

	memset(nulls, 'n', params);
	memset(nulls + params, ' ', params + 1);
	for (int i = 0; i < params; i++)
		datums[params + i] = arguments_array(work, i);
	datums[2 * params] = values_array(work, cut);
	return rt_query_run(plan, datums, nulls, GetActiveSnapshot(), ROWS_MAX);
}

static void
share_out(Work *work, uint64 count, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	for (uint64 i = 0; i < count; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		is_null;
		const Place *place =
			&work->places[DatumGetInt64(SPI_getbinval(tuple, desc, desc->natts, &is_null)) - 1];

		rt_collector_take(&work->collectors[place->group], tuple, desc, place->value);
	}
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
}

/* Returns false if there are too many rows. */
static bool
run_cuts(Work *work, const char *path, MemoryContext context)
{
	for (int cut = 0; cut < list_length(work->query->cuts); cut++)
	{
		RtQueryPlan *plan;
		uint64		count;

		find_places(work, cut);
		if (work->place_count == 0)
			continue;
		plan = rt_query_plan(work->query, RT_QUERY_VALUES, cut);
		count = run_cut(work, cut, plan);
		if (count >= ROWS_MAX)
			return false;
		share_out(work, count, context);
		rt_query_check_plan(path, plan);
	}
	return true;
}

/* ---- around it ---- */

static void
begin(Work *work, const RtStreamDeclaration *declaration)
{
	int			values = 0;

	work->collectors = palloc(sizeof(RtCollector) * work->count);
	rt_collector_begin(&work->collectors[0], declaration, work->query);
	for (int i = 0; i < work->count; i++)
	{
		if (i > 0)
			rt_collector_begin_like(&work->collectors[i], &work->collectors[0]);
		work->collectors[i].restriction = work->groups[i].restriction;
		if (work->groups[i].before->is_tallied)
			rt_collector_keep_tallies(&work->collectors[i]);
		values += work->groups[i].restriction->count;
	}
	work->places = palloc(sizeof(Place) * (values + 1));
	work->column = palloc(sizeof(Datum) * (values + 1));
	work->nulls = palloc(sizeof(bool) * (values + 1));
}

bool
rt_query_results_together(const RtStreamDeclaration *declaration, RtQuery *query,
						  RtTogether *groups, int count)
{
	MemoryContext context = CurrentMemoryContext;
	Work		work = {.query = query,.groups = groups,.count = count};
	bool		done;

	begin(&work, declaration);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	done = run_cuts(&work, declaration->path, context);
	SPI_finish();
	MemoryContextSwitchTo(context);
	for (int i = 0; i < count && done; i++)
	{
		if (rt_query_result_wants_tallies(&work.collectors[i], groups[i].before))
			continue;
		groups[i].result = rt_query_result_merge(&work.collectors[i], groups[i].before);
		groups[i].result->together = true;
	}
	return done;
}

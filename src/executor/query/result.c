/*
 * result.c
 *		The rows that a live query has at a moment, as its clients get them.
 */
#include "postgres.h"

#include "src/executor/query/check.h"
#include "src/executor/query/keyless.h"
#include "src/executor/query/result.h"
#include "src/executor/query/window.h"
#include "src/guc.h"

#define ROOM_PART 16			/* of the rows, for those that come */
#define ROOM_ROWS 4
#define TALLIES_MAX 10000		/* of a result; of more groups they are not kept */

/* The rows as they were collected. */
static RtQueryResult *
make_result(RtCollector *collector, RtQueryState *state)
{
	RtQueryResult *result = palloc0(sizeof(RtQueryResult));

	appendStringInfoChar(&collector->rows, ']');
	result->ordered = collector->query->sort != NIL;
	result->rows = collector->rows;
	result->ends = collector->ends;
	result->key_name = collector->key_name;
	result->state = state;
	result->may_be_keyless = rt_keyless_is_possible(collector->declaration, collector->query);
	return result;
}

RtText
rt_query_result_row(const RtQueryResult *result, uint32 row)
{
	Size		begin = row > 0 ? result->ends[row - 1] + 1 : 1;

	return (RtText) {result->rows.data + begin, result->ends[row] - begin};
}

Size
rt_query_result_size(const RtQueryResult *result)
{
	return result->rows.len + result->state->size +
		(result->merged != NULL ? result->merged->size : 0) +
		(result->window != NULL ? result->window->size : 0);
}

/* ---- what is remembered ---- */

/* Room where rows may be changed in place. */
static uint32
room_for(const RtCollector *collector, uint32 row_count)
{
	if ((collector->cut_count == 0 && !collector->is_tallied) ||
		collector->query->sort != NIL)
		return 0;
	return row_count / ROOM_PART + ROOM_ROWS;
}

static RtQueryState *
make_state(const RtCollector *collector)
{
	uint32		room = room_for(collector, collector->row_count);
	Size		key_bytes = collector->row_count == 0 ? 0 :
		(Size) room * (collector->keys.len / collector->row_count + 1);
	RtQueryState *state;

	if (collector->is_tallied && collector->row_count > 0)
		key_bytes += (Size) room * (collector->tuples[0]->t_len + RT_QUERY_MORE_OVERHEAD);
	state = rt_collector_state(collector, room, key_bytes);

	for (uint32 row = 0; row < collector->row_count; row++)
		rt_collector_add(collector, state, row);
	return state;
}

/* ---- tallies ---- */

/* A transform may leave a row out of which there is a group. */
static bool
may_have_tallies(const RtCollector *collector)
{
	return collector->query->tally != NULL && collector->transforms == NULL;
}

/* What would be read for a change: a group, or all of them. */
static bool
are_large(const RtCollector *collector)
{
	return realtime_query_tally_rows <=
		(collector->query->cuts != NIL ? collector->largest : collector->counted);
}

bool
rt_query_result_wants_tallies(const RtCollector *collector, const RtQueryState *before)
{
	return may_have_tallies(collector) && !before->is_keyless && !before->is_tallied &&
		before->row_count + collector->row_count <= TALLIES_MAX && are_large(collector);
}

/* ---- in an order ---- */

/* Those that clients have. */
static RtQueryResult *
make_shown(const RtCollector *collector, const RtWindow *window, const RtWindowRows *rows)
{
	RtQueryResult *result = palloc0(sizeof(RtQueryResult));
	RtQueryState *state = rt_window_state(rows, window, collector->query);
	uint32		first;
	uint32		count;

	rt_window_shown(rows, window, &first, &count);
	if (count > (uint32) collector->declaration->query->max_rows)
		rt_query_refuse_rows(collector->declaration->query->max_rows);
	result->ordered = true;
	result->key_name = collector->key_name;
	result->ends = palloc(Max(count, 1) * sizeof(Size));
	initStringInfo(&result->rows);
	for (uint32 i = 0; i < count; i++)
	{
		RtText		json = rows->rows[first + i].json;

		appendStringInfoChar(&result->rows, i == 0 ? '[' : ',');
		appendBinaryStringInfo(&result->rows, json.ptr, json.len);
		result->ends[i] = result->rows.len;
	}
	appendStringInfoString(&result->rows, count == 0 ? "[]" : "]");
	result->state = unconstify(RtQueryState *, rt_window_state_shown(state));
	if (rt_window_fits(rows))
		result->window = state;
	return result;
}

static RtQueryResult *
make_first(RtCollector *collector, const RtWindow *window)
{
	RtWindowRows rows;

	/* without a limit it is remembered only if it is short */
	if (!window->is_limited && collector->row_count > window->most)
		return make_result(collector, make_state(collector));
	rt_window_first(&rows, window, collector);
	return make_shown(collector, window, &rows);
}

/* ---- all of it ---- */

static void
run_window(RtCollector *collector, const RtWindow *window, const NullableDatum *values)
{
	if (window->is_limited)
	{
		collector->row_limit = window->most;
		rt_collector_run(collector, rt_query_plan(collector->query, RT_QUERY_WINDOW, -1),
						 values, Int64GetDatum(window->most), 0);
	}
	else
		rt_collector_run(collector, rt_query_plan(collector->query, RT_QUERY_FULL, -1),
						 values, (Datum) 0, 0);
}

RtQueryResult *
rt_query_result(const RtStreamDeclaration *declaration, RtQuery *query,
				const NullableDatum *values)
{
	MemoryContext context = CurrentMemoryContext;
	RtCollector collector;
	RtWindow	window;
	bool		has_window = rt_window_find(&window, declaration, query, values);

	rt_collector_begin(&collector, declaration, query);
	if (has_window)
		rt_collector_keep_sort(&collector);
	else if (may_have_tallies(&collector))
		rt_collector_keep_tallies(&collector);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (has_window)
		run_window(&collector, &window, values);
	else
		rt_collector_run(&collector, rt_query_plan(query, RT_QUERY_FULL, -1), values,
						 (Datum) 0, 0);
	SPI_finish();
	MemoryContextSwitchTo(context);
	collector.is_tallied &= collector.row_count <= TALLIES_MAX && are_large(&collector);
	return has_window ? make_first(&collector, &window) :
		make_result(&collector, make_state(&collector));
}

/* ---- what may have changed ---- */

static void
run_restricted(RtCollector *collector, const NullableDatum *values, uint64 row_max)
{
	for (int i = 0; i < collector->restriction->count; i++)
	{
		const RtCutValue *value = &collector->restriction->values[i];
		RtQueryPlan *plan = rt_query_plan(collector->query, value->is_null ?
										  RT_QUERY_NULL : RT_QUERY_VALUE, value->cut);

		collector->done = i;
		rt_collector_run(collector, plan, values, value->value, row_max);
		rt_query_check_plan(collector->declaration->path, plan);
	}
}

static void
add_change(RtDifference *difference, Size *room, RtRowChangeKind kind, uint32 row)
{
	if (difference->count == *room)
	{
		*room *= 2;
		difference->changes = repalloc_huge(difference->changes,
											*room * sizeof(RtRowChange));
	}
	difference->changes[difference->count++] = (RtRowChange) {kind, row};
}

/* Rows with one of the values, once each, that are there no more. */
static void
find_deleted(const RtCollector *collector, const RtQueryState *before,
			 const RtQueryState *found, RtDifference *difference, Size *room)
{
	const RtRestriction *restriction = collector->restriction;

	for (int i = 0; i < restriction->count; i++)
	{
		RtCutValue *value = &restriction->values[i];
		uint32		row = RT_QUERY_ROW_NONE;

		while ((row = rt_query_state_next_in(before, value->cut, value->hash, row)) !=
			   RT_QUERY_ROW_NONE)
		{
			RtQueryRowKey key = rt_query_state_key(before, row);

			if (rt_collector_has(collector, before, row, value) &&
				!rt_collector_has_any(collector, before, row, i) &&
				rt_query_state_find(found, &key) == RT_QUERY_ROW_NONE)
				add_change(difference, room, RT_ROW_DELETED, row);
		}
	}
}

static bool
may_have_changed(const RtCollector *collector, const RtQueryState *before, uint32 row)
{
	return collector->restriction == NULL ||
		rt_collector_has_any(collector, before, row, collector->restriction->count);
}

/* A row that was there and cannot have changed is there as well. */
static void
find_changed(const RtCollector *collector, const RtQueryState *before,
			 const RtQueryState *found, RtDifference *difference, Size *room)
{
	for (uint32 row = 0; row < found->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(found, row);
		uint32		old = rt_query_state_find(before, &key);

		if (old == RT_QUERY_ROW_NONE)
			add_change(difference, room, RT_ROW_CREATED, row);
		else if (!may_have_changed(collector, before, old))
			rt_query_refuse_duplicate();
		else if (rt_query_state_row(before, old)->hash != rt_query_state_row(found, row)->hash)
			add_change(difference, room, RT_ROW_UPDATED, row);
	}
}

static RtDifference *
find_difference(const RtCollector *collector, const RtQueryState *before,
				const RtQueryState *found)
{
	RtDifference *difference = palloc0(sizeof(RtDifference));
	Size		room = Max(found->row_count, 16);
	ListCell   *cell;

	difference->changes = palloc_extended(room * sizeof(RtRowChange), MCXT_ALLOC_HUGE);
	if (collector->restriction != NULL)
		find_deleted(collector, before, found, difference, &room);
	foreach(cell, collector->gone)
		add_change(difference, &room, RT_ROW_DELETED, lfirst_int(cell));
	find_changed(collector, before, found, difference, &room);
	return difference;
}

/* ---- what the state is then ---- */

typedef struct Growth
{
	uint32		created;
	uint32		deleted;
	Size		key_bytes;		/* of those created, and of what has another length */
} Growth;

/* How long a row's tally is, with what it takes beside. */
static Size
tally_bytes(const RtQueryState *state, uint32 row)
{
	uint32		len;

	if (!state->is_tallied)
		return 0;
	(void) rt_query_state_more(state, row, &len);
	return len + RT_QUERY_MORE_OVERHEAD;
}

/* What stays in its place but for its tally, which goes elsewhere if it is not as long. */
static void
add_moved(Growth *growth, const RtQueryState *before, const RtQueryState *found)
{
	for (uint32 row = 0; before->is_tallied && row < found->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(found, row);
		uint32		old = rt_query_state_find(before, &key);

		if (old != RT_QUERY_ROW_NONE && tally_bytes(found, row) != tally_bytes(before, old))
			growth->key_bytes += key.len + RT_QUERY_MORE_OVERHEAD + tally_bytes(found, row);
	}
}

static Growth
growth_of(const RtDifference *difference, const RtQueryState *before,
		  const RtQueryState *found)
{
	Growth		growth = {0};

	for (uint32 i = 0; i < difference->count; i++)
	{
		const RtRowChange *change = &difference->changes[i];

		growth.deleted += change->kind == RT_ROW_DELETED;
		if (change->kind == RT_ROW_CREATED)
		{
			growth.created++;
			growth.key_bytes += rt_query_state_key(found, change->row).len +
				tally_bytes(found, change->row);
		}
	}
	add_moved(&growth, before, found);
	return growth;
}

/*
 * Rows take other numbers when one before them is removed, but not before that:
 * so the last one goes first.
 */
static int
compare_rows_down(const void *a, const void *b)
{
	uint32		x = ((const RtRowChange *) a)->row;
	uint32		y = ((const RtRowChange *) b)->row;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Where a row that looks the same belongs to may have changed as well. */
static void
put_row(RtQueryState *state, const RtQueryState *found, uint32 row)
{
	RtQueryRowKey key = rt_query_state_key(found, row);
	uint32		old = rt_query_state_find(state, &key);

	if (old == RT_QUERY_ROW_NONE)
		rt_query_state_copy(state, found, row);
	else
		rt_query_state_change(state, old, found, row);
}

/* Those deleted come first in a difference. */
static void
change_state(RtQueryState *state, const RtQueryState *found, const RtDifference *difference)
{
	for (uint32 i = 0; i < difference->count; i++)
	{
		if (difference->changes[i].kind == RT_ROW_DELETED)
			rt_query_state_remove(state, difference->changes[i].row);
	}
	for (uint32 row = 0; row < found->row_count; row++)
		put_row(state, found, row);
}

/* The same with more room. */
static RtQueryState *
merge_state(const RtCollector *collector, const RtQueryState *before,
			const RtQueryState *found, const RtDifference *difference, const Growth *growth)
{
	uint32		rows = before->row_count + growth->created;
	uint32		room = rows + room_for(collector, rows);
	Size		key_bytes = before->text_used + growth->key_bytes;
	RtQueryState *state = rt_collector_state(collector, room,
											 key_bytes + key_bytes / ROOM_PART);

	for (uint32 row = 0; row < before->row_count; row++)
		rt_query_state_copy(state, before, row);
	change_state(state, found, difference);
	return state;
}

RtQueryResult *
rt_query_result_merge(RtCollector *collector, const RtQueryState *before)
{
	RtQueryResult *result = make_result(collector, make_state(collector));
	RtDifference *difference;
	Growth		growth;
	int			limit = collector->declaration->query->max_rows;

	if (before->is_keyless)
		return rt_keyless_result(collector, result);
	difference = find_difference(collector, before, result->state);
	growth = growth_of(difference, before, result->state);
	if (before->row_count - growth.deleted + growth.created > (uint32) limit)
		rt_query_refuse_rows(limit);
	qsort(difference->changes, growth.deleted, sizeof(RtRowChange), compare_rows_down);
	if (!rt_query_state_has_room(before, growth.created, growth.key_bytes))
		result->merged = merge_state(collector, before, result->state, difference, &growth);
	result->difference = difference;
	result->restricted = true;
	return result;
}

static RtQueryResult *
merge_ordered(RtCollector *collector, const RtWindow *window, const RtQueryState *before)
{
	RtWindowRows rows;

	return rt_window_merge(&rows, window, collector, before) ?
		make_shown(collector, window, &rows) : NULL;
}

/*
 * In an order the first ones that have a value are enough, and one more, which
 * tells that there are others.
 */
static void
collect_restricted(RtCollector *collector, const RtWindow *window, const NullableDatum *values)
{
	MemoryContext context = CurrentMemoryContext;

	if (window != NULL)
	{
		rt_collector_keep_sort(collector);
		collector->row_limit = PG_INT32_MAX;
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	run_restricted(collector, values, window != NULL ? window->most + 1 : 0);
	SPI_finish();
	MemoryContextSwitchTo(context);
}

RtQueryResult *
rt_query_result_restricted(const RtStreamDeclaration *declaration, RtQuery *query,
						   const NullableDatum *values,
						   const RtRestriction *restriction,
						   const RtQueryState *before)
{
	RtCollector collector;
	RtWindow	window;
	RtQueryResult *result;

	if (query->sort != NIL && (!before->is_window ||
							   !rt_window_find(&window, declaration, query, values)))
		return NULL;
	rt_collector_begin(&collector, declaration, query);
	collector.restriction = restriction;
	if (before->is_tallied)
		rt_collector_keep_tallies(&collector);
	collect_restricted(&collector, before->is_window ? &window : NULL, values);
	if (rt_query_result_wants_tallies(&collector, before))
		return NULL;
	result = before->is_window ? merge_ordered(&collector, &window, before) :
		rt_query_result_merge(&collector, before);
	if (result != NULL)
		result->restricted = true;
	return result;
}

RtQueryState *
rt_query_result_state(const RtQueryResult *result)
{
	return result->window != NULL ? result->window : result->state;
}

const RtQueryState *
rt_query_result_before(const RtQueryResult *result, const RtQueryState *before)
{
	return result->gone != NULL ? result->gone : rt_window_state_shown(before);
}

bool
rt_query_result_keep(const RtQueryResult *result, RtQueryGroup *group)
{
	if (result->difference == NULL)
		return rt_keyless_set_state(group, rt_query_result_state(result),
									result->may_be_keyless);
	if (result->gone != NULL)
		return true;
	if (result->merged != NULL)
		return rt_keyless_set_state(group, result->merged, result->may_be_keyless);
	change_state(rt_query_group_state_changed(group), result->state, result->difference);
	return true;
}

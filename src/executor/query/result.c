/*
 * result.c
 *		The rows that a live query has at a moment, as its clients get them.
 */
#include "postgres.h"

#include "src/executor/query/result.h"

#define ROOM_PART 8				/* of the rows, for those that come */
#define ROOM_ROWS 4

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
		(result->merged != NULL ? result->merged->size : 0);
}

/* ---- all of it ---- */

/* Room where rows may be changed in place. */
static uint32
room_for(const RtCollector *collector, uint32 row_count)
{
	if (collector->cut_count == 0 || collector->query->sort != NIL)
		return 0;
	return row_count / ROOM_PART + ROOM_ROWS;
}

static RtQueryState *
make_state(const RtCollector *collector)
{
	uint32		room = room_for(collector, collector->row_count);
	Size		key_bytes = collector->row_count == 0 ? 0 :
		(Size) room * (collector->keys.len / collector->row_count + 1);
	RtQueryState *state = rt_collector_state(collector, room, key_bytes);

	for (uint32 row = 0; row < collector->row_count; row++)
		rt_collector_add(collector, state, row);
	return state;
}

RtQueryResult *
rt_query_result(const RtStreamDeclaration *declaration, RtQuery *query,
				const NullableDatum *values)
{
	MemoryContext context = CurrentMemoryContext;
	RtCollector collector;

	rt_collector_begin(&collector, declaration, query);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	rt_collector_run(&collector, rt_query_plan(query, RT_QUERY_FULL, -1), values, (Datum) 0);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return make_result(&collector, make_state(&collector));
}

/* ---- what may have changed ---- */

static void
run_restricted(RtCollector *collector, const NullableDatum *values)
{
	for (int i = 0; i < collector->restriction->count; i++)
	{
		const RtCutValue *value = &collector->restriction->values[i];
		RtQueryRunKind kind = value->is_null ? RT_QUERY_NULL : RT_QUERY_VALUE;

		collector->done = i;
		rt_collector_run(collector, rt_query_plan(collector->query, kind, value->cut),
						 values, value->value);
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
		const RtCutValue *value = &restriction->values[i];
		uint32		row = RT_QUERY_ROW_NONE;

		while ((row = rt_query_state_next_in(before, value->cut, value->hash, row)) !=
			   RT_QUERY_ROW_NONE)
		{
			RtQueryRowKey key = rt_query_state_key(before, row);

			if (!rt_restriction_concerns(restriction, i, rt_query_state_cuts(before, row)) &&
				rt_query_state_find(found, &key) == RT_QUERY_ROW_NONE)
				add_change(difference, room, RT_ROW_DELETED, row);
		}
	}
}

/* A row that was there and cannot have changed is there as well. */
static void
find_changed(const RtCollector *collector, const RtQueryState *before,
			 const RtQueryState *found, RtDifference *difference, Size *room)
{
	const RtRestriction *restriction = collector->restriction;

	for (uint32 row = 0; row < found->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(found, row);
		uint32		old = rt_query_state_find(before, &key);

		if (old == RT_QUERY_ROW_NONE)
			add_change(difference, room, RT_ROW_CREATED, row);
		else if (!rt_restriction_concerns(restriction, restriction->count,
										  rt_query_state_cuts(before, old)))
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

	difference->changes = palloc_extended(room * sizeof(RtRowChange), MCXT_ALLOC_HUGE);
	find_deleted(collector, before, found, difference, &room);
	find_changed(collector, before, found, difference, &room);
	return difference;
}

/* ---- what the state is then ---- */

typedef struct Growth
{
	uint32		created;
	uint32		deleted;
	Size		key_bytes;		/* of those created */
} Growth;

static Growth
growth_of(const RtDifference *difference, const RtQueryState *found)
{
	Growth		growth = {0};

	for (uint32 i = 0; i < difference->count; i++)
	{
		const RtRowChange *change = &difference->changes[i];

		growth.deleted += change->kind == RT_ROW_DELETED;
		if (change->kind == RT_ROW_CREATED)
		{
			growth.created++;
			growth.key_bytes += rt_query_state_key(found, change->row).len;
		}
	}
	return growth;
}

static void
copy_row(RtQueryState *state, const RtQueryState *from, uint32 row)
{
	RtQueryRowKey key = rt_query_state_key(from, row);

	rt_query_state_add(state, &key, rt_query_state_row(from, row)->hash,
					   rt_query_state_cuts(from, row));
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
		copy_row(state, found, row);
	else
		rt_query_state_change(state, old, rt_query_state_row(found, row)->hash,
							  rt_query_state_cuts(found, row));
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
		copy_row(state, before, row);
	change_state(state, found, difference);
	return state;
}

RtQueryResult *
rt_query_result_restricted(const RtStreamDeclaration *declaration, RtQuery *query,
						   const NullableDatum *values,
						   const RtRestriction *restriction,
						   const RtQueryState *before)
{
	MemoryContext context = CurrentMemoryContext;
	RtCollector collector;
	RtQueryResult *result;
	RtDifference *difference;
	Growth		growth;

	rt_collector_begin(&collector, declaration, query);
	collector.restriction = restriction;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	run_restricted(&collector, values);
	SPI_finish();
	MemoryContextSwitchTo(context);
	result = make_result(&collector, make_state(&collector));
	difference = find_difference(&collector, before, result->state);
	growth = growth_of(difference, result->state);
	if (before->row_count - growth.deleted + growth.created >
		(uint32) declaration->query->max_rows)
		rt_query_refuse_rows(declaration->query->max_rows);
	qsort(difference->changes, growth.deleted, sizeof(RtRowChange), compare_rows_down);
	if (!rt_query_state_has_room(before, growth.created, growth.key_bytes))
		result->merged = merge_state(&collector, before, result->state, difference, &growth);
	result->difference = difference;
	return result;
}

bool
rt_query_result_keep(const RtQueryResult *result, RtQueryGroup *group)
{
	if (result->difference == NULL)
		return rt_query_group_set_state(group, result->state);
	if (result->merged != NULL)
		return rt_query_group_set_state(group, result->merged);
	change_state(rt_query_group_state_changed(group), result->state, result->difference);
	return true;
}

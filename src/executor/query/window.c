/*
 * window.c
 *		A result in an order, and the few rows behind it.
 *
 * ORDER BY is total by the key, so no two rows stand at the same place.  As long
 * as there may be rows behind the last one, what is remembered is complete up to
 * it and no further: a row that is sorted behind it is none of ours.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/sortsupport.h"

#include "src/executor/query/window.h"

#define ROWS_MAX 1000			/* remembered */
#define BYTES_MAX (256 * 1024)
#define SPARE_PART 4			/* of the limit, for rows that leave */
#define SPARE_ROWS 10

/* ---- which rows ---- */

/* NULL is no limit, and no offset. */
static bool
evaluate(RtQuery *query, Expr *expr, const NullableDatum *values, int64 *result)
{
	bool		is_null = true;
	Datum		value = (Datum) 0;

	if (expr != NULL)
		value = rt_query_value(query, expr, rt_query_arguments(query, values), &is_null);
	*result = is_null ? 0 : DatumGetInt64(value);
	return !is_null;
}

bool
rt_window_find(RtWindow *window, const RtStreamDeclaration *declaration,
			   RtQuery *query, const NullableDatum *values)
{
	int64		from;
	int64		count;

	/* a transform may leave rows out, after LIMIT */
	if (query->sort == NIL || query->cuts == NIL ||
		declaration->functions[RT_STREAM_TRANSFORM].declared)
		return false;
	window->is_limited = evaluate(query, query->limit, values, &count);
	(void) evaluate(query, query->offset, values, &from);
	/* negative ones are refused when it is run */
	if (from < 0 || count < 0 || from > ROWS_MAX || count > ROWS_MAX - from)
		return false;
	window->from = from;
	window->count = count;
	window->most = window->is_limited ?
		from + count + Max(SPARE_ROWS, count / SPARE_PART) : ROWS_MAX;
	return true;
}

/* ---- rows ---- */

static void
read_sort(RtWindowRow *row, TupleDesc desc)
{
	HeapTupleData tuple;

	tuple.t_len = row->sort->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) row->sort - MINIMAL_TUPLE_OFFSET);
	row->values = palloc(desc->natts * sizeof(Datum));
	row->nulls = palloc(desc->natts * sizeof(bool));
	heap_deform_tuple(&tuple, desc, row->values, row->nulls);
}

static void
take_collected(RtWindowRow *row, const RtCollector *collector, uint32 number)
{
	row->key = rt_collector_key(collector, number);
	row->json = rt_collector_row(collector, number);
	row->hash = rt_query_row_hash(row->json);
	row->cuts = rt_collector_cuts(collector, number);
	row->sort = collector->tuples[number];
	read_sort(row, collector->kept);
}

/* The sort as it was formed, and then the row as it is sent. */
static void
take_remembered(RtWindowRow *row, const RtQueryState *state, uint32 number, TupleDesc desc)
{
	uint32		len;
	const char *more = rt_query_state_more(state, number, &len);
	uint32		sort_len;

	memcpy(&sort_len, more, sizeof(sort_len));
	row->key = rt_query_state_key(state, number);
	row->hash = rt_query_state_row(state, number)->hash;
	row->cuts = rt_query_state_cuts(state, number);
	row->json = (RtText) {more + sort_len, len - sort_len};
	/* it must be aligned */
	row->sort = palloc(sort_len);
	memcpy(row->sort, more, sort_len);
	read_sort(row, desc);
}

static void
init_rows(RtWindowRows *rows, uint32 max)
{
	rows->count = 0;
	rows->rows = palloc(Max(max, 1) * sizeof(RtWindowRow));
}

/* ---- the order ---- */

typedef struct Order
{
	int			count;
	SortSupport keys;
} Order;

static Order
make_order(const RtQuery *query)
{
	Order		order = {.count = list_length(query->sort)};

	order.keys = palloc0(order.count * sizeof(SortSupportData));
	for (int i = 0; i < order.count; i++)
	{
		const RtQuerySortKey *key = list_nth(query->sort, i);

		order.keys[i].ssup_cxt = CurrentMemoryContext;
		order.keys[i].ssup_collation = key->collation;
		order.keys[i].ssup_nulls_first = key->nulls_first;
		order.keys[i].ssup_attno = i + 1;
		PrepareSortSupportFromOrderingOp(key->operator, &order.keys[i]);
	}
	return order;
}

static int
compare(const RtWindowRow *a, const RtWindowRow *b, const Order *order)
{
	int			result = 0;

	for (int i = 0; i < order->count && result == 0; i++)
		result = ApplySortComparator(a->values[i], a->nulls[i], b->values[i], b->nulls[i],
									 &order->keys[i]);
	return result;
}

static int
compare_rows(const void *a, const void *b, void *order)
{
	return compare(a, b, order);
}

/* ---- what they are ---- */

/* Only so many are remembered; then there is something behind them. */
static void
cut_off(RtWindowRows *rows, uint32 most)
{
	if (rows->count <= most)
		return;
	rows->count = most;
	rows->is_all = false;
}

void
rt_window_first(RtWindowRows *rows, const RtWindow *window, const RtCollector *collector)
{
	init_rows(rows, collector->row_count);
	for (uint32 i = 0; i < collector->row_count; i++)
		take_collected(&rows->rows[rows->count++], collector, i);
	rows->is_all = !window->is_limited || rows->count < window->most;
}

static void
keep_others(RtWindowRows *rows, const RtCollector *collector, const RtQueryState *before)
{
	const RtRestriction *restriction = collector->restriction;

	for (uint32 i = 0; i < before->row_count; i++)
	{
		if (!rt_restriction_concerns(restriction, restriction->count,
									 rt_query_state_cuts(before, i)))
			take_remembered(&rows->rows[rows->count++], before, i, collector->kept);
	}
}

/* Those that are behind all that was remembered are left out. */
static void
add_collected(RtWindowRows *rows, const RtCollector *collector, const RtQueryState *before,
			  const Order *order)
{
	RtWindowRow last;

	if (before->row_count > 0)
		take_remembered(&last, before, before->row_count - 1, collector->kept);
	for (uint32 i = 0; i < collector->row_count; i++)
	{
		RtWindowRow *row = &rows->rows[rows->count];

		take_collected(row, collector, i);
		if (rows->is_all || compare(row, &last, order) <= 0)
			rows->count++;
	}
}

bool
rt_window_merge(RtWindowRows *rows, const RtWindow *window, const RtCollector *collector,
				const RtQueryState *before)
{
	Order		order = make_order(collector->query);

	if (before->row_count == 0 && !before->is_all)
		return false;
	init_rows(rows, before->row_count + collector->row_count);
	rows->is_all = before->is_all;
	keep_others(rows, collector, before);
	add_collected(rows, collector, before, &order);
	qsort_arg(rows->rows, rows->count, sizeof(RtWindowRow), compare_rows, &order);
	cut_off(rows, window->most);
	return rows->is_all ||
		(window->is_limited && rows->count >= Max(window->from + window->count, 1));
}

/* ---- what is remembered ---- */

void
rt_window_shown(const RtWindowRows *rows, const RtWindow *window, uint32 *first,
				uint32 *count)
{
	*first = Min(window->from, rows->count);
	*count = rows->count - *first;
	if (window->is_limited)
		*count = Min(*count, window->count);
}

static Size
text_bytes(const RtWindowRows *rows)
{
	Size		bytes = 0;

	for (uint32 i = 0; i < rows->count; i++)
	{
		const RtWindowRow *row = &rows->rows[i];

		bytes += row->key.len + row->sort->t_len + row->json.len + RT_QUERY_MORE_OVERHEAD;
	}
	return bytes;
}

static void
remember(RtQueryState *state, const RtWindowRow *row)
{
	uint32		len = row->sort->t_len + row->json.len;
	char	   *more = palloc(len);

	if (rt_query_state_find(state, &row->key) != RT_QUERY_ROW_NONE)
		rt_query_refuse_duplicate();
	memcpy(more, row->sort, row->sort->t_len);
	memcpy(more + row->sort->t_len, row->json.ptr, row->json.len);
	rt_query_state_add_with(state, &row->key, row->hash, row->cuts, more, len);
	pfree(more);
}

bool
rt_window_fits(const RtWindowRows *rows)
{
	return rows->count <= ROWS_MAX + Max(SPARE_ROWS, ROWS_MAX / SPARE_PART) &&
		text_bytes(rows) <= BYTES_MAX;
}

RtQueryState *
rt_window_state(const RtWindowRows *rows, const RtWindow *window, const RtQuery *query)
{
	Size		bytes = text_bytes(rows);
	int			cut_count = list_length(query->cuts);
	RtQueryState *state = palloc_extended(rt_query_state_size(rows->count, bytes, cut_count,
															  -1),
										  MCXT_ALLOC_HUGE);

	/* all hashes, also of the key, which its rows are merged by */
	rt_query_state_init(state, rows->count, bytes, cut_count, -1);
	state->cuts = rt_query_cuts_hash(query);
	state->is_window = true;
	state->is_all = rows->is_all;
	rt_window_shown(rows, window, &state->shown_from, &state->shown_count);
	for (uint32 i = 0; i < rows->count; i++)
		remember(state, &rows->rows[i]);
	return state;
}

const RtQueryState *
rt_window_state_shown(const RtQueryState *state)
{
	Size		bytes = 0;
	RtQueryState *shown;

	if (state == NULL || !state->is_window)
		return state;
	for (uint32 i = 0; i < state->shown_count; i++)
		bytes += rt_query_state_key(state, state->shown_from + i).len;
	shown = palloc(rt_query_state_size(state->shown_count, bytes, state->cut_count,
									   state->key_cut));
	rt_query_state_init(shown, state->shown_count, bytes, state->cut_count,
						state->key_cut);
	shown->cuts = state->cuts;
	for (uint32 i = 0; i < state->shown_count; i++)
		rt_query_state_copy(shown, state, state->shown_from + i);
	return shown;
}

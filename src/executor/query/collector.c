/*
 * collector.c
 *		Rows of a live query as they come out of its plans.
 *
 * Rows are written as JSON as they come.  A query finds the same rows alike only
 * if nothing of the moment but the snapshot gets into them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/query/collector.h"
#include "src/ipc/query_group.h"
#include "src/query/tally.h"

#define ROWS_AT_FIRST 64
#define ROWS_OF_MANY 4			/* where there are many collectors */

/* ---- setting up ---- */

static TupleDesc
shown_columns(const RtQuery *query)
{
	TupleDesc	shown = CreateTemplateTupleDesc(query->column_count);

	for (int i = 1; i <= query->column_count; i++)
		TupleDescCopyEntry(shown, i, query->rows, i);
	return shown;
}

static RtStreamWork *
make_transforms(const RtStreamDeclaration *declaration)
{
	RtStreamWork *stream;

	if (!declaration->functions[RT_STREAM_TRANSFORM].declared)
		return NULL;
	stream = palloc0(sizeof(RtStreamWork));
	stream->declaration = declaration;
	return stream;
}

static char *
json_of_name(const char *name)
{
	StringInfoData json;

	initStringInfo(&json);
	rt_text_write(&json, name, strlen(name));
	return json.data;
}

static void
init_buffers(RtCollector *collector, uint32 row_max)
{
	collector->row_count = 0;
	collector->row_max = row_max;
	collector->counted = collector->largest = 0;
	collector->cuts = palloc((row_max * collector->cut_count + 1) * sizeof(uint64));
	collector->key_ends = palloc(row_max * sizeof(Size));
	collector->ends = palloc(row_max * sizeof(Size));
	initStringInfo(&collector->keys);
	initStringInfo(&collector->rows);
	appendStringInfoChar(&collector->rows, '[');
}

void
rt_collector_begin(RtCollector *collector, const RtStreamDeclaration *declaration,
				   RtQuery *query)
{
	memset(collector, 0, sizeof(*collector));
	collector->declaration = declaration;
	collector->query = query;
	collector->transforms = make_transforms(declaration);
	collector->shown = shown_columns(query);
	collector->writer = rt_row_writer(collector->shown);
	collector->key_writers = palloc(query->key_count * sizeof(RtValueWriter *));
	for (int i = 0; i < query->key_count; i++)
		collector->key_writers[i] =
			rt_value_writer(TupleDescAttr(query->rows, query->key_columns[i] - 1)->atttypid);
	/* one more for the group that a row belongs to */
	collector->values = palloc((query->rows->natts + 1) * sizeof(Datum));
	collector->nulls = palloc((query->rows->natts + 1) * sizeof(bool));
	collector->row_limit = declaration->query->max_rows;
	collector->cut_count = list_length(query->cuts);
	collector->key_cut = rt_query_key_cut(query);
	collector->row_context = AllocSetContextCreate(CurrentMemoryContext,
												   "realtime query row",
												   ALLOCSET_SMALL_SIZES);
	collector->key_name = json_of_name(declaration->key);
	init_buffers(collector, ROWS_AT_FIRST);
}

void
rt_collector_begin_like(RtCollector *collector, const RtCollector *other)
{
	*collector = *other;
	collector->kept = NULL;
	collector->is_tallied = false;
	init_buffers(collector, ROWS_OF_MANY);
}

static void
keep(RtCollector *collector, TupleDesc desc)
{
	Assert(collector->row_count == 0);
	collector->kept = desc;
	collector->kept_columns = palloc(desc->natts * sizeof(int));
	collector->tuples = palloc(collector->row_max * sizeof(MinimalTuple));
}

void
rt_collector_keep_sort(RtCollector *collector)
{
	List	   *sort = collector->query->sort;

	keep(collector, CreateTemplateTupleDesc(list_length(sort)));
	for (int i = 0; i < list_length(sort); i++)
	{
		const RtQuerySortKey *key = list_nth(sort, i);

		TupleDescInitEntry(collector->kept, i + 1, NULL, key->type, -1, 0);
		collector->kept_columns[i] = key->column - 1;
	}
}

void
rt_collector_keep_tallies(RtCollector *collector)
{
	const RtQueryTally *tally = collector->query->tally;

	keep(collector, tally->desc);
	for (int i = 0; i < tally->desc->natts; i++)
		collector->kept_columns[i] = list_nth_int(tally->columns, i) - 1;
	collector->is_tallied = true;
}

/* ---- keys ---- */

/* Several columns are one text, a JSON array of theirs. */
static void
write_composite_key(RtCollector *collector)
{
	RtQuery    *query = collector->query;
	StringInfoData array;

	initStringInfo(&array);
	appendStringInfoChar(&array, '[');
	for (int i = 0; i < query->key_count; i++)
	{
		int			column = query->key_columns[i] - 1;
		const char *text;
		Size		len;

		if (i > 0)
			appendStringInfoChar(&array, ',');
		if (collector->nulls[column])
		{
			appendStringInfoString(&array, "null");
			continue;
		}
		text = rt_value_text(collector->key_writers[i], collector->values[column], &len);
		rt_text_write(&array, text, len);
	}
	appendStringInfoChar(&array, ']');
	rt_text_write(&collector->keys, array.data, array.len);
}

static uint64
hash_cut(const RtCollector *collector, int number)
{
	const RtQueryCut *cut = list_nth(collector->query->cuts, number);

	return rt_query_cut_hash(cut, collector->values[cut->column - 1],
							 collector->nulls[cut->column - 1]);
}

static void
write_key(RtCollector *collector)
{
	int			column = collector->query->key_columns[0] - 1;

	if (collector->query->key_count > 1)
		write_composite_key(collector);
	else if (!collector->nulls[column])
		rt_value_write(collector->key_writers[0], &collector->keys,
					   collector->values[column], false);
	else
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_CONFLICT)),
				 errmsg("A row of the result has no key")));
}

RtQueryRowKey
rt_collector_key_of_values(RtCollector *collector)
{
	Size		begin = collector->keys.len;
	RtQueryRowKey key;

	write_key(collector);
	key.text = collector->keys.data + begin;
	key.len = collector->keys.len - begin;
	collector->keys.len = begin;
	if (collector->key_cut < 0)
		key.hash = hash_bytes((const unsigned char *) key.text, key.len);
	else
		key.hash = (uint32) hash_cut(collector, collector->key_cut);
	return key;
}

RtQueryRowKey
rt_collector_key(const RtCollector *collector, uint32 row)
{
	Size		begin = row > 0 ? collector->key_ends[row - 1] : 0;
	RtQueryRowKey key = {.text = collector->keys.data + begin};

	key.len = collector->key_ends[row] - begin;
	key.hash = collector->key_cut < 0 ?
		hash_bytes((const unsigned char *) key.text, key.len) :
		(uint32) rt_collector_cuts(collector, row)[collector->key_cut];
	return key;
}

/* ---- rows ---- */

/* Clients look for the key in the row. */
static void
write_row(RtCollector *collector, StringInfo out)
{
	RtQueryRowKey key;

	rt_row_write(collector->writer, out, collector->values, collector->nulls);
	if (collector->query->key_count == 1)
		return;
	key = rt_collector_key(collector, collector->row_count);
	out->len--;
	appendStringInfo(out, ",%s:%.*s}", collector->key_name,
					 (int) key.len, key.text);
}

/* Returns whether there is anything to send. */
static bool
write_transformed(RtCollector *collector, StringInfo out)
{
	StringInfoData row;
	Jsonb	   *item;

	initStringInfo(&row);
	write_row(collector, &row);
	item = rt_stream_transform(collector->transforms,
							   DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																  CStringGetDatum(row.data))));
	if (item == NULL)
		return false;
	(void) JsonbToCString(out, &item->root, VARSIZE(item));
	return true;
}

void
rt_query_refuse_rows(int limit)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
			 errmsg("Result has more than %d rows", limit)));
}

static void
make_room(RtCollector *collector)
{
	Size		size;

	if (collector->row_count >= collector->row_limit)
		rt_query_refuse_rows(collector->row_limit);
	if (collector->row_count < collector->row_max)
		return;
	collector->row_max *= 2;
	size = (Size) collector->row_max * sizeof(Size);
	collector->key_ends = repalloc_huge(collector->key_ends, size);
	collector->ends = repalloc_huge(collector->ends, size);
	size = (Size) collector->row_max * collector->cut_count * sizeof(uint64);
	collector->cuts = repalloc_huge(collector->cuts, size + 1);
	size = (Size) collector->row_max * sizeof(MinimalTuple);
	if (collector->kept != NULL)
		collector->tuples = repalloc_huge(collector->tuples, size);
}

const uint64 *
rt_collector_cuts(const RtCollector *collector, uint32 row)
{
	return collector->cuts + (Size) row * collector->cut_count;
}

static void
hash_cuts(RtCollector *collector)
{
	uint64	   *hashes = collector->cuts + (Size) collector->row_count * collector->cut_count;

	for (uint32 i = 0; i < collector->cut_count; i++)
		hashes[i] = hash_cut(collector, i);
}

static void
keep_tuple(RtCollector *collector)
{
	int			count = collector->kept->natts;
	Datum	   *values = palloc(count * sizeof(Datum));
	bool	   *nulls = palloc(count * sizeof(bool));
	MemoryContext old;

	for (int i = 0; i < count; i++)
	{
		int			column = collector->kept_columns[i];

		nulls[i] = collector->nulls[column];
		values[i] = collector->values[column];
		if (!nulls[i] && TupleDescAttr(collector->kept, i)->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	old = MemoryContextSwitchTo(MemoryContextGetParent(collector->row_context));
	collector->tuples[collector->row_count] =
		rt_form_minimal_tuple(collector->kept, values, nulls);
	MemoryContextSwitchTo(old);
}

static void
count_rows(RtCollector *collector)
{
	const RtQueryTally *tally = collector->query->tally;
	int			column = list_nth_int(tally->columns, tally->group_count) - 1;
	int64		rows = DatumGetInt64(collector->values[column]);

	collector->counted += rows;
	collector->largest = Max(collector->largest, rows);
}

/* By a value before: at the same snapshot it is the same row. */
static bool
was_found(const RtCollector *collector)
{
	return collector->restriction != NULL &&
		rt_restriction_concerns(collector->restriction, collector->done,
								rt_collector_cuts(collector, collector->row_count));
}

static void
collect_row(RtCollector *collector)
{
	StringInfo	out = &collector->rows;
	Size		keys_before = collector->keys.len;
	Size		rows_before = out->len;
	bool		kept = true;

	make_room(collector);
	write_key(collector);
	collector->key_ends[collector->row_count] = collector->keys.len;
	hash_cuts(collector);
	if (was_found(collector))
	{
		collector->keys.len = keys_before;
		return;
	}
	if (collector->kept != NULL)
		keep_tuple(collector);
	if (collector->query->tally != NULL)
		count_rows(collector);
	if (collector->row_count > 0)
		appendStringInfoChar(out, ',');
	if (collector->transforms != NULL)
		kept = write_transformed(collector, out);
	else
		write_row(collector, out);
	if (kept)
		collector->ends[collector->row_count++] = out->len;
	else
	{
		collector->keys.len = keys_before;
		out->len = rows_before;
	}
}

void
rt_collector_take(RtCollector *collector, HeapTuple tuple, TupleDesc desc, int value)
{
	collector->done = value;
	heap_deform_tuple(tuple, desc, collector->values, collector->nulls);
	rt_collector_take_values(collector);
}

void
rt_collector_take_values(RtCollector *collector)
{
	/* buffers grow where they are, all else goes with the row */
	MemoryContext old = MemoryContextSwitchTo(collector->row_context);

	collect_row(collector);
	MemoryContextSwitchTo(old);
	MemoryContextReset(collector->row_context);
	CHECK_FOR_INTERRUPTS();
}

/* ---- who has a value ---- */

static void
write_text(const RtCollector *collector, RtCutValue *value)
{
	MemoryContext old = MemoryContextSwitchTo(MemoryContextGetParent(collector->row_context));
	StringInfoData text;

	initStringInfo(&text);
	rt_value_write(collector->key_writers[0], &text, value->value, false);
	value->text_len = text.len;
	value->text = text.data;
	MemoryContextSwitchTo(old);
}

RtQueryRowKey
rt_collector_key_of(const RtCollector *collector, RtCutValue *value)
{
	if (value->text == NULL && !value->is_null)
		write_text(collector, value);
	return (RtQueryRowKey) {value->text, value->text_len, (uint32) value->hash};
}

/* Of the key a part of the hash is known only; but its text says the same. */
bool
rt_collector_has(const RtCollector *collector, const RtQueryState *state, uint32 row,
				 RtCutValue *value)
{
	RtQueryRowKey key;
	RtQueryRowKey wanted;

	if (!rt_query_state_is_cut(state, row, value->cut, value->hash))
		return false;
	if (value->cut != state->key_cut)
		return true;
	if (value->is_null)
		return false;
	key = rt_query_state_key(state, row);
	wanted = rt_collector_key_of(collector, value);
	return key.len == wanted.len && memcmp(key.text, wanted.text, key.len) == 0;
}

bool
rt_collector_has_any(const RtCollector *collector, const RtQueryState *state, uint32 row,
					 int count)
{
	for (int i = 0; i < count; i++)
	{
		if (rt_collector_has(collector, state, row, &collector->restriction->values[i]))
			return true;
	}
	return false;
}

/* ---- running ---- */

/* With one more value for a plan that wants one. */
static uint64
run_plan(RtQuery *query, RtQueryPlan *plan, const NullableDatum *values, Datum more,
		 uint64 row_max)
{
	Datum	   *datums = palloc(sizeof(Datum) * (query->param_count + 1));
	char	   *nulls = palloc(query->param_count + 1);

	datums[query->param_count] = more;
	nulls[query->param_count] = ' ';
	for (int i = 0; i < query->param_count; i++)
	{
		datums[i] = values[i].value;
		nulls[i] = values[i].isnull ? 'n' : ' ';
	}
	return rt_query_run(plan, datums, nulls, GetActiveSnapshot(), row_max);
}

void
rt_collector_run(RtCollector *collector, RtQueryPlan *plan,
				 const NullableDatum *values, Datum more, uint64 row_max)
{
	MemoryContext context = MemoryContextGetParent(collector->row_context);
	uint64		count = run_plan(collector->query, plan, values, more, row_max);
	MemoryContext spi_context = MemoryContextSwitchTo(context);

	for (uint64 i = 0; i < count; i++)
		rt_collector_take(collector, SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
						  collector->done);
	MemoryContextSwitchTo(spi_context);
	SPI_freetuptable(SPI_tuptable);
}

/* ---- what is remembered of them ---- */

RtText
rt_collector_row(const RtCollector *collector, uint32 row)
{
	Size		begin = row > 0 ? collector->ends[row - 1] + 1 : 1;

	return (RtText) {collector->rows.data + begin, collector->ends[row] - begin};
}

uint64
rt_query_row_hash(RtText row)
{
	return rt_query_group_hash(row.ptr, row.len).words[0];
}

static Size
bytes_of_tallies(const RtCollector *collector)
{
	Size		bytes = 0;

	for (uint32 row = 0; collector->is_tallied && row < collector->row_count; row++)
		bytes += collector->tuples[row]->t_len + RT_QUERY_MORE_OVERHEAD;
	return bytes;
}

RtQueryState *
rt_collector_state(const RtCollector *collector, uint32 more_rows, Size more_bytes)
{
	uint32		row_count = collector->row_count + more_rows;
	Size		bytes = collector->keys.len + bytes_of_tallies(collector) + more_bytes;
	Size		size = rt_query_state_size(row_count, bytes, collector->cut_count,
											collector->key_cut);
	RtQueryState *state;

	if (size == 0)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
				 errmsg("Keys of the result are too long")));
	state = MemoryContextAllocHuge(CurrentMemoryContext, size);
	rt_query_state_init(state, row_count, bytes, collector->cut_count,
						collector->key_cut);
	state->cuts = rt_query_cuts_hash(collector->query);
	state->is_tallied = collector->is_tallied;
	return state;
}

void
rt_query_refuse_duplicate(void)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(RT_CODE_CONFLICT)),
			 errmsg("Two rows of the result have the same key")));
}

void
rt_collector_add(const RtCollector *collector, RtQueryState *state, uint32 row)
{
	RtQueryRowKey key = rt_collector_key(collector, row);
	uint64		hash = rt_query_row_hash(rt_collector_row(collector, row));

	if (rt_query_state_find(state, &key) != RT_QUERY_ROW_NONE)
		rt_query_refuse_duplicate();
	if (state->is_tallied)
		rt_query_state_add_with(state, &key, hash, rt_collector_cuts(collector, row),
								collector->tuples[row], collector->tuples[row]->t_len);
	else
		rt_query_state_add(state, &key, hash, rt_collector_cuts(collector, row));
}

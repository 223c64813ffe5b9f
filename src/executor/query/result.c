/*
 * result.c
 *		The rows that a live query has at a moment, as its clients get them.
 *
 * Rows are written as JSON as they come, and beside them their keys; when all
 * are there what is remembered of them is put together.  A query finds the same
 * rows alike only if nothing of the moment but the snapshot gets into them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "src/catalog/value_writer.h"
#include "src/errcodes.h"
#include "src/executor/query/result.h"
#include "src/executor/request/stream.h"
#include "src/ipc/query_group.h"
#include "src/query/run.h"

#define ROWS_AT_FIRST 64

typedef struct Collector
{
	const RtStreamDeclaration *declaration;
	RtQuery    *query;
	RtQueryResult *result;
	RtStreamWork *transforms;	/* NULL = rows are sent as they are */

	TupleDesc	shown;			/* without hidden columns */
	RtRowWriter *writer;
	RtValueWriter **key_writers;
	Datum	   *values;
	bool	   *nulls;

	StringInfoData keys;
	Size	   *key_ends;
	uint64	   *cuts;			/* hashes, cut_count of each row */
	uint32		cut_count;
	uint32		row_count;
	uint32		row_max;		/* for which there is room */
	const RtRestriction *restriction;
	int			done;			/* of its values */
	MemoryContext row_context;
} Collector;

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
begin_collecting(Collector *collector, const RtStreamDeclaration *declaration,
				 RtQuery *query)
{
	RtQueryResult *result = palloc0(sizeof(RtQueryResult));

	memset(collector, 0, sizeof(*collector));
	collector->declaration = declaration;
	collector->query = query;
	collector->result = result;
	collector->transforms = make_transforms(declaration);
	collector->shown = shown_columns(query);
	collector->writer = rt_row_writer(collector->shown);
	collector->key_writers = palloc(query->key_count * sizeof(RtValueWriter *));
	for (int i = 0; i < query->key_count; i++)
		collector->key_writers[i] =
			rt_value_writer(TupleDescAttr(query->rows, query->key_columns[i] - 1)->atttypid);
	collector->values = palloc(query->rows->natts * sizeof(Datum));
	collector->nulls = palloc(query->rows->natts * sizeof(bool));
	collector->row_max = ROWS_AT_FIRST;
	collector->cut_count = list_length(query->cuts);
	collector->cuts = palloc((ROWS_AT_FIRST * collector->cut_count + 1) * sizeof(uint64));
	collector->key_ends = palloc(ROWS_AT_FIRST * sizeof(Size));
	result->ends = palloc(ROWS_AT_FIRST * sizeof(Size));
	collector->row_context = AllocSetContextCreate(CurrentMemoryContext,
												   "realtime query row",
												   ALLOCSET_SMALL_SIZES);
	initStringInfo(&collector->keys);
	initStringInfo(&result->rows);
	appendStringInfoChar(&result->rows, '[');
	result->ordered = query->sort != NIL;
	result->key_name = json_of_name(declaration->key);
}

/* ---- keys ---- */

/* Several columns are one text, a JSON array of theirs. */
static void
write_composite_key(Collector *collector)
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

static void
write_key(Collector *collector)
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

static RtQueryRowKey
key_of(const Collector *collector, uint32 row)
{
	Size		begin = row > 0 ? collector->key_ends[row - 1] : 0;
	RtQueryRowKey key = {.text = collector->keys.data + begin};

	key.len = collector->key_ends[row] - begin;
	key.hash = hash_bytes((const unsigned char *) key.text, key.len);
	return key;
}

/* ---- rows ---- */

/* Clients look for the key in the row. */
static void
write_row(Collector *collector, StringInfo out)
{
	RtQueryRowKey key;

	rt_row_write(collector->writer, out, collector->values, collector->nulls);
	if (collector->query->key_count == 1)
		return;
	key = key_of(collector, collector->row_count);
	out->len--;
	appendStringInfo(out, ",%s:%.*s}", collector->result->key_name,
					 (int) key.len, key.text);
}

/* Returns whether there is anything to send. */
static bool
write_transformed(Collector *collector, StringInfo out)
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

static void
make_room(Collector *collector)
{
	int			limit = collector->declaration->query->max_rows;
	Size		size;

	if (collector->row_count >= (uint32) limit)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
				 errmsg("Result has more than %d rows", limit)));
	if (collector->row_count < collector->row_max)
		return;
	collector->row_max *= 2;
	size = (Size) collector->row_max * sizeof(Size);
	collector->key_ends = repalloc_huge(collector->key_ends, size);
	collector->result->ends = repalloc_huge(collector->result->ends, size);
	size = (Size) collector->row_max * collector->cut_count * sizeof(uint64);
	collector->cuts = repalloc_huge(collector->cuts, size + 1);
}

static void
hash_cuts(Collector *collector)
{
	uint64	   *hashes = collector->cuts + (Size) collector->row_count * collector->cut_count;

	for (uint32 i = 0; i < collector->cut_count; i++)
	{
		const RtQueryCut *cut = list_nth(collector->query->cuts, i);

		hashes[i] = rt_query_cut_hash(cut, collector->values[cut->column - 1],
									  collector->nulls[cut->column - 1]);
	}
}

/* By a value before: at the same snapshot it is the same row. */
static bool
was_found(const Collector *collector)
{
	return collector->restriction != NULL &&
		rt_restriction_concerns(collector->restriction, collector->done,
								collector->cuts + (Size) collector->row_count * collector->cut_count);
}

static void
collect_row(Collector *collector, HeapTuple tuple, TupleDesc desc)
{
	StringInfo	out = &collector->result->rows;
	Size		keys_before = collector->keys.len;
	Size		rows_before = out->len;
	bool		kept = true;

	make_room(collector);
	heap_deform_tuple(tuple, desc, collector->values, collector->nulls);
	write_key(collector);
	collector->key_ends[collector->row_count] = collector->keys.len;
	hash_cuts(collector);
	if (was_found(collector))
	{
		collector->keys.len = keys_before;
		return;
	}
	if (collector->row_count > 0)
		appendStringInfoChar(out, ',');
	if (collector->transforms != NULL)
		kept = write_transformed(collector, out);
	else
		write_row(collector, out);
	if (kept)
		collector->result->ends[collector->row_count++] = out->len;
	else
	{
		collector->keys.len = keys_before;
		out->len = rows_before;
	}
}

static void
collect_rows(Collector *collector, SPITupleTable *table, uint64 count)
{
	MemoryContext old = CurrentMemoryContext;

	for (uint64 i = 0; i < count; i++)
	{
		/* buffers grow where they are, all else goes with the row */
		MemoryContextSwitchTo(collector->row_context);
		collect_row(collector, table->vals[i], table->tupdesc);
		MemoryContextSwitchTo(old);
		MemoryContextReset(collector->row_context);
		CHECK_FOR_INTERRUPTS();
	}
}

/* ---- what is remembered of them ---- */

static uint64
hash_of_row(RtText row)
{
	return rt_query_group_hash(row.ptr, row.len).words[0];
}

/* An empty one with room for some rows more, whose keys have so many bytes. */
static RtQueryState *
begin_state(const Collector *collector, uint32 more_rows, Size more_key_bytes)
{
	uint32		row_count = collector->row_count + more_rows;
	Size		key_bytes = collector->keys.len + more_key_bytes;
	Size		size = rt_query_state_size(row_count, key_bytes, collector->cut_count);
	RtQueryState *state;

	if (size == 0)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
				 errmsg("Keys of the result are too long")));
	state = MemoryContextAllocHuge(CurrentMemoryContext, size);
	rt_query_state_init(state, row_count, key_bytes, collector->cut_count);
	state->cuts = rt_query_cuts_hash(collector->query);
	return state;
}

static uint64
hash_of_collected(const Collector *collector, uint32 row)
{
	return hash_of_row(rt_query_result_row(collector->result, row));
}

static void
add_to_state(const Collector *collector, RtQueryState *state, uint32 row)
{
	RtQueryRowKey key = key_of(collector, row);

	if (rt_query_state_find(state, &key) != RT_QUERY_ROW_NONE)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_CONFLICT)),
				 errmsg("Two rows of the result have the same key")));
	rt_query_state_add(state, &key, hash_of_collected(collector, row),
					   collector->cuts + (Size) row * collector->cut_count);
}

static void
make_state(Collector *collector)
{
	RtQueryState *state = begin_state(collector, 0, 0);

	for (uint32 row = 0; row < collector->row_count; row++)
		add_to_state(collector, state, row);
	collector->result->state = state;
}

RtText
rt_query_result_row(const RtQueryResult *result, uint32 row)
{
	Size		begin = row > 0 ? result->ends[row - 1] + 1 : 1;

	return (RtText) {result->rows.data + begin, result->ends[row] - begin};
}

/* ---- running ---- */

/* With one more value for a restricted plan. */
static uint64
run_plan(RtQuery *query, RtQueryPlan *plan, const NullableDatum *values, Datum more)
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
	return rt_query_run(plan, datums, nulls, GetActiveSnapshot());
}

RtQueryResult *
rt_query_result(const RtStreamDeclaration *declaration, RtQuery *query,
				const NullableDatum *values)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext spi_context;
	Collector	collector;
	uint64		count;

	begin_collecting(&collector, declaration, query);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	count = run_plan(query, rt_query_plan(query, RT_QUERY_FULL, -1), values, (Datum) 0);
	spi_context = MemoryContextSwitchTo(context);
	collect_rows(&collector, SPI_tuptable, count);
	appendStringInfoChar(&collector.result->rows, ']');
	make_state(&collector);
	MemoryContextSwitchTo(spi_context);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return collector.result;
}

/* ---- of what may have changed ---- */

static void
run_restricted(Collector *collector, const NullableDatum *values, int number)
{
	const RtCutValue *value = &collector->restriction->values[number];
	RtQueryPlan *plan = rt_query_plan(collector->query, value->is_null ?
									  RT_QUERY_NULL : RT_QUERY_VALUE, value->cut);
	MemoryContext context = MemoryContextGetParent(collector->row_context);
	uint64		count = run_plan(collector->query, plan, values, value->value);
	MemoryContext spi_context = MemoryContextSwitchTo(context);

	collector->done = number;
	collect_rows(collector, SPI_tuptable, count);
	MemoryContextSwitchTo(spi_context);
	SPI_freetuptable(SPI_tuptable);
}

static bool
is_concerned(const Collector *collector, const RtQueryState *before, uint32 row)
{
	return rt_restriction_concerns(collector->restriction, collector->restriction->count,
								   rt_query_state_cuts(before, row));
}

/* Those rows that cannot have changed, and then those that were found. */
static void
merge_state(Collector *collector, const RtQueryState *before)
{
	int			limit = collector->declaration->query->max_rows;
	RtQueryState *state = begin_state(collector, before->row_count, before->text_used);

	for (uint32 row = 0; row < before->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(before, row);

		if (!is_concerned(collector, before, row))
			rt_query_state_add(state, &key, rt_query_state_row(before, row)->hash,
							   rt_query_state_cuts(before, row));
	}
	for (uint32 row = 0; row < collector->row_count; row++)
		add_to_state(collector, state, row);
	if (state->row_count > (uint32) limit)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
				 errmsg("Result has more than %d rows", limit)));
	collector->result->state = state;
}

static void
find_difference(Collector *collector, const RtQueryState *before)
{
	RtDifference *difference = palloc0(sizeof(RtDifference));
	Size		most = (Size) before->row_count + collector->row_count;

	difference->changes = MemoryContextAllocHuge(CurrentMemoryContext,
												 Max(most, 1) * sizeof(RtRowChange));
	for (uint32 row = 0; row < before->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(before, row);

		if (is_concerned(collector, before, row) &&
			rt_query_state_find(collector->result->state, &key) == RT_QUERY_ROW_NONE)
			difference->changes[difference->count++] = (RtRowChange) {RT_ROW_DELETED, row};
	}
	for (uint32 row = 0; row < collector->row_count; row++)
	{
		RtQueryRowKey key = key_of(collector, row);
		uint32		old = rt_query_state_find(before, &key);

		if (old == RT_QUERY_ROW_NONE)
			difference->changes[difference->count++] = (RtRowChange) {RT_ROW_CREATED, row};
		else if (rt_query_state_row(before, old)->hash != hash_of_collected(collector, row))
			difference->changes[difference->count++] = (RtRowChange) {RT_ROW_UPDATED, row};
	}
	collector->result->difference = difference;
}

RtQueryResult *
rt_query_result_restricted(const RtStreamDeclaration *declaration, RtQuery *query,
						   const NullableDatum *values,
						   const RtRestriction *restriction,
						   const RtQueryState *before)
{
	MemoryContext context = CurrentMemoryContext;
	Collector	collector;

	begin_collecting(&collector, declaration, query);
	collector.restriction = restriction;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	for (int i = 0; i < restriction->count; i++)
		run_restricted(&collector, values, i);
	SPI_finish();
	MemoryContextSwitchTo(context);
	appendStringInfoChar(&collector.result->rows, ']');
	merge_state(&collector, before);
	find_difference(&collector, before);
	return collector.result;
}

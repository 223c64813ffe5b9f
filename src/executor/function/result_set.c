/*
 * result_set.c
 *		A function's result as JSON: a value, or an array of rows.
 *
 * Everything is written as it comes and counted at once, so that a result
 * beyond the limit of a frame costs no more memory than the limit.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "src/errcodes.h"
#include "src/executor/function/result_set.h"

struct RtResultSet
{
	DestReceiver receiver;		/* first: rows of a query arrive here */
	RtFunction *function;
	StringInfo	out;			/* NULL = not wanted */
	int			limit;
	TupleDesc	expected;
	RtRowWriter *writer;		/* of slots; NULL = not needed yet */
	MemoryContext row_context;	/* reset before each row of a slot */
	bool		any;			/* a row has been written */
};

void
rt_result_check_size(StringInfo out, int limit)
{
	if (out->len > limit)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("Result is too long; return it in pages")));
}

/* ---- values ---- */

/* The writer of the rows that the function gave last, if still the right one. */
static RtRowWriter *
writer_of_rows(RtFunction *function, TupleDesc desc)
{
	MemoryContext old;

	if (function->row_writer != NULL &&
		rt_row_writer_matches(function->row_writer, desc))
		return function->row_writer;

	if (function->row_writer != NULL)
		rt_row_writer_free(function->row_writer);
	function->row_writer = NULL;
	old = MemoryContextSwitchTo(function->context);
	function->row_writer = rt_row_writer(desc);
	MemoryContextSwitchTo(old);
	return function->row_writer;
}

/* A row with the names of the OUT parameters, if the function has them. */
static void
write_row_datum(RtFunction *function, StringInfo out, Datum value)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	TupleDesc	actual = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
												HeapTupleHeaderGetTypMod(header));
	TupleDesc	named = function->result_row;
	HeapTupleData tuple;
	Datum	   *values = palloc(actual->natts * sizeof(Datum));
	bool	   *isnull = palloc(actual->natts * sizeof(bool));

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, actual, values, isnull);
	if (named == NULL || named->natts != actual->natts)
		named = actual;
	rt_row_write(writer_of_rows(function, named), out, values, isnull);
	ReleaseTupleDesc(actual);
}

void
rt_result_write_value(RtFunction *function, StringInfo out,
					  Datum value, bool isnull)
{
	switch (function->result)
	{
		case RT_RESULT_VOID:
			break;
		case RT_RESULT_SCALAR:
			rt_value_write(function->result_value, out, value, isnull);
			break;
		case RT_RESULT_NAMED_SCALAR:
			appendStringInfoChar(out, '{');
			appendStringInfoString(out, function->result_name);
			rt_value_write(function->result_value, out, value, isnull);
			appendStringInfoChar(out, '}');
			break;
		case RT_RESULT_ROW:
			if (isnull)
				appendStringInfoString(out, "null");
			else
				write_row_datum(function, out, value);
			break;
	}
}

/* ---- sets ---- */

static TupleDesc
scalar_desc(Oid type)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "column", type, -1, 0);
	return desc;
}

/*
 * A copy, because the pin on a row type's descriptor would have to be given
 * back on every path.
 */
static TupleDesc
expected_desc(RtFunction *function)
{
	Oid			base;
	int32		typmod = -1;

	if (function->result != RT_RESULT_ROW)
		return scalar_desc(function->result_type);
	if (function->result_row != NULL)
		return CreateTupleDescCopy(function->result_row);
	if (function->result_type == RECORDOID)
		return NULL;
	base = getBaseTypeAndTypmod(function->result_type, &typmod);
	return lookup_rowtype_tupdesc_copy(base, typmod);
}

RtResultSet *
rt_result_set_begin(RtFunction *function, StringInfo out, int limit)
{
	RtResultSet *set = palloc0(sizeof(RtResultSet));

	set->function = function;
	set->out = function->result == RT_RESULT_VOID ? NULL : out;
	set->limit = limit;
	set->expected = expected_desc(function);
	set->row_context = AllocSetContextCreate(CurrentMemoryContext,
											 "realtime row",
											 ALLOCSET_SMALL_SIZES);
	if (set->out != NULL)
		appendStringInfoChar(set->out, '[');
	return set;
}

void
rt_result_set_end(RtResultSet *set)
{
	if (set->out == NULL)
		return;
	appendStringInfoChar(set->out, ']');
	rt_result_check_size(set->out, set->limit);
}

TupleDesc
rt_result_set_expected(RtResultSet *set)
{
	return set->expected;
}

/* As PostgreSQL's tupledesc_match(): names are ours, types must be the same. */
TupleDesc
rt_result_set_desc(RtResultSet *set, TupleDesc produced)
{
	bool		same;

	if (set->expected == NULL && produced == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("function \"%s\" does not say which columns it returns",
						set->function->name)));
	if (set->expected == NULL)
		set->expected = CreateTupleDescCopy(produced);
	if (produced == NULL)
		return set->expected;

	same = produced->natts == set->expected->natts;
	for (int i = 0; i < produced->natts && same; i++)
		same = TupleDescAttr(produced, i)->atttypid ==
			TupleDescAttr(set->expected, i)->atttypid ||
			TupleDescAttr(set->expected, i)->attisdropped;
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("rows of function \"%s\" are not of the type it declares",
						set->function->name)));
	return set->expected;
}

/* Before a row; the size is looked at once per row. */
static void
begin_row(RtResultSet *set)
{
	rt_result_check_size(set->out, set->limit);
	if (set->any)
		appendStringInfoChar(set->out, ',');
	set->any = true;
}

void
rt_result_set_add_value(RtResultSet *set, Datum value, bool isnull)
{
	if (set->out == NULL)
		return;
	begin_row(set);
	rt_result_write_value(set->function, set->out, value, isnull);
}

void
rt_result_set_add_slot(RtResultSet *set, TupleTableSlot *slot)
{
	MemoryContext old;

	if (set->out == NULL)
		return;
	begin_row(set);
	slot_getallattrs(slot);
	if (set->function->result == RT_RESULT_ROW && set->writer == NULL)
		set->writer = writer_of_rows(set->function, set->expected);

	MemoryContextReset(set->row_context);
	old = MemoryContextSwitchTo(set->row_context);
	if (set->writer != NULL)
		rt_row_write(set->writer, set->out, slot->tts_values, slot->tts_isnull);
	else
		rt_result_write_value(set->function, set->out, slot->tts_values[0],
							  slot->tts_isnull[0]);
	MemoryContextSwitchTo(old);
}

/* ---- sets by a query ---- */

static bool
on_row(TupleTableSlot *slot, DestReceiver *self)
{
	rt_result_set_add_slot((RtResultSet *) self, slot);
	return true;
}

/* The query knows the columns best: it leaves out those that were dropped. */
static void
on_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	((RtResultSet *) self)->expected = CreateTupleDescCopy(desc);
}

static void
on_shutdown(DestReceiver *self)
{
}

/*
 * SELECT * FROM schema.function($1, ...).  All arguments are given, with
 * their exact types, so the name cannot mean another function.
 */
static SPIPlanPtr
make_plan(RtFunction *function)
{
	StringInfoData sql;
	Oid			types[FUNC_MAX_ARGS];
	SPIPlanPtr	plan;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT * FROM %s(",
					 quote_qualified_identifier(function->schema, function->name));
	for (int i = 0; i < function->nargs; i++)
	{
		types[i] = function->parameters[i].type;
		appendStringInfo(&sql, "%s%s$%d", i > 0 ? ", " : "",
						 function->variadic && i == function->nargs - 1 ?
						 "VARIADIC " : "", i + 1);
	}
	appendStringInfoChar(&sql, ')');

	plan = SPI_prepare(sql.data, function->nargs, types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare \"%s\": %s", sql.data,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * The columns of a query's * are found once, and nothing tells the plan when
 * the row type of a function has changed: that is for us to see.
 */
static RtRolePlan *
current_plan(RtFunction *function, TupleDesc row)
{
	RtRolePlan *plan = rt_role_plan_of(function, RT_PLAN_OF_SET);
	MemoryContext old;

	if (plan->plan != NULL && equalTupleDescs(plan->row, row))
		return plan;
	rt_role_plan_clear(plan);
	old = MemoryContextSwitchTo(TopMemoryContext);
	plan->row = CreateTupleDescCopy(row);
	MemoryContextSwitchTo(old);
	plan->plan = make_plan(function);
	return plan;
}

void
rt_result_set_run_query(RtResultSet *set, RtFunction *function,
						RtArguments *arguments)
{
	SPIExecuteOptions options;
	RtRolePlan *plan;
	int			result;

	set->receiver.receiveSlot = on_row;
	set->receiver.rStartup = on_startup;
	set->receiver.rShutdown = on_shutdown;
	set->receiver.rDestroy = on_shutdown;
	set->receiver.mydest = DestTuplestore; /* any that keeps rows */

	memset(&options, 0, sizeof(options));
	options.read_only = true;	/* only STABLE functions are inlinable */
	options.must_return_tuples = true;
	options.dest = &set->receiver;
	options.params = rt_arguments_params(function, arguments);

	SPI_connect();
	plan = current_plan(function, set->expected);
	rt_role_plan_note_use(plan);
	result = SPI_execute_plan_extended(plan->plan, &options);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "could not run function \"%s\": %s", function->name,
			 SPI_result_code_string(result));
	SPI_finish();
}

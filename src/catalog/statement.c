/*
 * statement.c
 *		SQL on the extension's tables, run as their owner.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/syscache.h"

#include "src/catalog/statement.h"

/* Who the user was. */
typedef struct Identity
{
	Oid			user;
	int			security;
} Identity;

static Identity become_owner(Oid table);
static Oid	table_owner(Oid table);
static void execute(RtStatement *statement, int expected);

void
rt_statement_put(RtStatement *statement, Oid type, Datum value, bool is_null)
{
	int			number = statement->count++;

	Assert(number < RT_STATEMENT_ARGUMENTS_MAX);
	statement->types[number] = type;
	statement->values[number] = value;
	statement->nulls[number] = is_null ? 'n' : ' ';
}

void
rt_statement_put_number(RtStatement *statement, Oid type, int64 number)
{
	rt_statement_put(statement, type,
					 type == INT8OID ? Int64GetDatum(number) : Int32GetDatum((int32) number),
					 number == 0);
}

void
rt_statement_put_text(RtStatement *statement, const char *text)
{
	rt_statement_put(statement, TEXTOID,
					 text != NULL ? CStringGetTextDatum(text) : (Datum) 0,
					 text == NULL);
}

void
rt_statement_put_text_array(RtStatement *statement, List *texts)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(texts), 1));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, texts)
		elements[count++] = CStringGetTextDatum((char *) lfirst(cell));
	rt_statement_put(statement, TEXTARRAYOID,
					 PointerGetDatum(construct_array(elements, count, TEXTOID,
													 -1, false, TYPALIGN_INT)),
					 false);
}

void
rt_statement_put_interval(RtStatement *statement, Interval *interval)
{
	rt_statement_put(statement, INTERVALOID, IntervalPGetDatum(interval),
					 interval == NULL);
}

uint64
rt_statement_run(RtStatement *statement, Oid table, int expected)
{
	Identity	before = become_owner(table);
	uint64		processed;

	SPI_connect();
	execute(statement, expected);
	processed = SPI_processed;
	SPI_finish();
	SetUserIdAndSecContext(before.user, before.security);
	return processed;
}

/* In the memory of the caller of the statement. */
static void *
copy_row(MemoryContext context, HeapTuple row, TupleDesc type)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	char	  **texts = palloc(sizeof(char *) * type->natts);

	for (int i = 0; i < type->natts; i++)
		texts[i] = SPI_getvalue(row, type, i + 1);
	MemoryContextSwitchTo(old);
	return texts;
}

static void *
copy_values(MemoryContext context, HeapTuple row, TupleDesc type)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	RtStatementRow *copy = palloc(sizeof(RtStatementRow));

	copy->values = palloc(sizeof(Datum) * type->natts);
	copy->nulls = palloc(sizeof(bool) * type->natts);
	heap_deform_tuple(row, type, copy->values, copy->nulls);
	for (int i = 0; i < type->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(type, i);

		if (copy->nulls[i])
			continue;
		if (column->attlen == -1)
			copy->values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(copy->values[i]));
		else
			copy->values[i] = datumCopy(copy->values[i], column->attbyval, column->attlen);
	}
	MemoryContextSwitchTo(old);
	return copy;
}

/* All rows, as copy() makes them in the caller's context. */
static List *
run_copying(RtStatement *statement, Oid table, int expected,
			void *(*copy) (MemoryContext context, HeapTuple row, TupleDesc type))
{
	MemoryContext context = CurrentMemoryContext;
	Identity	before = become_owner(table);
	List	   *rows = NIL;

	SPI_connect();
	execute(statement, expected);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		void	   *row = copy(context, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContext old = MemoryContextSwitchTo(context);

		rows = lappend(rows, row);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	SetUserIdAndSecContext(before.user, before.security);
	return rows;
}

List *
rt_statement_run_values(RtStatement *statement, Oid table, int expected)
{
	return run_copying(statement, table, expected, copy_values);
}

List *
rt_statement_run_rows(RtStatement *statement, Oid table, int expected)
{
	return run_copying(statement, table, expected, copy_row);
}

int64
rt_statement_run_int64(RtStatement *statement, Oid table)
{
	Identity	before = become_owner(table);
	bool		is_null;
	int64		value;

	SPI_connect();
	execute(statement, SPI_OK_SELECT);
	value = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &is_null));
	SPI_finish();
	SetUserIdAndSecContext(before.user, before.security);
	return value;
}

static Identity
become_owner(Oid table)
{
	Identity	before;

	GetUserIdAndSecContext(&before.user, &before.security);
	SetUserIdAndSecContext(table_owner(table),
						   before.security | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	return before;
}

static Oid
table_owner(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", table);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Those of texts that are run often, by where these lie. */
typedef struct KeptPlan
{
	const char *sql;
	SPIPlanPtr	plan;
} KeptPlan;

#define KEPT_MAX 64

static KeptPlan kept[KEPT_MAX];
static int	kept_count = 0;

static SPIPlanPtr
kept_plan(RtStatement *statement)
{
	SPIPlanPtr	plan;

	for (int i = 0; i < kept_count; i++)
	{
		if (kept[i].sql == statement->sql)
			return kept[i].plan;
	}
	plan = SPI_prepare(statement->sql, statement->count, statement->types);
	if (plan == NULL)
		elog(ERROR, "statement on the extension's tables failed: %s",
			 SPI_result_code_string(SPI_result));
	Assert(kept_count < KEPT_MAX);
	if (kept_count < KEPT_MAX && SPI_keepplan(plan) == 0)
		kept[kept_count++] = (KeptPlan) {statement->sql, plan};
	return plan;
}

static void
execute(RtStatement *statement, int expected)
{
	int			result;

	if (statement->is_frequent)
		result = SPI_execute_plan(kept_plan(statement), statement->values,
								  statement->nulls, false, 0);
	else
		result = SPI_execute_with_args(statement->sql, statement->count,
									   statement->types, statement->values,
									   statement->nulls, false, 0);
	if (result != expected)
		elog(ERROR, "statement on the extension's tables failed: %s",
			 SPI_result_code_string(result));
}

/*
 * aggregate_store.c
 *		What aggregates have come to, as their tables keep it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "src/catalog/aggregate_store.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"

/* All of these tables have the same owner. */
static Oid
value_table(void)
{
	return get_relname_relid("aggregate_value", get_namespace_oid(RT_SCHEMA, false));
}

static void
put_time(RtStatement *statement, TimestampTz time, bool is_null)
{
	rt_statement_put(statement, TIMESTAMPTZOID, TimestampTzGetDatum(time), is_null);
}

static uint64
run_for_path(const char *sql, const char *path, int expected)
{
	RtStatement statement = {.sql = sql,.is_frequent = true};

	rt_statement_put_text(&statement, path);
	return rt_statement_run(&statement, value_table(), expected);
}

/* ---- reading ---- */

bool
rt_aggregate_take(const char *path)
{
	if (run_for_path("SELECT FROM realtime.aggregate_value WHERE path OPERATOR(pg_catalog.=) $1"
					 " AND name OPERATOR(pg_catalog.=) '' FOR UPDATE SKIP LOCKED",
					 path, SPI_OK_SELECT) > 0)
		return true;
	return run_for_path("INSERT INTO realtime.aggregate_value (path, name, definition, value)"
						" VALUES ($1, '', '', 'null') ON CONFLICT DO NOTHING", path, SPI_OK_INSERT) > 0;
}

bool
rt_aggregate_has_value(const char *path, const char *definition)
{
	RtStatement statement = {
		.sql = "SELECT count(*) FROM realtime.aggregate_value"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) ''"
		" AND definition OPERATOR(pg_catalog.=) $2"
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, definition);
	return rt_statement_run_int64(&statement, value_table()) > 0;
}

static TimestampTz
time_of(const RtStatementRow *row, int column, TimestampTz when_null)
{
	return row->nulls[column] ? when_null : DatumGetTimestampTz(row->values[column]);
}

List *
rt_aggregate_values(const char *path)
{
	RtStatement statement = {
		.sql = "SELECT name, definition, value, since, until FROM realtime.aggregate_value"
		" WHERE path OPERATOR(pg_catalog.=) $1",
		.is_frequent = true
	};
	List	   *values = NIL;
	ListCell   *cell;

	rt_statement_put_text(&statement, path);
	foreach(cell, rt_statement_run_values(&statement, value_table(), SPI_OK_SELECT))
	{
		const RtStatementRow *row = lfirst(cell);
		RtAggregateValue *value = palloc0(sizeof(RtAggregateValue));

		value->name = TextDatumGetCString(row->values[0]);
		value->definition = TextDatumGetCString(row->values[1]);
		value->value = TextDatumGetCString(row->values[2]);
		value->since = time_of(row, 3, DT_NOBEGIN);
		value->until = time_of(row, 4, DT_NOEND);
		values = lappend(values, value);
	}
	return values;
}

static void
read_states(RtAggregateState *state, Datum reducers, Datum states)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(states), BYTEAOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	state->count = count;
	state->states = palloc(sizeof(bytea *) * Max(count, 1));
	for (int i = 0; i < count; i++)
		state->states[i] = nulls[i] ? NULL : DatumGetByteaPP(elements[i]);
	deconstruct_array(DatumGetArrayTypeP(reducers), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	state->count = Min(state->count, count);
	state->reducers = palloc(sizeof(char *) * Max(count, 1));
	for (int i = 0; i < count; i++)
		state->reducers[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
}

List *
rt_aggregate_states(const char *path, const char *name, TimestampTz from)
{
	RtStatement statement = {
		.sql = "SELECT bucket, reducers, states FROM realtime.aggregate_state"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
		" AND bucket OPERATOR(pg_catalog.=) '-infinity' UNION ALL "
		"(SELECT bucket, reducers, states FROM realtime.aggregate_state"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
		" AND bucket OPERATOR(pg_catalog.>) '-infinity' AND bucket OPERATOR(pg_catalog.>=) $3"
		" ORDER BY bucket)",
		.is_frequent = true
	};
	List	   *states = NIL;
	ListCell   *cell;

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, name);
	put_time(&statement, from, false);
	foreach(cell, rt_statement_run_values(&statement, value_table(), SPI_OK_SELECT))
	{
		const RtStatementRow *row = lfirst(cell);
		RtAggregateState *state = palloc0(sizeof(RtAggregateState));

		state->name = name;
		state->bucket = DatumGetTimestampTz(row->values[0]);
		read_states(state, row->values[1], row->values[2]);
		states = lappend(states, state);
	}
	return states;
}

char *
rt_aggregate_value(const char *path, const char *name, const char *definition)
{
	RtStatement statement = {
		.sql = "SELECT value FROM realtime.aggregate_value"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
		" AND definition OPERATOR(pg_catalog.=) $3"
	};
	List	   *rows;

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, definition);
	rows = rt_statement_run_rows(&statement, value_table(), SPI_OK_SELECT);
	return rows == NIL ? NULL : ((char **) linitial(rows))[0];
}

/* ---- writing ---- */

void
rt_aggregate_put_value(const char *path, const RtAggregateValue *value)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.aggregate_value AS v"
		" (path, name, definition, value, since, until, events, failed, last_error)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (path, name) DO UPDATE SET value = EXCLUDED.value,"
		" since = EXCLUDED.since, until = EXCLUDED.until,"
		" events = EXCLUDED.events OPERATOR(pg_catalog.+) CASE WHEN v.definition OPERATOR(pg_catalog.=) EXCLUDED.definition THEN v.events ELSE 0 END,"
		" failed = EXCLUDED.failed OPERATOR(pg_catalog.+) CASE WHEN v.definition OPERATOR(pg_catalog.=) EXCLUDED.definition THEN v.failed ELSE 0 END,"
		" last_error = COALESCE(EXCLUDED.last_error, CASE WHEN v.definition OPERATOR(pg_catalog.=) EXCLUDED.definition THEN v.last_error END),"
		" definition = EXCLUDED.definition",
		.is_frequent = true
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, value->name);
	rt_statement_put_text(&statement, value->definition);
	rt_statement_put_text(&statement, value->value);
	put_time(&statement, value->since, TIMESTAMP_IS_NOBEGIN(value->since));
	put_time(&statement, value->until, TIMESTAMP_IS_NOEND(value->until));
	rt_statement_put(&statement, INT8OID, Int64GetDatum(value->events), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(value->failed), false);
	rt_statement_put_text(&statement, value->last_error);
	(void) rt_statement_run(&statement, value_table(), SPI_OK_INSERT);
}

static void
put_bytes(RtStatement *statement, bytea *const *bytes, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = PointerGetDatum(bytes[i]);
	rt_statement_put(statement, BYTEAARRAYOID,
					 PointerGetDatum(construct_array(elements, count, BYTEAOID, -1, false,
													 TYPALIGN_INT)), false);
}

void
rt_aggregate_put_state(const char *path, const RtAggregateState *state)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.aggregate_state (path, name, bucket, reducers, states)"
		" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (path, name, bucket) DO UPDATE SET"
		" reducers = EXCLUDED.reducers, states = EXCLUDED.states",
		.is_frequent = true
	};
	List	   *reducers = NIL;

	for (int i = 0; i < state->count; i++)
		reducers = lappend(reducers, state->reducers[i]);
	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, state->name);
	put_time(&statement, state->bucket, false);
	rt_statement_put_text_array(&statement, reducers);
	put_bytes(&statement, state->states, state->count);
	(void) rt_statement_run(&statement, value_table(), SPI_OK_INSERT);
}

/* ---- removing ---- */

void
rt_aggregate_forget_buckets(const char *path, const char *name, TimestampTz before)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.aggregate_state WHERE path OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2 AND bucket OPERATOR(pg_catalog.<) $3",
		.is_frequent = true
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, name);
	put_time(&statement, before, false);
	(void) rt_statement_run(&statement, value_table(), SPI_OK_DELETE);
}

void
rt_aggregate_forget_window(const char *path, const char *name)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.aggregate_value WHERE path OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2"
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, name);
	(void) rt_statement_run(&statement, value_table(), SPI_OK_DELETE);
	rt_aggregate_forget_buckets(path, name, DT_NOEND);
}

void
rt_aggregate_forget_undeclared(void)
{
	RtStatement statement = {
		.sql = "WITH gone AS (DELETE FROM realtime.aggregate_value WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.aggregate_value v WHERE NOT EXISTS"
		" (SELECT FROM realtime.aggregate_declaration d WHERE d.path OPERATOR(pg_catalog.=) v.path)"
		" FOR UPDATE SKIP LOCKED)) RETURNING path)"
		" DELETE FROM realtime.aggregate_state USING gone"
		" WHERE aggregate_state.path OPERATOR(pg_catalog.=) gone.path"
	};

	(void) rt_statement_run(&statement, value_table(), SPI_OK_DELETE);
}

void
rt_aggregate_rename_function(const char *old_signature, const char *new_signature)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.aggregate_state SET reducers = ARRAY("
		"SELECT pg_catalog.replace(r, $1, $2) FROM pg_catalog.unnest(reducers) WITH ORDINALITY AS u(r, n) ORDER BY n)"
		" WHERE EXISTS (SELECT FROM pg_catalog.unnest(reducers) AS r WHERE pg_catalog.strpos(r, $1) OPERATOR(pg_catalog.>) 0)"
	};

	rt_statement_put_text(&statement, psprintf(" %s ", old_signature));
	rt_statement_put_text(&statement, psprintf(" %s ", new_signature));
	(void) rt_statement_run(&statement, value_table(), SPI_OK_UPDATE);
}

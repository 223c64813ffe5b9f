/*
 * store_aggregate.c
 *		Writing the declarations of aggregates and effects.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/lmgr.h"

#include "src/backend/declare/store.h"
#include "src/backend/declare/store_aggregate.h"
#include "src/catalog/statement.h"

/* An aggregate declares streams; the last lock, as in rt_store_lock(). */
void
rt_store_begin_aggregate(const char *path)
{
	rt_store_begin_stream(path);
	LockRelationOid(rt_store_table(RT_AGGREGATE_TABLE), ShareRowExclusiveLock);
}

/* Updated if it is there: its id stays, and so does what it has come to. */
void
rt_store_aggregate(const RtAggregateRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.aggregate_declaration"
		" (path, source, topic, names, aggregates, fields, access, guards, snapshot,"
		" class_of_service, owner, initial)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
		" ON CONFLICT (path) DO UPDATE SET source = EXCLUDED.source, topic = EXCLUDED.topic,"
		" names = EXCLUDED.names, aggregates = EXCLUDED.aggregates, fields = EXCLUDED.fields,"
		" access = EXCLUDED.access, guards = EXCLUDED.guards, snapshot = EXCLUDED.snapshot,"
		" class_of_service = EXCLUDED.class_of_service, owner = EXCLUDED.owner,"
		" initial = EXCLUDED.initial"
	};

	rt_store_drop_from(rt_declaration_table(RT_RPC_TABLE), row->path);
	rt_store_drop_from(rt_declaration_table(RT_STREAM_TABLE), row->path);
	rt_store_drop_from(rt_declaration_table(RT_QUERY_TABLE), row->path);
	rt_store_drop_from(rt_declaration_table(RT_EFFECT_TABLE), row->path);
	rt_store_drop_from(rt_declaration_table(RT_PIPE_TABLE), row->path);
	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text(&statement, row->source);
	rt_statement_put_text(&statement, row->topic);
	rt_statement_put_text_array(&statement, row->names);
	rt_statement_put_text_array(&statement, row->aggregates);
	rt_statement_put_text_array(&statement, row->fields);
	rt_statement_put_text(&statement, row->access);
	rt_statement_put_text_array(&statement, row->guards);
	rt_statement_put_text(&statement, row->snapshot);
	rt_statement_put_text(&statement, row->class_of_service);
	rt_statement_put(&statement, REGROLEOID, ObjectIdGetDatum(row->owner), false);
	rt_statement_put_text(&statement, row->initial);
	(void) rt_statement_run(&statement, rt_store_table(RT_AGGREGATE_TABLE), SPI_OK_INSERT);
}

void
rt_store_window(const RtWindowRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.aggregate_window_declaration"
		" (path, name, kind, period, time_zone, duration, anchor, slide)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (path, name) DO UPDATE SET kind = EXCLUDED.kind,"
		" period = EXCLUDED.period, time_zone = EXCLUDED.time_zone,"
		" duration = EXCLUDED.duration, anchor = EXCLUDED.anchor, slide = EXCLUDED.slide"
	};

	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text(&statement, row->name);
	rt_statement_put_text(&statement, row->kind);
	rt_statement_put_text(&statement, row->period);
	rt_statement_put_text(&statement, row->time_zone);
	rt_statement_put_interval(&statement, row->duration);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(row->anchor), !row->has_anchor);
	rt_statement_put_interval(&statement, row->slide);
	(void) rt_statement_run(&statement, rt_store_table(RT_AGGREGATE_TABLE), SPI_OK_INSERT);
}

bool
rt_store_drop_window(const char *path, const char *name)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.aggregate_window_declaration"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2"
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, name);
	return rt_statement_run(&statement, rt_store_table(RT_AGGREGATE_TABLE), SPI_OK_DELETE) > 0;
}

/* ---- effects ---- */

/* An aggregate of that path would get the same events. */
void
rt_store_effect(const RtEffectRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.effect_declaration (path, sources, handler, queue, owner)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (path) DO UPDATE SET sources = EXCLUDED.sources,"
		" handler = EXCLUDED.handler, queue = EXCLUDED.queue, owner = EXCLUDED.owner"
	};

	rt_store_drop_from(rt_declaration_table(RT_AGGREGATE_TABLE), row->path);
	rt_store_drop_from(rt_declaration_table(RT_WINDOW_TABLE), row->path);
	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text_array(&statement, row->sources);
	rt_statement_put_text(&statement, row->handler);
	rt_statement_put_text(&statement, row->queue);
	rt_statement_put(&statement, REGROLEOID, ObjectIdGetDatum(row->owner), false);
	(void) rt_statement_run(&statement, rt_store_table(RT_AGGREGATE_TABLE), SPI_OK_INSERT);
}

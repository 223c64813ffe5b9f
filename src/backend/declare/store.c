/*
 * store.c
 *		Writing the tables of declarations.
 *
 * SQL, so that constraints and triggers do their work and two sessions that
 * declare the same path wait for each other.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "src/backend/declare/store.h"
#include "src/backend/watch/watch.h"
#include "src/catalog/aggregate_store.h"
#include "src/catalog/statement.h"

/* An advisory lock that SQL cannot take, as those of topics; of paths. */
#define PATH_LOCK_FIELD3 1
#define PATH_LOCK_FIELD4 0x5250

static void lock_path(const char *path);
static bool delete_from(const RtDeclarationTable *table, const char *name);
static uint64 run(RtStatement *statement, int expected);

/* The two tables of paths have no constraint in common. */
static void
lock_path(const char *path)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId,
						 hash_bytes((const unsigned char *) path, (int) strlen(path)),
						 PATH_LOCK_FIELD3, PATH_LOCK_FIELD4);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

void
rt_store_begin_rpc(const char *path)
{
	LockRelationOid(rt_store_table(RT_RPC_TABLE), RowExclusiveLock);
	lock_path(path);
}

void
rt_store_begin_topic(void)
{
	LockRelationOid(rt_store_table(RT_TOPIC_TABLE), ShareRowExclusiveLock);
}

/* Streams declare topics, too.  In the order of rt_store_lock(). */
void
rt_store_begin_stream(const char *path)
{
	LockRelationOid(rt_store_table(RT_RPC_TABLE), RowExclusiveLock);
	rt_store_begin_topic();
	LockRelationOid(rt_store_table(RT_STREAM_TABLE), RowExclusiveLock);
	lock_path(path);
}

/* Nobody else changes what queries read (src/backend/watch). */
static void
lock_queries(void)
{
	LockRelationOid(rt_store_table(RT_QUERY_TABLE), ShareRowExclusiveLock);
}

/* Who replaces a query by something else has the path, too, and then this. */
void
rt_store_begin_query(const char *path)
{
	LockRelationOid(rt_store_table(RT_RPC_TABLE), RowExclusiveLock);
	LockRelationOid(rt_store_table(RT_STREAM_TABLE), RowExclusiveLock);
	lock_path(path);
	lock_queries();
}

void
rt_store_begin_bridge(void)
{
	LockRelationOid(rt_store_table(RT_BRIDGE_TABLE), RowExclusiveLock);
}

void
rt_store_begin_cron(void)
{
	LockRelationOid(rt_store_table(RT_CRON_TABLE), ShareRowExclusiveLock);
}

void
rt_store_begin_hook(void)
{
	LockRelationOid(rt_store_table(RT_HOOK_TABLE), RowExclusiveLock);
}

void
rt_store_begin_admission(void)
{
	LockRelationOid(rt_store_table(RT_ADMISSION_TABLE), RowExclusiveLock);
}

void
rt_store_begin_rate_limit(void)
{
	LockRelationOid(rt_store_table(RT_RATE_TABLE), RowExclusiveLock);
}

void
rt_store_begin_breaker(void)
{
	LockRelationOid(rt_store_table(RT_BREAKER_TABLE), RowExclusiveLock);
}

void
rt_store_begin_guard(void)
{
	LockRelationOid(rt_store_table(RT_GUARD_TABLE), RowExclusiveLock);
}

void
rt_store_begin_middleware(void)
{
	LockRelationOid(rt_store_table(RT_MIDDLEWARE_TABLE), RowExclusiveLock);
}

void
rt_store_begin_club(void)
{
	LockRelationOid(rt_store_table(RT_CLUB_TABLE), RowExclusiveLock);
}

/*
 * Of anything.  Whether its topics keep their class depends on others; of two
 * that drop what is declared twice, the second sees it.
 */
static void
begin_drop(void)
{
	LockRelationOid(rt_store_table(RT_RPC_TABLE), RowExclusiveLock);
	rt_store_begin_topic();
	lock_queries();
}

/* A query of that path, if there is one, and the triggers that it needed. */
static void
replace_query(const char *path)
{
	RtStatement statement = {
		.sql = "SELECT count(*) FROM realtime.query_declaration"
		" WHERE path OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, path);
	if (rt_statement_run_int64(&statement, rt_store_table(RT_RPC_TABLE)) == 0)
		return;
	lock_queries();
	delete_from(rt_declaration_table(RT_QUERY_TABLE), path);
	rt_watch_keep();
}

/* An aggregate of that path, and its windows; and the pipe, unless it is a stream's. */
static void
replace_aggregate(const char *path, bool has_pipe)
{
	if (!has_pipe)
		delete_from(rt_declaration_table(RT_PIPE_TABLE), path);
	delete_from(rt_declaration_table(RT_AGGREGATE_TABLE), path);
	delete_from(rt_declaration_table(RT_WINDOW_TABLE), path);
}

void
rt_store_rpc(const RtRpcRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.rpc_declaration"
		" (path, handler, guards, timeout, read_only, class_of_service,"
		" idempotency_key, idempotency_ttl, lock_key, lock_wait, idempotent,"
		" breaker, fallback, rate_limit, rate_window, kind, max_size, max_per_session,"
		" max_total, reauth_every, share_result)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, COALESCE($8, '48 h'), $9, $10, $11, $12, $13,"
		" $14, COALESCE($15, '10 s'), $16, $17, $18, $19, $20, $21)"
		" ON CONFLICT (path) DO UPDATE SET"
		" handler = EXCLUDED.handler, guards = EXCLUDED.guards,"
		" timeout = EXCLUDED.timeout, read_only = EXCLUDED.read_only,"
		" rate_limit = EXCLUDED.rate_limit,"
		" rate_window = EXCLUDED.rate_window,"
		" idempotency_key = EXCLUDED.idempotency_key,"
		" idempotency_ttl = EXCLUDED.idempotency_ttl,"
		" lock_key = EXCLUDED.lock_key, lock_wait = EXCLUDED.lock_wait,"
		" class_of_service = EXCLUDED.class_of_service,"
		" idempotent = EXCLUDED.idempotent,"
		" breaker = EXCLUDED.breaker, fallback = EXCLUDED.fallback,"
		" kind = EXCLUDED.kind, max_size = EXCLUDED.max_size,"
		" max_per_session = EXCLUDED.max_per_session,"
		" max_total = EXCLUDED.max_total, reauth_every = EXCLUDED.reauth_every,"
		" share_result = EXCLUDED.share_result"
	};

	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text(&statement, row->handler);
	rt_statement_put_text_array(&statement, row->guards);
	rt_statement_put_interval(&statement, row->timeout);
	rt_statement_put(&statement, BOOLOID,
		BoolGetDatum(row->read_only != NULL && *row->read_only),
		row->read_only == NULL);
	rt_statement_put_text(&statement, row->class_of_service);
	rt_statement_put_text(&statement, row->idempotency_key);
	rt_statement_put_interval(&statement, row->idempotency_ttl);
	rt_statement_put_text(&statement, row->lock_key);
	rt_statement_put_interval(&statement, row->lock_wait);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(row->idempotent), false);
	rt_statement_put_text(&statement, row->breaker);
	rt_statement_put(&statement, JSONBOID, row->fallback, row->fallback == 0);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(row->rate_limit),
		row->rate_limit == 0);
	rt_statement_put_interval(&statement, row->rate_window);
	rt_statement_put_text(&statement, row->kind);
	rt_statement_put_number(&statement, INT8OID, row->max_size);
	rt_statement_put_number(&statement, INT4OID, row->max_per_session);
	rt_statement_put_number(&statement, INT4OID, row->max_total);
	rt_statement_put_number(&statement, INT8OID, row->reauth_every);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(row->share_result), false);
	run(&statement, SPI_OK_INSERT);
	delete_from(rt_declaration_table(RT_STREAM_TABLE), row->path);
	replace_query(row->path);
	replace_aggregate(row->path, false);
}

void
rt_store_topic(const RtTopicRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.topic_declaration"
		" (template, class, open, access, replay_size, replay_ttl)"
		" VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (template) DO UPDATE SET"
		" class = EXCLUDED.class, open = EXCLUDED.open,"
		" access = EXCLUDED.access, replay_size = EXCLUDED.replay_size,"
		" replay_ttl = EXCLUDED.replay_ttl"
	};

	rt_statement_put_text(&statement, row->template);
	rt_statement_put_text(&statement, row->topic_class);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(row->open), false);
	rt_statement_put_text(&statement, row->access);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(row->replay_size), false);
	rt_statement_put_interval(&statement, row->replay_ttl);
	run(&statement, SPI_OK_INSERT);
}

/* In the order of the columns. */
static void
put_stream_row(RtStatement *statement, const RtStreamRow *row)
{
	const char *const *functions = row->functions;

	rt_statement_put_text(statement, row->path);
	rt_statement_put_text(statement, row->topic);
	rt_statement_put_text(statement, functions[RT_STREAM_LOADER]);
	rt_statement_put_text(statement, row->merge);
	rt_statement_put_text(statement, row->key);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->prepend), false);
	rt_statement_put(statement, INT4OID, Int32GetDatum(row->max), row->max == 0);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->replay), false);
	rt_statement_put(statement, INT4OID, Int32GetDatum(row->replay_size), false);
	rt_statement_put_interval(statement, row->replay_ttl);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->is_volatile), false);
	rt_statement_put_text(statement, functions[RT_STREAM_COALESCE_BY]);
	rt_statement_put_text(statement, functions[RT_STREAM_ACCESS]);
	rt_statement_put_text(statement, functions[RT_STREAM_GATE]);
	rt_statement_put_text_array(statement, row->guards);
	rt_statement_put_text(statement, functions[RT_STREAM_TRANSFORM]);
	rt_statement_put_text(statement, functions[RT_STREAM_DELTA_VERSION]);
	rt_statement_put_text(statement, functions[RT_STREAM_DELTA_DIFF]);
	rt_statement_put_text(statement, functions[RT_STREAM_DELTA_FROM_SEQ]);
	rt_statement_put(statement, INT4OID, Int32GetDatum(row->schema_version),
		row->schema_version == 0);
	rt_statement_put_text_array(statement, row->migrate);
	rt_statement_put_interval(statement, row->stale_after);
	rt_statement_put_text_array(statement, row->invalidate_on);
	rt_statement_put_text(statement, functions[RT_STREAM_ON_SUBSCRIBE]);
	rt_statement_put_text(statement, functions[RT_STREAM_ON_UNSUBSCRIBE]);
	rt_statement_put_text(statement, functions[RT_STREAM_ON_ERROR]);
	rt_statement_put_text(statement, row->class_of_service);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->shared), false);
	rt_statement_put_text(statement, functions[RT_STREAM_TOPIC_BY]);
	rt_statement_put_text(statement, row->breaker);
	rt_statement_put(statement, JSONBOID, row->fallback, row->fallback == 0);
	rt_statement_put_text(statement, functions[RT_STREAM_PRESENCE]);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->is_room), false);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->cursors), false);
	rt_statement_put_text_array(statement, row->actions);
	rt_statement_put_interval(statement, row->debounce);
	Assert(statement->count == Natts_stream);
}

/* Anew, not updated: so no column of the old declaration can be left. */
void
rt_store_stream(const RtStreamRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.stream_declaration VALUES"
		" ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
		" $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30,"
		" $31, $32, $33, $34, $35, $36)"
	};

	delete_from(rt_declaration_table(RT_STREAM_TABLE), row->path);
	put_stream_row(&statement, row);
	run(&statement, SPI_OK_INSERT);
	delete_from(rt_declaration_table(RT_RPC_TABLE), row->path);
	replace_query(row->path);
	replace_aggregate(row->path, row->functions[RT_STREAM_LOADER] != NULL);
}

static void
put_oids(RtStatement *statement, const List *oids, Oid type, Oid array_type)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	ListCell   *cell;

	foreach(cell, oids)
		elements[foreach_current_index(cell)] = ObjectIdGetDatum(lfirst_oid(cell));
	rt_statement_put(statement, array_type,
		PointerGetDatum(construct_array(elements, list_length(oids), type,
										sizeof(Oid), true, TYPALIGN_INT)),
		false);
}

/* One that no declaration has; nor will one have it that comes soon. */
static Oid
new_query_id(void)
{
	for (;;)
	{
		Oid			id = GetNewObjectId();
		RtStatement statement = {
			.sql = "SELECT count(*) FROM realtime.query_declaration"
			" WHERE id OPERATOR(pg_catalog.=) $1"
		};

		rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
		if (rt_statement_run_int64(&statement, rt_store_table(RT_RPC_TABLE)) == 0)
			return id;
	}
}

/* In the order of the columns. */
static void
put_query_row(RtStatement *statement, const RtQueryRow *row)
{
	rt_statement_put_text(statement, row->path);
	rt_statement_put(statement, INT8OID, Int64GetDatum(new_query_id()), false);
	rt_statement_put_text(statement, row->sql);
	rt_statement_put_text(statement, row->loader);
	rt_statement_put_text(statement, row->key);
	put_oids(statement, row->parameters, REGTYPEOID, REGTYPEARRAYOID);
	put_oids(statement, row->depends_on, REGCLASSOID, REGCLASSARRAYOID);
	rt_statement_put_interval(statement, row->stale_after);
	rt_statement_put_interval(statement, row->debounce);
	rt_statement_put(statement, INT4OID, Int32GetDatum(row->max_rows), false);
	rt_statement_put_text(statement, row->functions[RT_STREAM_ACCESS]);
	rt_statement_put_text_array(statement, row->guards);
	rt_statement_put_text(statement, row->functions[RT_STREAM_TRANSFORM]);
	rt_statement_put_text(statement, row->functions[RT_STREAM_ON_SUBSCRIBE]);
	rt_statement_put_text(statement, row->functions[RT_STREAM_ON_UNSUBSCRIBE]);
	rt_statement_put_text(statement, row->functions[RT_STREAM_ON_ERROR]);
	rt_statement_put(statement, INT4OID, Int32GetDatum(row->max), row->max == 0);
	rt_statement_put(statement, BOOLOID, BoolGetDatum(row->prepend), false);
	rt_statement_put_text(statement, row->class_of_service);
	Assert(statement->count == Natts_query);
}

/* Anew, as streams; and so that its id is another one. */
void
rt_store_query(const RtQueryRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.query_declaration VALUES"
		" ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,"
		" $16, $17, $18, $19)"
	};

	delete_from(rt_declaration_table(RT_QUERY_TABLE), row->path);
	put_query_row(&statement, row);
	run(&statement, SPI_OK_INSERT);
	delete_from(rt_declaration_table(RT_RPC_TABLE), row->path);
	delete_from(rt_declaration_table(RT_STREAM_TABLE), row->path);
	replace_aggregate(row->path, false);
}

void
rt_store_bridge(const RtBridgeRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.bridge_declaration"
		" (channel, topic, event, parse, invalidate)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (channel) DO UPDATE SET"
		" topic = EXCLUDED.topic, event = EXCLUDED.event,"
		" parse = EXCLUDED.parse, invalidate = EXCLUDED.invalidate"
	};

	rt_statement_put_text(&statement, row->channel);
	rt_statement_put_text(&statement, row->topic);
	rt_statement_put_text(&statement, row->event);
	rt_statement_put_text(&statement, row->parse);
	rt_statement_put_text(&statement, row->invalidate);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_cron(const RtCronRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.cron_declaration VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (path) DO UPDATE SET schedule = EXCLUDED.schedule,"
		" handler = EXCLUDED.handler, topic = EXCLUDED.topic,"
		" time_zone = EXCLUDED.time_zone, missed = EXCLUDED.missed,"
		" timeout = EXCLUDED.timeout, active = EXCLUDED.active, owner = EXCLUDED.owner"
	};

	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text(&statement, row->schedule);
	rt_statement_put_text(&statement, row->handler);
	rt_statement_put_text(&statement, row->topic);
	rt_statement_put_text(&statement, row->time_zone);
	rt_statement_put_text(&statement, row->missed);
	rt_statement_put_interval(&statement, row->timeout);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(row->active), false);
	rt_statement_put(&statement, REGROLEOID, ObjectIdGetDatum(row->owner), false);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_club(const RtClubRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.group_declaration"
		" (name, max_members, meta, member_ttl, on_join, on_leave, on_full, on_close)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (name) DO UPDATE SET"
		" max_members = EXCLUDED.max_members, meta = EXCLUDED.meta,"
		" member_ttl = EXCLUDED.member_ttl, on_join = EXCLUDED.on_join,"
		" on_leave = EXCLUDED.on_leave, on_full = EXCLUDED.on_full,"
		" on_close = EXCLUDED.on_close, closed_at = NULL, close_reason = NULL"
	};

	rt_statement_put_text(&statement, row->name);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(row->max_members),
		row->max_members == 0);
	rt_statement_put(&statement, JSONBOID, row->meta, false);
	rt_statement_put_interval(&statement, row->member_ttl);
	rt_statement_put_text(&statement, row->on_join);
	rt_statement_put_text(&statement, row->on_leave);
	rt_statement_put_text(&statement, row->on_full);
	rt_statement_put_text(&statement, row->on_close);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_hook(RtHook hook, const char *function)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.hook_declaration (name, function)"
		" VALUES ($1, $2)"
		" ON CONFLICT (name) DO UPDATE SET function = EXCLUDED.function"
	};

	if (function == NULL)
	{
		(void) delete_from(rt_declaration_table(RT_HOOK_TABLE), rt_hook_name(hook));
		return;
	}
	rt_statement_put_text(&statement, rt_hook_name(hook));
	rt_statement_put_text(&statement, function);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_admission(const RtAdmissionRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.admission_declaration (class, reasons, predicate)"
		" VALUES ($1, $2, $3)"
		" ON CONFLICT (class) DO UPDATE SET"
		" reasons = EXCLUDED.reasons, predicate = EXCLUDED.predicate"
	};

	if (row->reasons == NIL && row->predicate == NULL)
	{
		(void) delete_from(rt_declaration_table(RT_ADMISSION_TABLE), row->name);
		return;
	}
	rt_statement_put_text(&statement, row->name);
	rt_statement_put_text_array(&statement, row->reasons);
	rt_statement_put_text(&statement, row->predicate);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_rate_limit(const char *path, int limit, Interval *window, bool exempt)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.rate_limit_declaration (path, rate_limit, rate_window)"
		" VALUES ($1, $2, $3)"
		" ON CONFLICT (path) DO UPDATE SET"
		" rate_limit = EXCLUDED.rate_limit, rate_window = EXCLUDED.rate_window"
	};

	if (limit == 0 && !exempt)
	{
		(void) delete_from(rt_declaration_table(RT_RATE_TABLE), path);
		return;
	}
	rt_statement_put_text(&statement, path);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(limit), exempt);
	rt_statement_put_interval(&statement, window);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_breaker(const char *name, int threshold, Interval *reset)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.breaker_declaration (name, threshold, reset)"
		" VALUES ($1, $2, $3)"
		" ON CONFLICT (name) DO UPDATE SET"
		" threshold = EXCLUDED.threshold, reset = EXCLUDED.reset"
	};

	if (threshold == 0)
	{
		(void) delete_from(rt_declaration_table(RT_BREAKER_TABLE), name);
		return;
	}
	rt_statement_put_text(&statement, name);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(threshold), false);
	rt_statement_put_interval(&statement, reset);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_guard(const RtGuardRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.guard_declaration (module, guards, authenticated)"
		" VALUES ($1, $2, $3)"
		" ON CONFLICT (module) DO UPDATE SET"
		" guards = EXCLUDED.guards, authenticated = EXCLUDED.authenticated"
	};

	if (row->guards == NIL && !row->authenticated)
	{
		(void) delete_from(rt_declaration_table(RT_GUARD_TABLE), row->module);
		return;
	}
	rt_statement_put_text(&statement, row->module);
	rt_statement_put_text_array(&statement, row->guards);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(row->authenticated), false);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_middleware(const char *name, const char *function, int place)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.middleware_declaration (name, function, place)"
		" VALUES ($1, $2, $3)"
		" ON CONFLICT (name) DO UPDATE SET"
		" function = EXCLUDED.function, place = EXCLUDED.place"
	};

	if (function == NULL)
	{
		(void) delete_from(rt_declaration_table(RT_MIDDLEWARE_TABLE), name);
		return;
	}
	rt_statement_put_text(&statement, name);
	rt_statement_put_text(&statement, function);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(place), false);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_lock(void)
{
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
		LockRelationOid(rt_store_table(rt_declaration_tables[i].name),
						ShareRowExclusiveLock);
}

static bool
delete_from(const RtDeclarationTable *table, const char *name)
{
	RtStatement statement = {
		.sql = psprintf("DELETE FROM " RT_SCHEMA ".%s"
						" WHERE %s OPERATOR(pg_catalog.=) $1",
						table->name, table->key)
	};

	rt_statement_put_text(&statement, name);
	return run(&statement, SPI_OK_DELETE) > 0;
}

/* The tables that a query has read need its triggers no more. */
static bool
delete_and_release(const RtDeclarationTable *table, const char *name)
{
	if (!delete_from(table, name))
		return false;
	if (strcmp(table->name, RT_QUERY_TABLE) == 0)
		rt_watch_keep();
	return true;
}

void
rt_store_drop_from(const RtDeclarationTable *table, const char *name)
{
	begin_drop();
	delete_and_release(table, name);
}

bool
rt_store_drop(const char *name)
{
	bool		removed = false;

	begin_drop();
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		if (rt_declaration_tables[i].has_names &&
			delete_and_release(&rt_declaration_tables[i], name))
			removed = true;
	}
	return removed;
}

static void
rename_function(const RtDeclarationTable *table, const RtFunctionColumn *column,
				const char *old_signature, const char *new_signature)
{
	static const char *const scalar = "UPDATE " RT_SCHEMA ".%1$s SET %2$s = $2"
		" WHERE %2$s OPERATOR(pg_catalog.=) $1";
	static const char *const array = "UPDATE " RT_SCHEMA ".%1$s"
		" SET %2$s = pg_catalog.array_replace(%2$s, $1, $2)"
		" WHERE $1 OPERATOR(pg_catalog.=) ANY (%2$s)";
	RtStatement statement = {
		.sql = psprintf(column->is_array ? array : scalar, table->name,
						column->name)
	};

	rt_statement_put_text(&statement, old_signature);
	rt_statement_put_text(&statement, new_signature);
	run(&statement, SPI_OK_UPDATE);
}

void
rt_store_rename_function(const char *old_signature, const char *new_signature)
{
	rt_aggregate_rename_function(old_signature, new_signature);
	for (int i = 0; i < RT_DECLARATION_TABLES; i++)
	{
		const RtDeclarationTable *table = &rt_declaration_tables[i];

		for (const RtFunctionColumn *column = table->functions;
			 column->name != NULL; column++)
			rename_function(table, column, old_signature, new_signature);
	}
}

/* All tables have the same owner.  Returns the number of rows. */
static uint64
run(RtStatement *statement, int expected)
{
	return rt_statement_run(statement, rt_store_table(RT_RPC_TABLE), expected);
}

Oid
rt_store_table(const char *name)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, false);
	Oid			table = get_relname_relid(name, namespace);

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", RT_SCHEMA, name)));
	return table;
}

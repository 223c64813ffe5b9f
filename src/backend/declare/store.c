/*
 * store.c
 *		Writing the tables of declarations.
 *
 * SQL through SPI, so that constraints and triggers do their work and two
 * sessions that declare the same path wait for each other.  It runs as the
 * tables' owner in a security context in which the user cannot change roles;
 * an ERROR restores the identity with the end of the (sub)transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/backend/declare/store.h"
#include "src/catalog/declaration_table.h"

#define ARGUMENTS_MAX 12

/* An advisory lock that SQL cannot take, as those of topics; of paths. */
#define PATH_LOCK_FIELD3 1
#define PATH_LOCK_FIELD4 0x5250

/* A statement of fixed text and its arguments. */
typedef struct Statement
{
	const char *sql;
	int			count;
	Oid			types[ARGUMENTS_MAX];
	Datum		values[ARGUMENTS_MAX];
	char		nulls[ARGUMENTS_MAX];
} Statement;

static void lock_path(const char *path);
static uint64 delete_path(const char *sql, const char *path);
static uint64 run(Statement *statement, int expected);
static Oid	table_oid(const char *name);
static Oid	table_owner(Oid table);
static void put(Statement *statement, Oid type, Datum value, bool is_null);
static void put_text(Statement *statement, const char *text);
static void put_text_array(Statement *statement, List *texts);
static void put_interval(Statement *statement, Interval *interval);

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
	LockRelationOid(table_oid(RT_RPC_TABLE), RowExclusiveLock);
	lock_path(path);
}

void
rt_store_begin_topic(void)
{
	LockRelationOid(table_oid(RT_TOPIC_TABLE), ShareRowExclusiveLock);
}

/* Streams declare topics, too.  In the order of rt_store_lock(). */
void
rt_store_begin_stream(const char *path)
{
	LockRelationOid(table_oid(RT_RPC_TABLE), RowExclusiveLock);
	rt_store_begin_topic();
	LockRelationOid(table_oid(RT_STREAM_TABLE), RowExclusiveLock);
	lock_path(path);
}

void
rt_store_begin_bridge(void)
{
	LockRelationOid(table_oid(RT_BRIDGE_TABLE), RowExclusiveLock);
}

/* Of anything; whether its topics keep their class depends on others. */
void
rt_store_begin_drop(void)
{
	LockRelationOid(table_oid(RT_RPC_TABLE), RowExclusiveLock);
	rt_store_begin_topic();
}

void
rt_store_rpc(const RtRpcRow *row)
{
	Statement	statement = {
		.sql = "INSERT INTO realtime.rpc_declaration"
		" (path, handler, guards, timeout, read_only)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (path) DO UPDATE SET"
		" handler = EXCLUDED.handler, guards = EXCLUDED.guards,"
		" timeout = EXCLUDED.timeout, read_only = EXCLUDED.read_only,"
		" rate_limit = EXCLUDED.rate_limit,"
		" rate_window = EXCLUDED.rate_window,"
		" idempotency_key = EXCLUDED.idempotency_key,"
		" idempotency_ttl = EXCLUDED.idempotency_ttl,"
		" lock_key = EXCLUDED.lock_key, lock_wait = EXCLUDED.lock_wait,"
		" class_of_service = EXCLUDED.class_of_service"
	};

	put_text(&statement, row->path);
	put_text(&statement, row->handler);
	put_text_array(&statement, row->guards);
	put_interval(&statement, row->timeout);
	put(&statement, BOOLOID,
		BoolGetDatum(row->read_only != NULL && *row->read_only),
		row->read_only == NULL);
	run(&statement, SPI_OK_INSERT);
	delete_path("DELETE FROM realtime.stream_declaration"
				" WHERE path OPERATOR(pg_catalog.=) $1", row->path);
}

void
rt_store_topic(const RtTopicRow *row)
{
	Statement	statement = {
		.sql = "INSERT INTO realtime.topic_declaration"
		" (template, class, open, access, replay_size, replay_ttl)"
		" VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (template) DO UPDATE SET"
		" class = EXCLUDED.class, open = EXCLUDED.open,"
		" access = EXCLUDED.access, replay_size = EXCLUDED.replay_size,"
		" replay_ttl = EXCLUDED.replay_ttl"
	};

	put_text(&statement, row->template);
	put_text(&statement, row->topic_class);
	put(&statement, BOOLOID, BoolGetDatum(row->open), false);
	put_text(&statement, row->access);
	put(&statement, INT4OID, Int32GetDatum(row->replay_size), false);
	put_interval(&statement, row->replay_ttl);
	run(&statement, SPI_OK_INSERT);
}

/* What is not said is a loader's: a channel has none. */
void
rt_store_stream(const RtStreamRow *row)
{
	Statement	statement = {
		.sql = "INSERT INTO realtime.stream_declaration"
		" (path, topic, merge, key, prepend, max, replay, replay_size,"
		" replay_ttl, volatile, access, guards)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
		" ON CONFLICT (path) DO UPDATE SET"
		" topic = EXCLUDED.topic, loader = EXCLUDED.loader,"
		" merge = EXCLUDED.merge, key = EXCLUDED.key,"
		" prepend = EXCLUDED.prepend, max = EXCLUDED.max,"
		" replay = EXCLUDED.replay, replay_size = EXCLUDED.replay_size,"
		" replay_ttl = EXCLUDED.replay_ttl, volatile = EXCLUDED.volatile,"
		" coalesce_by = EXCLUDED.coalesce_by, access = EXCLUDED.access,"
		" gate = EXCLUDED.gate, guards = EXCLUDED.guards,"
		" transform = EXCLUDED.transform,"
		" delta_version = EXCLUDED.delta_version,"
		" delta_diff = EXCLUDED.delta_diff,"
		" delta_from_seq = EXCLUDED.delta_from_seq,"
		" schema_version = EXCLUDED.schema_version,"
		" migrate = EXCLUDED.migrate, stale_after = EXCLUDED.stale_after,"
		" invalidate_on = EXCLUDED.invalidate_on,"
		" on_subscribe = EXCLUDED.on_subscribe,"
		" on_unsubscribe = EXCLUDED.on_unsubscribe,"
		" on_error = EXCLUDED.on_error,"
		" class_of_service = EXCLUDED.class_of_service,"
		" shared = EXCLUDED.shared"
	};

	put_text(&statement, row->path);
	put_text(&statement, row->topic);
	put_text(&statement, row->merge);
	put_text(&statement, row->key);
	put(&statement, BOOLOID, BoolGetDatum(row->prepend), false);
	put(&statement, INT4OID, Int32GetDatum(row->max), row->max == 0);
	put(&statement, BOOLOID, BoolGetDatum(row->replay), false);
	put(&statement, INT4OID, Int32GetDatum(row->replay_size), false);
	put_interval(&statement, row->replay_ttl);
	put(&statement, BOOLOID, BoolGetDatum(row->is_volatile), false);
	put_text(&statement, row->access);
	put_text_array(&statement, row->guards);
	run(&statement, SPI_OK_INSERT);
	delete_path("DELETE FROM realtime.rpc_declaration"
				" WHERE path OPERATOR(pg_catalog.=) $1", row->path);
}

void
rt_store_bridge(const RtBridgeRow *row)
{
	Statement	statement = {
		.sql = "INSERT INTO realtime.bridge_declaration"
		" (channel, topic, event, parse, invalidate)"
		" VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (channel) DO UPDATE SET"
		" topic = EXCLUDED.topic, event = EXCLUDED.event,"
		" parse = EXCLUDED.parse, invalidate = EXCLUDED.invalidate"
	};

	put_text(&statement, row->channel);
	put_text(&statement, row->topic);
	put_text(&statement, row->event);
	put_text(&statement, row->parse);
	put_text(&statement, row->invalidate);
	run(&statement, SPI_OK_INSERT);
}

void
rt_store_lock(void)
{
	LockRelationOid(table_oid(RT_RPC_TABLE), ShareRowExclusiveLock);
	LockRelationOid(table_oid(RT_TOPIC_TABLE), ShareRowExclusiveLock);
	LockRelationOid(table_oid(RT_STREAM_TABLE), ShareRowExclusiveLock);
	LockRelationOid(table_oid(RT_BRIDGE_TABLE), ShareRowExclusiveLock);
}

static uint64
delete_path(const char *sql, const char *path)
{
	Statement	statement = {.sql = sql};

	put_text(&statement, path);
	return run(&statement, SPI_OK_DELETE);
}

bool
rt_store_drop(const char *path)
{
	static const char *const commands[] = {
		"DELETE FROM realtime.rpc_declaration"
		" WHERE path OPERATOR(pg_catalog.=) $1",
		"DELETE FROM realtime.topic_declaration"
		" WHERE template OPERATOR(pg_catalog.=) $1",
		"DELETE FROM realtime.stream_declaration"
		" WHERE path OPERATOR(pg_catalog.=) $1",
		"DELETE FROM realtime.bridge_declaration"
		" WHERE channel OPERATOR(pg_catalog.=) $1"
	};
	uint64		removed = 0;

	for (int i = 0; i < lengthof(commands); i++)
		removed += delete_path(commands[i], path);
	return removed > 0;
}

void
rt_store_rename_function(const char *old_signature, const char *new_signature)
{
	static const char *const commands[] = {
		"UPDATE realtime.rpc_declaration SET handler = $2"
		" WHERE handler OPERATOR(pg_catalog.=) $1",
		"UPDATE realtime.rpc_declaration"
		" SET guards = pg_catalog.array_replace(guards, $1, $2)"
		" WHERE $1 OPERATOR(pg_catalog.=) ANY (guards)",
		"UPDATE realtime.rpc_declaration SET idempotency_key = $2"
		" WHERE idempotency_key OPERATOR(pg_catalog.=) $1",
		"UPDATE realtime.rpc_declaration SET lock_key = $2"
		" WHERE lock_key OPERATOR(pg_catalog.=) $1",
		"UPDATE realtime.topic_declaration SET access = $2"
		" WHERE access OPERATOR(pg_catalog.=) $1",
		"UPDATE realtime.stream_declaration SET access = $2"
		" WHERE access OPERATOR(pg_catalog.=) $1",
		"UPDATE realtime.stream_declaration"
		" SET guards = pg_catalog.array_replace(guards, $1, $2)"
		" WHERE $1 OPERATOR(pg_catalog.=) ANY (guards)",
		"UPDATE realtime.bridge_declaration SET parse = $2"
		" WHERE parse OPERATOR(pg_catalog.=) $1"
	};

	for (int i = 0; i < lengthof(commands); i++)
	{
		Statement	statement = {.sql = commands[i]};

		put_text(&statement, old_signature);
		put_text(&statement, new_signature);
		run(&statement, SPI_OK_UPDATE);
	}
}

/* Runs a statement as the tables' owner.  Returns the number of rows. */
static uint64
run(Statement *statement, int expected)
{
	Oid			user;
	int			security;
	int			result;
	uint64		processed;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(table_owner(table_oid(RT_RPC_TABLE)),
						   security | SECURITY_LOCAL_USERID_CHANGE);
	SPI_connect();
	result = SPI_execute_with_args(statement->sql, statement->count,
								   statement->types, statement->values,
								   statement->nulls, false, 0);
	if (result != expected)
		elog(ERROR, "declaration statement failed: %s",
			 SPI_result_code_string(result));
	processed = SPI_processed;
	SPI_finish();
	SetUserIdAndSecContext(user, security);
	return processed;
}

static Oid
table_oid(const char *name)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, false);
	Oid			table = get_relname_relid(name, namespace);

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", RT_SCHEMA, name)));
	return table;
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

static void
put(Statement *statement, Oid type, Datum value, bool is_null)
{
	int			number = statement->count++;

	Assert(number < ARGUMENTS_MAX);
	statement->types[number] = type;
	statement->values[number] = value;
	statement->nulls[number] = is_null ? 'n' : ' ';
}

static void
put_text(Statement *statement, const char *text)
{
	put(statement, TEXTOID,
		text != NULL ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
put_text_array(Statement *statement, List *texts)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(texts), 1));
	ListCell   *cell;
	int			count = 0;

	foreach(cell, texts)
		elements[count++] = CStringGetTextDatum((char *) lfirst(cell));
	put(statement, TEXTARRAYOID,
		PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false,
										TYPALIGN_INT)),
		false);
}

static void
put_interval(Statement *statement, Interval *interval)
{
	put(statement, INTERVALOID, IntervalPGetDatum(interval), interval == NULL);
}

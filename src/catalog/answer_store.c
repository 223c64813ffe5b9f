/*
 * answer_store.c
 *		Answers of calls that must happen once, as their table keeps them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/catalog/answer_store.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"

#define ANSWER_TABLE "idempotency"
#define KEY_COLUMNS 3

static Oid
answer_table(void)
{
	return get_relname_relid(ANSWER_TABLE, get_namespace_oid(RT_SCHEMA, false));
}

/* The first columns of the table are those of its key, in order. */
static void
set_keys(ScanKeyData *keys, Relation index, const char *path, const char *user,
		 const char *key)
{
	const char *texts[KEY_COLUMNS] = {path, user != NULL ? user : "", key};

	for (int i = 0; i < KEY_COLUMNS; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i], F_TEXTEQ,
							   CStringGetTextDatum(texts[i]));
}

/* One that has not expired. */
typedef struct Found
{
	char	   *answer;			/* NULL = none */
	bool		is_own;			/* kept by this transaction */
} Found;

static bool
read_answer(TupleTableSlot *slot, Found *found)
{
	bool		is_null;
	Datum		expires_at = slot_getattr(slot, Anum_answer_expires_at, &is_null);
	Datum		value;

	if (DatumGetTimestampTz(expires_at) <= GetCurrentTimestamp())
		return false;
	value = slot_getattr(slot, Anum_answer_answer, &is_null);
	found->answer = is_null ? NULL : TextDatumGetCString(value);
	value = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &is_null);
	found->is_own = TransactionIdIsCurrentTransactionId(DatumGetTransactionId(value));
	return true;
}

/* Whatever the isolation level: what has been committed under the key counts. */
static bool
find(const char *path, const char *user, const char *key, Found *answer)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	table = table_open(answer_table(), AccessShareLock);
	Relation	index = index_open(rt_primary_key_index(table), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan = rt_index_beginscan(table, index, snapshot, KEY_COLUMNS);
	ScanKeyData keys[KEY_COLUMNS];
	bool		found;

	set_keys(keys, index, path, user, key);
	index_rescan(scan, keys, KEY_COLUMNS, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot) &&
		read_answer(slot, answer);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return found;
}

bool
rt_answer_find(const char *path, const char *user, const char *key, char **answer)
{
	Found		found;

	if (!find(path, user, key, &found))
		return false;
	*answer = found.answer;
	return true;
}

bool
rt_answer_is_of_others(const char *path, const char *user, const char *key)
{
	Found		found;

	return find(path, user, key, &found) && !found.is_own;
}

static Datum
expiry(TimestampTz now, int64 ttl_ms)
{
	return TimestampTzGetDatum(ttl_ms < (END_TIMESTAMP - now) / 1000 ?
							   now + ttl_ms * 1000 : DT_NOEND);
}

bool
rt_answer_claim(const char *path, const char *key, int64 ttl_ms)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.idempotency AS kept (path, user_id, key, created_at, expires_at)"
		" VALUES ($1, '', $2, $3, $4)"
		" ON CONFLICT (path, user_id, key) DO UPDATE SET"
		" created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at"
		" WHERE kept.expires_at OPERATOR(pg_catalog.<=) EXCLUDED.created_at"
	};
	TimestampTz now = GetCurrentTimestamp();

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, key);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(now), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, expiry(now, ttl_ms), false);
	return rt_statement_run(&statement, answer_table(), SPI_OK_INSERT) > 0;
}

void
rt_answer_keep(const char *path, const char *user, const char *key,
			   const char *answer, const char *request_id, int64 ttl_ms)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.idempotency"
		" (path, user_id, key, answer, request_id, created_at, expires_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)"
		" ON CONFLICT (path, user_id, key) DO UPDATE SET"
		" answer = EXCLUDED.answer, request_id = EXCLUDED.request_id,"
		" created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at"
	};
	TimestampTz now = GetCurrentTimestamp();

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, user != NULL ? user : "");
	rt_statement_put_text(&statement, key);
	rt_statement_put_text(&statement, answer);
	rt_statement_put_text(&statement, request_id);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(now), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, expiry(now, ttl_ms), false);
	(void) rt_statement_run(&statement, answer_table(), SPI_OK_INSERT);
}

void
rt_answer_set(const char *path, const char *user, const char *key, const char *answer)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.idempotency SET answer = $4"
		" WHERE path OPERATOR(pg_catalog.=) $1 AND user_id OPERATOR(pg_catalog.=) $2"
		" AND key OPERATOR(pg_catalog.=) $3"
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put_text(&statement, user != NULL ? user : "");
	rt_statement_put_text(&statement, key);
	rt_statement_put_text(&statement, answer);
	(void) rt_statement_run(&statement, answer_table(), SPI_OK_UPDATE);
}

/* One that is kept anew meanwhile is looked at again, and stays. */
uint64
rt_answers_remove_expired(int max)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.idempotency WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.idempotency"
		" WHERE expires_at OPERATOR(pg_catalog.<=) $1"
		" ORDER BY expires_at LIMIT $2))"
		" AND expires_at OPERATOR(pg_catalog.<=) $1"
	};

	rt_statement_put(&statement, TIMESTAMPTZOID,
					 TimestampTzGetDatum(GetCurrentTimestamp()), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(max), false);
	return rt_statement_run(&statement, answer_table(), SPI_OK_DELETE);
}

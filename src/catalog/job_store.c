/*
 * job_store.c
 *		Jobs, as their tables keep them.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/catalog/declaration_table.h"
#include "src/catalog/job_slot.h"
#include "src/catalog/job_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/job.h"
#include "src/ipc/unflushed.h"

#define MESSAGE_MAX 1000		/* bytes of an error's that are kept */
#define PUT_TRIES 20			/* while others put and finish one of the key */
#define PRIORITY_STEP (INT64CONST(1) << 44) /* ids for each priority */

/* ---- relations ---- */

typedef enum Known
{
	JOB_TABLE,
	FINISHED_TABLE,
	ID_SEQUENCE,
	READY_INDEX,
	ORDERED_READY_INDEX,
	ORDERED_INDEX
} Known;

static const char *const known_names[] = {
	RT_JOB_TABLE, RT_JOB_FINISHED_TABLE, "job_id_seq", "job_ready", "job_ordered_ready", "job_ordered"
};

static Oid	known[lengthof(known_names)];	/* InvalidOid = nobody has looked */

static void
forget_known(Datum arg, int cacheid, uint32 hashvalue)
{
	memset(known, 0, sizeof(known));
}

static Oid
look_up(const char *name)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, true);

	return OidIsValid(namespace) ? get_relname_relid(name, namespace) : InvalidOid;
}

/* Each job asks for several; what is there stays until some relation changes. */
static Oid
relation_oid(Known which)
{
	static bool watching = false;

	if (!watching)
		CacheRegisterSyscacheCallback(RELNAMENSP, forget_known, (Datum) 0);
	watching = true;
	if (!OidIsValid(known[which]))
		known[which] = look_up(known_names[which]);
	return known[which];
}

Oid
rt_job_table(void)
{
	return relation_oid(JOB_TABLE);
}

Oid
rt_job_finished_table(void)
{
	return relation_oid(FINISHED_TABLE);
}

Oid
rt_job_ready_index(void)
{
	return relation_oid(READY_INDEX);
}

Oid
rt_job_ordered_ready_index(void)
{
	return relation_oid(ORDERED_READY_INDEX);
}

Oid
rt_job_ordered_index(void)
{
	return relation_oid(ORDERED_INDEX);
}

static const char *
short_message(const char *message)
{
	if (message == NULL)
		return NULL;
	return pnstrdup(message, pg_mbcliplen(message, strlen(message), MESSAGE_MAX));
}

/* ---- rows ---- */

/* What catalogs need not have in their indexes, or may not. */
static bool
is_plain(const ResultRelInfo *target)
{
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		const IndexInfo *info = target->ri_IndexRelationInfo[i];

		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL || info->ii_ExclusionOps != NULL ||
			!target->ri_IndexRelationDescs[i]->rd_index->indimmediate)
			return false;
	}
	return true;
}

static void
insert_with_conditions(ResultRelInfo *target, TupleTableSlot *slot)
{
	EState	   *estate = CreateExecutorState();

	table_tuple_insert(target->ri_RelationDesc, slot, GetCurrentCommandId(true), 0, NULL);
	GetPerTupleExprContext(estate)->ecxt_scantuple = slot;
	list_free(rt_insert_index_tuples(target, slot, estate));
	FreeExecutorState(estate);
}

static void
set_value(TupleTableSlot *slot, int anum, Datum value)
{
	slot->tts_values[anum - 1] = value;
	slot->tts_isnull[anum - 1] = false;
}

static void
set_text(TupleTableSlot *slot, int anum, const char *text)
{
	if (text != NULL)
		set_value(slot, anum, CStringGetTextDatum(text));
}

static TupleTableSlot *
begin_row(Relation table)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	return slot;
}

/* As a catalog's, if that can be: it costs less. */
static void
end_row(Relation table, TupleTableSlot *slot)
{
	CatalogIndexState indexes = CatalogOpenIndexes(table);

	ExecStoreVirtualTuple(slot);
	if (is_plain(indexes))
		CatalogTupleInsertWithInfo(table, ExecFetchSlotHeapTuple(slot, true, NULL), indexes);
	else
		insert_with_conditions(indexes, slot);
	CatalogCloseIndexes(indexes);
	rt_unflushed_touch(RelationGetRelid(table));
	ExecDropSingleTupleTableSlot(slot);
}

/* ---- new ones ---- */

static void
set_place(RtJobNew *job)
{
	job->place = job->order_key != NULL ? RT_JOB_LAST : job->id - job->priority * PRIORITY_STEP;
}

static void
fill_job(TupleTableSlot *slot, const RtJobNew *job)
{
	set_value(slot, Anum_job_id, Int64GetDatum(job->id));
	set_text(slot, Anum_job_queue, job->queue);
	set_value(slot, Anum_job_priority, Int32GetDatum(job->priority));
	set_value(slot, Anum_job_place, Int64GetDatum(job->id - job->priority * PRIORITY_STEP));
	set_value(slot, Anum_job_ready, BoolGetDatum(job->is_ready));
	set_value(slot, Anum_job_taken, BoolGetDatum(false));
	set_value(slot, Anum_job_awaited, BoolGetDatum(job->awaited));
	set_value(slot, Anum_job_run_at, TimestampTzGetDatum(job->run_at));
	set_value(slot, Anum_job_created_at,
			  TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
	set_value(slot, Anum_job_attempts, Int32GetDatum(0));
	set_value(slot, Anum_job_crashes, Int32GetDatum(0));
	if (job->max_attempts > 0)
		set_value(slot, Anum_job_max_attempts, Int32GetDatum(job->max_attempts));
	set_text(slot, Anum_job_order_key, job->order_key);
	set_text(slot, Anum_job_user_id, job->user_id);
	set_text(slot, Anum_job_request_id, job->request_id);
	if (job->payload != NULL)
		set_value(slot, Anum_job_payload, JsonbPGetDatum(job->payload));
}

static void
put_plain(RtJobNew *job)
{
	Relation	table = table_open(rt_job_table(), RowExclusiveLock);
	TupleTableSlot *slot = begin_row(table);

	job->id = nextval_internal(relation_oid(ID_SEQUENCE), false);
	set_place(job);
	job->is_new = true;
	fill_job(slot, job);
	end_row(table, slot);
	table_close(table, NoLock);
}

static bool
insert_unique(RtJobNew *job)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.job"
		" (queue, priority, ready, awaited, run_at, max_attempts, unique_key, user_id, request_id, payload, order_key)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
		" ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL DO NOTHING"
		" RETURNING id"
	};
	List	   *rows;

	rt_statement_put_text(&statement, job->queue);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(job->priority), false);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(job->is_ready), false);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(job->awaited), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(job->run_at), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(job->max_attempts), job->max_attempts == 0);
	rt_statement_put_text(&statement, job->unique_key);
	rt_statement_put_text(&statement, job->user_id);
	rt_statement_put_text(&statement, job->request_id);
	rt_statement_put(&statement, JSONBOID, JsonbPGetDatum(job->payload), job->payload == NULL);
	rt_statement_put_text(&statement, job->order_key);
	rows = rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_INSERT_RETURNING);
	if (rows == NIL)
		return false;
	job->id = pg_strtoint64(((char **) linitial(rows))[0]);
	set_place(job);
	return true;
}

static bool
find_unique(RtJobNew *job)
{
	RtStatement statement = {
		.sql = "SELECT id FROM realtime.job WHERE queue OPERATOR(pg_catalog.=) $1"
		" AND unique_key OPERATOR(pg_catalog.=) $2 AND unique_key IS NOT NULL"
	};
	List	   *rows;

	rt_statement_put_text(&statement, job->queue);
	rt_statement_put_text(&statement, job->unique_key);
	rows = rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_SELECT);
	if (rows == NIL)
		return false;
	job->id = pg_strtoint64(((char **) linitial(rows))[0]);
	return true;
}

/*
 * One that can be seen is there, whoever has it in his hands: to insert would wait for
 * a session that has taken it.  The one that was in the way may be over before it is
 * found.
 */
static void
put_unique(RtJobNew *job)
{
	for (int i = 0; i < PUT_TRIES; i++)
	{
		job->is_new = !find_unique(job) && insert_unique(job);
		if (job->is_new || job->id != 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("jobs with this unique key come and go too fast"),
			 errhint("Try again.")));
}

void
rt_job_put(RtJobNew *job)
{
	job->is_ready = job->run_at <= GetCurrentTimestamp();
	if (job->unique_key != NULL)
		put_unique(job);
	else
		put_plain(job);
}

/* ---- those that are found ---- */

ArrayType *
rt_job_ids(const RtJobFound *found, int count)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		ids[i] = Int64GetDatum(found[i].id);
	return construct_array(ids, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
rt_jobs_count_crash(const RtJobFound *found, int count)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET crashes = crashes OPERATOR(pg_catalog.+) 1"
		" WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT ctid FROM realtime.job"
		" WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND ready FOR UPDATE SKIP LOCKED))"
	};

	rt_statement_put(&statement, INT8ARRAYOID, PointerGetDatum(rt_job_ids(found, count)), false);
	(void) rt_statement_run(&statement, rt_job_table(), SPI_OK_UPDATE);
}

void
rt_jobs_uncount_crash(const RtJobFound *found, int count)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET crashes = crashes OPERATOR(pg_catalog.-) 1"
		" WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT ctid FROM realtime.job"
		" WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND crashes OPERATOR(pg_catalog.>) 0"
		" FOR UPDATE SKIP LOCKED))"
	};

	rt_statement_put(&statement, INT8ARRAYOID, PointerGetDatum(rt_job_ids(found, count)), false);
	(void) rt_statement_run(&statement, rt_job_table(), SPI_OK_UPDATE);
}

/* ---- the one that is run ---- */

/* Where it is now. */
static bool
find_tid(Relation table, int64 id, ItemPointer tid)
{
	Relation	index = index_open(rt_primary_key_index(table), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan = rt_index_beginscan(table, index, GetActiveSnapshot(), 1);
	ScanKeyData key;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		*tid = slot->tts_tid;
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return found;
}

static char *
job_text(const RtJob *job, int anum)
{
	return job->nulls[anum - 1] ? NULL : TextDatumGetCString(job->values[anum - 1]);
}

/* Values stay where the copy of the row is. */
static void
read_job(RtJob *job, TupleTableSlot *slot)
{
	HeapTuple	tuple = ExecCopySlotHeapTuple(slot);

	heap_deform_tuple(tuple, slot->tts_tupleDescriptor, job->values, job->nulls);
	job->tid = slot->tts_tid;
	job->attempts = DatumGetInt32(job->values[Anum_job_attempts - 1]);
	job->max_attempts = job->nulls[Anum_job_max_attempts - 1] ? 0 :
		DatumGetInt32(job->values[Anum_job_max_attempts - 1]);
	job->awaited = DatumGetBool(job->values[Anum_job_awaited - 1]);
	job->payload = job->nulls[Anum_job_payload - 1] ? NULL :
		DatumGetJsonbP(job->values[Anum_job_payload - 1]);
	job->user_id = job_text(job, Anum_job_user_id);
	job->request_id = job_text(job, Anum_job_request_id);
	job->queue = TextDatumGetCString(job->values[Anum_job_queue - 1]);
	job->order_key = job_text(job, Anum_job_order_key);
	job->place = job->order_key != NULL ? RT_JOB_LAST :
		DatumGetInt64(job->values[Anum_job_place - 1]);
	job->is_ready = DatumGetBool(job->values[Anum_job_ready - 1]);
	job->is_taken = DatumGetBool(job->values[Anum_job_taken - 1]);
}

/*
 * A place in the table may be empty by now, or used again.  What the snapshot shows
 * there stays there.
 */
static bool
fetch_row(Relation table, TupleTableSlot *slot, ItemPointer tid, int64 id)
{
	return table_tuple_fetch_row_version(table, tid, GetActiveSnapshot(), slot) &&
		slot_int64(slot, Anum_job_id) == id;
}

static bool
lock_row(Relation table, TupleTableSlot *slot, ItemPointer tid)
{
	TM_FailureData failure;

	return table_tuple_lock(table, tid, GetActiveSnapshot(), slot, GetCurrentCommandId(true),
							LockTupleExclusive, LockWaitSkip, 0, &failure) == TM_Ok &&
		slot_bool(slot, Anum_job_ready);
}

bool
rt_job_lock(const RtJobFound *found, RtJob *job)
{
	Relation	table = table_open(rt_job_table(), RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	ItemPointerData tid = found->tid;
	bool		locked;

	job->id = found->id;
	locked = (ItemPointerIsValid(&tid) || find_tid(table, found->id, &tid)) &&
		fetch_row(table, slot, &tid, found->id) && lock_row(table, slot, &tid);
	if (locked)
		read_job(job, slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return locked;
}

static bool
is_slot_first(TupleTableSlot *slot)
{
	bool		is_null;
	Datum		key = slot_getattr(slot, Anum_job_order_key, &is_null);
	Datum		queue = slot_getattr(slot, Anum_job_queue, &is_null);

	return rt_job_is_first(TextDatumGetCString(queue), DatumGetTextP(key), slot_int64(slot, Anum_job_id));
}

bool
rt_job_lock_found(const RtJobFound *found)
{
	Relation	table = table_open(rt_job_table(), RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	ItemPointerData tid = found->tid;
	bool		locked = fetch_row(table, slot, &tid, found->id) &&
		(found->place != RT_JOB_LAST || is_slot_first(slot)) &&
		lock_row(table, slot, &tid);

	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return locked;
}

/* As the transaction sees it now, after what it has done itself. */
static bool
grasp_row(Relation table, TupleTableSlot *slot, int64 id, RtJobGrasp grasp)
{
	LockWaitPolicy policy = grasp == RT_JOB_LOCK ? LockWaitBlock : LockWaitSkip;
	TM_FailureData failure;
	ItemPointerData tid;

	if (!find_tid(table, id, &tid))
		return false;
	if (grasp == RT_JOB_READ)
		return table_tuple_fetch_row_version(table, &tid, GetActiveSnapshot(), slot);
	return table_tuple_lock(table, &tid, GetActiveSnapshot(), slot, GetCurrentCommandId(true),
							LockTupleExclusive, policy, TUPLE_LOCK_FLAG_FIND_LAST_VERSION,
							&failure) == TM_Ok;
}

bool
rt_job_grasp(int64 id, RtJobGrasp grasp, RtJob *job)
{
	Relation	table = table_open(rt_job_table(), grasp == RT_JOB_READ ? AccessShareLock : RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	bool		found;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	job->id = id;
	found = grasp_row(table, slot, id, grasp);
	if (found)
		read_job(job, slot);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, NoLock);
	return found;
}

static char *
slot_text(TupleTableSlot *slot, int anum)
{
	bool		is_null;
	Datum		value = slot_getattr(slot, anum, &is_null);

	return is_null ? NULL : TextDatumGetCString(value);
}

static void
read_over(TupleTableSlot *slot, RtJobOver *over)
{
	bool		is_null;
	Datum		result = slot_getattr(slot, Anum_finished_result, &is_null);

	over->queue = slot_text(slot, Anum_finished_queue);
	over->state = slot_text(slot, Anum_finished_state);
	over->code = slot_text(slot, Anum_finished_code);
	over->message = slot_text(slot, Anum_finished_message);
	over->result = is_null ? NULL : DatumGetJsonbPCopy(result);
}

bool
rt_job_over(int64 id, RtJobOver *over)
{
	Relation	table = table_open(rt_job_finished_table(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	ItemPointerData tid;
	bool		found;

	rt_unflushed_touch(RelationGetRelid(table));
	PushActiveSnapshot(GetLatestSnapshot());
	found = find_tid(table, id, &tid) &&
		table_tuple_fetch_row_version(table, &tid, GetActiveSnapshot(), slot);
	if (found)
		read_over(slot, over);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
	return found;
}

/* Columns that both tables have. */
static const int common_columns[][2] = {
	{Anum_job_id, Anum_finished_id},
	{Anum_job_queue, Anum_finished_queue},
	{Anum_job_created_at, Anum_finished_created_at},
	{Anum_job_run_at, Anum_finished_run_at},
	{Anum_job_priority, Anum_finished_priority},
	{Anum_job_max_attempts, Anum_finished_max_attempts},
	{Anum_job_unique_key, Anum_finished_unique_key},
	{Anum_job_order_key, Anum_finished_order_key},
	{Anum_job_user_id, Anum_finished_user_id},
	{Anum_job_request_id, Anum_finished_request_id},
	{Anum_job_payload, Anum_finished_payload}
};

static void
keep_finished(const RtJob *job, const RtJobEnd *end)
{
	Relation	table = table_open(rt_job_finished_table(), RowExclusiveLock);
	TupleTableSlot *slot = begin_row(table);

	for (int i = 0; i < lengthof(common_columns); i++)
	{
		int			from = common_columns[i][0] - 1;

		if (!job->nulls[from])
			set_value(slot, common_columns[i][1], job->values[from]);
	}
	set_text(slot, Anum_finished_state, end->state);
	set_value(slot, Anum_finished_finished_at, TimestampTzGetDatum(GetCurrentTimestamp()));
	if (end->started_at != 0)
		set_value(slot, Anum_finished_started_at, TimestampTzGetDatum(end->started_at));
	set_value(slot, Anum_finished_attempts, Int32GetDatum(end->attempts));
	set_text(slot, Anum_finished_code, end->code);
	set_text(slot, Anum_finished_message, short_message(end->message));
	if (end->result != NULL)
		set_value(slot, Anum_finished_result, JsonbPGetDatum(end->result));
	end_row(table, slot);
	table_close(table, NoLock);
}

/* Still there, as it was locked. */
static bool
is_there(Relation table, const RtJob *job)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);
	ItemPointerData tid = job->tid;
	bool		there = table_tuple_fetch_row_version(table, &tid, SnapshotSelf, slot);

	ExecDropSingleTupleTableSlot(slot);
	return there;
}

bool
rt_job_finish(const RtJob *job, const RtJobEnd *end)
{
	Relation	table = table_open(rt_job_table(), RowExclusiveLock);
	bool		there = is_there(table, job);
	ItemPointerData tid = job->tid;
	TM_FailureData failure;

	rt_unflushed_touch(RelationGetRelid(table));
	if (there)
	{
		if (end->is_kept)
			keep_finished(job, end);
		if (table_tuple_delete(table, &tid, GetCurrentCommandId(true), GetActiveSnapshot(),
							   InvalidSnapshot, true, &failure, false) != TM_Ok)
			elog(ERROR, "job " INT64_FORMAT " has changed though it is locked", job->id);
	}
	table_close(table, NoLock);
	return there;
}

void
rt_job_put_off(int64 id, int attempts, TimestampTz run_at, const char *code, const char *message)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET attempts = $2, crashes = 0, ready = $3, taken = false,"
		" run_at = $4, code = $5, message = $6 WHERE id OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(attempts), false);
	rt_statement_put(&statement, BOOLOID, BoolGetDatum(run_at <= GetCurrentTimestamp()), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(run_at), false);
	rt_statement_put_text(&statement, code);
	rt_statement_put_text(&statement, short_message(message));
	(void) rt_statement_run(&statement, rt_job_table(), SPI_OK_UPDATE);
}

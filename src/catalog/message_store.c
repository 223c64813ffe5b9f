/*
 * message_store.c
 *		Reading the events of replay topics.
 *
 * All of it by the primary key, so the cost is that of a descent of the index
 * and of the rows that are read.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"
#include "src/ipc/newest_hint.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/unflushed.h"
#include "src/protocol/topic.h"

struct RtReplayScan
{
	Relation	messages;
	Relation	index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	ScanKeyData keys[2];
	MemoryContext row_context;	/* texts that had to be fetched */
};

static void init_topic_key(ScanKey key, StrategyNumber strategy,
						   RegProcedure compare, const char *topic, Size len);
static int64 slot_seq(TupleTableSlot *slot);
static bool slot_is_lost(TupleTableSlot *slot);
static int64 newest_of_table(const char *topic, Size len, Snapshot snapshot);
static const char *slot_text(TupleTableSlot *slot, int anum, uint32 *len);
static Datum epoch_column(Relation epochs, HeapTuple tuple, int anum);
static int64 current_floor(Snapshot snapshot);

/* To be told to clients, or to be compared with what they have been told. */
static Relation
open_messages(void)
{
	Oid			table = rt_message_table();

	rt_unflushed_note_numbers(table);
	return table_open(table, AccessShareLock);
}

RtReplayNumbers
rt_replay_numbers(const char *topic, Size len, Snapshot snapshot)
{
	RtReplayNumbers numbers;

	numbers.floor = current_floor(snapshot);
	numbers.newest = Max(newest_of_table(topic, len, snapshot), numbers.floor);
	return numbers;
}

bool
rt_replay_is_truncated(const char *topic, Size len, int64 since,
					   const RtReplayNumbers *numbers, Snapshot snapshot)
{
	RtReplayScan *scan;
	int64		expected = since + 1;

	if (since < numbers->floor || since > numbers->newest)
		return true;
	if (since == numbers->newest)
		return false;

	scan = rt_replay_begin(topic, len, since, snapshot);
	while (expected <= numbers->newest &&
		   index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (slot_seq(scan->slot) != expected || slot_is_lost(scan->slot))
			break;
		expected++;
	}
	rt_replay_end(scan);
	return expected <= numbers->newest;
}

bool
rt_replay_any(const char *tpl, Size len)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Relation	messages = open_messages();
	Relation	index = rt_message_index_open(messages, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(messages, NULL);
	char	   *topic = "";
	bool		found = false;

	while (!found &&
		   (topic = rt_message_next_topic(messages, index, slot, topic, snapshot)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		found = len == 0 || rt_template_match(tpl, len, topic, strlen(topic), NULL);
	}
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(messages, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return found;
}

/* ---- rows ---- */

RtReplayScan *
rt_replay_begin(const char *topic, Size len, int64 since, Snapshot snapshot)
{
	RtReplayScan *scan = palloc(sizeof(RtReplayScan));

	scan->messages = open_messages();
	scan->index = rt_message_index_open(scan->messages, AccessShareLock);
	scan->slot = table_slot_create(scan->messages, NULL);
	scan->row_context = AllocSetContextCreate(CurrentMemoryContext,
											  "realtime replay row",
											  ALLOCSET_DEFAULT_SIZES);

	init_topic_key(&scan->keys[0], BTEqualStrategyNumber, F_TEXTEQ, topic, len);
	ScanKeyInit(&scan->keys[1], Anum_message_seq, BTGreaterStrategyNumber,
				F_INT8GT, Int64GetDatum(since));
	scan->scan = rt_index_beginscan(scan->messages, scan->index, snapshot,
									lengthof(scan->keys));
	index_rescan(scan->scan, scan->keys, lengthof(scan->keys), NULL, 0);
	return scan;
}

bool
rt_replay_next(RtReplayScan *scan, RtReplayRow *row)
{
	MemoryContext old_context;
	bool		is_null;

	CHECK_FOR_INTERRUPTS();
	if (!index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot))
		return false;

	MemoryContextReset(scan->row_context);
	old_context = MemoryContextSwitchTo(scan->row_context);
	row->seq = slot_seq(scan->slot);
	row->tid = scan->slot->tts_tid;
	row->event = slot_text(scan->slot, Anum_message_event, &row->event_len);
	row->data = slot_text(scan->slot, Anum_message_data, &row->data_len);
	row->created_at =
		DatumGetTimestampTz(slot_getattr(scan->slot, Anum_message_created_at,
										 &is_null));
	MemoryContextSwitchTo(old_context);
	return true;
}

void
rt_replay_end(RtReplayScan *scan)
{
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
	table_close(scan->messages, AccessShareLock);
	MemoryContextDelete(scan->row_context);
	pfree(scan);
}

/*
 * The newest row is the last one of its topic in the index.  Read backwards
 * an index gives, and checks, all of a page that belongs to the topic at once,
 * unless there is a number to stop at.
 */
int64
rt_message_newest(Relation messages, Relation index, TupleTableSlot *slot,
				  const char *topic, Size len, Snapshot snapshot)
{
	int64		hint = rt_newest_hint(rt_topic_hash(topic, len));
	ScanKeyData keys[2];
	IndexScanDesc scan;
	int64		newest = 0;

	init_topic_key(&keys[0], BTEqualStrategyNumber, F_TEXTEQ, topic, len);
	ScanKeyInit(&keys[1], Anum_message_seq, BTGreaterEqualStrategyNumber,
				F_INT8GE, Int64GetDatum(hint));
	for (int count = hint > 0 ? 2 : 1; count > 0 && newest == 0; count--)
	{
		scan = rt_index_beginscan(messages, index, snapshot, count);
		index_rescan(scan, keys, count, NULL, 0);
		if (index_getnext_slot(scan, BackwardScanDirection, slot))
			newest = slot_seq(slot);
		index_endscan(scan);
	}
	ExecClearTuple(slot);
	return newest;
}

/* Skips what lies between, however many rows a topic has. */
char *
rt_message_next_topic(Relation messages, Relation index, TupleTableSlot *slot,
					  const char *after, Snapshot snapshot)
{
	ScanKeyData key;
	IndexScanDesc scan;
	char	   *topic = NULL;
	bool		is_null;

	init_topic_key(&key, BTGreaterStrategyNumber, F_TEXT_GT, after, strlen(after));
	scan = rt_index_beginscan(messages, index, snapshot, 1);
	index_rescan(scan, &key, 1, NULL, 0);
	if (index_getnext_slot(scan, ForwardScanDirection, slot))
		topic = TextDatumGetCString(slot_getattr(slot, Anum_message_topic,
												 &is_null));
	index_endscan(scan);
	ExecClearTuple(slot);
	return topic;
}

Oid
rt_message_index(Relation messages)
{
	Oid			index = rt_primary_key_index(messages);

	if (!OidIsValid(index))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key",
						RelationGetRelationName(messages)),
				 errhint("ALTER TABLE realtime.replay_message ADD PRIMARY KEY (topic, seq)")));
	return index;
}

Relation
rt_message_index_open(Relation messages, LOCKMODE mode)
{
	return index_open(rt_message_index(messages), mode);
}

static int64
newest_of_table(const char *topic, Size len, Snapshot snapshot)
{
	Relation	messages = open_messages();
	Relation	index = rt_message_index_open(messages, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(messages, NULL);
	int64		newest;

	newest = rt_message_newest(messages, index, slot, topic, len, snapshot);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(messages, AccessShareLock);
	return newest;
}

/*
 * Columns of the index have the same numbers as those of the table.  The topic
 * has the collation C, whatever the database's is.
 */
static void
init_topic_key(ScanKey key, StrategyNumber strategy, RegProcedure compare,
			   const char *topic, Size len)
{
	ScanKeyEntryInitialize(key, 0, Anum_message_topic, strategy,
						   InvalidOid, C_COLLATION_OID, compare,
						   PointerGetDatum(cstring_to_text_with_len(topic, (int) len)));
}

static int64
slot_seq(TupleTableSlot *slot)
{
	bool		is_null;

	return DatumGetInt64(slot_getattr(slot, Anum_message_seq, &is_null));
}

static bool
slot_is_lost(TupleTableSlot *slot)
{
	return slot_attisnull(slot, Anum_message_event);
}

static const char *
slot_text(TupleTableSlot *slot, int anum, uint32 *len)
{
	bool		is_null;
	Datum		value = slot_getattr(slot, anum, &is_null);
	text	   *fetched;

	*len = 0;
	if (is_null)
		return NULL;
	fetched = DatumGetTextPP(value);
	*len = VARSIZE_ANY_EXHDR(fetched);
	return VARDATA_ANY(fetched);
}

/* ---- the epoch ---- */

/* No column of the table can be NULL. */
static Datum
epoch_column(Relation epochs, HeapTuple tuple, int anum)
{
	bool		is_null;

	return heap_getattr(tuple, anum, RelationGetDescr(epochs), &is_null);
}

bool
rt_epoch_read(Relation epochs, Snapshot snapshot, RtEpoch *epoch)
{
	SysScanDesc scan = systable_beginscan(epochs, InvalidOid, false, snapshot,
										  0, NULL);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);

	if (found)
	{
		epoch->epoch =
			DatumGetInt32(epoch_column(epochs, tuple, Anum_epoch_epoch));
		epoch->floor =
			DatumGetInt64(epoch_column(epochs, tuple, Anum_epoch_floor));
		epoch->system_identifier = (uint64)
			DatumGetInt64(epoch_column(epochs, tuple, Anum_epoch_system_identifier));
		epoch->timeline = (TimeLineID)
			DatumGetInt32(epoch_column(epochs, tuple, Anum_epoch_timeline));
		epoch->database =
			DatumGetObjectId(epoch_column(epochs, tuple, Anum_epoch_database_oid));
		epoch->table =
			DatumGetObjectId(epoch_column(epochs, tuple, Anum_epoch_table_oid));
		epoch->tid = tuple->t_self;
	}
	systable_endscan(scan);
	return found;
}

/* 0 before the first number. */
static int64
current_floor(Snapshot snapshot)
{
	Relation	epochs = table_open(rt_epoch_table(), AccessShareLock);
	RtEpoch		epoch;
	bool		found = rt_epoch_read(epochs, snapshot, &epoch);

	table_close(epochs, AccessShareLock);
	return found ? rt_epoch_floor(&epoch) : 0;
}

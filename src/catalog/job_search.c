/*
 * job_search.c
 *		Which jobs of a queue may be run.
 *
 * Those without a key of order are found in the order of the queue.  Of each key the
 * first may be run, if it is ready: an index has, key by key, the one that a session has
 * taken, then the others by place.  So nothing has to be noted of those that wait for
 * another one, and nobody need be told when that is over but who looks again.
 *
 * One with a lower id may be committed later, or one of a higher priority come, when
 * another is run already.  So who runs one, or takes it, has a lock on the key until its
 * transaction ends, and then finds out again whether it is the first.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/catalog/job_slot.h"
#include "src/catalog/job_store.h"
#include "src/ipc/job.h"

#define LOCK_FIELD4 0x524A		/* "RJ"; SQL makes 1 and 2 */

/* ---- without keys ---- */

static bool
is_claimed(const RtJobSearch *search, int64 id)
{
	return search->claimed_count > 0 &&
		bsearch(&id, search->claimed, search->claimed_count, sizeof(int64), rt_job_compare_ids) != NULL;
}

static void
add_found(RtJobSearch *search, TupleTableSlot *slot, int64 id, int64 place)
{
	RtJobFound *found = &search->found[search->count++];

	found->id = id;
	found->place = place;
	found->tid = slot->tts_tid;
	found->crashes = slot_int32(slot, Anum_job_crashes);
	found->is_old = found->crashes > 0 ||
		slot_int64(slot, Anum_job_created_at) < search->old_before;
}

/* Returns false if it is left, because there are enough. */
static bool
take_slot(RtJobSearch *search, TupleTableSlot *slot)
{
	int64		id = slot_int64(slot, Anum_job_id);
	int64		place = slot_int64(slot, Anum_job_place);

	if (!is_claimed(search, id))
	{
		if (search->count == search->max)
		{
			search->end = place;
			search->more = true;
			return false;
		}
		add_found(search, slot, id, place);
	}
	search->end = place + 1;
	return true;
}

/* Columns of the index: queue, place. */
static void
set_keys(ScanKeyData *keys, const RtJobSearch *search)
{
	ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID,
						   F_TEXTEQ, CStringGetTextDatum(search->queue));
	ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(search->from));
}

void
rt_jobs_find(RtJobSearch *search)
{
	Relation	table = table_open(rt_job_table(), AccessShareLock);
	Relation	index = index_open(rt_job_ready_index(), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	IndexScanDesc scan = rt_index_beginscan(table, index, GetActiveSnapshot(), 2);
	ScanKeyData keys[2];

	search->end = search->from;
	set_keys(keys, search);
	index_rescan(scan, keys, 2, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (!take_slot(search, slot))
			break;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(table, AccessShareLock);
}

/* ---- with keys ---- */

/* A scan of an index for a queue, and whatever else is in keys. */
typedef struct KeyScan
{
	Relation	table;
	Relation	index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	ScanKeyData keys[2];
} KeyScan;

static void
begin_scan(KeyScan *scan, const char *queue)
{
	scan->table = table_open(rt_job_table(), AccessShareLock);
	scan->index = index_open(rt_job_ordered_index(), AccessShareLock);
	scan->slot = table_slot_create(scan->table, NULL);
	scan->scan = rt_index_beginscan(scan->table, scan->index, GetActiveSnapshot(), 2);
	ScanKeyEntryInitialize(&scan->keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID,
						   F_TEXTEQ, CStringGetTextDatum(queue));
}

static void
end_scan(KeyScan *scan)
{
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
	table_close(scan->table, AccessShareLock);
}

/* The first of the next key, or of that one. */
static bool
next_key(KeyScan *scan, StrategyNumber strategy, RegProcedure procedure, const char *key)
{
	ScanKeyEntryInitialize(&scan->keys[1], 0, 2, strategy, InvalidOid, C_COLLATION_OID,
						   procedure, CStringGetTextDatum(key));
	index_rescan(scan->scan, scan->keys, 2, NULL, 0);
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

static char *
slot_key(TupleTableSlot *slot)
{
	bool		is_null;
	Datum		key = slot_getattr(slot, Anum_job_order_key, &is_null);

	return TextDatumGetCString(key);
}

/*
 * Goes from key to key up to the last that is wanted; NULL = to the end.  Returns false
 * if it has found enough before.
 */
static bool
find_heads(KeyScan *scan, RtJobSearch *search, char **key, const char *last)
{
	while (next_key(scan, BTGreaterStrategyNumber, F_TEXT_GT, *key))
	{
		int64		id = slot_int64(scan->slot, Anum_job_id);
		char	   *next = slot_key(scan->slot);

		CHECK_FOR_INTERRUPTS();
		if (last != NULL && strcmp(next, last) > 0)
			return true;
		if (slot_bool(scan->slot, Anum_job_ready) && !is_claimed(search, id))
		{
			if (search->count == search->max)
			{
				search->more = true;
				return false;
			}
			add_found(search, scan->slot, id, RT_JOB_LAST);
		}
		*key = next;
	}
	return true;
}

/* Where the last look has ended, for queues by their places. */
static char *last_keys[RT_JOB_PLACES];

static void
note_last(int place, const char *key)
{
	if (last_keys[place] != NULL)
		pfree(last_keys[place]);
	last_keys[place] = MemoryContextStrdup(TopMemoryContext, key);
}

void
rt_jobs_find_ordered(RtJobSearch *search)
{
	int			place = rt_job_place(search->queue);
	char	   *last = last_keys[place] != NULL ? pstrdup(last_keys[place]) : "";
	char	   *key = last;
	KeyScan		scan;

	begin_scan(&scan, search->queue);
	if (find_heads(&scan, search, &key, NULL) && last[0] != '\0')
	{
		key = "";
		(void) find_heads(&scan, search, &key, last);
	}
	end_scan(&scan);
	if (strcmp(key, last) != 0)
		note_last(place, key);
}

/* ---- whose turn it is ---- */

static bool
lock_key(const RtJob *job)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) job->order_key,
										   (int) strlen(job->order_key), rt_job_queue_hash(job->queue));
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_FIELD4);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

static bool
is_first(const RtJob *job)
{
	KeyScan		scan;
	bool		first;

	PushActiveSnapshot(GetLatestSnapshot());
	begin_scan(&scan, job->queue);
	first = next_key(&scan, BTEqualStrategyNumber, F_TEXTEQ, job->order_key) &&
		slot_int64(scan.slot, Anum_job_id) == job->id;
	end_scan(&scan);
	PopActiveSnapshot();
	return first;
}

bool
rt_job_has_turn(const RtJob *job)
{
	return job->order_key == NULL || (lock_key(job) && is_first(job));
}

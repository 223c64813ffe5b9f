/*
 * job_search.c
 *		Which jobs of a queue may be run.
 *
 * Those without a key of order are found in the order of the queue.  Of each key the
 * first may be run, if it is ready: an index has those that are ready key by key, and
 * another one has, key by key, the one that a session has taken, then all others.  So
 * nothing has to be noted of those that wait for another one.  Of more keys than a look
 * goes through, each one goes on where the last has ended.
 *
 * One with a lower id may be committed later, or one of a higher priority come, when
 * another is run already.  So who runs one, or takes it, first has a lock on the key until
 * its transaction ends, and then finds out again whether it is the first.
 *
 * Nobody waits for that lock, and a look leaves out keys that are locked.  So who does not
 * get one that the look has found free need not be told when that is over: he looks anew,
 * having nothing claimed.  Either the key is free again; or who has it looks when he has
 * ended, and finds what was left.
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
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/catalog/job_slot.h"
#include "src/catalog/job_store.h"
#include "src/ipc/job.h"

#define LOCK_FIELD4 0x524A		/* "RJ"; SQL makes 1 and 2 */
#define HEADS_MIN 32			/* keys that a look goes through, if it may */

/* ---- without keys ---- */

static bool
is_claimed(const RtJobSearch *search, int64 id)
{
	return search->claimed_count > 0 &&
		bsearch(&id, search->claimed, search->claimed_count, sizeof(int64), rt_job_compare_ids) != NULL;
}

static void
fill_found(RtJobFound *found, const RtJobSearch *search, TupleTableSlot *slot)
{
	found->id = slot_int64(slot, Anum_job_id);
	found->place = found->rank = slot_int64(slot, Anum_job_place);
	found->key = 0;
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
			search->more = search->more_plain = true;
			return false;
		}
		fill_found(&search->found[search->count++], search, slot);
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

static void
find_plain(RtJobSearch *search)
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

/* ---- locks of keys ---- */

static void
set_lock_tag(LOCKTAG *tag, uint64 key)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, LOCK_FIELD4);
}

bool
rt_job_lock_key(const RtJobFound *found)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, found->key);
	return found->place != RT_JOB_LAST ||
		LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
rt_job_unlock_key(const RtJobFound *found)
{
	LOCKTAG		tag;

	set_lock_tag(&tag, found->key);
	if (found->place == RT_JOB_LAST)
		(void) LockRelease(&tag, ExclusiveLock, false);
}

static bool
is_free(const RtJobFound *found)
{
	if (!rt_job_lock_key(found))
		return false;
	rt_job_unlock_key(found);
	return true;
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
begin_scan(KeyScan *scan, Oid index, const char *queue)
{
	scan->table = table_open(rt_job_table(), AccessShareLock);
	scan->index = index_open(index, AccessShareLock);
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

/* Goes to the first of the next key, or of that one. */
static bool
go_to(KeyScan *scan, StrategyNumber strategy, RegProcedure procedure, text *key)
{
	ScanKeyEntryInitialize(&scan->keys[1], 0, 2, strategy, InvalidOid, C_COLLATION_OID,
						   procedure, PointerGetDatum(key));
	index_rescan(scan->scan, scan->keys, 2, NULL, 0);
	return index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot);
}

static bool
is_first_of(KeyScan *scan, text *key, int64 id)
{
	return go_to(scan, BTEqualStrategyNumber, F_TEXTEQ, key) &&
		slot_int64(scan->slot, Anum_job_id) == id;
}

bool
rt_job_is_first(const char *queue, text *key, int64 id)
{
	KeyScan		scan;
	bool		is_first;

	PushActiveSnapshot(GetLatestSnapshot());
	begin_scan(&scan, rt_job_ordered_index(), queue);
	is_first = is_first_of(&scan, key, id);
	end_scan(&scan);
	PopActiveSnapshot();
	return is_first;
}

/* ---- the firsts of keys ---- */

typedef struct Heads
{
	RtJobSearch *search;
	uint64		queue_hash;
	KeyScan		ready;			/* of those that are ready */
	KeyScan		all;
	RtJobFound *found;
	int			count;
	int			max;
} Heads;

static uint64
hash_key(const Heads *heads, const text *key)
{
	return hash_bytes_extended((const unsigned char *) VARDATA(key), VARSIZE(key) - VARHDRSZ,
							   heads->queue_hash);
}

/* As the indexes have them. */
static int
compare_keys(const text *a, const text *b)
{
	int			a_len = VARSIZE(a) - VARHDRSZ;
	int			b_len = VARSIZE(b) - VARHDRSZ;
	int			order = memcmp(VARDATA(a), VARDATA(b), Min(a_len, b_len));

	return order != 0 ? order : a_len - b_len;
}

static text *
copy_key(const text *key)
{
	return (text *) DatumGetPointer(datumCopy(PointerGetDatum(key), false, -1));
}

static text *
slot_key(TupleTableSlot *slot)
{
	bool		is_null;

	return DatumGetTextPCopy(slot_getattr(slot, Anum_job_order_key, &is_null));
}

/* The first of its key that is ready: is it the first of all, and are they in nobody's hands? */
static void
consider(Heads *heads, text *key)
{
	RtJobFound *found = &heads->found[heads->count];

	fill_found(found, heads->search, heads->ready.slot);
	found->place = RT_JOB_LAST;
	found->key = hash_key(heads, key);
	if (is_claimed(heads->search, found->id) || !is_first_of(&heads->all, key, found->id))
		return;
	if (is_free(found))
		heads->count++;
	else
		heads->search->missed = true;
}

/*
 * Goes on from key to key, up to the last; NULL = to the end.  Returns false if it has
 * enough before.
 */
static bool
walk(Heads *heads, text **key, const text *last)
{
	while (heads->count < heads->max)
	{
		text	   *next;

		CHECK_FOR_INTERRUPTS();
		if (!go_to(&heads->ready, BTGreaterStrategyNumber, F_TEXT_GT, *key))
			return true;
		next = slot_key(heads->ready.slot);
		if (last != NULL && compare_keys(next, last) > 0)
			return true;
		consider(heads, next);
		pfree(*key);
		*key = next;
	}
	return false;
}

/* Where the last look has ended, for queues by their places; NULL = before all. */
static text *last_keys[RT_JOB_PLACES];

static void
note_last(int place, const text *key)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	text	   *copy = copy_key(key);

	MemoryContextSwitchTo(old);
	if (last_keys[place] != NULL)
		pfree(last_keys[place]);
	last_keys[place] = copy;
}

/* No key is empty, so all are behind that one. */
static void
go_round(Heads *heads)
{
	int			place = rt_job_place(heads->search->queue);
	text	   *last = last_keys[place] != NULL ? copy_key(last_keys[place]) : cstring_to_text("");
	text	   *key = copy_key(last);
	bool		whole = walk(heads, &key, NULL);

	if (whole)
	{
		pfree(key);
		key = cstring_to_text("");
		whole = walk(heads, &key, last);
	}
	heads->search->more |= !whole;
	note_last(place, key);
}

static void
find_heads(Heads *heads)
{
	RtJobSearch *search = heads->search;

	heads->max = search->max_ordered > 0 ? Max(search->max_ordered, HEADS_MIN) : 0;
	heads->found = palloc(sizeof(RtJobFound) * (heads->max + 1));
	if (heads->max == 0)
		return;
	heads->queue_hash = rt_job_queue_hash(search->queue);
	begin_scan(&heads->ready, rt_job_ordered_ready_index(), search->queue);
	begin_scan(&heads->all, rt_job_ordered_index(), search->queue);
	go_round(heads);
	end_scan(&heads->all);
	end_scan(&heads->ready);
}

/* ---- both ---- */

static int
compare_ranks(const void *a, const void *b)
{
	int64		left = ((const RtJobFound *) a)->rank;
	int64		right = ((const RtJobFound *) b)->rank;

	return left < right ? -1 : left > right;
}

/* In the order of the queue; what there is no room for is left. */
static void
merge(RtJobSearch *search, const Heads *heads)
{
	RtJobFound *plain = palloc(sizeof(RtJobFound) * Max(search->count, 1));
	int			plain_count = search->count;
	int			ordered_max = Min(heads->count, search->max_ordered);
	int			i = 0;
	int			k = 0;

	memcpy(plain, search->found, sizeof(RtJobFound) * plain_count);
	search->count = 0;
	while (search->count < search->max && (i < plain_count || k < ordered_max))
	{
		bool		is_plain = k == ordered_max ||
			(i < plain_count && plain[i].rank < heads->found[k].rank);

		search->found[search->count++] = is_plain ? plain[i++] : heads->found[k++];
	}
	if (i < plain_count)
	{
		search->end = plain[i].place;
		search->more_plain = true;
	}
	search->more |= search->more_plain || k < heads->count;
	pfree(plain);
}

void
rt_jobs_find(RtJobSearch *search)
{
	Heads		heads = {.search = search};

	search->count = 0;
	search->more = search->more_plain = search->missed = false;
	find_plain(search);
	find_heads(&heads);
	qsort(heads.found, heads.count, sizeof(RtJobFound), compare_ranks);
	if (heads.count > 0)
		merge(search, &heads);
	pfree(heads.found);
}

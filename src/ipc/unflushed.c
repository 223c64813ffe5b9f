/*
 * unflushed.c
 *		Commits that others can see before they are durable.
 *
 * Numbers that only grow, and counts of what is announced.  Who commits counts
 * itself before it can be seen, and raises the number before it counts itself
 * out; who asks reads the count first: a commit that it has seen is in one of
 * the two.
 *
 *		commit: count -> visible -> number -> barrier -> count back
 *		reader: snapshot -> barrier -> count -> barrier -> number
 *
 * Tables are told apart by a hash: at worst somebody waits for standbys without
 * need.  The last bucket is that of commits that may have touched any table.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/unflushed.h"

#define BUCKETS 512
#define ANY_TABLE BUCKETS		/* its bucket */
#define TOUCHED_MAX 32			/* buckets of one transaction */

typedef struct Commits
{
	pg_atomic_uint32 announced;
	pg_atomic_uint64 lsn;		/* end of the last one */
} Commits;

typedef struct Unflushed
{
	Commits		all;
	Commits		tables[NUM_SYNC_REP_WAIT_MODE][BUCKETS + 1];
} Unflushed;

typedef struct Touched
{
	int			count;
	uint16		buckets[TOUCHED_MAX];	/* each once */
	bool		all;			/* nobody knows which */
} Touched;

RtOwnFlush	rt_own_flush = {false, SYNC_REP_NO_WAIT, InvalidXLogRecPtr};

static Unflushed *unflushed = NULL;
static Touched touched;			/* by this transaction */
static Touched announced;		/* by its announcement */
static int	announced_mode;
static bool numbers_told = false;

Size
rt_unflushed_size(void)
{
	return sizeof(Unflushed);
}

static void
init_commits(Commits *commits)
{
	pg_atomic_init_u32(&commits->announced, 0);
	pg_atomic_init_u64(&commits->lsn, InvalidXLogRecPtr);
}

void
rt_unflushed_init(void)
{
	bool		found;

	unflushed = ShmemInitStruct("realtime unflushed commits",
								rt_unflushed_size(), &found);
	if (found)
		return;
	init_commits(&unflushed->all);
	for (int mode = 0; mode < NUM_SYNC_REP_WAIT_MODE; mode++)
	{
		for (int i = 0; i <= BUCKETS; i++)
			init_commits(&unflushed->tables[mode][i]);
	}
}

/* ---- what is touched ---- */

void
rt_unflushed_touch(Oid table)
{
	uint16		bucket = murmurhash32(table) % BUCKETS;

	for (int i = 0; i < touched.count; i++)
	{
		if (touched.buckets[i] == bucket)
			return;
	}
	if (touched.count < TOUCHED_MAX)
		touched.buckets[touched.count++] = bucket;
	else
		touched.all = true;
}

void
rt_unflushed_touch_all(void)
{
	touched.all = true;
}

void
rt_unflushed_forget_touched(void)
{
	touched.count = 0;
	touched.all = false;
}

void
rt_unflushed_note_numbers(Oid table)
{
	rt_unflushed_touch(table);
	numbers_told = true;
}

bool
rt_unflushed_take_numbers(void)
{
	bool		told = numbers_told;

	numbers_told = false;
	return told;
}

/* ---- who commits ---- */

static void
count_in(Commits *commits)
{
	pg_atomic_fetch_add_u32(&commits->announced, 1);
}

/* lsn 0 = it was rolled back. */
static void
count_out(Commits *commits, XLogRecPtr lsn)
{
	uint64		seen = pg_atomic_read_u64(&commits->lsn);

	while (seen < lsn &&
		   !pg_atomic_compare_exchange_u64(&commits->lsn, &seen, lsn))
		;
	pg_atomic_fetch_sub_u32(&commits->announced, 1);
}

/* Somebody's callback that comes later may touch more: that is not counted. */
void
rt_unflushed_announce(int mode)
{
	announced = touched;
	announced_mode = mode;
	count_in(&unflushed->all);
	if (mode == SYNC_REP_NO_WAIT)
		return;
	if (announced.all)
		count_in(&unflushed->tables[mode][ANY_TABLE]);
	for (int i = 0; i < announced.count; i++)
		count_in(&unflushed->tables[mode][announced.buckets[i]]);
}

void
rt_unflushed_committed(XLogRecPtr lsn)
{
	int			mode = announced_mode;

	count_out(&unflushed->all, lsn);
	if (mode == SYNC_REP_NO_WAIT)
		return;
	if (announced.all)
		count_out(&unflushed->tables[mode][ANY_TABLE], lsn);
	for (int i = 0; i < announced.count; i++)
		count_out(&unflushed->tables[mode][announced.buckets[i]], lsn);
}

void
rt_unflushed_aborted(void)
{
	rt_unflushed_committed(InvalidXLogRecPtr);
}

/* ---- who tells ---- */

/*
 * At the beginning of a page the position of the next record is behind the
 * page's header, which nobody has written: the log's end is before it.
 */
static XLogRecPtr
end_of_log(void)
{
	XLogRecPtr	lsn = GetXLogInsertRecPtr();

	if (XLogSegmentOffset(lsn, wal_segment_size) == SizeOfXLogLongPHD)
		return lsn - SizeOfXLogLongPHD;
	if (lsn % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		return lsn - SizeOfXLogShortPHD;
	return lsn;
}

static XLogRecPtr
last_commit(Commits *commits)
{
	if (pg_atomic_read_u32(&commits->announced) > 0)
		return end_of_log();
	pg_read_barrier();
	return pg_atomic_read_u64(&commits->lsn);
}

/* The last commit of a mode that has touched what we have. */
static XLogRecPtr
last_touched(int mode)
{
	Commits    *tables = unflushed->tables[mode];
	XLogRecPtr	lsn = last_commit(&tables[ANY_TABLE]);

	for (int i = 0; i < touched.count; i++)
		lsn = Max(lsn, last_commit(&tables[touched.buckets[i]]));
	for (int i = 0; i < BUCKETS && touched.all; i++)
		lsn = Max(lsn, last_commit(&tables[i]));
	return lsn;
}

/* What standbys have not confirmed, in the highest mode. */
static RtDurability
seen_of_standbys(void)
{
	RtDurability needed = RT_DURABLE;

	if (!rt_standbys_are_asked() || (touched.count == 0 && !touched.all))
		return needed;
	for (int mode = 0; mode < NUM_SYNC_REP_WAIT_MODE; mode++)
	{
		RtDurability more = {last_touched(mode), mode};

		if (!rt_is_durable(more))
			needed = rt_durability_sum(needed, more);
	}
	return needed;
}

RtDurability
rt_unflushed_seen(void)
{
	static XLogRecPtr flushed = InvalidXLogRecPtr;
	RtDurability needed = RT_DURABLE;

	if (RecoveryInProgress())
		return needed;
	pg_memory_barrier();
	needed.lsn = last_commit(&unflushed->all);
	if (needed.lsn > flushed)
		flushed = GetFlushRecPtr(NULL);
	if (needed.lsn <= flushed)
		needed.lsn = InvalidXLogRecPtr;
	return rt_durability_sum(needed, seen_of_standbys());
}

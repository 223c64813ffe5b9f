/*
 * change_ring.c
 *		Committed changes of rows that live queries read.
 *
 * The order of the ring is that in which transactions come to the end of their
 * commit, which is not quite that in which they become visible.  So the reader
 * takes what its snapshot shows and begins the next time with the first change
 * that it did not show.  Behind that one are others that it did show, which are not
 * taken again: whose changes were left is noted, and these are the only ones of
 * before where the reading ended.  If they are too many to be noted, changes
 * come twice, which is said.
 *
 * Listening: a listener counts itself and then takes a snapshot; a transaction
 * becomes visible and then looks at the count.  If it sees none the snapshot
 * shows it.
 *
 * Overrun: all that stood in the ring before the snapshot was taken is visible
 * in it.  So who runs everything may go on where the ring ended then.  If that
 * is gone, too, the reading ends there and begins there the next time: it is
 * overrun again, and everything is run once more, because nobody knows what the
 * snapshot did not show.
 *
 * Prepared transactions are kept in a list, by their ids, until the reader sees
 * that they are not running any more.  The list is lost in a restart, which
 * prepared transactions are not: the first reader takes those for listed that
 * run without a process.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/snapmgr.h"

#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/commit_slot.h"
#include "src/ipc/limit.h"
#include "src/ipc/request_queue.h"

#define LEFT_MAX 64

/* Transactions whose changes the snapshot of a reader did not show. */
typedef struct Left
{
	uint64		before;			/* of the changes before this position: up to there
								 * the reader came */
	uint32		count;			/* beyond LEFT_MAX the others are not noted */
	TransactionId xids[LEFT_MAX];
} Left;

/* Beside the bytes. */
typedef struct ChangeState
{
	pg_atomic_uint32 listeners;
	pg_atomic_uint64 position;	/* what is before it has been looked at */
	Left		left;			/* of who has the round */
	pg_atomic_uint32 recovered; /* prepared transactions of before the start are
								 * listed */
	pg_atomic_uint32 prepared_lost; /* there was no room for one in the list */
	pg_atomic_uint64 elsewhere; /* commands in other databases */
	pg_atomic_uint64 elsewhere_seen;	/* of these */
	pg_atomic_uint32 prepared[FLEXIBLE_ARRAY_MEMBER];	/* ids; 0 = free */
} ChangeState;

uint64		rt_changes_own_end = 0;

static RtByteRing *ring = NULL;
static ChangeState *state = NULL;

/* What this process reads at the moment. */
static struct
{
	RtRingReader ring;
	Snapshot	snapshot;
	uint64		safe;			/* where the ring ended before the snapshot */
	uint64		elsewhere;		/* the same of commands */
	uint64		limit;			/* where the reading ends */
	uint64		first_left;		/* the first change that it did not show, if any */
	Left		left;
	bool		repeats;		/* changes may have been read before */
	bool		everything;		/* to be told first */
	uint64		next;			/* after the end, where the next one begins */
} reading;

/* ---- setting up ---- */

static Size
data_size(void)
{
	return TYPEALIGN_DOWN(8, mul_size(realtime_query_ring_size, 1024));
}

/* As many may be prepared, and about to be. */
static int
prepared_max(void)
{
	return max_prepared_xacts > 0 ? max_prepared_xacts + MaxBackends : 0;
}

static Size
state_size(void)
{
	return add_size(offsetof(ChangeState, prepared),
					mul_size(prepared_max(), sizeof(pg_atomic_uint32)));
}

Size
rt_change_ring_size(void)
{
	return add_size(rt_byte_ring_size(data_size()), state_size());
}

void
rt_change_ring_init(void)
{
	bool		found;

	ring = rt_byte_ring_init("realtime change ring", data_size(),
							 "RealtimeChangeRing", &found);
	state = ShmemInitStruct("realtime changes", state_size(), &found);
	if (found)
		return;
	pg_atomic_init_u32(&state->listeners, 0);
	pg_atomic_init_u64(&state->position, 0);
	state->left = (Left) {0};
	pg_atomic_init_u32(&state->recovered, 0);
	pg_atomic_init_u32(&state->prepared_lost, 0);
	pg_atomic_init_u64(&state->elsewhere, 0);
	pg_atomic_init_u64(&state->elsewhere_seen, 0);
	for (int i = 0; i < prepared_max(); i++)
		pg_atomic_init_u32(&state->prepared[i], InvalidTransactionId);
}

/* ---- writing ---- */

Size
rt_change_ring_capacity(void)
{
	return rt_byte_ring_capacity(ring);
}

/* Who begins to listen knows all that there is, and needs no old changes. */
void
rt_change_listener_add(void)
{
	if (pg_atomic_read_u32(&state->listeners) == 0)
	{
		pg_atomic_write_u64(&state->position, rt_byte_ring_position(ring));
		state->left = (Left) {0};
		pg_atomic_write_u64(&state->elsewhere_seen, pg_atomic_read_u64(&state->elsewhere));
	}
	pg_atomic_fetch_add_u32(&state->listeners, 1);
}

void
rt_change_listener_remove(void)
{
	pg_atomic_fetch_sub_u32(&state->listeners, 1);
}

bool
rt_changes_are_wanted(void)
{
	return pg_atomic_read_u32(&state->listeners) > 0;
}

int64
rt_changes_waiting(void)
{
	uint64		position = pg_atomic_read_u64(&state->position);

	return rt_changes_are_wanted() ? (int64) (rt_byte_ring_position(ring) - position) : 0;
}

bool
rt_changes_append(const char *changes, Size size)
{
	uint64		position;

	pg_memory_barrier();
	if (!rt_changes_are_wanted())
		return false;
	position = rt_byte_ring_begin(ring, changes, size);
	rt_byte_ring_end(ring, position + size);
	rt_limit_note(RT_LIMIT_QUERY_RING_SIZE, position + size - pg_atomic_read_u64(&state->position));
	rt_changes_own_end = position + size;
	return true;
}

MinimalTuple
rt_change_old(const RtChange *change)
{
	if ((change->flags & RT_CHANGE_OLD) == 0)
		return NULL;
	return (MinimalTuple) ((char *) change +
						   MAXALIGN(rt_change_header_size(change->column_count)));
}

MinimalTuple
rt_change_new(const RtChange *change)
{
	char	   *image = (char *) change +
		MAXALIGN(rt_change_header_size(change->column_count));

	if ((change->flags & RT_CHANGE_NEW) == 0)
		return NULL;
	if (change->flags & RT_CHANGE_OLD)
		image += MAXALIGN(((MinimalTuple) image)->t_len);
	return (MinimalTuple) image;
}

/* ---- prepared transactions ---- */

static bool
replace_prepared(TransactionId before, TransactionId after)
{
	for (int i = 0; i < prepared_max(); i++)
	{
		uint32		expected = before;

		if (pg_atomic_compare_exchange_u32(&state->prepared[i], &expected, after))
			return true;
	}
	return false;
}

/* Those that ended while nobody listened make room. */
static void
drop_finished(void)
{
	for (int i = 0; i < prepared_max(); i++)
	{
		TransactionId xid = pg_atomic_read_u32(&state->prepared[i]);

		if (TransactionIdIsValid(xid) && !TransactionIdIsInProgress(xid))
		{
			pg_atomic_write_u32(&state->prepared_lost, 1);
			(void) replace_prepared(xid, InvalidTransactionId);
		}
	}
}

/* Where nothing can be prepared that is about to be refused. */
void
rt_changes_note_prepared(TransactionId xid)
{
	if (prepared_max() == 0 || replace_prepared(InvalidTransactionId, xid))
		return;
	drop_finished();
	if (!replace_prepared(InvalidTransactionId, xid))
		elog(ERROR, "no room to note a prepared transaction");
}

void
rt_changes_forget_prepared(TransactionId xid)
{
	(void) replace_prepared(xid, InvalidTransactionId);
}

void
rt_changes_prepared_finished(void)
{
	if (!rt_changes_are_wanted())
		return;
	for (int i = 0; i < prepared_max(); i++)
	{
		if (pg_atomic_read_u32(&state->prepared[i]) != InvalidTransactionId)
		{
			rt_round_want();
			return;
		}
	}
}

static void
list_recovered(Snapshot snapshot)
{
	uint32		not_yet = 0;

	if (!pg_atomic_compare_exchange_u32(&state->recovered, &not_yet, 1))
		return;
	for (uint32 i = 0; i < snapshot->xcnt && prepared_max() > 0; i++)
	{
		TransactionId xid = snapshot->xip[i];

		if (BackendXidGetPid(xid) == 0 && !replace_prepared(xid, xid) &&
			!replace_prepared(InvalidTransactionId, xid))
			pg_atomic_write_u32(&state->prepared_lost, 1);
	}
}

/* Takes those off the list that the snapshot has no more; whether there were any. */
static bool
any_prepared_is_over(Snapshot snapshot, bool take_off)
{
	bool		any = pg_atomic_read_u32(&state->prepared_lost) != 0;

	for (int i = 0; i < prepared_max(); i++)
	{
		TransactionId xid = pg_atomic_read_u32(&state->prepared[i]);

		if (!TransactionIdIsValid(xid) || XidInMVCCSnapshot(xid, snapshot))
			continue;
		any = true;
		if (take_off)
			(void) replace_prepared(xid, InvalidTransactionId);
	}
	if (any && take_off)
		pg_atomic_write_u32(&state->prepared_lost, 0);
	return any;
}

/* ---- other databases ---- */

void
rt_changes_note_elsewhere(void)
{
	pg_atomic_fetch_add_u64(&state->elsewhere, 1);
	if (rt_changes_are_wanted())
		rt_round_want();
}

/* ---- reading ---- */

void
rt_changes_prepare(void)
{
	rt_round_take();
	reading.safe = rt_byte_ring_position(ring);
	reading.elsewhere = pg_atomic_read_u64(&state->elsewhere);
	pg_read_barrier();			/* what was changed before it was counted is seen */
}

void
rt_changes_begin(Snapshot snapshot)
{
	rt_commit_slots_wait(snapshot);
	list_recovered(snapshot);
	reading.snapshot = snapshot;
	reading.ring.position = pg_atomic_read_u64(&state->position);
	reading.limit = PG_UINT64_MAX;
	reading.left.count = 0;
	reading.repeats = false;
	reading.everything = any_prepared_is_over(snapshot, false) ||
		reading.elsewhere != pg_atomic_read_u64(&state->elsewhere_seen);
}

void
rt_changes_leave_elsewhere(void)
{
	reading.elsewhere = pg_atomic_read_u64(&state->elsewhere_seen);
}

static void
recover_from_overrun(void)
{
	if (reading.ring.position < reading.safe)
		reading.ring.position = reading.safe;
	else
		reading.limit = reading.ring.position;
}

static bool
is_left(const Left *left, TransactionId xid)
{
	for (uint32 i = 0; i < Min(left->count, LEFT_MAX); i++)
	{
		if (left->xids[i] == xid)
			return true;
	}
	return false;
}

/* Whether it has been taken by a reader before; also if that is not known, if not. */
static bool
was_taken(const RtChange *change)
{
	const Left *left = &state->left;

	if (reading.ring.position > left->before || is_left(left, change->xid))
		return false;
	if (left->count > LEFT_MAX)
		reading.repeats = true;
	return left->count <= LEFT_MAX;
}

static void
leave(const RtChange *change)
{
	Left	   *left = &reading.left;

	if (left->count == 0)
		reading.first_left = reading.ring.position - change->size;
	if (is_left(left, change->xid))
		return;
	if (left->count < LEFT_MAX)
		left->xids[left->count] = change->xid;
	left->count = Min(left->count, LEFT_MAX) + 1;
}

RtRingRead
rt_changes_next(const RtChange **change)
{
	const void *entry;
	RtRingRead	result;

	if (reading.everything)
	{
		reading.everything = false;
		return RT_RING_OVERRUN;
	}
	while ((result = rt_byte_ring_read(ring, &reading.ring, reading.limit,
									   &entry)) == RT_RING_ENTRY)
	{
		*change = entry;
		if (XidInMVCCSnapshot((*change)->xid, reading.snapshot))
			leave(*change);
		else if (!was_taken(*change))
			return RT_RING_ENTRY;
	}
	if (result == RT_RING_OVERRUN)
	{
		rt_limit_hit(RT_LIMIT_QUERY_RING_SIZE);
		recover_from_overrun();
	}
	return result;
}

static uint64
next_position(void)
{
	return reading.left.count > 0 ? reading.first_left : reading.ring.position;
}

bool
rt_changes_may_repeat(void)
{
	return reading.repeats;
}

uint64
rt_changes_position(void)
{
	return reading.limit == PG_UINT64_MAX ? next_position() : reading.safe;
}

uint64
rt_changes_position_before(void)
{
	return pg_atomic_read_u64(&state->position);
}

void
rt_changes_end(void)
{
	reading.next = next_position();
	pg_atomic_write_u64(&state->position, reading.next);
	state->left = reading.left;
	state->left.before = reading.ring.position;
	(void) any_prepared_is_over(reading.snapshot, true);
	pg_atomic_write_u64(&state->elsewhere_seen, reading.elsewhere);
	reading.snapshot = NULL;
}

/* Nothing is known of what they have done. */
static bool
prepared_have_ended_since(Snapshot snapshot)
{
	for (int i = 0; i < prepared_max(); i++)
	{
		TransactionId xid = pg_atomic_read_u32(&state->prepared[i]);

		if (TransactionIdIsValid(xid) && XidInMVCCSnapshot(xid, snapshot) &&
			!TransactionIdIsInProgress(xid))
			return true;
	}
	return pg_atomic_read_u32(&state->prepared_lost) != 0;
}

bool
rt_changes_show_through(Snapshot snapshot)
{
	const void *entry;
	RtRingRead	result;

	reading.ring.position = reading.next;
	while ((result = rt_byte_ring_read(ring, &reading.ring, PG_UINT64_MAX,
									   &entry)) == RT_RING_ENTRY)
	{
		const RtChange *change = entry;

		if ((change->flags & (RT_CHANGE_ANY | RT_CHANGE_EVERYTHING)) != 0 &&
			XidInMVCCSnapshot(change->xid, snapshot))
			return true;
	}
	return result == RT_RING_OVERRUN || prepared_have_ended_since(snapshot);
}

/*
 * parking.c
 *		Keys that one call at a time may hold, and the requests that wait for
 *		one without an executor.
 *
 * All requests in line stand in one list, in the order of their coming; it is
 * short.  Its LWLock is taken with no other lock of ours, and nothing under it
 * can fail.
 *
 * No wake-up is lost: a request stands in line before it tries for the lock
 * (unless nobody is in line, then it tries first).  Who releases a lock looks
 * at the line afterwards.  If the first in it for that key is not parked yet it
 * is told that it has missed something, and is queued instead of parked.
 *
 * A call may need two keys, one after the other, each time it is run.  It stands
 * in line for one: for that of the second while it can have the first without a
 * line.  If it leaves a line the next one there is woken, because its own turn may
 * have come.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/parking.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/worker_slot.h"

#define LOCK_FIELD4 0x524B		/* "RK"; SQL makes 1 and 2 */
#define PIECE 64				/* requests queued at once */
#define LOOK_MS_MAX 60000

/* One for each slot of a request. */
typedef struct Place
{
	dlist_node	node;
	RtCallKey	key;
	RtCallKey	twins;			/* with whom it may share an answer; none = nobody */
	TimestampTz since;			/* 0 = it was never parked */
	int64		until_ms;		/* of rt_clock_ms(); 0 = not parked for this key yet */
	bool		parked;			/* nobody runs it */
	bool		missed;			/* its turn came while somebody ran it */
	bool		over;			/* its time is up */
} Place;

typedef struct Parking
{
	LWLock	   *lock;
	dlist_head	line;
	pg_atomic_uint32 count;		/* in line */
	pg_atomic_uint64 next_ms;	/* when the launcher is to look */
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Parking;

static Parking *parking = NULL;

/* Keys that this process has got, and may hold. */
static RtCallKey *held = NULL;
static int	held_count = 0;
static int	held_space = 0;
static bool shares = false;		/* the transaction does not wake ... */
static RtCallKey shared_key;		/* ... who waits for this one */

Size
rt_parking_size(void)
{
	return add_size(offsetof(Parking, places),
					mul_size(realtime_queue_depth, sizeof(Place)));
}

void
rt_parking_init(void)
{
	bool		found;

	parking = ShmemInitStruct("realtime parking", rt_parking_size(), &found);
	if (found)
		return;
	memset(parking, 0, rt_parking_size());
	parking->lock = &GetNamedLWLockTranche("RealtimeParking")->lock;
	dlist_init(&parking->line);
	pg_atomic_init_u32(&parking->count, 0);
	pg_atomic_init_u64(&parking->next_ms, PG_INT64_MAX);
}

/* ---- the line ---- */

static bool
same_key(RtCallKey a, RtCallKey b)
{
	return a.parts[0] == b.parts[0] && a.parts[1] == b.parts[1];
}

static Place *
place_of(const RtRequest *request)
{
	return &parking->places[rt_request_number(request)];
}

static RtRequest *
request_of(const Place *place)
{
	return rt_request_at((int) (place - parking->places));
}

static Place *
first_for(RtCallKey key)
{
	dlist_iter	iter;

	dlist_foreach(iter, &parking->line)
	{
		Place	   *place = dlist_container(Place, node, iter.cur);

		if (same_key(place->key, key))
			return place;
	}
	return NULL;
}

static void
step_out(RtRequest *request)
{
	dlist_delete(&place_of(request)->node);
	request->in_line = false;
	pg_atomic_fetch_sub_u32(&parking->count, 1);
}

/* Another key is another wait. */
static void
step_in(RtRequest *request, RtCallKey key, RtCallKey twins)
{
	Place	   *place = place_of(request);

	place->twins = twins;
	if (request->in_line && same_key(place->key, key))
		return;
	if (request->in_line)
		step_out(request);
	place->key = key;
	place->until_ms = 0;
	place->parked = place->over = false;
	dlist_push_tail(&parking->line, &place->node);
	request->in_line = true;
	rt_limit_note(RT_LIMIT_LOCK_WAITERS, pg_atomic_add_fetch_u32(&parking->count, 1));
}

/* All of them, or those of one connection, of whom each may have its share. */
static bool
is_crowded(const RtRequest *request)
{
	int			max = realtime_max_lock_waiters;
	int			own = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &parking->line)
	{
		const RtRequest *other = request_of(dlist_container(Place, node, iter.cur));

		own += other->owner == request->owner && other->flow == request->flow;
	}
	return pg_atomic_read_u32(&parking->count) >= max || own >= Max(1, max / 4);
}

/* The first for a key, to be queued, if it is parked. */
static RtRequest *
next_for(RtCallKey key)
{
	Place	   *place = first_for(key);

	if (place == NULL)
		return NULL;
	if (!place->parked)
	{
		place->missed = true;
		return NULL;
	}
	place->parked = false;
	return request_of(place);
}

/* Any process may do it for the owner: the request is nobody's meanwhile. */
static void
queue_again(RtRequest **requests, int count)
{
	for (int i = 0; i < count; i++)
	{
		rt_holds(requests[i]->in_line, RT_ASSERTION_LOCK_WAITER,
				 "A call that has not waited for a lock is let go on.");
		requests[i]->behind = RT_REQUEST_NONE;
		requests[i]->alone = false;
	}
	if (count > 0)
		rt_requests_submit(requests, count);
}

static void
wake_next(RtCallKey key)
{
	RtRequest  *request;

	if (pg_atomic_read_u32(&parking->count) == 0)
		return;
	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	request = next_for(key);
	LWLockRelease(parking->lock);
	queue_again(&request, request != NULL);
}

/* ---- the lock ---- */

static LOCKTAG
tag_of(RtCallKey key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key.parts[0] >> 32),
						 (uint32) key.parts[0], LOCK_FIELD4);
	return tag;
}

/* Before the lock: nothing may fail once it is there. */
static void
make_room_to_hold(void)
{
	int			space = Max(8, 2 * held_space);

	if (held_count < held_space)
		return;
	if (held == NULL)
		held = MemoryContextAlloc(TopMemoryContext, space * sizeof(RtCallKey));
	else
		held = repalloc(held, space * sizeof(RtCallKey));
	held_space = space;
}

static bool
lock(RtCallKey key, bool dont_wait)
{
	LOCKTAG		tag = tag_of(key);

	make_room_to_hold();
	if (LockAcquire(&tag, ExclusiveLock, false, dont_wait) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	held[held_count++] = key;
	return true;
}

/*
 * Called at the end of transactions, subtransactions and portals, without the
 * locks that they had: what is not held any more has been released.
 */
static void
on_release(ResourceReleasePhase phase, bool is_commit, bool is_top, void *arg)
{
	int			kept = 0;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	for (int i = 0; i < held_count; i++)
	{
		LOCKTAG		tag = tag_of(held[i]);

		if (rt_lock_is_held(&tag, ExclusiveLock))
			held[kept++] = held[i];
		else if (!(is_commit && shares && same_key(held[i], shared_key)))
			wake_next(held[i]);
	}
	held_count = kept;
	shares = shares && !is_top;
}

void
rt_parking_install(void)
{
	RegisterResourceReleaseCallback(on_release, NULL);
}

void
rt_key_share(RtCallKey key)
{
	shares = true;
	shared_key = key;
}

/* Whether nobody is in line for a key; who asks may be, for another one. */
static bool
has_no_line(RtCallKey key)
{
	bool		none;

	if (pg_atomic_read_u32(&parking->count) == 0)
		return true;
	LWLockAcquire(parking->lock, LW_SHARED);
	none = first_for(key) == NULL;
	LWLockRelease(parking->lock);
	return none;
}

/* Returns false if too many are; *first is whether nobody is before it. */
static bool
stand_in_line(RtRequest *request, RtCallKey key, RtCallKey twins, bool *first)
{
	Place	   *place = place_of(request);
	RtCallKey	left;
	bool		leaves;
	bool		crowded;

	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	left = place->key;
	leaves = request->in_line && !same_key(left, key);
	crowded = !request->in_line && is_crowded(request);
	if (!crowded)
		step_in(request, key, twins);
	place->missed = false;
	*first = first_for(key) == place;
	LWLockRelease(parking->lock);

	if (crowded)
		rt_limit_hit(RT_LIMIT_LOCK_WAITERS);
	if (leaves)
		wake_next(left);
	return !crowded;
}

RtKeyTry
rt_key_try(RtCallKey key, RtCallKey twins, RtRequest *request)
{
	bool		first;

	if (has_no_line(key) && lock(key, true))
		return RT_KEY_HELD;
	if (!stand_in_line(request, key, twins, &first))
		return RT_KEY_CROWDED;
	if (!first || !lock(key, true))
		return RT_KEY_AWAITED;
	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	step_out(request);
	LWLockRelease(parking->lock);
	return RT_KEY_HELD;
}

bool
rt_key_is_held(RtCallKey key)
{
	LOCKTAG		tag = tag_of(key);

	return rt_lock_is_held(&tag, ExclusiveLock);
}

bool
rt_key_take(RtCallKey key)
{
	return lock(key, true);
}

bool
rt_key_take_free(RtCallKey key)
{
	return (rt_key_is_held(key) || has_no_line(key)) && lock(key, true);
}

void
rt_key_wait(RtCallKey key, int wait_ms)
{
	int			before = LockTimeout;

	if (wait_ms >= 0 && (before == 0 || wait_ms < before))
		LockTimeout = Max(1, wait_ms);
	PG_TRY();
	{
		(void) lock(key, false);
	}
	PG_FINALLY();
	{
		LockTimeout = before;
	}
	PG_END_TRY();
}

/* ---- parking ---- */

/* The launcher sleeps until the first of them is over. */
static void
tell_launcher(int64 until_ms)
{
	uint64		next = pg_atomic_read_u64(&parking->next_ms);

	while ((uint64) until_ms < next)
	{
		if (!pg_atomic_compare_exchange_u64(&parking->next_ms, &next,
											(uint64) until_ms))
			continue;
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
		return;
	}
}

void
rt_parking_park(RtRequest *request, int wait_ms)
{
	Place	   *place = place_of(request);
	int64		until_ms;
	bool		parks;

	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	if (place->since == 0)
		place->since = GetCurrentTimestamp();
	if (place->until_ms == 0)
		place->until_ms = rt_clock_ms() + wait_ms;
	until_ms = place->until_ms;
	parks = !place->missed;
	place->parked = parks;
	if (parks)
		rt_request_set_parked(request);
	LWLockRelease(parking->lock);

	if (parks)
		tell_launcher(until_ms);
	else
		queue_again(&request, 1);
}

int64
rt_parking_count(void)
{
	return pg_atomic_read_u32(&parking->count);
}

TimestampTz
rt_parking_since(const RtRequest *request)
{
	return request->in_line ? place_of(request)->since : 0;
}

bool
rt_parking_is_over(const RtRequest *request)
{
	return request->in_line && place_of(request)->over;
}

void
rt_parking_leave(RtRequest *request)
{
	Place	   *place = place_of(request);
	RtCallKey		key;

	if (!request->in_line)
		return;
	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	key = place->key;
	step_out(request);
	LWLockRelease(parking->lock);
	wake_next(key);
}

void
rt_parking_forget(RtRequest *request)
{
	Place	   *place = place_of(request);

	place->since = 0;
	place->over = false;
}

int
rt_parking_take(RtCallKey key, RtCallKey twins, int executor, RtRequest **out, int max)
{
	dlist_mutable_iter iter;
	int			count = 0;

	if (pg_atomic_read_u32(&parking->count) == 0)
		return 0;
	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	dlist_foreach_modify(iter, &parking->line)
	{
		Place	   *place = dlist_container(Place, node, iter.cur);

		if (!same_key(place->key, key) || !same_key(place->twins, twins) ||
			!place->parked || count == max)
			continue;
		out[count] = request_of(place);
		step_out(out[count]);
		rt_request_start(out[count++], executor);
	}
	LWLockRelease(parking->lock);
	/* who was not parked yet, or shares nothing, tries for itself */
	if (count < max)
		wake_next(key);
	return count;
}

/* ---- the launcher ---- */

/*
 * Takes up to PIECE that are parked, those whose time is up or all, to be
 * queued.  *next_ms is when there are more.
 */
static int
pick(RtRequest **out, int64 now_ms, bool all, int64 *next_ms)
{
	dlist_iter	iter;
	int			count = 0;

	*next_ms = PG_INT64_MAX;
	LWLockAcquire(parking->lock, LW_EXCLUSIVE);
	dlist_foreach(iter, &parking->line)
	{
		Place	   *place = dlist_container(Place, node, iter.cur);
		bool		over = place->until_ms <= now_ms;

		if (!place->parked)
			continue;
		if (count == PIECE || !(over || all))
		{
			*next_ms = Min(*next_ms, place->until_ms);
			continue;
		}
		place->over = over;
		place->parked = false;
		out[count++] = request_of(place);
	}
	LWLockRelease(parking->lock);
	return count;
}

long
rt_parking_look(void)
{
	RtRequest  *requests[PIECE];
	int64		now_ms = rt_clock_ms();
	int64		next_ms = (int64) pg_atomic_read_u64(&parking->next_ms);

	if (next_ms <= now_ms)
	{
		/* who parks from now on says so again */
		pg_atomic_write_u64(&parking->next_ms, PG_INT64_MAX);
		queue_again(requests, pick(requests, now_ms, false, &next_ms));
		tell_launcher(next_ms);
	}
	return (long) Max(0, Min(next_ms - now_ms, LOOK_MS_MAX));
}

void
rt_parking_clear(void)
{
	RtRequest  *requests[PIECE];
	int64		next_ms;
	int			count;

	while ((count = pick(requests, 0, true, &next_ms)) > 0)
		queue_again(requests, count);
}

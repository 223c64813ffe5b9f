/*
 * push.c
 *		What sessions ask clients.
 *
 * One lock protects all places; it is held while a text is copied.  Sessions
 * sleep on their latch, which the gateway sets.  A place is its session's, so a
 * number is that of the place and a count of what has been asked from there.
 * States lie together, because gateways look through all of them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "src/guc.h"
#include "src/ipc/payload.h"
#include "src/ipc/push.h"
#include "src/ipc/worker_slot.h"

#define COUNT_MAX UINT64CONST(0xFFFFFFFF)	/* a ref is exact as a double */

typedef struct Place
{
	RtPushTarget target;
	uint64		count;			/* of what has been asked */
	RtSharedText text;			/* the frame, or the reply */
} Place;

/* See RtPushStats. */
typedef struct Counters
{
	pg_atomic_uint64 results[RT_PUSH_RESULTS];
	pg_atomic_uint64 replies[RT_WAIT_BUCKETS];
	pg_atomic_uint64 replies_us;
	pg_atomic_uint64 late;
} Counters;

typedef struct Area
{
	LWLock	   *lock;
	Counters	counters;
	pg_atomic_uint32 asked[RT_GATEWAYS_MAX];	/* bool: look */
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Area;

static Area *area = NULL;
static uint8 *states = NULL;	/* RtPushState, by place */

/* Sessions have numbers below this. */
static int
place_count(void)
{
	return MaxBackends;
}

Size
rt_pushes_size(void)
{
	return add_size(offsetof(Area, places),
					mul_size(place_count(), sizeof(Place) + sizeof(uint8)));
}

static void
init_counters(Counters *counters)
{
	for (int i = 0; i < RT_PUSH_RESULTS; i++)
		pg_atomic_init_u64(&counters->results[i], 0);
	for (int i = 0; i < RT_WAIT_BUCKETS; i++)
		pg_atomic_init_u64(&counters->replies[i], 0);
	pg_atomic_init_u64(&counters->replies_us, 0);
	pg_atomic_init_u64(&counters->late, 0);
}

void
rt_pushes_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime pushes", rt_pushes_size(), &found);
	states = (uint8 *) &area->places[place_count()];
	if (found)
		return;
	area->lock = &GetNamedLWLockTranche("RealtimePush")->lock;
	init_counters(&area->counters);
	for (int i = 0; i < RT_GATEWAYS_MAX; i++)
		pg_atomic_init_u32(&area->asked[i], 0);
	for (int i = 0; i < place_count(); i++)
	{
		states[i] = RT_PUSH_NONE;
		area->places[i].count = 0;
		rt_shared_text_init(&area->places[i].text);
	}
}

/* ---- of a session ---- */

static Place *
my_place(void)
{
	Assert(RT_MY_PROC_NUMBER < place_count());
	return &area->places[RT_MY_PROC_NUMBER];
}

static uint64
ref_of(int place, uint64 count)
{
	return (count & COUNT_MAX) * place_count() + place;
}

/* Nobody else changes the count. */
uint64
rt_push_next_ref(void)
{
	return ref_of(RT_MY_PROC_NUMBER, my_place()->count + 1);
}

bool
rt_push_ask(const RtPushTarget *target, const char *frame, uint32 len)
{
	Place	   *place = my_place();
	bool		done;

	rt_payload_attach();
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	done = rt_shared_text_set(&place->text, frame, len);
	if (done)
	{
		place->target = *target;
		place->count++;
		states[RT_MY_PROC_NUMBER] = RT_PUSH_ASKED;
	}
	LWLockRelease(area->lock);
	if (!done)
		return false;
	pg_atomic_write_u32(&area->asked[target->gateway], 1);
	pg_memory_barrier();
	rt_worker_wake(RT_WORKER_GATEWAY, target->gateway);
	return true;
}

RtPushState
rt_push_state(void)
{
	RtPushState state;

	LWLockAcquire(area->lock, LW_SHARED);
	state = (RtPushState) states[RT_MY_PROC_NUMBER];
	LWLockRelease(area->lock);
	return state;
}

/* The reply stays where it is until the session ends what it has asked. */
char *
rt_push_reply(Size *len)
{
	RtSharedText *text = &my_place()->text;
	char	   *copy = MemoryContextAllocHuge(CurrentMemoryContext, (Size) text->len + 1);

	*len = text->len;
	memcpy(copy, rt_shared_text_get(text), text->len);
	copy[text->len] = '\0';
	return copy;
}

void
rt_push_end(void)
{
	Place	   *place = my_place();

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	if (states[RT_MY_PROC_NUMBER] != RT_PUSH_NONE)
		rt_shared_text_free(&place->text);
	states[RT_MY_PROC_NUMBER] = RT_PUSH_NONE;
	LWLockRelease(area->lock);
}

void
rt_push_count(RtPushResult result, int64 us)
{
	Counters   *counters = &area->counters;

	pg_atomic_fetch_add_u64(&counters->results[result], 1);
	if (result != RT_PUSH_RESULT_OK && result != RT_PUSH_RESULT_REJECTED)
		return;
	pg_atomic_fetch_add_u64(&counters->replies[rt_wait_bucket_of(us / 1000)], 1);
	pg_atomic_fetch_add_u64(&counters->replies_us, us);
}

/* ---- of a gateway ---- */

bool
rt_pushes_are_asked(int gateway)
{
	return pg_atomic_read_u32(&area->asked[gateway]) != 0;
}

static bool
copy_frame(RtPushFrame *frame, Place *place)
{
	if (frame->size < place->text.len)
	{
		char	   *bytes = realloc(frame->bytes, place->text.len);

		if (bytes == NULL)
			return false;
		frame->bytes = bytes;
		frame->size = place->text.len;
	}
	frame->len = place->text.len;
	memcpy(frame->bytes, rt_shared_text_get(&place->text), frame->len);
	return true;
}

static bool
take_place(RtPushFrame *frame, int number)
{
	Place	   *place = &area->places[number];

	if (!copy_frame(frame, place))
		return false;
	frame->ref = ref_of(number, place->count);
	frame->target = place->target;
	rt_shared_text_free(&place->text);
	states[number] = RT_PUSH_SENT;
	return true;
}

/* The mark is taken away before the look: who asks then is seen, or sets it again. */
bool
rt_push_take(int gateway, RtPushFrame *frame)
{
	bool		taken = false;

	pg_atomic_write_u32(&area->asked[gateway], 0);
	pg_memory_barrier();
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < place_count() && !taken; i++)
	{
		if (states[i] == RT_PUSH_ASKED && area->places[i].target.gateway == gateway)
			taken = take_place(frame, i);
	}
	LWLockRelease(area->lock);
	if (taken)
		pg_atomic_write_u32(&area->asked[gateway], 1);
	return taken;
}

static bool
is_target(const RtPushTarget *target, const RtPushTarget *of)
{
	return target->gateway == of->gateway &&
		(target->serial == 0 ||
		 (target->connection == of->connection && target->serial == of->serial));
}

static bool
is_awaited(int number)
{
	return states[number] == RT_PUSH_ASKED || states[number] == RT_PUSH_SENT;
}

static void
end_wait(int number, RtPushState state)
{
	states[number] = state;
	SetLatch(&RT_PROC_BY_NUMBER(number)->procLatch);
}

bool
rt_push_settle(const RtPushTarget *target, uint64 ref, RtPushState state,
			   const char *text, uint32 len)
{
	int			number = ref % place_count();
	Place	   *place = &area->places[number];
	bool		awaited;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	awaited = states[number] == RT_PUSH_SENT && ref_of(number, place->count) == ref &&
		is_target(target, &place->target);
	if (awaited && !rt_shared_text_set(&place->text, text, len))
		state = RT_PUSH_TOO_LARGE;
	if (awaited)
		end_wait(number, state);
	LWLockRelease(area->lock);
	return awaited;
}

uint32
rt_pushes_abandon(const RtPushTarget *target)
{
	uint32		sent = 0;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < place_count(); i++)
	{
		if (!is_awaited(i) || !is_target(target, &area->places[i].target))
			continue;
		sent += states[i] == RT_PUSH_SENT;
		end_wait(i, RT_PUSH_GONE);
	}
	LWLockRelease(area->lock);
	return sent;
}

void
rt_push_count_late(void)
{
	pg_atomic_fetch_add_u64(&area->counters.late, 1);
}

/* ---- of everybody ---- */

static const char *const result_names[RT_PUSH_RESULTS] = {
	[RT_PUSH_RESULT_OK] = "ok",
	[RT_PUSH_RESULT_REJECTED] = "rejected",
	[RT_PUSH_RESULT_NOT_FOUND] = "not_found",
	[RT_PUSH_RESULT_TIMEOUT] = "timeout",
	[RT_PUSH_RESULT_OVERLOADED] = "overloaded",
	[RT_PUSH_RESULT_CANCELLED] = "cancelled"
};

const char *
rt_push_result_name(RtPushResult result)
{
	return result_names[result];
}

/* Without the lock: a state that is changing is the one or the other. */
static int
count_waiting(void)
{
	int			count = 0;

	for (int i = 0; i < place_count(); i++)
		count += is_awaited(i);
	return count;
}

void
rt_push_stats(RtPushStats *stats)
{
	Counters   *counters = &area->counters;

	stats->waiting = count_waiting();
	for (int i = 0; i < RT_PUSH_RESULTS; i++)
		stats->results[i] = pg_atomic_read_u64(&counters->results[i]);
	for (int i = 0; i < RT_WAIT_BUCKETS; i++)
		stats->replies[i] = pg_atomic_read_u64(&counters->replies[i]);
	stats->replies_us = pg_atomic_read_u64(&counters->replies_us);
	stats->late = pg_atomic_read_u64(&counters->late);
}

/*
 * timer.c
 *		The table of timers.
 *
 * One LWLock protects all of it but the texts of messages.  It is taken at
 * commit too, after the ring's has been released, and held for a few
 * instructions: nothing is allocated, freed or copied under it.
 *
 * Timers are found by hash chains.  Those with a message that waits for its
 * time are also in a binary heap, the first one due on top.  A throttle without
 * a message only remembers that its interval is open.  Those are in another
 * heap, from which they are freed when their room is wanted.
 *
 * A message that is being published has left the heap and stays in its timer,
 * beside a newer one if there is.  Nothing else of that key is published
 * before it is settled, so that an older value never comes after a newer one.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/payload.h"
#include "src/ipc/timer_table.h"
#include "src/ipc/worker_slot.h"

#define RETRY_MIN_US 100000		/* after the first failure, then doubled */
#define RETRY_DOUBLINGS 7		/* up to 12.8 s */
#define PUBLISHED_OVERHEAD 320	/* bytes of an event beside its texts, at most */

/* What precedes a message in the payload memory: the event's name, and its data. */
typedef struct MessageHeader
{
	uint16		event_len;
	uint32		len;			/* of the data */
} MessageHeader;

RtTimerTable *rt_timer_table = NULL;
int		   *rt_timer_heaps[RT_TIMER_HEAPS]; /* behind the timers */
static int *buckets = NULL;		/* behind the heaps */

static uint32
bucket_count(void)
{
	return pg_nextpower2_32((uint32) realtime_max_timers);
}

static Size
timers_size(void)
{
	return MAXALIGN(add_size(offsetof(RtTimerTable, timers),
							 mul_size(sizeof(RtTimer), realtime_max_timers)));
}

Size
rt_timers_size(void)
{
	return add_size(timers_size(),
					mul_size(sizeof(int), RT_TIMER_HEAPS * realtime_max_timers + bucket_count()));
}

void
rt_timers_init(void)
{
	bool		found;

	rt_timer_table = ShmemInitStruct("realtime timers", rt_timers_size(), &found);
	for (int i = 0; i < RT_TIMER_HEAPS; i++)
		rt_timer_heaps[i] = (int *) ((char *) rt_timer_table + timers_size()) + i * realtime_max_timers;
	buckets = rt_timer_heaps[RT_TIMER_HEAPS - 1] + realtime_max_timers;
	if (found)
		return;

	memset(rt_timer_table, 0, rt_timers_size());
	rt_timer_table->lock = &GetNamedLWLockTranche("RealtimeTimer")->lock;
	rt_timer_table->size = realtime_max_timers;
	rt_timer_table->bucket_mask = bucket_count() - 1;
	pg_atomic_init_u64(&rt_timer_table->messages, 0);
	pg_atomic_init_u64(&rt_timer_table->bytes, 0);
	pg_atomic_init_u64(&rt_timer_table->published, 0);
	pg_atomic_init_u64(&rt_timer_table->failed, 0);
	pg_atomic_init_u64(&rt_timer_table->overflowed, 0);
	pg_atomic_init_u64(&rt_timer_table->last_overflow, 0);
	for (uint32 i = 0; i <= rt_timer_table->bucket_mask; i++)
		buckets[i] = RT_TIMER_NONE;
	for (int i = 0; i < rt_timer_table->size; i++)
		rt_timer_table->timers[i].next = i + 1 < rt_timer_table->size ? i + 1 : RT_TIMER_NONE;
}

uint32
rt_timer_hash(const RtTimerKey *key)
{
	uint32		topic = hash_bytes((const unsigned char *) key->topic, (int) key->topic_len);
	uint32		event = hash_bytes((const unsigned char *) key->event, (int) key->event_len);

	return hash_combine(topic, event);
}

/* ---- messages ---- */

/* What waits must not keep calls from their part of the payload memory. */
static Size
bytes_max(void)
{
	return mul_size(realtime_payload_memory, 1024) / 4;
}

static Size
message_size(const MessageHeader *header)
{
	return sizeof(MessageHeader) + header->event_len + header->len;
}

dsa_pointer
rt_timer_message_make(const char *event, uint16 event_len, const char *data, uint32 len)
{
	MessageHeader made = {.event_len = event_len,.len = len};
	Size		size = message_size(&made);
	dsa_pointer message = InvalidDsaPointer;
	MessageHeader *header;

	rt_payload_attach();
	if (pg_atomic_add_fetch_u64(&rt_timer_table->bytes, size) <= bytes_max())
		message = rt_fixed_area_allocate(rt_payload_area(), size);
	if (!DsaPointerIsValid(message))
	{
		pg_atomic_fetch_sub_u64(&rt_timer_table->bytes, size);
		return InvalidDsaPointer;
	}
	pg_atomic_fetch_add_u64(&rt_timer_table->messages, 1);
	header = rt_fixed_area_at(rt_payload_area(), message);
	*header = made;
	memcpy(header + 1, event, event_len);
	memcpy((char *) (header + 1) + event_len, data, len);
	return message;
}

void
rt_timer_message_free(dsa_pointer message)
{
	MessageHeader *header;

	if (!DsaPointerIsValid(message))
		return;
	header = rt_fixed_area_at(rt_payload_area(), message);
	pg_atomic_fetch_sub_u64(&rt_timer_table->messages, 1);
	pg_atomic_fetch_sub_u64(&rt_timer_table->bytes, message_size(header));
	rt_fixed_area_free(rt_payload_area(), message);
}

/* ---- timers ---- */

static bool
has_key(const RtTimer *timer, const RtTimerKey *key, uint32 hash, Oid database)
{
	return timer->hash == hash && timer->database == database &&
		timer->topic_len == key->topic_len &&
		timer->event_len == key->event_len &&
		memcmp(timer->topic, key->topic, key->topic_len) == 0 &&
		memcmp(timer->event, key->event, key->event_len) == 0;
}

static RtTimer *
find_timer(const RtTimerKey *key, uint32 hash, Oid database)
{
	int			index = buckets[hash & rt_timer_table->bucket_mask];

	while (index != RT_TIMER_NONE)
	{
		RtTimer	   *timer = &rt_timer_table->timers[index];

		if (has_key(timer, key, hash, database))
			return timer;
		index = timer->next;
	}
	return NULL;
}

static void
free_timer(RtTimer *timer)
{
	int			index = (int) (timer - rt_timer_table->timers);
	int		   *link = &buckets[timer->hash & rt_timer_table->bucket_mask];

	while (*link != index)
		link = &rt_timer_table->timers[*link].next;
	*link = timer->next;
	rt_timer_table->used--;
	timer->next = rt_timer_table->free;
	rt_timer_table->free = index;
}

/* Neither held, nor with anything to publish. */
static bool
is_idle(const RtTimer *timer)
{
	return timer->holders == 0 && !DsaPointerIsValid(timer->message) &&
		!DsaPointerIsValid(timer->publishing);
}

/*
 * Puts a timer where it belongs after a change: into a heap, or to the free
 * ones.  Of a message only a throttle's waits for the end of the interval.
 */
static void
settle(RtTimer *timer, int64 now)
{
	rt_timer_heap_remove(timer);
	if (DsaPointerIsValid(timer->message) && !timer->claimed &&
		!DsaPointerIsValid(timer->publishing))
	{
		timer->not_before = timer->due;
		if (timer->kind == RT_TIMER_THROTTLE)
			timer->not_before = Max(timer->due, timer->open_until);
		rt_timer_heap_insert(timer, RT_TIMERS_DUE);
	}
	else if (is_idle(timer))
	{
		timer->not_before = timer->open_until;
		if (timer->open_until > now)
			rt_timer_heap_insert(timer, RT_TIMERS_OPEN);
		else
			free_timer(timer);
	}
}

/* Frees timers whose interval is over. */
static void
free_expired(int64 now)
{
	while (rt_timer_heap_time(RT_TIMERS_OPEN) <= now)
		settle(rt_timer_heap_top(RT_TIMERS_OPEN), now);
}

/* Returns NULL if all are in use. */
static RtTimer *
make_timer(const RtTimerKey *key, uint32 hash, Oid database)
{
	int		   *bucket = &buckets[hash & rt_timer_table->bucket_mask];
	RtTimer	   *timer;

	if (rt_timer_table->free == RT_TIMER_NONE)
		free_expired(rt_clock_us());
	if (rt_timer_table->free == RT_TIMER_NONE)
	{
		rt_limit_hit(RT_LIMIT_TIMERS);
		return NULL;
	}

	timer = &rt_timer_table->timers[rt_timer_table->free];
	rt_timer_table->free = timer->next;
	rt_limit_note(RT_LIMIT_TIMERS, ++rt_timer_table->used);
	memset(timer, 0, offsetof(RtTimer, hash));
	timer->place = RT_TIMER_NONE;
	timer->message = timer->publishing = InvalidDsaPointer;
	timer->hash = hash;
	timer->database = database;
	timer->topic_len = key->topic_len;
	timer->event_len = key->event_len;
	memcpy(timer->topic, key->topic, key->topic_len);
	memcpy(timer->event, key->event, key->event_len);
	timer->next = *bucket;
	*bucket = (int) (timer - rt_timer_table->timers);
	return timer;
}

/* ---- transactions ---- */

/*
 * Of messages only a debounce's may be waiting: it is older than what leads, or
 * comes after it.
 */
static bool
may_lead(const RtTimer *timer, int64 now)
{
	return !timer->claimed && timer->open_until <= now &&
		!DsaPointerIsValid(timer->publishing) &&
		(!DsaPointerIsValid(timer->message) || timer->kind == RT_TIMER_DEBOUNCE);
}

int
rt_timer_hold(const RtTimerKey *key, Oid database, bool *leads)
{
	uint32		hash = rt_timer_hash(key);
	int64		now = rt_clock_us();
	RtTimer	   *timer;
	int			index = RT_TIMER_NONE;

	Assert(key->topic_len <= RT_TIMER_NAME_MAX && key->event_len <= RT_TIMER_NAME_MAX);

	if (leads != NULL)
		*leads = false;
	rt_payload_attach();		/* its end may have to free a message */
	LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
	timer = find_timer(key, hash, database);
	if (timer == NULL)
		timer = make_timer(key, hash, database);
	if (timer != NULL)
	{
		index = (int) (timer - rt_timer_table->timers);
		timer->holders++;
		if (leads != NULL && may_lead(timer, now))
		{
			*leads = timer->claimed = true;
			settle(timer, now);
		}
	}
	LWLockRelease(rt_timer_table->lock);
	return index;
}

/* Takes the message out of its timer; the caller frees it without the lock. */
static dsa_pointer
take_message(RtTimer *timer)
{
	dsa_pointer message = timer->message;

	timer->message = InvalidDsaPointer;
	return message;
}

/*
 * Puts what a transaction leaves into its timer.  Returns a message that is
 * not wanted any more, or Invalid.
 */
static dsa_pointer
apply_commit(RtTimer *timer, const RtTimerCommit *commit, int64 now)
{
	dsa_pointer unwanted = InvalidDsaPointer;

	if (commit->published)
	{
		/* what has been kept is older than what clients now have */
		if (timer->newest < commit->stamp)
			unwanted = take_message(timer);
		timer->open_until = Max(timer->open_until, now + commit->every_us);
	}
	if (DsaPointerIsValid(commit->message))
	{
		if (commit->stamp < timer->newest)
			return commit->message;
		if (DsaPointerIsValid(timer->message))
			unwanted = take_message(timer);
		timer->message = commit->message;
		timer->kind = commit->kind;
		timer->wait_us = commit->wait_us;
		timer->due = timer->kind == RT_TIMER_DEBOUNCE ? now + timer->wait_us : 0;
	}
	timer->newest = Max(timer->newest, commit->stamp);
	return unwanted;
}

static void
wake_scheduler_if(bool earlier)
{
	if (earlier)
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
}

void
rt_timer_commit(const RtTimerCommit *commit)
{
	RtTimer	   *timer = &rt_timer_table->timers[commit->timer];
	int64		now = rt_clock_us();
	int64		first;
	dsa_pointer unwanted;
	bool		earlier;

	LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
	first = rt_timer_heap_time(RT_TIMERS_DUE);
	unwanted = apply_commit(timer, commit, now);
	timer->holders--;
	if (commit->leads)
		timer->claimed = false;
	settle(timer, now);
	earlier = rt_timer_heap_time(RT_TIMERS_DUE) < first;
	LWLockRelease(rt_timer_table->lock);

	rt_timer_message_free(unwanted);
	wake_scheduler_if(earlier);
}

/* A message that others have left meanwhile is due at once. */
void
rt_timer_abort(int index, bool leads)
{
	RtTimer	   *timer = &rt_timer_table->timers[index];
	int64		first;
	bool		earlier;

	LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
	first = rt_timer_heap_time(RT_TIMERS_DUE);
	timer->holders--;
	if (leads)
		timer->claimed = false;
	settle(timer, rt_clock_us());
	earlier = rt_timer_heap_time(RT_TIMERS_DUE) < first;
	LWLockRelease(rt_timer_table->lock);

	wake_scheduler_if(earlier);
}

void
rt_timers_count_overflow(void)
{
	pg_atomic_fetch_add_u64(&rt_timer_table->overflowed, 1);
	pg_atomic_write_u64(&rt_timer_table->last_overflow,
						(uint64) GetCurrentTimestamp());
}

/* ---- publishing ---- */

int64
rt_timers_next_due(void)
{
	int64		due;

	LWLockAcquire(rt_timer_table->lock, LW_SHARED);
	due = rt_timer_heap_time(RT_TIMERS_DUE);
	LWLockRelease(rt_timer_table->lock);
	return due;
}

static void
describe_message(RtTimer *timer, RtTimerMessage *out)
{
	MessageHeader *header = rt_fixed_area_at(rt_payload_area(), timer->publishing);

	out->timer = (int) (timer - rt_timer_table->timers);
	out->topic = timer->topic;
	out->topic_len = timer->topic_len;
	out->event = (const char *) (header + 1);
	out->event_len = header->event_len;
	out->data = out->event + header->event_len;
	out->data_len = header->len;
}

static Size
published_size(const RtTimer *timer)
{
	MessageHeader *header = rt_fixed_area_at(rt_payload_area(), timer->message);

	return PUBLISHED_OVERHEAD + 2 * timer->topic_len + header->event_len + header->len;
}

/*
 * The first timer that is due, if it may be taken behind others that take so
 * many bytes, of max.  One of another database is of no use to anybody: its
 * message is dropped.
 */
static RtTimer *
next_to_take(Oid database, Size bytes, Size max, int64 now, dsa_pointer *unwanted)
{
	RtTimer	   *timer;

	if (rt_timer_heap_time(RT_TIMERS_DUE) > now)
		return NULL;
	timer = rt_timer_heap_top(RT_TIMERS_DUE);
	if (bytes > 0 &&
		(timer->attempts > 0 || bytes + published_size(timer) > max))
		return NULL;
	if (timer->database == database)
		return timer;
	*unwanted = take_message(timer);
	settle(timer, now);
	return NULL;
}

int
rt_timers_take(Oid database, RtTimerMessage *out, int max, Size max_bytes)
{
	int64		now = rt_clock_us();
	dsa_pointer unwanted = InvalidDsaPointer;
	Size		bytes = 0;
	int			n = 0;
	RtTimer	   *timer;

	rt_payload_attach();
	LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
	while (n < max &&
		   (timer = next_to_take(database, bytes, max_bytes, now, &unwanted)) != NULL)
	{
		bytes += published_size(timer);
		timer->publishing = take_message(timer);
		timer->every_us = timer->kind == RT_TIMER_THROTTLE ? timer->wait_us : 0;
		settle(timer, now);
		describe_message(timer, &out[n++]);
		if (timer->attempts > 0)
			break;
	}
	LWLockRelease(rt_timer_table->lock);
	rt_timer_message_free(unwanted);
	return n;
}

void
rt_timers_published(const RtTimerMessage *messages, int n)
{
	int64		now = rt_clock_us();

	for (int i = 0; i < n; i++)
	{
		RtTimer	   *timer = &rt_timer_table->timers[messages[i].timer];
		dsa_pointer message;

		LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
		message = timer->publishing;
		timer->publishing = InvalidDsaPointer;
		timer->attempts = 0;
		timer->open_until = Max(timer->open_until, now + timer->every_us);
		settle(timer, now);
		LWLockRelease(rt_timer_table->lock);
		rt_timer_message_free(message);
	}
	pg_atomic_fetch_add_u64(&rt_timer_table->published, n);
}

void
rt_timers_failed(const RtTimerMessage *messages, int n)
{
	int64		now = rt_clock_us();

	for (int i = 0; i < n; i++)
	{
		RtTimer	   *timer = &rt_timer_table->timers[messages[i].timer];
		dsa_pointer unwanted = InvalidDsaPointer;
		int64		retry_at;

		LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
		retry_at = now + ((int64) RETRY_MIN_US << Min(timer->attempts, RETRY_DOUBLINGS));
		timer->attempts++;
		if (DsaPointerIsValid(timer->message))
			unwanted = timer->publishing;
		else
			timer->message = timer->publishing;
		timer->publishing = InvalidDsaPointer;
		timer->due = Max(timer->due, retry_at);
		settle(timer, now);
		LWLockRelease(rt_timer_table->lock);
		rt_timer_message_free(unwanted);
	}
	pg_atomic_fetch_add_u64(&rt_timer_table->failed, n);
	wake_scheduler_if(true);
}

void
rt_timers_forget(void)
{
	int64		now = rt_clock_us();

	rt_payload_attach();
	for (int i = 0; i < rt_timer_table->size; i++)
	{
		RtTimer	   *timer = &rt_timer_table->timers[i];
		dsa_pointer message = InvalidDsaPointer;

		LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
		if (DsaPointerIsValid(timer->message))
		{
			message = take_message(timer);
			settle(timer, now);
		}
		LWLockRelease(rt_timer_table->lock);
		rt_timer_message_free(message);
	}
}

void
rt_timers_stats(RtTimerStats *stats)
{
	LWLockAcquire(rt_timer_table->lock, LW_EXCLUSIVE);
	free_expired(rt_clock_us());
	stats->active = rt_timer_table->used;
	LWLockRelease(rt_timer_table->lock);
	stats->waiting = pg_atomic_read_u64(&rt_timer_table->messages);
	stats->published = pg_atomic_read_u64(&rt_timer_table->published);
	stats->failed = pg_atomic_read_u64(&rt_timer_table->failed);
	stats->overflowed = pg_atomic_read_u64(&rt_timer_table->overflowed);
	stats->last_overflow =
		(TimestampTz) pg_atomic_read_u64(&rt_timer_table->last_overflow);
}

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
 * a message only remembers that its interval is open; once that is over it is
 * of no use, and is swept up when the table is full.
 *
 * A message that is being published has left the heap and stays in its timer,
 * beside a newer one if there is.  Nothing else of that key is published
 * before it is settled, so that an older value never comes after a newer one.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/request.h"
#include "src/ipc/timer.h"
#include "src/ipc/worker_slot.h"

#define RETRY_MIN_US 100000		/* after the first failure, then doubled */
#define RETRY_DOUBLINGS 7		/* up to 12.8 s */

typedef struct Timer
{
	int			next;			/* in its chain or the free list */
	int			place;			/* in the heap, RT_TIMER_NONE = not in it */
	bool		in_use;
	bool		claimed;		/* a holder leads: nobody else may publish */
	uint32		holders;		/* transactions between PRE_COMMIT and end */
	uint32		attempts;		/* to publish, that have failed in a row */
	int64		not_before;		/* end of the interval, or of the silence; the
								 * heap's order */
	int64		wait_us;		/* every, after: of the newest message */
	XLogRecPtr	newest;			/* stamp of the newest value seen */
	XLogRecPtr	lsn;			/* of the message and of what is published */
	dsa_pointer message;		/* waits; Invalid = none */
	dsa_pointer publishing;		/* taken and not settled; Invalid = none */

	/* the key; constant while in use */
	uint32		hash;
	Oid			database;
	RtTimerKind kind;
	uint16		topic_len;
	uint16		event_len;
	char		topic[RT_TIMER_NAME_MAX];
	char		event[RT_TIMER_NAME_MAX];
} Timer;

typedef struct TimerTable
{
	LWLock	   *lock;			/* protects everything but the counters */
	int			size;
	uint32		bucket_mask;
	int			free;			/* first of the free list */
	int64		sweep_at;		/* no interval is over before */
	int			heap_count;
	pg_atomic_uint64 bytes;		/* of all messages */
	pg_atomic_uint64 published;
	pg_atomic_uint64 failed;
	pg_atomic_uint64 overflowed;
	Timer		timers[FLEXIBLE_ARRAY_MEMBER];
} TimerTable;

/* What precedes a message's text in the payload memory. */
typedef struct MessageHeader
{
	uint32		len;
} MessageHeader;

static TimerTable *table = NULL;
static int *heap = NULL;		/* behind the timers; of table->size */
static int *buckets = NULL;		/* behind the heap */

static uint32
bucket_count(void)
{
	return pg_nextpower2_32((uint32) realtime_max_timers);
}

static Size
timers_size(void)
{
	return MAXALIGN(add_size(offsetof(TimerTable, timers),
							 mul_size(sizeof(Timer), realtime_max_timers)));
}

Size
rt_timers_size(void)
{
	return add_size(timers_size(),
					mul_size(sizeof(int), realtime_max_timers + bucket_count()));
}

void
rt_timers_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime timers", rt_timers_size(), &found);
	heap = (int *) ((char *) table + timers_size());
	buckets = heap + realtime_max_timers;
	if (found)
		return;

	memset(table, 0, rt_timers_size());
	table->lock = &GetNamedLWLockTranche("RealtimeTimer")->lock;
	table->size = realtime_max_timers;
	table->bucket_mask = bucket_count() - 1;
	table->sweep_at = RT_TIMER_NEVER;
	pg_atomic_init_u64(&table->bytes, 0);
	pg_atomic_init_u64(&table->published, 0);
	pg_atomic_init_u64(&table->failed, 0);
	pg_atomic_init_u64(&table->overflowed, 0);
	for (uint32 i = 0; i <= table->bucket_mask; i++)
		buckets[i] = RT_TIMER_NONE;
	for (int i = 0; i < table->size; i++)
		table->timers[i].next = i + 1 < table->size ? i + 1 : RT_TIMER_NONE;
}

uint32
rt_timer_hash(const RtTimerKey *key)
{
	uint32		topic = hash_bytes((const unsigned char *) key->topic, (int) key->topic_len);
	uint32		event = hash_bytes((const unsigned char *) key->event, (int) key->event_len);

	return hash_combine(topic, event) + key->kind;
}

/* ---- messages ---- */

/* What waits must not keep calls from their part of the payload memory. */
static Size
bytes_max(void)
{
	return mul_size(realtime_payload_memory, 1024) / 4;
}

dsa_pointer
rt_timer_message_make(const char *data, uint32 len)
{
	Size		size = sizeof(MessageHeader) + len;
	dsa_pointer message = InvalidDsaPointer;
	MessageHeader *header;

	rt_payload_attach();
	if (pg_atomic_add_fetch_u64(&table->bytes, size) <= bytes_max())
		message = dsa_allocate_extended(rt_payload_area(), size,
										DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);
	if (!DsaPointerIsValid(message))
	{
		pg_atomic_sub_fetch_u64(&table->bytes, size);
		return InvalidDsaPointer;
	}
	header = dsa_get_address(rt_payload_area(), message);
	header->len = len;
	memcpy(header + 1, data, len);
	return message;
}

void
rt_timer_message_free(dsa_pointer message)
{
	MessageHeader *header;

	if (!DsaPointerIsValid(message))
		return;
	header = dsa_get_address(rt_payload_area(), message);
	pg_atomic_sub_fetch_u64(&table->bytes, sizeof(MessageHeader) + header->len);
	dsa_free(rt_payload_area(), message);
}

/* ---- the heap ---- */

static inline int64
heap_due(int place)
{
	return table->timers[heap[place]].not_before;
}

static void
heap_put(int place, int index)
{
	heap[place] = index;
	table->timers[index].place = place;
}

static void
sift_up(int place)
{
	int			index = heap[place];
	int64		due = heap_due(place);

	while (place > 0 && due < heap_due((place - 1) / 2))
	{
		heap_put(place, heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_put(place, index);
}

static void
sift_down(int place)
{
	int			index = heap[place];
	int64		due = heap_due(place);
	int			child;

	while ((child = 2 * place + 1) < table->heap_count)
	{
		if (child + 1 < table->heap_count &&
			heap_due(child + 1) < heap_due(child))
			child++;
		if (due <= heap_due(child))
			break;
		heap_put(place, heap[child]);
		place = child;
	}
	heap_put(place, index);
}

static void
heap_remove(Timer *timer)
{
	int			place = timer->place;
	int			last;

	if (place == RT_TIMER_NONE)
		return;
	timer->place = RT_TIMER_NONE;
	last = heap[--table->heap_count];
	if (place == table->heap_count)
		return;
	heap_put(place, last);
	sift_up(place);
	sift_down(table->timers[last].place);
}

static void
heap_insert(Timer *timer)
{
	int			place = table->heap_count++;

	heap_put(place, (int) (timer - table->timers));
	sift_up(place);
}

static int64
first_due(void)
{
	return table->heap_count > 0 ? heap_due(0) : RT_TIMER_NEVER;
}

/* ---- timers ---- */

static bool
has_key(const Timer *timer, const RtTimerKey *key, uint32 hash, Oid database)
{
	return timer->hash == hash && timer->kind == key->kind &&
		timer->database == database &&
		timer->topic_len == key->topic_len &&
		timer->event_len == key->event_len &&
		memcmp(timer->topic, key->topic, key->topic_len) == 0 &&
		memcmp(timer->event, key->event, key->event_len) == 0;
}

static Timer *
find_timer(const RtTimerKey *key, uint32 hash, Oid database)
{
	int			index = buckets[hash & table->bucket_mask];

	while (index != RT_TIMER_NONE)
	{
		Timer	   *timer = &table->timers[index];

		if (has_key(timer, key, hash, database))
			return timer;
		index = timer->next;
	}
	return NULL;
}

static void
free_timer(Timer *timer)
{
	int			index = (int) (timer - table->timers);
	int		   *link = &buckets[timer->hash & table->bucket_mask];

	while (*link != index)
		link = &table->timers[*link].next;
	*link = timer->next;
	timer->in_use = false;
	timer->next = table->free;
	table->free = index;
}

/* Neither held, nor with anything to publish. */
static bool
is_idle(const Timer *timer)
{
	return timer->holders == 0 && !DsaPointerIsValid(timer->message) &&
		!DsaPointerIsValid(timer->publishing);
}

/*
 * Puts a timer where it belongs after a change: into the heap, to those that
 * remember an interval, or to the free ones.
 */
static void
settle(Timer *timer, int64 now)
{
	heap_remove(timer);
	if (DsaPointerIsValid(timer->message) && !timer->claimed &&
		!DsaPointerIsValid(timer->publishing))
		heap_insert(timer);
	else if (is_idle(timer))
	{
		if (timer->kind == RT_TIMER_THROTTLE && timer->not_before > now)
			table->sweep_at = Min(table->sweep_at, timer->not_before);
		else
			free_timer(timer);
	}
}

/* Frees the timers whose interval is over. */
static void
sweep(int64 now)
{
	if (now < table->sweep_at)
		return;
	table->sweep_at = RT_TIMER_NEVER;
	for (int i = 0; i < table->size; i++)
	{
		Timer	   *timer = &table->timers[i];

		if (timer->in_use && is_idle(timer))
			settle(timer, now);
	}
}

/* Returns NULL if all are in use. */
static Timer *
make_timer(const RtTimerKey *key, uint32 hash, Oid database)
{
	int		   *bucket = &buckets[hash & table->bucket_mask];
	Timer	   *timer;

	if (table->free == RT_TIMER_NONE)
		sweep(rt_clock_us());
	if (table->free == RT_TIMER_NONE)
		return NULL;

	timer = &table->timers[table->free];
	table->free = timer->next;
	memset(timer, 0, offsetof(Timer, hash));
	timer->in_use = true;
	timer->place = RT_TIMER_NONE;
	timer->message = timer->publishing = InvalidDsaPointer;
	timer->hash = hash;
	timer->database = database;
	timer->kind = key->kind;
	timer->topic_len = key->topic_len;
	timer->event_len = key->event_len;
	memcpy(timer->topic, key->topic, key->topic_len);
	memcpy(timer->event, key->event, key->event_len);
	timer->next = *bucket;
	*bucket = (int) (timer - table->timers);
	return timer;
}

/* ---- transactions ---- */

int
rt_timer_hold(const RtTimerKey *key, Oid database, bool *leads)
{
	uint32		hash = rt_timer_hash(key);
	int64		now = rt_clock_us();
	Timer	   *timer;
	int			index = RT_TIMER_NONE;

	Assert(key->topic_len <= RT_TIMER_NAME_MAX && key->event_len <= RT_TIMER_NAME_MAX);

	*leads = false;
	rt_payload_attach();		/* its end may have to free a message */
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	timer = find_timer(key, hash, database);
	if (timer == NULL)
		timer = make_timer(key, hash, database);
	if (timer != NULL)
	{
		index = (int) (timer - table->timers);
		timer->holders++;
		if (key->kind == RT_TIMER_THROTTLE && !timer->claimed &&
			timer->not_before <= now &&
			!DsaPointerIsValid(timer->message) &&
			!DsaPointerIsValid(timer->publishing))
			*leads = timer->claimed = true;
	}
	LWLockRelease(table->lock);
	return index;
}

/* Takes the message out of its timer; the caller frees it without the lock. */
static dsa_pointer
take_message(Timer *timer)
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
apply_commit(Timer *timer, const RtTimerCommit *commit, int64 now)
{
	dsa_pointer unwanted = InvalidDsaPointer;

	if (commit->published)
	{
		/* what has been kept is older than what clients now have */
		if (timer->newest < commit->stamp)
			unwanted = take_message(timer);
		if (timer->kind == RT_TIMER_THROTTLE)
			timer->not_before = now + commit->wait_us;
	}
	if (DsaPointerIsValid(commit->message))
	{
		if (commit->stamp < timer->newest)
			return commit->message;
		if (DsaPointerIsValid(timer->message))
			unwanted = take_message(timer);
		timer->message = commit->message;
		timer->lsn = Max(timer->lsn, commit->lsn);
		timer->wait_us = commit->wait_us;
		if (timer->kind == RT_TIMER_DEBOUNCE)
			timer->not_before = now + commit->wait_us;
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
	Timer	   *timer = &table->timers[commit->timer];
	int64		now = rt_clock_us();
	int64		first;
	dsa_pointer unwanted;
	bool		earlier;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	first = first_due();
	heap_remove(timer);			/* before its due time changes */
	unwanted = apply_commit(timer, commit, now);
	timer->holders--;
	if (commit->leads)
		timer->claimed = false;
	settle(timer, now);
	earlier = first_due() < first;
	LWLockRelease(table->lock);

	rt_timer_message_free(unwanted);
	wake_scheduler_if(earlier);
}

/* A message that others have left meanwhile is due at once. */
void
rt_timer_abort(int index, bool leads)
{
	Timer	   *timer = &table->timers[index];
	int64		first;
	bool		earlier;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	first = first_due();
	timer->holders--;
	if (leads)
		timer->claimed = false;
	settle(timer, rt_clock_us());
	earlier = first_due() < first;
	LWLockRelease(table->lock);

	wake_scheduler_if(earlier);
}

void
rt_timers_count_overflow(void)
{
	pg_atomic_fetch_add_u64(&table->overflowed, 1);
}

/* ---- publishing ---- */

int64
rt_timers_next_due(void)
{
	int64		due;

	LWLockAcquire(table->lock, LW_SHARED);
	due = first_due();
	LWLockRelease(table->lock);
	return due;
}

static Size
describe_message(Timer *timer, RtTimerMessage *out)
{
	MessageHeader *header = dsa_get_address(rt_payload_area(), timer->publishing);

	out->timer = (int) (timer - table->timers);
	out->topic = timer->topic;
	out->topic_len = timer->topic_len;
	out->event = timer->event;
	out->event_len = timer->event_len;
	out->data = (const char *) (header + 1);
	out->data_len = header->len;
	out->lsn = timer->lsn;
	return out->topic_len + out->event_len + out->data_len;
}

/*
 * The first timer that is due, if it may be taken together with n others.
 * One of another database is of no use to anybody: its message is dropped.
 */
static Timer *
next_to_take(Oid database, int n, int64 now, dsa_pointer *unwanted)
{
	Timer	   *timer;

	if (first_due() > now)
		return NULL;
	timer = &table->timers[heap[0]];
	if (timer->attempts > 0 && n > 0)
		return NULL;
	heap_remove(timer);
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
	Timer	   *timer;

	rt_payload_attach();
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	while (n < max && bytes < max_bytes &&
		   (timer = next_to_take(database, n, now, &unwanted)) != NULL)
	{
		timer->publishing = take_message(timer);
		bytes += describe_message(timer, &out[n++]);
		if (timer->attempts > 0)
			break;
	}
	LWLockRelease(table->lock);
	rt_timer_message_free(unwanted);
	return n;
}

void
rt_timers_published(const RtTimerMessage *messages, int n)
{
	int64		now = rt_clock_us();

	for (int i = 0; i < n; i++)
	{
		Timer	   *timer = &table->timers[messages[i].timer];
		dsa_pointer message;

		LWLockAcquire(table->lock, LW_EXCLUSIVE);
		message = timer->publishing;
		timer->publishing = InvalidDsaPointer;
		timer->attempts = 0;
		if (timer->kind == RT_TIMER_THROTTLE)
			timer->not_before = now + timer->wait_us;
		settle(timer, now);
		LWLockRelease(table->lock);
		rt_timer_message_free(message);
	}
	pg_atomic_fetch_add_u64(&table->published, n);
}

void
rt_timers_failed(const RtTimerMessage *messages, int n)
{
	int64		now = rt_clock_us();

	for (int i = 0; i < n; i++)
	{
		Timer	   *timer = &table->timers[messages[i].timer];
		dsa_pointer unwanted = InvalidDsaPointer;
		int64		retry_at;

		LWLockAcquire(table->lock, LW_EXCLUSIVE);
		retry_at = now + ((int64) RETRY_MIN_US << Min(timer->attempts, RETRY_DOUBLINGS));
		timer->attempts++;
		if (DsaPointerIsValid(timer->message))
			unwanted = timer->publishing;
		else
			timer->message = timer->publishing;
		timer->publishing = InvalidDsaPointer;
		timer->not_before = Max(timer->not_before, retry_at);
		settle(timer, now);
		LWLockRelease(table->lock);
		rt_timer_message_free(unwanted);
	}
	pg_atomic_fetch_add_u64(&table->failed, n);
	wake_scheduler_if(true);
}

void
rt_timers_forget(void)
{
	int64		now = rt_clock_us();

	rt_payload_attach();
	for (int i = 0; i < table->size; i++)
	{
		Timer	   *timer = &table->timers[i];
		dsa_pointer message = InvalidDsaPointer;

		LWLockAcquire(table->lock, LW_EXCLUSIVE);
		if (timer->in_use)
		{
			message = take_message(timer);
			settle(timer, now);
		}
		LWLockRelease(table->lock);
		rt_timer_message_free(message);
	}
}

void
rt_timers_stats(RtTimerStats *stats)
{
	int64		now = rt_clock_us();

	memset(stats, 0, sizeof(*stats));
	LWLockAcquire(table->lock, LW_SHARED);
	for (int i = 0; i < table->size; i++)
	{
		const Timer *timer = &table->timers[i];

		if (!timer->in_use)
			continue;
		if (!is_idle(timer) || timer->not_before > now)
			stats->active++;
		stats->waiting += DsaPointerIsValid(timer->message) +
			DsaPointerIsValid(timer->publishing);
	}
	LWLockRelease(table->lock);
	stats->published = pg_atomic_read_u64(&table->published);
	stats->failed = pg_atomic_read_u64(&table->failed);
	stats->overflowed = pg_atomic_read_u64(&table->overflowed);
}

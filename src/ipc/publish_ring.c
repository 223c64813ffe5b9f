/*
 * publish_ring.c
 *		The ring of committed events.
 *
 * Writers: committing backends, one at a time under the ring's LWLock, which
 * is taken with heavyweight locks of topics held and never the other way
 * round.  A writer first moves "oldest" past what it is about to overwrite,
 * then copies, then moves "end".  Readers copy first and look at "oldest"
 * afterwards: if it has passed their position, the copy is worthless.
 *
 *		writer: oldest -> barrier -> bytes -> barrier -> end
 *		reader: end -> barrier -> bytes -> barrier -> oldest
 *
 * Interest: a gateway counts a subscriber and then looks at the ring before
 * it sleeps; a writer moves "end" and then looks at the counts.  With a full
 * barrier between the two steps on both sides one of them sees the other.
 * A gateway without interest reads on all the same, if late: were it overrun
 * by what does not concern it, it could not tell what else it has missed.  So
 * all are woken now and then as the ring fills.
 *
 * A gateway that polls, because events come fast, is woken only as the ring
 * fills.  A wake-up that it misses costs no more than the time for which it has
 * chosen to sleep.
 *
 * If a writer dies by a signal the server restarts and so does the ring; it
 * cannot die otherwise between the steps, because nothing there can fail.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "src/guc.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/worker_slot.h"

#define READ_AHEAD (64 * 1024)	/* bytes copied at once by a reader */
#define WAKES_ALL_ROUND 4		/* wake-ups of all gateways, once round */

typedef struct PublishRing
{
	LWLock	   *lock;			/* writers */
	Size		size;			/* bytes of data, a multiple of 8 */
	pg_atomic_uint64 oldest;	/* positions below are gone */
	pg_atomic_uint64 end;		/* positions from here are not written */
	pg_atomic_uint64 partitions[RT_TOPIC_PARTITIONS];
	pg_atomic_uint32 interest[RT_GATEWAYS_MAX][RT_TOPIC_PARTITIONS];
	pg_atomic_uint32 polling[RT_GATEWAYS_MAX];	/* not to be woken */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} PublishRing;

static PublishRing *ring = NULL;

uint64		rt_ring_own_end = 0;

static Size
data_size(void)
{
	return TYPEALIGN_DOWN(8, mul_size(realtime_ring_size, 1024));
}

Size
rt_ring_size(void)
{
	return add_size(offsetof(PublishRing, data), data_size());
}

void
rt_ring_init(void)
{
	bool		found;

	ring = ShmemInitStruct("realtime publish ring", rt_ring_size(), &found);
	if (found)
		return;

	ring->lock = &GetNamedLWLockTranche("RealtimePublishRing")->lock;
	ring->size = data_size();
	pg_atomic_init_u64(&ring->oldest, 0);
	pg_atomic_init_u64(&ring->end, 0);
	for (int i = 0; i < RT_TOPIC_PARTITIONS; i++)
	{
		pg_atomic_init_u64(&ring->partitions[i], 0);
		for (int gateway = 0; gateway < RT_GATEWAYS_MAX; gateway++)
			pg_atomic_init_u32(&ring->interest[gateway][i], 0);
	}
	for (int gateway = 0; gateway < RT_GATEWAYS_MAX; gateway++)
		pg_atomic_init_u32(&ring->polling[gateway], 0);
}

uint32
rt_topic_hash(const char *topic, Size len)
{
	return hash_bytes((const unsigned char *) topic, (int) len);
}

/* Half of it, so that a reader that keeps up is never overrun by one commit. */
Size
rt_ring_capacity(void)
{
	return TYPEALIGN_DOWN(8, ring->size / 2);
}

uint64
rt_ring_position(void)
{
	return pg_atomic_read_u64(&ring->end);
}

uint64
rt_ring_partition_position(uint32 partition)
{
	return pg_atomic_read_u64(&ring->partitions[partition]);
}

/* ---- writing ---- */

static void
copy_in(uint64 position, const char *bytes, Size size)
{
	Size		offset = position % ring->size;
	Size		first = Min(size, ring->size - offset);

	memcpy(ring->data + offset, bytes, first);
	memcpy(ring->data, bytes + first, size - first);
}

/* Whether it may concern any partition. */
static bool
is_for_all(const RtRingEntry *entry)
{
	return (entry->flags & RT_RING_RELOAD) != 0 ||
		((entry->flags & RT_RING_MANY) != 0 && entry->topic_len > 0);
}

/* Notes where the partitions of new entries end. */
static void
note_partitions(uint64 position, const char *entries, Size size)
{
	for (Size done = 0; done < size;)
	{
		const RtRingEntry *entry = (const RtRingEntry *) (entries + done);

		done += entry->size;
		pg_atomic_write_u64(&ring->partitions[rt_topic_partition(entry->topic_hash)],
							position + done);
		for (int i = 0; i < RT_TOPIC_PARTITIONS && is_for_all(entry); i++)
			pg_atomic_write_u64(&ring->partitions[i], position + done);
	}
}

static bool
gateway_is_interested(int gateway, const char *entries, Size size)
{
	for (Size done = 0; done < size;)
	{
		const RtRingEntry *entry = (const RtRingEntry *) (entries + done);

		if (pg_atomic_read_u32(&ring->interest[gateway][rt_topic_partition(entry->topic_hash)]) > 0 ||
			is_for_all(entry))
			return true;
		done += entry->size;
	}
	return false;
}

void
rt_ring_append(const char *entries, Size size)
{
	uint64		stretch = ring->size / WAKES_ALL_ROUND;
	uint64		position;
	bool		wake_all;

	Assert(size <= rt_ring_capacity());

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	position = pg_atomic_read_u64(&ring->end);
	if (position + size > pg_atomic_read_u64(&ring->oldest) + ring->size)
		pg_atomic_write_u64(&ring->oldest, position + size - ring->size);
	pg_write_barrier();
	copy_in(position, entries, size);
	note_partitions(position, entries, size);
	pg_write_barrier();
	pg_atomic_write_u64(&ring->end, position + size);
	LWLockRelease(ring->lock);
	rt_ring_own_end = position + size;

	pg_memory_barrier();
	wake_all = position / stretch != (position + size) / stretch;
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		if (wake_all ||
			(pg_atomic_read_u32(&ring->polling[gateway]) == 0 &&
			 gateway_is_interested(gateway, entries, size)))
			rt_worker_wake(RT_WORKER_GATEWAY, gateway);
	}
}

/* ---- reading ---- */

static void
copy_out(uint64 position, char *bytes, Size size)
{
	Size		offset = position % ring->size;
	Size		first = Min(size, ring->size - offset);

	memcpy(bytes, ring->data + offset, first);
	memcpy(bytes + first, ring->data, size - first);
}

static bool
reserve_buffer(RtRingReader *reader, Size size)
{
	char	   *buffer;

	if (reader->buffer_size >= size)
		return true;
	size = Max(size, READ_AHEAD);
	buffer = malloc(size);
	if (buffer == NULL)
		return false;
	free(reader->buffer);
	reader->buffer = buffer;
	reader->buffer_size = size;
	reader->buffer_start = reader->buffer_end = 0;
	return true;
}

/* Copies at least wanted bytes from the position, if there are as many. */
static RtRingRead
fill_reader(RtRingReader *reader, Size wanted)
{
	uint64		end = pg_atomic_read_u64(&ring->end);
	Size		size;

	pg_read_barrier();
	if (reader->position >= end)
		return RT_RING_EMPTY;

	size = Min(Max(wanted, READ_AHEAD), end - reader->position);
	size = Min(size, ring->size);
	if (!reserve_buffer(reader, size))
		return RT_RING_OVERRUN;
	copy_out(reader->position, reader->buffer, size);
	pg_read_barrier();
	if (pg_atomic_read_u64(&ring->oldest) > reader->position)
		return RT_RING_OVERRUN;

	reader->buffer_start = reader->position;
	reader->buffer_end = reader->position + size;
	return RT_RING_ENTRY;
}

/* The bytes of the entry at the position that the reader's copy holds. */
static Size
buffered_bytes(const RtRingReader *reader)
{
	if (reader->position < reader->buffer_start ||
		reader->position >= reader->buffer_end)
		return 0;
	return reader->buffer_end - reader->position;
}

RtRingRead
rt_ring_read(RtRingReader *reader, uint64 limit, const RtRingEntry **entry)
{
	Size		wanted = sizeof(RtRingEntry);
	const RtRingEntry *found;

	if (reader->position >= limit)
		return RT_RING_EMPTY;

	/* at most twice round: for the header, then for the rest */
	for (;;)
	{
		RtRingRead	result;

		if (buffered_bytes(reader) >= wanted)
		{
			found = (const RtRingEntry *)
				(reader->buffer + (reader->position - reader->buffer_start));
			if (buffered_bytes(reader) >= found->size)
				break;
			wanted = found->size;
		}
		result = fill_reader(reader, wanted);
		if (result != RT_RING_ENTRY)
			return result;
	}

	reader->position += found->size;
	*entry = found;
	return RT_RING_ENTRY;
}

/* ---- interest ---- */

void
rt_ring_interest_add(int gateway, uint32 topic_hash)
{
	pg_atomic_fetch_add_u32(&ring->interest[gateway][rt_topic_partition(topic_hash)], 1);
}

void
rt_ring_interest_remove(int gateway, uint32 topic_hash)
{
	pg_atomic_fetch_sub_u32(&ring->interest[gateway][rt_topic_partition(topic_hash)], 1);
}

void
rt_ring_interest_reset(int gateway)
{
	for (int i = 0; i < RT_TOPIC_PARTITIONS; i++)
		pg_atomic_write_u32(&ring->interest[gateway][i], 0);
	pg_atomic_write_u32(&ring->polling[gateway], 0);
}

void
rt_ring_set_polling(int gateway, bool polls)
{
	pg_atomic_write_u32(&ring->polling[gateway], polls ? 1 : 0);
}

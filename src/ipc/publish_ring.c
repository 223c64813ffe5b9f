/*
 * publish_ring.c
 *		The ring of committed events.
 *
 * Writers are committing backends; the ring's LWLock is taken with heavyweight
 * locks of topics held and never the other way round.
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
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/worker_slot.h"

#define WAKES_ALL_ROUND 4		/* wake-ups of all gateways, once round */

/* Beside the bytes. */
typedef struct PublishState
{
	uint64		beginning;		/* constant */
	pg_atomic_uint64 partitions[RT_TOPIC_PARTITIONS];
	pg_atomic_uint32 interest[RT_GATEWAYS_MAX][RT_TOPIC_PARTITIONS];
	pg_atomic_uint32 polling[RT_GATEWAYS_MAX];	/* not to be woken */
} PublishState;

static RtByteRing *ring = NULL;
static PublishState *state = NULL;

uint64		rt_ring_own_end = 0;

static Size
data_size(void)
{
	return TYPEALIGN_DOWN(8, mul_size(realtime_ring_size, 1024));
}

Size
rt_ring_size(void)
{
	return add_size(rt_byte_ring_size(data_size()), sizeof(PublishState));
}

void
rt_ring_init(void)
{
	bool		found;

	ring = rt_byte_ring_init("realtime publish ring", data_size(),
							 "RealtimePublishRing", &found);
	state = ShmemInitStruct("realtime topic partitions", sizeof(PublishState),
							&found);
	if (found)
		return;

	state->beginning = (uint64) GetCurrentTimestamp();
	for (int i = 0; i < RT_TOPIC_PARTITIONS; i++)
	{
		pg_atomic_init_u64(&state->partitions[i], 0);
		for (int gateway = 0; gateway < RT_GATEWAYS_MAX; gateway++)
			pg_atomic_init_u32(&state->interest[gateway][i], 0);
	}
	for (int gateway = 0; gateway < RT_GATEWAYS_MAX; gateway++)
		pg_atomic_init_u32(&state->polling[gateway], 0);
}

uint32
rt_topic_hash(const char *topic, Size len)
{
	return hash_bytes((const unsigned char *) topic, (int) len);
}

Size
rt_ring_capacity(void)
{
	return rt_byte_ring_capacity(ring);
}

uint64
rt_ring_position(void)
{
	return rt_byte_ring_position(ring);
}

uint64
rt_ring_partition_position(uint32 partition)
{
	return pg_atomic_read_u64(&state->partitions[partition]);
}

uint64
rt_ring_beginning(void)
{
	return state->beginning;
}

/* ---- writing and reading ---- */

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
		pg_atomic_write_u64(&state->partitions[rt_topic_partition(entry->topic_hash)],
							position + done);
		for (int i = 0; i < RT_TOPIC_PARTITIONS && is_for_all(entry); i++)
			pg_atomic_write_u64(&state->partitions[i], position + done);
	}
}

static bool
gateway_is_interested(int gateway, const char *entries, Size size)
{
	for (Size done = 0; done < size;)
	{
		const RtRingEntry *entry = (const RtRingEntry *) (entries + done);

		if (pg_atomic_read_u32(&state->interest[gateway][rt_topic_partition(entry->topic_hash)]) > 0 ||
			is_for_all(entry))
			return true;
		done += entry->size;
	}
	return false;
}

void
rt_ring_append(const char *entries, Size size)
{
	uint64		stretch = data_size() / WAKES_ALL_ROUND;
	uint64		position = rt_byte_ring_begin(ring, entries, size);
	bool		wake_all;

	note_partitions(position, entries, size);
	rt_byte_ring_end(ring, position + size);
	rt_ring_own_end = position + size;

	pg_memory_barrier();
	wake_all = position / stretch != (position + size) / stretch;
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		if (wake_all ||
			(pg_atomic_read_u32(&state->polling[gateway]) == 0 &&
			 gateway_is_interested(gateway, entries, size)))
			rt_worker_wake(RT_WORKER_GATEWAY, gateway);
	}
}

RtRingRead
rt_ring_read(RtRingReader *reader, uint64 limit, const RtRingEntry **entry)
{
	const void *found;
	RtRingRead	result = rt_byte_ring_read(ring, reader, limit, &found);

	if (result == RT_RING_ENTRY)
		*entry = found;
	return result;
}

/* ---- interest ---- */

void
rt_ring_interest_add(int gateway, uint32 topic_hash)
{
	pg_atomic_fetch_add_u32(&state->interest[gateway][rt_topic_partition(topic_hash)], 1);
}

void
rt_ring_interest_remove(int gateway, uint32 topic_hash)
{
	pg_atomic_fetch_sub_u32(&state->interest[gateway][rt_topic_partition(topic_hash)], 1);
}

bool
rt_ring_interests(uint32 topic_hash)
{
	pg_memory_barrier();
	for (int gateway = 0; gateway < realtime_gateways; gateway++)
	{
		if (pg_atomic_read_u32(&state->interest[gateway][rt_topic_partition(topic_hash)]) > 0)
			return true;
	}
	return false;
}

void
rt_ring_interest_reset(int gateway)
{
	for (int i = 0; i < RT_TOPIC_PARTITIONS; i++)
		pg_atomic_write_u32(&state->interest[gateway][i], 0);
	pg_atomic_write_u32(&state->polling[gateway], 0);
}

void
rt_ring_set_polling(int gateway, bool polls)
{
	pg_atomic_write_u32(&state->polling[gateway], polls ? 1 : 0);
}

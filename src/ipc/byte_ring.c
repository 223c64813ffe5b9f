/*
 * byte_ring.c
 *		A ring of entries in shared memory.
 *
 * Writers: one at a time under the ring's LWLock.  A writer first moves "oldest"
 * past what it is about to overwrite, then copies, then moves "end".  Readers
 * copy first and look at "oldest" afterwards: if it has passed their position,
 * the copy is worthless.
 *
 *		writer: oldest -> barrier -> bytes -> barrier -> end
 *		reader: end -> barrier -> bytes -> barrier -> oldest
 *
 * If a writer dies by a signal the server restarts and so does the ring; it
 * cannot die otherwise between the steps, because nothing there can fail.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/ipc/byte_ring.h"

#define READ_AHEAD (64 * 1024)	/* bytes copied at once by a reader */

struct RtByteRing
{
	LWLock	   *lock;			/* writers */
	Size		size;			/* bytes of data, a multiple of 8 */
	pg_atomic_uint64 oldest;	/* positions below are gone */
	pg_atomic_uint64 end;		/* positions from here are not written */
	char		data[FLEXIBLE_ARRAY_MEMBER];
};

Size
rt_byte_ring_size(Size data_size)
{
	return add_size(offsetof(RtByteRing, data), data_size);
}

RtByteRing *
rt_byte_ring_init(const char *name, Size data_size, const char *tranche,
				  bool *found)
{
	RtByteRing *ring = ShmemInitStruct(name, rt_byte_ring_size(data_size), found);

	Assert(data_size % 8 == 0);
	if (*found)
		return ring;
	ring->lock = &GetNamedLWLockTranche(tranche)->lock;
	ring->size = data_size;
	pg_atomic_init_u64(&ring->oldest, 0);
	pg_atomic_init_u64(&ring->end, 0);
	return ring;
}

/* Half of it, so that a reader that keeps up is never overrun by one commit. */
Size
rt_byte_ring_capacity(const RtByteRing *ring)
{
	return TYPEALIGN_DOWN(8, ring->size / 2);
}

uint64
rt_byte_ring_position(RtByteRing *ring)
{
	return pg_atomic_read_u64(&ring->end);
}

/* ---- writing ---- */

static void
copy_in(RtByteRing *ring, uint64 position, const char *bytes, Size size)
{
	Size		offset = position % ring->size;
	Size		first = Min(size, ring->size - offset);

	memcpy(ring->data + offset, bytes, first);
	memcpy(ring->data, bytes + first, size - first);
}

uint64
rt_byte_ring_begin(RtByteRing *ring, const char *entries, Size size)
{
	uint64		position;

	Assert(size <= rt_byte_ring_capacity(ring));

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	position = pg_atomic_read_u64(&ring->end);
	if (position + size > pg_atomic_read_u64(&ring->oldest) + ring->size)
		pg_atomic_write_u64(&ring->oldest, position + size - ring->size);
	pg_write_barrier();
	copy_in(ring, position, entries, size);
	return position;
}

void
rt_byte_ring_end(RtByteRing *ring, uint64 end)
{
	pg_write_barrier();
	pg_atomic_write_u64(&ring->end, end);
	LWLockRelease(ring->lock);
}

/* ---- reading ---- */

static void
copy_out(const RtByteRing *ring, uint64 position, char *bytes, Size size)
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
fill_reader(RtByteRing *ring, RtRingReader *reader, Size wanted)
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
	copy_out(ring, reader->position, reader->buffer, size);
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
rt_byte_ring_read(RtByteRing *ring, RtRingReader *reader, uint64 limit,
				  const void **entry)
{
	Size		wanted = sizeof(uint32);
	const char *found;

	if (reader->position >= limit)
		return RT_RING_EMPTY;

	/* at most twice round: for the size, then for the rest */
	for (;;)
	{
		RtRingRead	result;

		if (buffered_bytes(reader) >= wanted)
		{
			found = reader->buffer + (reader->position - reader->buffer_start);
			wanted = *(const uint32 *) found;
			if (buffered_bytes(reader) >= wanted)
				break;
		}
		result = fill_reader(ring, reader, wanted);
		if (result != RT_RING_ENTRY)
			return result;
	}

	reader->position += wanted;
	*entry = found;
	return RT_RING_ENTRY;
}

/*
 * byte_ring.h
 *		A ring of entries in shared memory: many write, anybody reads.
 *
 * Positions count bytes since server start and never wrap.  Writers append
 * whole entries in one piece and never wait for readers.  Readers go at their
 * own pace and copy without a lock; one that was overrun is told so.
 *
 * An entry begins with its size in bytes, a uint32, and takes a multiple of 8.
 */
#ifndef RT_IPC_BYTE_RING_H
#define RT_IPC_BYTE_RING_H

#include "src/compat.h"

typedef struct RtByteRing RtByteRing;

/* Of a ring with that many bytes of data, a multiple of 8. */
extern Size rt_byte_ring_size(Size data_size);

/* Finds or makes a ring; tranche is that of its writers' lock. */
extern RtByteRing *rt_byte_ring_init(const char *name, Size data_size,
									 const char *tranche, bool *found);

/* The most that may be appended at once. */
extern Size rt_byte_ring_capacity(const RtByteRing *ring);

/* End of what has been written. */
extern uint64 rt_byte_ring_position(RtByteRing *ring);

/*
 * begin() locks the writers out, copies size bytes of whole entries and returns
 * their position; end() lets readers see them, and the next writer come.
 * Neither fails, waits long or allocates: both are for commits.
 */
extern uint64 rt_byte_ring_begin(RtByteRing *ring, const char *entries, Size size);
extern void rt_byte_ring_end(RtByteRing *ring, uint64 end);

/* A reader's own copy of a stretch of the ring.  Zero it, set position, read. */
typedef struct RtRingReader
{
	uint64		position;		/* of the next entry */
	char	   *buffer;			/* bytes from buffer_start on */
	Size		buffer_size;
	uint64		buffer_start;
	uint64		buffer_end;
} RtRingReader;

typedef enum RtRingRead
{
	RT_RING_EMPTY,				/* nothing after the position */
	RT_RING_ENTRY,				/* *entry is the one that was there */
	RT_RING_OVERRUN				/* the position is gone, or there is no
								 * memory for what is there */
} RtRingRead;

/*
 * Returns the entry at the reader's position, valid until the next read, and
 * moves the position behind it.  limit (a position) ends the reading early;
 * UINT64_MAX does not.  After OVERRUN the caller puts the position at
 * rt_byte_ring_position().
 */
extern RtRingRead rt_byte_ring_read(RtByteRing *ring, RtRingReader *reader,
									uint64 limit, const void **entry);

#endif							/* RT_IPC_BYTE_RING_H */

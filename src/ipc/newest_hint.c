/*
 * newest_hint.c
 *		Where to look for the newest number of a topic.
 *
 * An array in shared memory with a place for each hash, of topics of all
 * databases, which push each other out.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/newest_hint.h"

#define HINTS 8192

static pg_atomic_uint64 *hints = NULL;

Size
rt_newest_hints_size(void)
{
	return sizeof(pg_atomic_uint64) * HINTS;
}

void
rt_newest_hints_init(void)
{
	bool		found;

	hints = ShmemInitStruct("realtime newest hints", rt_newest_hints_size(), &found);
	for (int i = 0; i < HINTS && !found; i++)
		pg_atomic_init_u64(&hints[i], 0);
}

int64
rt_newest_hint(uint32 topic_hash)
{
	return (int64) pg_atomic_read_u64(&hints[topic_hash % HINTS]);
}

void
rt_newest_hint_set(uint32 topic_hash, int64 seq)
{
	pg_atomic_write_u64(&hints[topic_hash % HINTS], (uint64) seq);
}

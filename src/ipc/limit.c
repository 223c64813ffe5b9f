/*
 * limit.c
 *		How often limits have acted.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/limit.h"

static pg_atomic_uint64 *hits = NULL;

Size
rt_limits_size(void)
{
	return sizeof(pg_atomic_uint64) * RT_LIMITS;
}

void
rt_limits_init(void)
{
	bool		found;

	hits = ShmemInitStruct("realtime limits", rt_limits_size(), &found);
	if (found)
		return;
	for (int i = 0; i < RT_LIMITS; i++)
		pg_atomic_init_u64(&hits[i], 0);
}

void
rt_limit_hit(RtLimitKind limit)
{
	pg_atomic_fetch_add_u64(&hits[limit], 1);
}

uint64
rt_limit_hits(RtLimitKind limit)
{
	return pg_atomic_read_u64(&hits[limit]);
}

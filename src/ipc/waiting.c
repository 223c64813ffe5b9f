/*
 * waiting.c
 *		How many jobs and events wait, as the scheduler has counted.
 *
 * A lock protects the table; the scheduler writes it once in some seconds.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/ipc/clock.h"
#include "src/ipc/waiting.h"
#include "src/ipc/worker_slot.h"

#define WANTED_MS 120000		/* after somebody has asked */

typedef struct Area
{
	LWLock	   *lock;
	pg_atomic_uint64 asked_ms;	/* 0 = never */
	int			count;			/* protected by the lock, as the rest */
	RtWaiting	counted[RT_WAITING_MAX];
} Area;

static Area *area = NULL;

Size
rt_waiting_size(void)
{
	return sizeof(Area);
}

void
rt_waiting_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime waiting", rt_waiting_size(), &found);
	if (found)
		return;
	memset(area, 0, sizeof(Area));
	area->lock = &GetNamedLWLockTranche("RealtimeWaiting")->lock;
	pg_atomic_init_u64(&area->asked_ms, 0);
}

bool
rt_waiting_is_wanted(void)
{
	int64		asked_ms = (int64) pg_atomic_read_u64(&area->asked_ms);

	return asked_ms != 0 && rt_clock_ms() - asked_ms < WANTED_MS;
}

int
rt_waiting_read(RtWaiting **copies)
{
	bool		was_wanted = rt_waiting_is_wanted();
	int			count;

	pg_atomic_write_u64(&area->asked_ms, (uint64) rt_clock_ms());
	if (!was_wanted)
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
	*copies = palloc(sizeof(area->counted));
	LWLockAcquire(area->lock, LW_SHARED);
	count = area->count;
	memcpy(*copies, area->counted, count * sizeof(RtWaiting));
	LWLockRelease(area->lock);
	return count;
}

void
rt_waiting_tell(const RtWaiting *counted, int count)
{
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	memcpy(area->counted, counted, count * sizeof(RtWaiting));
	area->count = count;
	LWLockRelease(area->lock);
}

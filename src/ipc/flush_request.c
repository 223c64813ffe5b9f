/*
 * flush_request.c
 *		Flushes that somebody else does, and who waits for them.
 *
 * One number that only grows, as positions in the log do.  After a crash the
 * log is flushed and the number begins at 0 again.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/flush_request.h"
#include "src/ipc/worker_slot.h"

typedef struct FlushRequest
{
	pg_atomic_uint64 lsn;		/* raised by anyone, read by the launcher */
	pg_atomic_uint32 waiting[RT_GATEWAYS_MAX];	/* each written by its gateway */
} FlushRequest;

static FlushRequest *flush_request = NULL;

Size
rt_flush_request_size(void)
{
	return sizeof(FlushRequest);
}

void
rt_flush_request_init(void)
{
	bool		found;

	flush_request = ShmemInitStruct("realtime flush request",
									rt_flush_request_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&flush_request->lsn, InvalidXLogRecPtr);
	for (int i = 0; i < RT_GATEWAYS_MAX; i++)
		pg_atomic_init_u32(&flush_request->waiting[i], 0);
}

/*
 * The exchange is a full barrier, and the launcher looks at the number after
 * it has reset its latch: one that sleeps is woken.  Whoever has asked for
 * more wakes it for us too.
 */
void
rt_flush_request(XLogRecPtr lsn)
{
	uint64		seen = pg_atomic_read_u64(&flush_request->lsn);

	while (seen < lsn)
	{
		if (!pg_atomic_compare_exchange_u64(&flush_request->lsn, &seen, lsn))
			continue;
		rt_worker_wake_all(RT_WORKER_LAUNCHER);
		return;
	}
}

XLogRecPtr
rt_flush_requested(void)
{
	return pg_atomic_read_u64(&flush_request->lsn);
}

/*
 * With full barriers on both sides, between what is written and what is looked
 * at, either the gateway sees the flush or whoever flushed sees the gateway.
 */
void
rt_flush_set_waiting(int gateway, bool waits)
{
	pg_atomic_write_u32(&flush_request->waiting[gateway], waits ? 1 : 0);
	if (waits)
		pg_memory_barrier();
}

void
rt_flush_wake_waiting(void)
{
	pg_memory_barrier();
	for (int i = 0; i < realtime_gateways; i++)
	{
		if (pg_atomic_read_u32(&flush_request->waiting[i]) != 0)
			rt_worker_wake(RT_WORKER_GATEWAY, i);
	}
}

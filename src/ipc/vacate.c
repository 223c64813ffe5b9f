/*
 * vacate.c
 *		Who makes our processes leave which database.
 *
 * The backend owns it from the compare-and-exchange of its process id to the
 * end, which its exit callback makes sure of.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "src/ipc/vacate.h"
#include "src/ipc/worker_slot.h"

#define VACATE_POLL_MS 20

typedef struct Vacated
{
	pg_atomic_uint32 by;		/* pid of the backend that vacates, 0 = none */
	pg_atomic_uint32 database;	/* valid while that is not 0 */
} Vacated;

static Vacated *vacated = NULL;

Size
rt_vacate_size(void)
{
	return sizeof(Vacated);
}

void
rt_vacate_init(void)
{
	bool		found;

	vacated = ShmemInitStruct("realtime vacate", rt_vacate_size(), &found);
	if (found)
		return;
	pg_atomic_init_u32(&vacated->by, 0);
	pg_atomic_init_u32(&vacated->database, InvalidOid);
}

static void
end_vacating_at_exit(int code, Datum arg)
{
	rt_database_vacate_end();
}

/* Waits for others to get on; returns false if the deadline has passed. */
static bool
wait_a_moment(TimestampTz deadline)
{
	static uint32 wait_event = 0;

	if (GetCurrentTimestamp() >= deadline)
		return false;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 VACATE_POLL_MS, rt_wait_event(&wait_event, "RealtimeVacate"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

/* Returns whether it is ours to vacate, now or already. */
static bool
take(Oid database)
{
	uint32		owner = 0;

	if (pg_atomic_compare_exchange_u32(&vacated->by, &owner, MyProcPid))
	{
		pg_atomic_write_u32(&vacated->database, database);
		return true;
	}
	return owner == (uint32) MyProcPid;
}

bool
rt_database_vacate_begin(Oid database, int timeout_ms)
{
	static bool registered = false;
	TimestampTz deadline =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);

	if (!registered)
	{
		before_shmem_exit(end_vacating_at_exit, (Datum) 0);
		registered = true;
	}
	while (!take(database))
	{
		if (!wait_a_moment(deadline))
			return false;
	}
	pg_memory_barrier();
	while (rt_workers_wake_connected(database) > 0)
	{
		if (!wait_a_moment(deadline))
			return false;
	}
	return true;
}

void
rt_database_vacate_end(void)
{
	if (vacated == NULL ||
		pg_atomic_read_u32(&vacated->by) != (uint32) MyProcPid)
		return;
	pg_atomic_write_u32(&vacated->database, InvalidOid);
	pg_write_barrier();
	pg_atomic_write_u32(&vacated->by, 0);
	rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

bool
rt_database_is_vacated(Oid database)
{
	return OidIsValid(database) &&
		pg_atomic_read_u32(&vacated->by) != 0 &&
		pg_atomic_read_u32(&vacated->database) == database;
}

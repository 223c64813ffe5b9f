/*
 * commit_slot.c
 *		Who commits and has not yet told what it has changed.
 *
 *		commit: slot -> visible -> ring -> barrier -> slot cleared
 *		reader: snapshot -> slots -> barrier -> ring
 *
 * To become visible and to take a snapshot both take the lock of the array of
 * processes, so who sees the transaction sees its slot, set or cleared.  What
 * is not visible in the snapshot does not matter to its owner.
 */
#include "postgres.h"

#include <sched.h>

#include "access/transam.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/snapmgr.h"

#include "src/ipc/commit_slot.h"

#define YIELDS 100				/* before it is slept between looks */
#define SLEEP_US 100

/* By the number of the process; 0 = none. */
static pg_atomic_uint32 *slots = NULL;

/* Those who commit have numbers below this. */
static int
slot_count(void)
{
	return MaxBackends;
}

Size
rt_commit_slots_size(void)
{
	return mul_size(slot_count(), sizeof(pg_atomic_uint32));
}

void
rt_commit_slots_init(void)
{
	bool		found;

	slots = ShmemInitStruct("realtime commit slots", rt_commit_slots_size(), &found);
	for (int i = 0; i < slot_count() && !found; i++)
		pg_atomic_init_u32(&slots[i], InvalidTransactionId);
}

void
rt_commit_slot_set(TransactionId xid)
{
	Assert(RT_MY_PROC_NUMBER < slot_count());
	pg_atomic_write_u32(&slots[RT_MY_PROC_NUMBER], xid);
}

void
rt_commit_slot_clear(void)
{
	pg_write_barrier();
	pg_atomic_write_u32(&slots[RT_MY_PROC_NUMBER], InvalidTransactionId);
}

static void
wait_for_slot(pg_atomic_uint32 *slot, TransactionId xid)
{
	for (int looks = 0; pg_atomic_read_u32(slot) == xid; looks++)
	{
		CHECK_FOR_INTERRUPTS();
		if (looks < YIELDS)
			sched_yield();
		else
			pg_usleep(SLEEP_US);
	}
}

void
rt_commit_slots_wait(Snapshot snapshot)
{
	for (int i = 0; i < slot_count(); i++)
	{
		TransactionId xid = pg_atomic_read_u32(&slots[i]);

		if (TransactionIdIsValid(xid) && !XidInMVCCSnapshot(xid, snapshot))
			wait_for_slot(&slots[i], xid);
	}
	pg_read_barrier();
}

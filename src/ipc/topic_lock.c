/*
 * topic_lock.c
 *		The locks that put commits on topics in order.
 *
 * Advisory locks with a field4 that SQL cannot make: field2 is the partition,
 * field3 tells the topics' locks from the epoch's.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"

#include "src/ipc/clock.h"
#include "src/ipc/topic_lock.h"

#define LOCK_FIELD4 0x5254		/* "RT"; SQL makes 1 and 2 */
#define LOOK_MS 1				/* between looks at who holds locks */

typedef enum LockKind
{
	LOCK_PARTITION,
	LOCK_EPOCH
} LockKind;

static bool
acquire(uint32 number, LockKind kind, LOCKMODE mode, bool dont_wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, number, kind, LOCK_FIELD4);
	return LockAcquire(&tag, mode, false, dont_wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
rt_partition_lock(uint32 partition, LOCKMODE mode)
{
	(void) acquire(partition, LOCK_PARTITION, mode, false);
}

void
rt_partition_lock_for(uint32 partition, LOCKMODE mode, int wait_ms)
{
	int			lock_timeout = LockTimeout;

	LockTimeout = wait_ms;
	PG_TRY();
	{
		rt_partition_lock(partition, mode);
	}
	PG_FINALLY();
	{
		LockTimeout = lock_timeout;
	}
	PG_END_TRY();
}

bool
rt_partition_lock_was_free(uint32 partition, LOCKMODE mode)
{
	if (rt_partition_try_lock(partition, mode))
		return true;
	rt_partition_lock(partition, mode);
	return false;
}

void
rt_partition_unlock(uint32 partition, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, partition, LOCK_PARTITION, LOCK_FIELD4);
	(void) LockRelease(&tag, mode, false);
}

bool
rt_partition_try_lock(uint32 partition, LOCKMODE mode)
{
	return acquire(partition, LOCK_PARTITION, mode, true);
}

void
rt_epoch_lock(void)
{
	(void) acquire(0, LOCK_EPOCH, ExclusiveLock, false);
}

/* ---- who holds them ---- */

typedef struct Holder
{
	uint32		partition;
	VirtualTransactionId id;
} Holder;

/* Ends with one that is not valid. */
static VirtualTransactionId *
holders_of(uint32 partition)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, partition, LOCK_PARTITION, LOCK_FIELD4);
	return GetLockConflicts(&tag, ShareLock, NULL);
}

static List *
list_holders(uint32 first, uint32 end)
{
	List	   *holders = NIL;

	for (uint32 partition = first; partition < end; partition++)
	{
		VirtualTransactionId *ids = holders_of(partition);

		for (int i = 0; VirtualTransactionIdIsValid(ids[i]); i++)
		{
			Holder	   *holder = palloc(sizeof(Holder));

			holder->partition = partition;
			holder->id = ids[i];
			holders = lappend(holders, holder);
		}
		pfree(ids);
	}
	return holders;
}

static bool
still_holds(const Holder *holder)
{
	VirtualTransactionId *ids = holders_of(holder->partition);
	bool		found = false;

	for (int i = 0; !found && VirtualTransactionIdIsValid(ids[i]); i++)
		found = VirtualTransactionIdEquals(ids[i], holder->id);
	pfree(ids);
	return found;
}

static void
pause_until_next_look(void)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS,
					 rt_wait_event(&wait_event, "RealtimePublishers"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
rt_partitions_await(uint32 first, uint32 end, int wait_ms)
{
	int64		began = rt_clock_ms();
	List	   *holders = list_holders(first, end);

	while (holders != NIL)
	{
		if (!still_holds(linitial(holders)))
			holders = list_delete_first(holders);
		else if (rt_clock_ms() - began >= wait_ms)
			return false;
		else
			pause_until_next_look();
	}
	return true;
}

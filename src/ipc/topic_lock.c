/*
 * topic_lock.c
 *		The locks that put commits on topics in order.
 *
 * Advisory locks with a field4 that SQL cannot make: field2 is the partition,
 * field3 tells the topics' locks from the epoch's.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"

#include "src/ipc/topic_lock.h"

#define LOCK_FIELD4 0x5254		/* "RT"; SQL makes 1 and 2 */

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

/*
 * durability.c
 *		What must be durable before something is told, and how far it is.
 *
 * Standbys are waited for without a place in PostgreSQL's queue of waiters: the
 * WAL senders note what has been confirmed whether anybody waits or not.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"

#include "src/ipc/durability.h"

bool
rt_standbys_are_asked(void)
{
	return max_wal_senders > 0 &&
		SyncRepStandbyNames != NULL && SyncRepStandbyNames[0] != '\0';
}

void
rt_durable_look(RtDurable *durable)
{
	durable->flushed = GetFlushRecPtr(NULL);
	if (!rt_standbys_are_asked())
	{
		for (int i = 0; i < NUM_SYNC_REP_WAIT_MODE; i++)
			durable->confirmed[i] = PG_UINT64_MAX;
		return;
	}
	LWLockAcquire(SyncRepLock, LW_SHARED);
	memcpy(durable->confirmed, WalSndCtl->lsn, sizeof(durable->confirmed));
	LWLockRelease(SyncRepLock);
}

bool
rt_is_durable(RtDurability needed)
{
	RtDurable	durable;

	if (needed.lsn == InvalidXLogRecPtr)
		return true;
	if (needed.mode == SYNC_REP_NO_WAIT)
		return needed.lsn <= GetFlushRecPtr(NULL);
	rt_durable_look(&durable);
	return rt_durable_has(&durable, needed);
}

RtDurability
rt_durability_sum(RtDurability a, RtDurability b)
{
	return (RtDurability) {Max(a.lsn, b.lsn), Max(a.mode, b.mode)};
}

int
rt_standby_mode(int level)
{
	if (!rt_standbys_are_asked())
		return SYNC_REP_NO_WAIT;
	switch (level)
	{
		case SYNCHRONOUS_COMMIT_REMOTE_WRITE:
			return SYNC_REP_WAIT_WRITE;
		case SYNCHRONOUS_COMMIT_REMOTE_FLUSH:
			return SYNC_REP_WAIT_FLUSH;
		case SYNCHRONOUS_COMMIT_REMOTE_APPLY:
			return SYNC_REP_WAIT_APPLY;
		default:
			return SYNC_REP_NO_WAIT;
	}
}

/*
 * unflushed_commit.c
 *		Says of each commit that does not wait for its flush that others can
 *		see it (src/ipc/unflushed.h).
 *
 * Whoever makes synchronous_commit off for its transaction, the user or one of
 * us, has done so when this callback runs, the last one of ours at PRE_COMMIT
 * and at COMMIT.  A transaction that gets its id later has changed nothing that
 * others could tell.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"

#include "src/backend/unflushed_commit.h"
#include "src/ipc/unflushed.h"

static bool announced = false;

static void
announce(void)
{
	if (synchronous_commit > SYNCHRONOUS_COMMIT_OFF ||
		!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	rt_unflushed_announce(rt_own_flush.mode);
	announced = true;
}

static void
end_announced(bool committed)
{
	if (announced && committed)
		rt_unflushed_committed(XactLastCommitEnd);
	else if (announced)
		rt_unflushed_aborted();
	announced = false;
	rt_unflushed_forget_touched();
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			announce();
			break;
		case XACT_EVENT_COMMIT:
			end_announced(true);
			break;
		case XACT_EVENT_ABORT:
			end_announced(false);
			break;
		case XACT_EVENT_PREPARE:
			rt_unflushed_forget_touched();
			break;
		default:
			break;
	}
}

void
rt_unflushed_commit_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
}

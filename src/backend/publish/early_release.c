/*
 * early_release.c
 *		Commits that let go of their topics before they are flushed.
 *
 * Who publishes has its topics' locks from before its commit until its events
 * are in the ring.  The longest part of that is the flush, and one commit after
 * the other would wait for its own.  So where others wait for the topics the
 * commit record is written as if synchronous_commit were off, the events go to
 * the ring with the position that gateways wait for, the locks are released,
 * and only then is the log flushed and are standbys waited for: before the
 * session is told, and before clients are.  What differs from a usual commit
 * is that other sessions can see it a little earlier than a crash can no longer
 * take it back, as with synchronous_commit = off: clients of ours are not told
 * of that (src/ipc/unflushed.h).
 *
 * A callback of the resource owner, in the phase after the locks, is the first
 * moment for it.  As in PostgreSQL's own commit interrupts are held there, the
 * flush is a critical section, because the transaction cannot fail any more, and
 * a wait for standbys that is cancelled ends with a WARNING.  No LWLock is held.
 *
 * The variable is changed past the machinery of settings, between PRE_COMMIT
 * and the end of the transaction: so the mode of standbys that belongs to its
 * value stays, which SyncRepWaitForLSN() goes by, and nothing can fail when it
 * is put back.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "utils/resowner.h"

#include "src/backend/publish/early_release.h"
#include "src/guc.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/unflushed.h"

static bool asked = false;		/* synchronous_commit is changed */
static int	wanted_level;		/* to put back */
static XLogRecPtr commit_lsn = InvalidXLogRecPtr;	/* to be flushed */

static void on_transaction(XactEvent event, void *arg);
static void on_resource_release(ResourceReleasePhase phase, bool is_commit,
								bool is_top_level, void *arg);

void
rt_early_release_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterResourceReleaseCallback(on_resource_release, NULL);
}

/*
 * Whether the commit will be flushed before it is seen.  PostgreSQL does not
 * flush what has no id or has written no WAL.
 */
static bool
commit_waits(void)
{
	return synchronous_commit > SYNCHRONOUS_COMMIT_OFF &&
		XactLastRecEnd != InvalidXLogRecPtr &&
		TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* Nobody has noted which tables a session has touched. */
void
rt_early_release_ask(void)
{
	if (asked || !realtime_early_release || !commit_waits())
		return;
	asked = true;
	wanted_level = synchronous_commit;
	synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
	rt_own_flush.waits = true;
	rt_own_flush.mode = rt_standby_mode(wanted_level);
	if (rt_own_flush.mode != SYNC_REP_NO_WAIT)
		rt_unflushed_touch_all();
}

static void
put_back(void)
{
	asked = false;
	synchronous_commit = wanted_level;
}

/* Ours alone: an executor that has promised a flush has turned the level off. */
static void
forget_own_flush(void)
{
	rt_own_flush.waits = false;
	rt_own_flush.mode = SYNC_REP_NO_WAIT;
	rt_own_flush.published = InvalidXLogRecPtr;
}

static void
on_transaction(XactEvent event, void *arg)
{
	if (!asked)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			commit_lsn = XactLastCommitEnd;
			put_back();
			break;
		case XACT_EVENT_ABORT:
			forget_own_flush();
			put_back();
			break;
		default:
			break;
	}
}

static void
flush_commit(XLogRecPtr lsn)
{
	START_CRIT_SECTION();
	XLogFlush(lsn);
	END_CRIT_SECTION();
	rt_flush_wake_waiting();
	SyncRepWaitForLSN(lsn, true);
}

static void
on_resource_release(ResourceReleasePhase phase, bool is_commit,
					bool is_top_level, void *arg)
{
	XLogRecPtr	lsn = commit_lsn;

	if (lsn == InvalidXLogRecPtr || !is_top_level ||
		phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	commit_lsn = InvalidXLogRecPtr;
	forget_own_flush();
	flush_commit(lsn);
}

/*
 * commit.c
 *		How calls commit: without a flush of their own, if they may.
 *
 * With realtime.pipelined_commits a call's transaction commits as if
 * synchronous_commit were off; the executor flushes later, once for several
 * calls, and only then lets their answers out.  The level that was in force
 * when the last code of the user had run is the one that the flush (and the
 * wait for standbys) then honours.  A call that standbys must confirm takes
 * this way always: its own commit is under a deadline, which would end the
 * wait, and the client would be told of something that no standby has.
 *
 * PRE_COMMIT is the moment: deferred triggers have run, the settings can be
 * rolled back, the commit record is not written yet.  What runs after it and
 * may still fail is PostgreSQL's own and that of our publisher, whose callback
 * comes later than this one and whose entries carry the commit's position
 * while rt_commit_is_pipelined is set.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "utils/guc.h"

#include "src/executor/commit.h"
#include "src/executor/interrupt.h"
#include "src/executor/session_reset.h"
#include "src/guc.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/publish_ring.h"

/* The transaction that is being committed. */
static bool overridden = false; /* synchronous_commit is not its setting */
static int	base_level;			/* to put back, if overridden */
static int	wanted_level;
static bool wrote_wal;			/* before PRE_COMMIT */
static XLogRecPtr commit_lsn = InvalidXLogRecPtr;

static const char *
level_name(int level)
{
	switch (level)
	{
		case SYNCHRONOUS_COMMIT_OFF:
			return "off";
		case SYNCHRONOUS_COMMIT_LOCAL_FLUSH:
			return "local";
		case SYNCHRONOUS_COMMIT_REMOTE_WRITE:
			return "remote_write";
		case SYNCHRONOUS_COMMIT_REMOTE_APPLY:
			return "remote_apply";
		default:
			return "on";
	}
}

/*
 * Through the setting's machinery, which also sets what standbys must do.
 * level -1 = as it is configured.
 */
static void
set_level(int level, GucAction action)
{
	(void) set_config_option("synchronous_commit",
							 level < 0 ? NULL : level_name(level),
							 PGC_USERSET, PGC_S_SESSION, action,
							 true, 0, false);
}

static bool
level_needs_standbys(int level)
{
	return level > SYNCHRONOUS_COMMIT_LOCAL_FLUSH &&
		SyncRepStandbyNames != NULL && SyncRepStandbyNames[0] != '\0';
}

static void
prepare_commit(void)
{
	wrote_wal = XactLastRecEnd != 0;
	wanted_level = synchronous_commit;
	rt_session_reset_precommit();
	base_level = synchronous_commit;

	if (realtime_pipelined_commits || wanted_level == SYNCHRONOUS_COMMIT_OFF ||
		level_needs_standbys(wanted_level))
	{
		overridden = true;
		synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
		rt_commit_is_pipelined = wanted_level > SYNCHRONOUS_COMMIT_OFF;
	}
	else if (wanted_level != base_level)
		set_level(wanted_level, GUC_ACTION_LOCAL);
}

/* XactLastCommitEnd is this transaction's only if it had an id. */
static void
note_commit(void)
{
	rt_session_reset_commit();
	if (rt_commit_is_pipelined &&
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		commit_lsn = XactLastCommitEnd;
}

static void
on_transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && rt_session_reset_is_pending())
		prepare_commit();
	else if (event == XACT_EVENT_COMMIT)
		note_commit();
}

void
rt_commit_init(void)
{
	RegisterXactCallback(on_transaction_event, NULL);
}

void
rt_commit_end(RtDurability *durability)
{
	XLogRecPtr	read_lsn = rt_flush_take_reading();

	if (read_lsn != InvalidXLogRecPtr && read_lsn > GetFlushRecPtr(NULL))
	{
		durability->lsn = Max(durability->lsn, read_lsn);
		durability->level = Max(durability->level, SYNCHRONOUS_COMMIT_LOCAL_FLUSH);
	}

	/*
	 * As in PostgreSQL, a transaction that only wrote to temporary and
	 * unlogged tables waits for nothing.  The publisher writes after we have
	 * looked.
	 */
	if (commit_lsn != InvalidXLogRecPtr && (wrote_wal || rt_commit_published))
	{
		durability->lsn = Max(durability->lsn, commit_lsn);
		durability->level = Max(durability->level, wanted_level);
	}
	commit_lsn = InvalidXLogRecPtr;
	rt_commit_is_pipelined = false;

	if (overridden)
	{
		overridden = false;
		synchronous_commit = base_level;
	}
}

bool
rt_durability_needs_standbys(const RtDurability *durability)
{
	return level_needs_standbys(durability->level);
}

/*
 * The wait can take for ever if standbys are missing; as in any session a
 * cancel ends it with a warning, and so does a shutdown.  There may be no
 * transaction to undo a setting at its end, so that is done here.
 */
static void
wait_for_standbys(RtDurability *durability)
{
	bool		another_level = durability->level != synchronous_commit;

	if (another_level)
		set_level(durability->level, GUC_ACTION_SET);

	rt_deadline_arm(0);
	HOLD_INTERRUPTS();
	SyncRepWaitForLSN(durability->lsn, true);
	RESUME_INTERRUPTS();
	rt_deadline_disarm();

	if (another_level)
		set_level(-1, GUC_ACTION_SET);
}

bool
rt_durability_wait(RtDurability *durability)
{
	if (durability->lsn == InvalidXLogRecPtr)
		return false;

	XLogFlush(durability->lsn);
	if (rt_durability_needs_standbys(durability))
		wait_for_standbys(durability);

	durability->lsn = InvalidXLogRecPtr;
	durability->level = SYNCHRONOUS_COMMIT_OFF;
	return true;
}

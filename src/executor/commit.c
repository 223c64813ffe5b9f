/*
 * commit.c
 *		How calls commit, without a flush of their own, and what their answers
 *		wait for.
 *
 * With realtime.pipelined_commits a call's transaction commits as if
 * synchronous_commit were off; the executor flushes later, once for several
 * calls, and only then may their answers be told.  The level that was in force
 * when the last code of the user had run is the one that the answer then
 * honours.  A call that standbys must confirm takes this way always: it is its
 * gateway that waits for them, and the executor goes on.
 *
 * What takes long and nobody waits for flushes at its commit: others, who would have
 * to wait for that if they saw it before, do not see it.
 *
 * An answer tells what its transaction has seen, too: commits of others that
 * are not durable yet.  It waits for them, whether it has written or not, and
 * if it has failed as well.  Who asks for synchronous_commit = off has chosen
 * not to wait; but not for numbers of events, which others go by.
 *
 * PRE_COMMIT is the moment: deferred triggers have run, no snapshot is taken
 * any more, the settings can be rolled back, the commit record is not written
 * yet.  What runs after it and may still fail is PostgreSQL's own and that of
 * our publisher, whose callback comes later than this one and whose entries
 * carry the commit's position while rt_own_flush.waits is set.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "src/executor/commit.h"
#include "src/executor/reply.h"
#include "src/executor/session_reset.h"
#include "src/guc.h"
#include "src/ipc/unflushed.h"

/* The transaction that ends. */
static bool flushes = false;	/* itself, if no standby is asked */
static bool overridden = false; /* synchronous_commit is not its setting */
static int	base_level;			/* to put back, if overridden */
static int	wanted_level;
static bool wrote_wal;			/* before PRE_COMMIT */
static XLogRecPtr commit_lsn = InvalidXLogRecPtr;
static RtDurability seen;		/* of others' commits */

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

/* Through the setting's machinery, which also sets what standbys must do. */
static void
set_level(int level)
{
	(void) set_config_option("synchronous_commit", level_name(level),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

/*
 * If standbys do not answer, what waits for them must not take every slot: the
 * last moment at which it can be refused.
 */
static void
refuse_if_crowded(void)
{
	bool		writes = TransactionIdIsValid(GetTopTransactionIdIfAny());

	if ((seen.mode != SYNC_REP_NO_WAIT ||
		 (writes && rt_standby_mode(wanted_level) != SYNC_REP_NO_WAIT)) &&
		rt_answers_crowd_for_standbys())
		rt_reply_refuse_overload();
}

static void
prepare_commit(void)
{
	int			mode;

	wrote_wal = XactLastRecEnd != 0;
	wanted_level = synchronous_commit;
	refuse_if_crowded();
	rt_session_reset_precommit();
	base_level = synchronous_commit;

	mode = rt_standby_mode(wanted_level);
	if ((realtime_pipelined_commits && !flushes) || wanted_level == SYNCHRONOUS_COMMIT_OFF ||
		mode != SYNC_REP_NO_WAIT)
	{
		overridden = true;
		synchronous_commit = SYNCHRONOUS_COMMIT_OFF;
		rt_own_flush.waits = wanted_level > SYNCHRONOUS_COMMIT_OFF;
		rt_own_flush.mode = mode;
	}
	else if (wanted_level != base_level)
		set_level(wanted_level);
}

/* XactLastCommitEnd is this transaction's only if it had an id. */
static void
note_commit(void)
{
	rt_session_reset_commit();
	if (rt_own_flush.waits && TransactionIdIsValid(GetTopTransactionIdIfAny()))
		commit_lsn = XactLastCommitEnd;
}

static void
on_transaction_event(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			seen = rt_unflushed_seen();
			wanted_level = SYNCHRONOUS_COMMIT_LOCAL_FLUSH;
			if (rt_session_reset_is_pending())
				prepare_commit();
			break;
		case XACT_EVENT_COMMIT:
			note_commit();
			break;
		case XACT_EVENT_ABORT:
			seen = rt_unflushed_seen();
			wanted_level = SYNCHRONOUS_COMMIT_LOCAL_FLUSH;
			break;
		default:
			break;
	}
}

void
rt_commit_flushes(bool itself)
{
	flushes = itself;
}

void
rt_commit_init(void)
{
	RegisterXactCallback(on_transaction_event, NULL);
}

/*
 * As in PostgreSQL, a transaction that only wrote to temporary and unlogged
 * tables waits for nothing of its own.  The publisher writes after we have
 * looked.
 */
static RtDurability
wanted_durability(void)
{
	RtDurability wanted = RT_DURABLE;

	if (rt_unflushed_take_numbers() || wanted_level > SYNCHRONOUS_COMMIT_OFF)
		wanted = seen;
	if (commit_lsn != InvalidXLogRecPtr &&
		(wrote_wal || rt_own_flush.published != InvalidXLogRecPtr))
		wanted = rt_durability_sum(wanted, (RtDurability) {commit_lsn, rt_own_flush.mode});
	return rt_is_durable(wanted) ? RT_DURABLE : wanted;
}

RtDurability
rt_commit_end(void)
{
	RtDurability wanted = wanted_durability();

	seen = RT_DURABLE;
	flushes = false;
	commit_lsn = InvalidXLogRecPtr;
	rt_own_flush.waits = false;
	rt_own_flush.mode = SYNC_REP_NO_WAIT;
	if (overridden)
	{
		overridden = false;
		synchronous_commit = base_level;
	}
	return wanted;
}

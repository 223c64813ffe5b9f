/*
 * after_commit.c
 *		What has to be told to our processes when a transaction is over.
 *
 * It must be told late: a process that looks again at once must find the new
 * state.  At XACT_EVENT_COMMIT the invalidation messages are not sent and the
 * locks not released yet, so an executor could still answer from its cache
 * and a worker would wait for the lock on a database.  Therefore a callback
 * of the resource owner does it, in the phase after the locks.
 *
 * Nothing here may fail.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/resowner.h"

#include "src/backend/after_commit.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/client.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/tail_hint.h"
#include "src/ipc/vacate.h"
#include "src/ipc/worker_slot.h"

static bool declarations_changed = false;
static bool events_removed = false;
static bool settings_changed = false;
static bool queries_changed = false;
static RtRecheckScope to_recheck = RT_RECHECK_SCOPES;	/* that many = nothing */
static bool wake_workers = false;
static bool vacate_end = false;

/* What they may see may have changed. */
static void
recheck_everybody(RtRecheckScope scope)
{
	RtOrder		order;

	memset(&order, 0, sizeof(order));
	order.kind = RT_ORDER_RECHECK;
	order.scope = scope;
	rt_clients_order(&order, 1);
}

static void
on_resource_release(ResourceReleasePhase phase, bool is_commit,
					bool is_top_level, void *arg)
{
	bool		changed = declarations_changed;
	bool		removed = events_removed;
	bool		settings = settings_changed;
	bool		queries = queries_changed;
	RtRecheckScope recheck = to_recheck;
	bool		wake = wake_workers;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
		return;
	if (vacate_end)
		rt_database_vacate_end();
	vacate_end = declarations_changed = events_removed = settings_changed = false;
	queries_changed = wake_workers = false;
	to_recheck = RT_RECHECK_SCOPES;
	if (!is_commit)
		return;

	if (removed)
		rt_tails_outdate();
	if (settings)
	{
		rt_settings_changed();
		rt_worker_wake_all(RT_WORKER_EXECUTOR);
	}
	if (changed || wake)
		rt_catalog_changed();
	if (queries)
		rt_changes_note_elsewhere();
	if (recheck < RT_RECHECK_SCOPES)
		recheck_everybody(recheck);
	if (changed)
	{
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
		/* clients of a query that is none any more are told at once */
		if (rt_changes_are_wanted())
			rt_round_want();
	}
	if (wake)
	{
		rt_worker_wake_all(RT_WORKER_LAUNCHER);
		rt_worker_wake_all(RT_WORKER_EXECUTOR);
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
	}
}

/* Resources are released as at a commit, but nothing has changed yet. */
static void
on_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE && events_removed)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that has removed events"),
				 errdetail("Gateways would go on to tell them from memory."),
				 errhint("Remove them in a transaction of its own.")));
	if (event != XACT_EVENT_PREPARE)
		return;
	declarations_changed = events_removed = settings_changed = false;
	queries_changed = wake_workers = false;
	to_recheck = RT_RECHECK_SCOPES;
}

void
rt_after_commit_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	RegisterResourceReleaseCallback(on_resource_release, NULL);
}

void
rt_after_commit_declarations_changed(void)
{
	declarations_changed = true;
}

void
rt_after_commit_settings_changed(void)
{
	settings_changed = true;
}

void
rt_after_commit_queries_changed(void)
{
	queries_changed = true;
}

void
rt_after_commit_recheck(RtRecheckScope scope)
{
	to_recheck = Min(to_recheck, scope);
}

void
rt_after_commit_events_removed(void)
{
	events_removed = true;
}

void
rt_after_commit_wake_workers(void)
{
	wake_workers = true;
}

void
rt_after_end_vacate_end(void)
{
	vacate_end = true;
}

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
#include "src/backend/publish/publish.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/client_order.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/tail_hint.h"
#include "src/ipc/task.h"
#include "src/ipc/vacate.h"
#include "src/ipc/worker_slot.h"

static bool declarations_changed = false;
static bool events_removed = false;
static bool settings_changed = false;
static bool queries_changed = false;
static RtRecheck to_recheck = {RT_RECHECK_SCOPES, 0};
static bool wake_workers = false;
static bool vacate_end = false;

/* Of queues, by their places (ipc/job.h). */
typedef struct JobNews
{
	int			count;			/* places that anything is known of */
	int			places[RT_JOB_PLACES];
	bool		known[RT_JOB_PLACES];
	int64		ready[RT_JOB_PLACES];	/* first in order; PG_INT64_MAX = none */
	int64		released[RT_JOB_PLACES];	/* the same */
	TimestampTz due;			/* 0 = none */
	bool		task_over;
} JobNews;

static JobNews jobs;

/* What they may see may have changed. */
static void
recheck_everybody(RtRecheck what)
{
	RtOrder		order;

	memset(&order, 0, sizeof(order));
	order.kind = RT_ORDER_RECHECK;
	order.what = what;
	rt_clients_order(&order, 1);
}

static void
tell_of_queue(int place, bool is_commit)
{
	int64		start = jobs.released[place];

	if (is_commit)
		start = Min(start, jobs.ready[place]);
	jobs.known[place] = false;
	if (start == PG_INT64_MAX)
		return;
	rt_job_start_lower(place, start);
	rt_jobs_want(place);
}

static void
tell_of_jobs(bool is_commit)
{
	TimestampTz due = jobs.due;
	bool		task_over = jobs.task_over;

	while (jobs.count > 0)
		tell_of_queue(jobs.places[--jobs.count], is_commit);
	jobs.due = 0;
	jobs.task_over = false;
	if (is_commit && due != 0)
		rt_jobs_note_due(due);
	if (is_commit && task_over)
		rt_tasks_look();
}

static void
on_resource_release(ResourceReleasePhase phase, bool is_commit,
					bool is_top_level, void *arg)
{
	bool		changed = declarations_changed;
	bool		removed = events_removed;
	bool		settings = settings_changed;
	bool		queries = queries_changed;
	RtRecheck	recheck = to_recheck;
	bool		wake = wake_workers;

	if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !is_top_level)
		return;
	if (vacate_end)
		rt_database_vacate_end();
	vacate_end = declarations_changed = events_removed = settings_changed = false;
	queries_changed = wake_workers = false;
	to_recheck.scope = RT_RECHECK_SCOPES;
	tell_of_jobs(is_commit);
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
	if (recheck.scope < RT_RECHECK_SCOPES)
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
	to_recheck.scope = RT_RECHECK_SCOPES;
	tell_of_jobs(false);
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
rt_after_commit_recheck(RtRecheck what)
{
	to_recheck = rt_recheck_join(to_recheck, what);
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

static void
note_queue(int place)
{
	if (jobs.known[place])
		return;
	jobs.places[jobs.count++] = place;
	jobs.known[place] = true;
	jobs.ready[place] = jobs.released[place] = PG_INT64_MAX;
}

/* Of other databases nothing is known to others. */
void
rt_after_commit_job_ready(int queue_place, int64 place)
{
	if (!rt_publish_is_possible())
		return;
	note_queue(queue_place);
	jobs.ready[queue_place] = Min(jobs.ready[queue_place], place);
}

void
rt_after_commit_job_due(TimestampTz at)
{
	if (!rt_publish_is_possible())
		return;
	jobs.due = jobs.due == 0 ? at : Min(jobs.due, at);
}

void
rt_after_commit_task_over(void)
{
	jobs.task_over = true;
}

void
rt_after_end_job_released(int queue_place, int64 place)
{
	if (!rt_publish_is_possible())
		return;
	note_queue(queue_place);
	jobs.released[queue_place] = Min(jobs.released[queue_place], place);
}

void
rt_after_end_vacate_end(void)
{
	vacate_end = true;
}

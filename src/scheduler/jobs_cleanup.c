/*
 * jobs_cleanup.c
 *		The task that removes jobs which have been over for as long as their queue
 *		says.
 *
 * It goes from queue to queue in the index, and removes a piece at a time.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/scheduler/jobs.h"
#include "src/scheduler/scheduler.h"

#define BATCH_ROWS 1000			/* removed in one transaction */
#define AWAITED_MS 60000		/* that a result is kept for who waits for it */
#define DAY_MS (INT64CONST(24) * 60 * 60 * 1000)

/* Of queues that are not declared any more. */
#define RETENTION_MS DAY_MS
#define DEAD_RETENTION_MS (30 * DAY_MS)

static int64 pass_ended = PG_INT64_MIN / 2; /* none yet: one is due */
static bool passing = false;
static char *working = NULL;	/* the queue */

static void
set_working(const char *queue)
{
	if (working != NULL)
		pfree(working);
	working = queue != NULL ? MemoryContextStrdup(TopMemoryContext, queue) : NULL;
}

static uint64
remove_state(const char *state, int64 kept_ms)
{
	TimestampTz now = GetCurrentTimestamp();

	if (kept_ms >= now / 1000)
		return 0;
	return rt_jobs_remove(working, state, now - Max(kept_ms, AWAITED_MS) * 1000, BATCH_ROWS);
}

/* Returns whether there may be more. */
static bool
remove_piece(void)
{
	const RtJobQueue *queue = rt_declaration_job_queue(working);
	int64		kept_ms = queue != NULL ? queue->retention_ms : RETENTION_MS;
	int64		dead_ms = queue != NULL ? queue->dead_retention_ms : DEAD_RETENTION_MS;

	return remove_state("done", kept_ms) == BATCH_ROWS ||
		remove_state("cancelled", kept_ms) == BATCH_ROWS ||
		remove_state("dead", dead_ms) == BATCH_ROWS;
}

static void
end_pass(void)
{
	passing = false;
	pass_ended = rt_clock_ms();
	set_working(NULL);
}

int64
rt_jobs_cleanup_due(void)
{
	if (passing)
		return 0;
	if (realtime_cleanup_interval == 0)
		return RT_NEVER;
	return pass_ended + realtime_cleanup_interval;
}

void
rt_jobs_cleanup_run(void)
{
	bool		more = false;

	passing = true;
	if (!rt_scheduler_begin())
	{
		end_pass();
		return;
	}
	if (working != NULL)
		more = remove_piece();
	if (!more)
		set_working(rt_job_finished_queue(working != NULL ? working : ""));
	rt_scheduler_end();
	if (working == NULL)
		end_pass();
}

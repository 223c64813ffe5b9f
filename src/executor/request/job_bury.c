/*
 * job_bury.c
 *		Makes jobs dead that are lost, and tells of them.
 *
 * A session that has taken a job for the last time, and has not come back in time,
 * cannot say that it is dead.  The scheduler finds it, but publishes nothing itself.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/backend/job/tell.h"
#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/executor/reply.h"
#include "src/executor/request/job_bury.h"
#include "src/ipc/job.h"
#include "src/ipc/score.h"
#include "src/ipc/task.h"

#define BURIED_MAX 100			/* in one transaction, whose events must fit into the ring */

/* Columns: id, queue, attempts. */
static void
tell(char **row)
{
	RtJobEvent	event = {
		.id = pg_strtoint64(row[0]),.queue = row[1],.state = "dead",
		.attempts = pg_strtoint32(row[2]),.code = RT_JOB_LOST_CODE
	};

	rt_job_tell(rt_declaration_job_queue(row[1]), &event);
}

static void
bury(RtWork *work)
{
	List	   *rows = rt_jobs_bury_lost(GetCurrentTimestamp(), BURIED_MAX);
	ListCell   *cell;

	foreach(cell, rows)
		tell(lfirst(cell));
	rt_score_add(RT_SCORE_JOBS_DEAD, list_length(rows));
}

RtWorkResult
rt_jobs_bury(RtRequest *request)
{
	RtWork		work = {
		.request = request,.activity = "jobs that are lost",
		.prepare = rt_work_refresh_declarations,.run = bury,.as_executor = true
	};
	RtWorkResult result;

	rt_work_run(&work);
	rt_reply_reset(request);
	if (work.fault.code != NULL)
		rt_reply_rolled_back(request, &work.fault);
	rt_tasks_look();
	rt_jobs_want_all();			/* what has waited for one of them may be run */
	result = rt_work_result(&work);
	result.ran = false;			/* it says nothing about queues */
	return result;
}

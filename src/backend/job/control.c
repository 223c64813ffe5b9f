/*
 * control.c
 *		realtime.cancel_job(), realtime.retry_job(), and how a job stands.
 *
 * A job that nobody runs is removed in the transaction.  One that an executor runs
 * is stopped at once, as pg_cancel_backend() would: the executor rolls it back and
 * notes that it is cancelled.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/backend/after_commit.h"
#include "src/backend/job/enqueue.h"
#include "src/backend/job/worker.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/statement.h"
#include "src/ipc/job.h"
#include "src/ipc/worker_slot.h"

#define RUNNING_COLUMNS 5
#define BEGUN_MS 1				/* between looks at who has begun */

PG_FUNCTION_INFO_V1(realtime_cancel_job);
PG_FUNCTION_INFO_V1(realtime_retry_job);
PG_FUNCTION_INFO_V1(realtime_job_state);
PG_FUNCTION_INFO_V1(realtime_stat_get_jobs);

/* Its user, or the owner of its queue. */
static bool
is_concerned(const char *user_id, const char *queue)
{
	char	   *user = rt_job_user();

	if (user != NULL && user_id != NULL && strcmp(user, user_id) == 0)
		return true;
	return rt_job_user_owns(queue);
}

static void
check_concerned(const RtJob *job)
{
	if (!is_concerned(job->user_id, job->queue))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for job " INT64_FORMAT, job->id),
				 errdetail("It is neither the user's own, nor is the role a member of the owner of its queue.")));
}

static void
cancel_locked(const RtJob *job)
{
	RtJobEnd	end = {
		.state = "cancelled",.attempts = job->attempts,.code = "CANCELLED",
		.message = "the job has been cancelled"
	};

	rt_job_end_locked(job, rt_declaration_job_queue(job->queue), &end);
}

static void
wait_a_moment(void)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, BEGUN_MS,
					 rt_wait_event(&wait_event, "RealtimeCancelJob"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * Executors have jobs of one database.  One that has begun with it finds out whether it
 * has its row.  If neither we nor one of them has it, a session does, which ends some time.
 */
static bool
cancel(int64 id, RtJob *job)
{
	RtJobCancel cancelled = RT_JOB_BEGUN;

	while (cancelled == RT_JOB_BEGUN && !rt_job_grasp(id, RT_JOB_TRY_LOCK, job))
	{
		cancelled = rt_publish_is_possible() ? rt_job_cancel(id) : RT_JOB_NOT_RUN;
		if (cancelled == RT_JOB_BEGUN)
			wait_a_moment();
	}
	if (cancelled == RT_JOB_CANCELLED)
		return true;
	if (cancelled == RT_JOB_NOT_RUN && !rt_job_grasp(id, RT_JOB_LOCK, job))
		return false;
	cancel_locked(job);
	return true;
}

Datum
realtime_cancel_job(PG_FUNCTION_ARGS)
{
	RtJob		job;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PreventCommandIfReadOnly("realtime.cancel_job()");
	if (!rt_job_grasp(PG_GETARG_INT64(0), RT_JOB_READ, &job))
		PG_RETURN_BOOL(false);
	check_concerned(&job);
	rt_after_end_job_released(rt_job_place(job.queue), job.place);
	PG_RETURN_BOOL(cancel(job.id, &job));
}

Datum
realtime_retry_job(PG_FUNCTION_ARGS)
{
	RtJobOver	over;
	int64		place;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PreventCommandIfReadOnly("realtime.retry_job()");
	if (!rt_job_over(PG_GETARG_INT64(0), &over) || strcmp(over.state, "done") == 0)
		PG_RETURN_BOOL(false);
	(void) rt_job_queue_of_owner(over.queue);
	if (!rt_job_revive(PG_GETARG_INT64(0), &place))
		PG_RETURN_BOOL(false);
	rt_after_commit_job_ready(rt_job_place(over.queue), place);
	PG_RETURN_BOOL(true);
}

/* As the owner of the tables, who may see all of them. */
static char **
read_facts(int64 id)
{
	RtStatement statement = {
		.sql = "SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('id', id, 'queue', queue,"
		" 'state', state, 'attempts', attempts, 'progress', progress, 'code', code))"
		" OPERATOR(pg_catalog.||) CASE WHEN result IS NULL THEN '{}'"
		" ELSE pg_catalog.jsonb_build_object('result', result) END,"
		" user_id, queue FROM realtime.jobs WHERE id OPERATOR(pg_catalog.=) $1"
	};
	List	   *rows;

	rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
	rows = rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_SELECT);
	return rows == NIL ? NULL : linitial(rows);
}

Datum
realtime_job_state(PG_FUNCTION_ARGS)
{
	char	  **facts = read_facts(PG_GETARG_INT64(0));

	if (facts == NULL || !is_concerned(facts[1], facts[2]))
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(facts[0]));
}

static void
put_running(ReturnSetInfo *info, const RtJobRunning *running)
{
	Datum		values[RUNNING_COLUMNS];
	bool		nulls[RUNNING_COLUMNS] = {0};

	values[0] = Int64GetDatum(running->id);
	values[1] = Int32GetDatum(running->executor);
	values[2] = Int32GetDatum(running->pid);
	values[3] = TimestampTzGetDatum(running->started_at);
	nulls[4] = running->progress_len == 0;
	if (!nulls[4])
		values[4] = DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(running->progress, running->progress_len)));
	tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
}

Datum
realtime_stat_get_jobs(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	if (!rt_publish_is_possible())
		return (Datum) 0;
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		RtJobRunning running;

		if (rt_job_read(i, &running))
			put_running((ReturnSetInfo *) fcinfo->resultinfo, &running);
	}
	return (Datum) 0;
}

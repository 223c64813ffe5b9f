/*
 * task.c
 *		realtime.run_task(): has a job run and waits for its result.
 *
 * The scheduler enqueues it in a transaction of its own (ipc/task.h), because
 * nobody sees what ours has written.  An executor that waits is no executor
 * meanwhile, as with realtime.push(); a job must not wait, or all of those that
 * jobs may have could wait for one that has none.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/backend/job/enqueue.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/interval.h"
#include "src/errcodes.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/task.h"
#include "src/ipc/unflushed.h"

#define LONGEST_MS (24 * 60 * 60 * 1000)
#define LOOK_MS 1000			/* between looks that nobody has asked for */
#define CONFIRMED_MS 10			/* between looks at what standbys have confirmed */

PG_FUNCTION_INFO_V1(realtime_run_task);

pg_noreturn static void
fail(RtCode code, const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(code)), errmsg("%s", message),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* An error that was meant for who asks is passed on as it was raised. */
pg_noreturn static void
fail_as(const RtJobOver *over)
{
	RtCode		code = over->code != NULL ? rt_code_from_wire(over->code) : RT_CODE_INTERNAL_ERROR;
	const char *message = over->message != NULL ? over->message : "the task has failed";

	if (code == RT_CODE_INTERNAL_ERROR || over->code == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("the task has failed: %s", message)));
	ereport(ERROR,
			(errcode(rt_code_errcode(code)), errmsg_internal("%s", message),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, over->code)));
}

/* ---- waiting ---- */

static bool
look(RtJobOver *over)
{
	int64		id;
	RtTaskState state = rt_task_state(&id);

	if (state == RT_TASK_REFUSED)
		fail(RT_CODE_NOT_FOUND, "the queue is not there any more", NULL);
	return state == RT_TASK_PUT && rt_job_over(id, over);
}

/* For so long at most, or until somebody wakes us; an ERROR after the deadline. */
static void
wait_until(int64 deadline_ms, int most_ms)
{
	static uint32 wait_event = 0;
	int64		left_ms = deadline_ms - rt_clock_ms();

	if (left_ms <= 0)
		fail(RT_CODE_TIMEOUT, "request timed out", "The task goes on.");
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(left_ms, most_ms), rt_wait_event(&wait_event, "RealtimeTask"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
wait_for_end(RtJobOver *over, int64 deadline_ms)
{
	while (!look(over))
		wait_until(deadline_ms, LOOK_MS);
}

/* A session that ends while it waits has to let go as well. */
static void
end_at_exit(int code, Datum arg)
{
	rt_task_end();
}

static void
ensure_end_at_exit(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(end_at_exit, 0);
	registered = true;
}

static void
run(const char *queue, const char *input, int64 deadline_ms, RtJobOver *over)
{
	if (!rt_executor_begin_wait())
		fail(RT_CODE_OVERLOADED, "too many calls wait",
			 "Of realtime.max_executors two never wait.");
	ensure_end_at_exit();
	PG_TRY();
	{
		if (!rt_task_ask(queue, rt_job_user(), rt_job_request(), input))
			fail(RT_CODE_OVERLOADED, "there is no memory for what is asked", NULL);
		wait_for_end(over, deadline_ms);
	}
	PG_FINALLY();
	{
		rt_task_end();
		rt_executor_end_wait();
	}
	PG_END_TRY();
}

/* ---- the function ---- */

static int64
timeout_argument(FunctionCallInfo fcinfo, int number)
{
	int64		ms;

	if (PG_ARGISNULL(number) || !rt_interval_ms(PG_GETARG_INTERVAL_P(number), &ms) || ms < 1 ||
		ms > LONGEST_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout is not valid"),
				 errdetail("It is 1 ms to a day.")));
	return ms;
}

/*
 * What a session goes by must not be taken back by a crash, here or, if standbys are
 * to confirm it, there; an executor waits for that before it answers.
 */
static void
keep_result(int64 deadline_ms)
{
	RtDurability seen = rt_executor_self() >= 0 ? RT_DURABLE : rt_unflushed_seen();

	if (seen.lsn != InvalidXLogRecPtr)
		XLogFlush(seen.lsn);
	while (!rt_is_durable(seen))
		wait_until(deadline_ms, CONFIRMED_MS);
}

static void
refuse_in_job(void)
{
	int			executor = rt_executor_self();

	if (executor >= 0 && rt_job_running(executor) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a job cannot wait for another one"),
				 errhint("Enqueue it with realtime.enqueue().")));
}

/* The scheduler would enqueue it where it is itself. */
static void
refuse_elsewhere(void)
{
	if (!rt_publish_is_possible())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing runs jobs of database \"%s\"", get_database_name(MyDatabaseId)),
				 errdetail("Those of database \"%s\" are run.", realtime_database),
				 errhint("Run it there, or change realtime.database.")));
}

Datum
realtime_run_task(PG_FUNCTION_ARGS)
{
	int64		deadline_ms = rt_clock_ms() + timeout_argument(fcinfo, 2);
	char	   *queue;
	char	   *input = NULL;
	RtJobOver	over;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name must not be null")));
	PreventCommandIfReadOnly("realtime.run_task()");
	PreventCommandIfParallelMode("realtime.run_task()");
	refuse_elsewhere();
	refuse_in_job();
	queue = text_to_cstring(PG_GETARG_TEXT_PP(0));
	(void) rt_job_queue_for_user(queue);
	if (!PG_ARGISNULL(1))
		input = JsonbToCString(NULL, &PG_GETARG_JSONB_P(1)->root, VARSIZE(PG_GETARG_JSONB_P(1)));
	run(queue, input, deadline_ms, &over);
	keep_result(deadline_ms);
	if (strcmp(over.state, "done") != 0)
		fail_as(&over);
	if (over.result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(over.result);
}

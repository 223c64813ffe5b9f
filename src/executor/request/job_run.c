/*
 * job_run.c
 *		Runs one job of a queue.
 *
 * Its row is locked, its function run, and the row moved to those that are over, in
 * one transaction: what the function has done and that it is done are one.  Whoever
 * dies, the job is over or ready.  If the function fails, a transaction of its own
 * puts the job off or gives it up.
 *
 * It runs as the role that has declared the queue, which executors need not be able
 * to become: only realtime.queue() writes that role, and writes the one that calls it.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/backend/job/tell.h"
#include "src/catalog/declaration.h"
#include "src/executor/function/function.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/outgoing.h"
#include "src/executor/request/job_run.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/job.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/score.h"
#include "src/ipc/task.h"

#define RESULT_MAX (16 * 1024 * 1024)	/* bytes of JSON */
#define DOUBLINGS_MAX 40

typedef struct JobWork
{
	RtWork		work;			/* first */
	const RtJobRun *run;
	RtJobFound	found;
	const RtJobQueue *queue;	/* of this transaction */
	RtFunction *handler;
	RtJob		job;
	bool		locked;			/* it is ours */
	bool		missed;			/* it is not, but there */
	bool		not_next;		/* of its key */
	bool		stale;			/* the queue is not what it was */
	TimestampTz began;			/* the run */
	instr_time	handled;		/* its handler has returned; zero = it has not */

	/* of a run that has failed */
	const RtFault *failed;
	bool		cancelled;
	bool		given_up;		/* it is not to be tried again */
	TimestampTz run_at;			/* it is put off to; 0 = it is over */
} JobWork;

/* ---- the queue ---- */

static bool
find_queue(JobWork *job)
{
	job->queue = NULL;
	if (!rt_work_refresh_declarations(&job->work))
		return false;
	job->queue = rt_declaration_job_queue(job->run->queue);
	return job->queue != NULL;
}

static void
tell(const JobWork *job, const char *state, Jsonb *result, const char *code)
{
	RtJobEvent	event = {
		.id = job->job.id,.queue = job->run->queue,.state = state,
		.attempts = job->job.attempts + 1,.result = result,.code = code
	};

	rt_job_tell(job->queue, &event);
}

static void
finish(JobWork *job, const char *state, Jsonb *result)
{
	const RtFault *failed = job->failed;
	RtJobEnd	end = {
		.state = state,.started_at = job->began,.attempts = job->job.attempts + 1,
		.code = failed == NULL ? NULL : failed->code,
		.message = failed == NULL ? NULL : failed->cause != NULL ? failed->cause : failed->message,
		.result = result,
		.is_kept = job->queue->retention_ms > 0 || job->job.awaited || failed != NULL
	};

	if (rt_job_finish(&job->job, &end))
		tell(job, state, result, end.code);
}

/* ---- the run ---- */

/*
 * It has to be known before its transaction whom it runs as; and its key has to be its own
 * before its snapshot is taken, which so has what those before it have done.
 */
static bool
prepare_run(RtWork *work)
{
	JobWork    *job = (JobWork *) work;

	job->locked = job->missed = false;
	job->not_next = !rt_job_lock_key(&job->found);
	rt_job_set_locked(job->run->executor, false);
	INSTR_TIME_SET_ZERO(job->handled);
	job->stale = !find_queue(job) || !job->queue->active ||
		job->queue->owner != job->run->owner;
	if (job->stale || job->not_next)
		return false;
	job->handler = OidIsValid(job->queue->handler) ?
		rt_function_get(job->queue->handler) : NULL;
	work->timeout_ms = job->queue->timeout_ms;
	work->mean_us = rt_expected_us(job->run->time_key);
	if (work->mean_us == RT_EXPECTED_UNKNOWN)
		work->mean_us = -1;
	work->flushes = rt_outgoing_is_long(work->mean_us);
	work->owner = job->run->owner;
	return true;
}

static void
check_handler(const JobWork *job)
{
	if (job->handler == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist",
						job->queue->handler_text != NULL ? job->queue->handler_text : "")));
	if (!rt_function_may_execute(job->handler))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", job->handler->name)));
}

/* The first of payload, id and attempt, as many as it takes. */
static void
fill_arguments(const JobWork *job, RtArguments *arguments)
{
	const RtJob *row = &job->job;
	NullableDatum given[] = {
		{.value = row->payload != NULL ? JsonbPGetDatum(row->payload) : (Datum) 0,
		.isnull = row->payload == NULL},
		{.value = Int64GetDatum(row->id),.isnull = false},
		{.value = Int32GetDatum(row->attempts + 1),.isnull = false}
	};

	arguments->count = Min(job->handler->nargs, lengthof(given));
	memcpy(arguments->values, given, sizeof(NullableDatum) * arguments->count);
}

/* NULL if there is nothing to keep. */
static Jsonb *
call_handler(JobWork *job)
{
	RtArguments arguments;

	fill_arguments(job, &arguments);
	return rt_function_invoke_jsonb(job->handler, &arguments, RESULT_MAX);
}

/* A signal that has come before the transaction began is forgotten; later ones are not. */
static void
check_cancelled(const JobWork *job)
{
	if (rt_job_is_cancelled(job->run->executor))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling job " INT64_FORMAT, job->found.id)));
}

/*
 * Its row may be elsewhere by now: tried by another and put off, say, and ready again.
 */
static bool
lock_job(JobWork *job)
{
	RtJob		left;

	if (rt_job_lock(&job->found, &job->job))
		return true;
	ItemPointerSetInvalid(&job->found.tid);
	if (rt_job_lock(&job->found, &job->job))
		return true;
	job->missed = rt_job_grasp(job->found.id, RT_JOB_READ, &left) && left.is_ready;
	return false;
}

static bool
is_next(const RtJob *job)
{
	return job->order_key == NULL ||
		rt_job_is_first(job->queue, cstring_to_text(job->order_key), job->id);
}

static void
run_job(RtWork *work)
{
	JobWork    *job = (JobWork *) work;

	if (!lock_job(job))
		return;
	job->locked = is_next(&job->job);
	job->not_next = !job->locked;
	if (job->not_next)
		return;
	rt_job_set_locked(job->run->executor, true);
	rt_identity_set_request(job->job.request_id);
	work->stage = RT_STAGE_HANDLER;
	check_cancelled(job);
	check_handler(job);
	job->began = GetCurrentStatementStartTimestamp();
	finish(job, "done", call_handler(job));
	INSTR_TIME_SET_CURRENT(job->handled);
}

/* ---- if it has failed ---- */

static bool
prepare_failure(RtWork *work)
{
	return find_queue((JobWork *) work);
}

/* Longer each time, and not the same for all that have failed together. */
static TimestampTz
next_attempt(const JobWork *job)
{
	const RtJobQueue *queue = job->queue;
	double		ms = ldexp((double) queue->backoff_ms, Min(job->job.attempts, DOUBLINGS_MAX));

	ms = Min(ms, (double) queue->max_backoff_ms);
	ms *= 1 + queue->jitter * pg_prng_double(&pg_global_prng_state);
	ms = Max(ms, job->failed->retry_after_ms);
	return GetCurrentTimestamp() + (int64) (ms * 1000);
}

static bool
was_last_attempt(const JobWork *job)
{
	int			most = job->job.max_attempts > 0 ? job->job.max_attempts :
		job->queue->max_attempts;

	return job->job.attempts + 1 >= most;
}

static void
put_off(JobWork *job)
{
	const RtFault *failed = job->failed;

	job->run_at = next_attempt(job);
	rt_job_put_off(job->job.id, job->job.attempts + 1, job->run_at, failed->code,
				   failed->cause != NULL ? failed->cause : failed->message);
	tell(job, "waiting", NULL, failed->code);
}

static void
note_failure(RtWork *work)
{
	JobWork    *job = (JobWork *) work;

	job->run_at = 0;
	ItemPointerSetInvalid(&job->found.tid);
	job->locked = rt_job_lock(&job->found, &job->job);
	if (!job->locked)
		return;
	/* when it is ready again nobody is to leave it to us */
	rt_job_unclaim(job->run->executor, job->found.id);
	if (job->cancelled)
		finish(job, "cancelled", NULL);
	else if (job->given_up || was_last_attempt(job))
	{
		rt_score(RT_SCORE_JOBS_DEAD);
		finish(job, "dead", NULL);
	}
	else
		put_off(job);
}

/* What is put off for no time is ready already. */
static void
wish_for_next(const JobWork *job)
{
	int			place = rt_job_place(job->run->queue);

	if (job->run_at > GetCurrentTimestamp())
	{
		rt_jobs_note_due(job->run_at);
		return;
	}
	rt_job_start_lower(place, job->found.place);
	rt_jobs_want(place);
	rt_jobs_note_due(job->run_at);
}

/* If it cannot be noted it is as ready as before. */
static void
run_failure(JobWork *failed, const RtFault *fault, RtWorkResult *result)
{
	JobWork		job = *failed;

	memset(&job.work, 0, sizeof(job.work));
	job.work.request = rt_work_copy_request(failed->work.request);
	job.work.activity = failed->work.activity;
	job.work.prepare = prepare_failure;
	job.work.run = note_failure;
	job.work.as_executor = job.work.is_error_hook = true;
	job.failed = fault;
	rt_work_run(&job.work);
	rt_work_add_result(result, &job.work);
	failed->missed = job.work.fault.code != NULL || !job.locked;
	if (!failed->missed && job.run_at != 0)
		wish_for_next(&job);
	rt_tasks_look();
}

/* Not what the extension's absence or this executor's end has caused. */
static bool
has_failed(const JobWork *job)
{
	return job->work.fault.code != NULL && !job->work.unavailable &&
		!job->work.session_is_spoiled && !rt_grace_is_over();
}

/* ---- both ---- */

/*
 * Without the commit, which may wait for the disk: that a job takes long would else be
 * a reason for that, and that for the job to take long.
 */
static double
time_of_work(const JobWork *job)
{
	instr_time	time = job->handled;

	if (INSTR_TIME_IS_ZERO(time))
		return rt_work_run_time(&job->work);
	INSTR_TIME_SUBTRACT(time, job->work.began);
	return INSTR_TIME_GET_MICROSEC(time);
}

static void
count_run(const JobWork *job)
{
	RtPathRun	run = {
		.path = job->run->queue,.path_len = strlen(job->run->queue),.is_known = true,
		.kind = RT_PATH_JOB,.failed = has_failed(job),
		.us = rt_work_run_time(&job->work)
	};

	if (run.failed)
		run.code = rt_code_from_wire(job->work.fault.code);
	else if (job->work.fault.code != NULL || !job->locked)
		return;
	rt_path_stat_count(&run);
	rt_expected_note(job->run->time_key, time_of_work(job));
}

static void
run_claimed(JobWork *job, RtWorkResult *result)
{
	static const RtFault cancel = {.code = "CANCELLED",.message = "the job has been cancelled"};

	job->work.prepare = prepare_run;
	job->work.run = run_job;
	job->work.session = job->run->session;
	job->work.user_data = "";
	rt_work_run(&job->work);
	job->cancelled = rt_job_end(job->run->executor);
	rt_work_add_result(result, &job->work);
	count_run(job);
	if (has_failed(job))
		run_failure(job, job->cancelled ? &cancel : &job->work.fault, result);
	else if (job->locked && job->job.awaited)
		rt_tasks_look();
}

/* Who has ended its process again and again is not run once more. */
static void
give_up(JobWork *job, RtWorkResult *result)
{
	RtFault		fault = {.code = "INTERNAL_ERROR"};

	fault.message = psprintf("each of %d attempts has ended its process", RT_JOB_CRASHES_MAX);
	job->given_up = true;
	run_failure(job, &fault, result);
	(void) rt_job_end(job->run->executor);
}

static RtJobOutcome
outcome_of(const JobWork *job)
{
	if (job->stale)
		return RT_JOB_STALE;
	if (job->missed)
		return RT_JOB_MISSED;
	return job->not_next ? RT_JOB_NOT_NEXT : RT_JOB_TRIED;
}

RtJobOutcome
rt_job_run(const RtJobRun *run, const RtJobFound *found, RtWorkResult *result)
{
	JobWork		job;

	rt_job_begin(run->executor, found->id, GetCurrentTimestamp());
	memset(&job, 0, offsetof(JobWork, job));
	job.failed = NULL;
	job.cancelled = job.given_up = false;
	job.run_at = 0;
	job.locked = job.missed = job.stale = job.not_next = false;
	job.began = 0;
	INSTR_TIME_SET_ZERO(job.handled);
	job.work.request = rt_work_copy_request(run->request);	/* overdue for itself */
	job.work.activity = run->activity;
	job.run = run;
	job.found = *found;
	rt_hold_up_arm();
	if (found->crashes >= RT_JOB_CRASHES_MAX)
		give_up(&job, result);
	else
		run_claimed(&job, result);
	rt_hold_up_disarm();
	return outcome_of(&job);
}

/*
 * enqueue.c
 *		realtime.enqueue(): a job is put into a queue, in the transaction.
 *
 * Executors hear of it when that commits (after_commit.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/after_commit.h"
#include "src/backend/job/enqueue.h"
#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/ipc/job.h"
#include "src/ipc/score.h"

#define KEY_MAX 1024			/* bytes */

/* Positions of parameters, as in src/sql */
enum
{
	ENQUEUE_QUEUE,
	ENQUEUE_PAYLOAD,
	ENQUEUE_RUN_AT,
	ENQUEUE_PRIORITY,
	ENQUEUE_UNIQUE_KEY,
	ENQUEUE_MAX_ATTEMPTS,
	ENQUEUE_ORDER_KEY
};

PG_FUNCTION_INFO_V1(realtime_enqueue);

static RtJobCaller user_of_call = NULL;
static RtJobCaller request_of_call = NULL;

void
rt_job_set_caller(RtJobCaller user, RtJobCaller request)
{
	user_of_call = user;
	request_of_call = request;
}

char *
rt_job_user(void)
{
	return user_of_call != NULL ? user_of_call() : NULL;
}

char *
rt_job_request(void)
{
	return request_of_call != NULL ? request_of_call() : NULL;
}

/* As for calls: who may execute the handler may have it run. */
const RtJobQueue *
rt_job_queue_for_user(const char *name)
{
	const RtJobQueue *queue = rt_declarations_refresh() ? rt_declaration_job_queue(name) : NULL;

	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no queue \"%s\"", name),
				 errhint("Declare it with realtime.queue().")));
	if (OidIsValid(queue->handler) &&
		rt_aclcheck_function(queue->handler, GetUserId()) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for queue \"%s\"", name),
				 errdetail("Role \"%s\" may not execute %s.",
						   GetUserNameFromId(GetUserId(), false), queue->handler_text)));
	return queue;
}

int64
rt_job_enqueue(RtJobNew *job)
{
	rt_job_put(job);
	if (job->is_new)
		rt_score(RT_SCORE_JOBS_ENQUEUED);
	if (job->is_new && job->is_ready)
		rt_after_commit_job_ready(rt_job_place(job->queue), job->place);
	else if (job->is_new)
		rt_after_commit_job_due(job->run_at);
	return job->id;
}

void
rt_job_check_time(const char *name, TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not valid", name),
				 errdetail("It is a time, and not infinity.")));
}

/* ---- the function ---- */

static int
priority_argument(FunctionCallInfo fcinfo)
{
	int			priority = PG_GETARG_INT32(ENQUEUE_PRIORITY);

	if (abs(priority) > RT_JOB_PRIORITY_MAX || priority == PG_INT32_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority must be between %d and %d", -RT_JOB_PRIORITY_MAX, RT_JOB_PRIORITY_MAX)));
	return priority;
}

static const char *
key_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	char	   *key;

	if (PG_ARGISNULL(number))
		return NULL;
	key = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (strlen(key) > KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", name),
				 errdetail("It has at most %d bytes.", KEY_MAX)));
	return key;
}

static const char *
order_key_argument(FunctionCallInfo fcinfo)
{
	const char *key = key_argument(fcinfo, ENQUEUE_ORDER_KEY, "order_key");

	if (key != NULL && key[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("order_key must not be empty"),
				 errhint("NULL is no key: the job waits for no other one.")));
	return key;
}

/* 0 = as the queue says. */
static int
max_attempts_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ENQUEUE_MAX_ATTEMPTS))
		return 0;
	if (PG_GETARG_INT32(ENQUEUE_MAX_ATTEMPTS) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_attempts must be greater than 0"),
				 errhint("NULL is what the queue says.")));
	return PG_GETARG_INT32(ENQUEUE_MAX_ATTEMPTS);
}

/* With the one that has just been put; those that run are ready until they are over. */
static void
refuse_if_full(const RtJobQueue *queue)
{
	int			running = rt_publish_is_possible() ? rt_jobs_run_now(rt_job_queue_hash(queue->name)) : 0;
	int			most = queue->max_size + running;

	if (rt_jobs_waiting(queue->name, most + 1) > most)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_OVERLOADED)),
				 errmsg("queue \"%s\" is full", queue->name),
				 errdetail("%d jobs wait to be run, as many as max_size allows.", queue->max_size),
				 errhint("Try again later.")));
}

Datum
realtime_enqueue(PG_FUNCTION_ARGS)
{
	RtJobNew	job = {0};
	const RtJobQueue *queue;

	rt_parameter_require(fcinfo, ENQUEUE_QUEUE, "queue");
	rt_parameter_require(fcinfo, ENQUEUE_RUN_AT, "run_at");
	rt_parameter_require(fcinfo, ENQUEUE_PRIORITY, "priority");
	PreventCommandIfReadOnly("realtime.enqueue()");
	PreventCommandIfParallelMode("realtime.enqueue()");
	job.queue = text_to_cstring(PG_GETARG_TEXT_PP(ENQUEUE_QUEUE));
	queue = rt_job_queue_for_user(job.queue);
	job.payload = PG_ARGISNULL(ENQUEUE_PAYLOAD) ? NULL : PG_GETARG_JSONB_P(ENQUEUE_PAYLOAD);
	job.run_at = PG_GETARG_TIMESTAMPTZ(ENQUEUE_RUN_AT);
	rt_job_check_time("run_at", job.run_at);
	job.priority = priority_argument(fcinfo);
	job.unique_key = key_argument(fcinfo, ENQUEUE_UNIQUE_KEY, "unique_key");
	job.order_key = order_key_argument(fcinfo);
	job.max_attempts = max_attempts_argument(fcinfo);
	job.user_id = rt_job_user();
	job.request_id = rt_job_request();
	(void) rt_job_enqueue(&job);
	if (job.is_new && job.is_ready && queue->max_size > 0)
		refuse_if_full(queue);
	PG_RETURN_INT64(job.id);
}

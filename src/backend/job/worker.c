/*
 * worker.c
 *		realtime.take_jobs() and what goes with it: sessions as workers.
 *
 * What is taken is not ready any more until its time is over (realtime.job.run_at).
 * If the session commits only when it has finished, others see nothing of it but
 * the lock, and a session that ends gives it back; if it commits at once, the job
 * is its own until that time.  The number of the attempt tells who has it: one that
 * comes back too late can be told from one that has taken it since.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/after_commit.h"
#include "src/backend/job/enqueue.h"
#include "src/backend/job/tell.h"
#include "src/backend/job/worker.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/interval.h"
#include "src/catalog/statement.h"
#include "src/ipc/job.h"
#include "src/ipc/score.h"

#define TAKEN_MAX 10000			/* at once */
#define TAKEN_COLUMNS 6			/* of realtime.take_jobs() */
#define ORDERED_MAX 100			/* keys at once */
#define TRIED_MAX (10 * ORDERED_MAX)
#define DOUBLINGS_MAX 40
#define LOOK_MS 30000			/* between looks at all jobs of a queue */
#define LOOK_SHORT_MS 1000		/* if too few are found */

PG_FUNCTION_INFO_V1(realtime_take_jobs);
PG_FUNCTION_INFO_V1(realtime_finish_job);
PG_FUNCTION_INFO_V1(realtime_fail_job);
PG_FUNCTION_INFO_V1(realtime_extend_job);
PG_FUNCTION_INFO_V1(realtime_taken_job_progress);

/* ---- rights ---- */

bool
rt_job_user_owns(const char *name)
{
	const RtJobQueue *queue = rt_declarations_refresh() ? rt_declaration_job_queue(name) : NULL;
	Oid			admin = get_role_oid("realtime_admin", true);

	if (queue != NULL && has_privs_of_role(GetUserId(), queue->owner))
		return true;
	return superuser() || (OidIsValid(admin) && has_privs_of_role(GetUserId(), admin));
}

const RtJobQueue *
rt_job_queue_of_owner(const char *name)
{
	if (!rt_job_user_owns(name))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of queue \"%s\"", name),
				 errhint("Jobs run as the role that has declared their queue; a worker is a member of it.")));
	return rt_declaration_job_queue(name);
}

/* ---- what becomes of them ---- */

static void
tell(const RtJob *job, const RtJobQueue *queue, const char *state, const RtJobEnd *end)
{
	RtJobEvent	event = {
		.id = job->id,.queue = job->queue,.state = state,.attempts = end->attempts,
		.result = end->result,.code = end->code
	};

	rt_job_tell(queue, &event);
}

void
rt_job_end_locked(const RtJob *job, const RtJobQueue *queue, RtJobEnd *end)
{
	end->is_kept = job->awaited || end->code != NULL ||
		queue == NULL || queue->retention_ms > 0;
	(void) rt_job_finish(job, end);
	tell(job, queue, end->state, end);
	if (job->awaited)
		rt_after_commit_task_over();
}

/* ---- taking ---- */

static TimestampTz
visible_again(FunctionCallInfo fcinfo, int number, const RtJobQueue *queue)
{
	int64		ms = queue != NULL ? queue->visibility_ms : 0;

	if (!PG_ARGISNULL(number) &&
		(!rt_interval_ms(PG_GETARG_INTERVAL_P(number), &ms) || ms < 1 || ms > (int64) PG_INT32_MAX * 1000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("visibility is not valid"),
				 errdetail("It is at least a millisecond and at most 68 years.")));
	return GetCurrentTimestamp() + ms * 1000;
}

static int
count_argument(FunctionCallInfo fcinfo, int number)
{
	int			count;

	rt_parameter_require(fcinfo, number, "n");
	count = PG_GETARG_INT32(number);
	if (count < 1 || count > TAKEN_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must be between 1 and %d", TAKEN_MAX)));
	return count;
}

typedef struct Taking
{
	const char *queue;
	int			place;			/* of the queue */
	int			count;			/* at most; that are still wanted */
	RtJobFound *found;
	int			locked;			/* of these */
	int			ordered;		/* of these, with keys */
	int64		tried[TRIED_MAX];	/* with keys, in vain or not */
	int			tried_count;
	TimestampTz until;
	int64		start;			/* places of jobs: where to begin */
	int64		end;			/* nothing before it was left */
	ReturnSetInfo *info;
} Taking;

/* The row has what the function returns, and the job's place. */
static void
put_taken(Taking *taking, const RtStatementRow *row)
{
	tuplestore_putvalues(taking->info->setResult, taking->info->setDesc, row->values, row->nulls);
	rt_after_end_job_released(taking->place, DatumGetInt64(row->values[TAKEN_COLUMNS]));
}

static void
take_locked(Taking *taking, const RtJobFound *found, int count)
{
	RtStatement statement = {
		.sql = "WITH took AS (UPDATE realtime.job SET ready = false, taken = true, run_at = $2,"
		" attempts = attempts OPERATOR(pg_catalog.+) 1, progress = NULL"
		" WHERE id OPERATOR(pg_catalog.=) ANY ($1) RETURNING *)"
		" SELECT id, payload, attempts, priority, created_at, user_id, place FROM took ORDER BY place"
	};
	ListCell   *cell;
	List	   *rows;

	rt_statement_put(&statement, INT8ARRAYOID, PointerGetDatum(rt_job_ids(found, count)), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(taking->until), false);
	rows = rt_statement_run_values(&statement, rt_job_table(), SPI_OK_SELECT);
	foreach(cell, rows)
		put_taken(taking, lfirst(cell));
}

static void
begin_find(Taking *taking, RtJobSearch *search)
{
	search->found = &taking->found[taking->locked];
	search->max = Min(taking->count - taking->locked, TAKEN_MAX);
	search->max_ordered = Min(ORDERED_MAX - taking->ordered, TRIED_MAX - taking->tried_count);
	search->max_ordered = Min(search->max, search->max_ordered);
	search->from = search->end;
	search->claimed_count = taking->tried_count;
	qsort(taking->tried, taking->tried_count, sizeof(int64), rt_job_compare_ids);
}

/* Who has found its key locked meanwhile has been told nothing. */
static bool
lock(const Taking *taking, const RtJobFound *found)
{
	if (!rt_job_lock_key(found))
		return false;
	if (rt_job_lock_found(found))
		return true;
	rt_job_unlock_key(found);
	if (found->place == RT_JOB_LAST && rt_publish_is_possible())
		rt_jobs_want(taking->place);
	return false;
}

/* Puts what it has locked in place of what is found. */
static void
lock_found(Taking *taking, const RtJobSearch *search)
{
	for (int i = 0; i < search->count; i++)
	{
		RtJobFound	found = search->found[i];

		if (found.place == RT_JOB_LAST)
			taking->tried[taking->tried_count++] = found.id;
		if (!lock(taking, &found))
			continue;
		taking->ordered += found.place == RT_JOB_LAST;
		taking->found[taking->locked++] = found;
	}
}

/*
 * Until there are enough, or no more; what others have is left out.  The locks of keys
 * are not so many that there is no room for others.
 */
static void
take(Taking *taking, int64 from)
{
	RtJobSearch search = {.queue = taking->queue,.end = from,.claimed = taking->tried};

	taking->found = palloc(sizeof(RtJobFound) * taking->count);
	taking->locked = taking->ordered = taking->tried_count = 0;
	do
	{
		begin_find(taking, &search);
		rt_jobs_find(&search);
		lock_found(taking, &search);
	} while (search.more && taking->locked < taking->count);
	taking->end = search.more_plain ? search.end : Max(taking->end, search.end);
	if (taking->locked > 0)
		take_locked(taking, taking->found, taking->locked);
	taking->count -= taking->locked;
}

/* Not the snapshot of the statement that calls: the start has been read after it. */
static void
take_at(Taking *taking, int64 from)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	take(taking, from);
	PopActiveSnapshot();
}

/* Returns whether it is time for that. */
static bool
take_anew(Taking *taking, int ms)
{
	if (taking->start == RT_JOB_FIRST || !rt_job_start_is_old(taking->place, ms))
		return false;
	taking->start = RT_JOB_FIRST;
	take_at(taking, RT_JOB_FIRST);
	return true;
}

/*
 * A transaction that was prepared tells nobody when it ends, of jobs that it has put
 * or given back.  So now and then all are looked at, and sooner if there are few.
 */
static void
take_now(Taking *taking)
{
	if (take_anew(taking, LOOK_MS))
		return;
	take_at(taking, taking->start);
	if (taking->count > 0)
		(void) take_anew(taking, LOOK_SHORT_MS);
}

/* What it has locked is free when the transaction has ended. */
static void
give_up(int code, Datum arg)
{
	const Taking *taking = (const Taking *) DatumGetPointer(arg);

	rt_after_end_job_released(taking->place, taking->start);
	rt_job_start_leave(rt_job_mover_of_session());
}

/*
 * As executors do: what is before the start of the queue is gone or in others'
 * hands.  A snapshot from before does not show what has come since.
 */
static void
take_from_start(Taking *taking)
{
	bool		moves;

	if (!rt_publish_is_possible())
	{
		take_at(taking, RT_JOB_FIRST);
		return;
	}
	taking->start = taking->end =
		rt_job_start_begin(rt_job_mover_of_session(), taking->place,
						   rt_job_queue_hash(taking->queue), &moves);
	PG_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(taking));
	{
		take_now(taking);
	}
	PG_END_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(taking));
	if (moves)
		rt_job_start_end(taking->place, IsolationUsesXactSnapshot() ? taking->start : taking->end);
}

Datum
realtime_take_jobs(PG_FUNCTION_ARGS)
{
	char	   *name;
	const RtJobQueue *queue;
	Taking		taking;

	rt_parameter_require(fcinfo, 0, "queue");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	queue = rt_job_queue_of_owner(name);
	if (queue == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no queue \"%s\"", name)));
	PreventCommandIfReadOnly("realtime.take_jobs()");
	InitMaterializedSRF(fcinfo, 0);
	taking = (Taking) {
		.queue = name,.place = rt_job_place(name),.count = count_argument(fcinfo, 1),
		.until = visible_again(fcinfo, 2, queue),.info = (ReturnSetInfo *) fcinfo->resultinfo
	};
	take_from_start(&taking);
	rt_after_commit_job_due(taking.until);
	rt_score_add(RT_SCORE_JOBS_TAKEN, tuplestore_tuple_count(taking.info->setResult));
	return (Datum) 0;
}

/* ---- ending ---- */

/* The job, if the caller's attempt has it. */
static const RtJobQueue *
lock_taken(FunctionCallInfo fcinfo, int attempt_number, RtJob *job, bool *found)
{
	const RtJobQueue *queue = NULL;

	rt_parameter_require(fcinfo, 0, "id");
	*found = rt_job_grasp(PG_GETARG_INT64(0), RT_JOB_READ, job);
	if (!*found)
		return NULL;
	queue = rt_job_queue_of_owner(job->queue);
	rt_after_end_job_released(rt_job_place(job->queue), job->place);
	*found = rt_job_grasp(PG_GETARG_INT64(0), RT_JOB_LOCK, job) && job->is_taken &&
		(PG_ARGISNULL(attempt_number) || PG_GETARG_INT32(attempt_number) == job->attempts);
	return queue;
}

Datum
realtime_finish_job(PG_FUNCTION_ARGS)
{
	RtJob		job;
	RtJobEnd	end = {.state = "done"};
	bool		found;
	const RtJobQueue *queue = lock_taken(fcinfo, 2, &job, &found);

	if (!found)
		PG_RETURN_BOOL(false);
	end.attempts = job.attempts;
	end.result = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	rt_job_end_locked(&job, queue, &end);
	rt_score(RT_SCORE_JOBS_FINISHED);
	PG_RETURN_BOOL(true);
}

static TimestampTz
next_attempt(const RtJob *job, const RtJobQueue *queue)
{
	double		ms = 0;

	if (queue != NULL)
	{
		ms = ldexp((double) queue->backoff_ms, Min(job->attempts - 1, DOUBLINGS_MAX));
		ms = Min(ms, (double) queue->max_backoff_ms);
		ms *= 1 + queue->jitter * pg_prng_double(&pg_global_prng_state);
	}
	return GetCurrentTimestamp() + (int64) (ms * 1000);
}

static const char *
give_up_or_put_off(const RtJob *job, const RtJobQueue *queue, TimestampTz retry_at,
				   const char *message)
{
	int			most = job->max_attempts > 0 ? job->max_attempts :
		queue != NULL ? queue->max_attempts : 1;
	RtJobEnd	end = {
		.state = "dead",.attempts = job->attempts,.code = "FAILED",.message = message
	};

	rt_score(RT_SCORE_JOBS_FAILED);
	if (job->attempts >= most)
	{
		rt_score(RT_SCORE_JOBS_DEAD);
		rt_job_end_locked(job, queue, &end);
		return "dead";
	}
	rt_job_put_off(job->id, job->attempts, retry_at, end.code, message);
	tell(job, queue, "waiting", &end);
	rt_after_commit_job_due(retry_at);
	return "waiting";
}

Datum
realtime_fail_job(PG_FUNCTION_ARGS)
{
	RtJob		job;
	bool		found;
	const RtJobQueue *queue = lock_taken(fcinfo, 2, &job, &found);
	TimestampTz retry_at;

	if (!found)
		PG_RETURN_NULL();
	retry_at = PG_ARGISNULL(3) ? next_attempt(&job, queue) : PG_GETARG_TIMESTAMPTZ(3);
	rt_job_check_time("retry_at", retry_at);
	PG_RETURN_TEXT_P(cstring_to_text(
		give_up_or_put_off(&job, queue, retry_at,
						   PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}

Datum
realtime_extend_job(PG_FUNCTION_ARGS)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET run_at = $2 WHERE id OPERATOR(pg_catalog.=) $1"
	};
	RtJob		job;
	bool		found;
	const RtJobQueue *queue = lock_taken(fcinfo, 2, &job, &found);
	TimestampTz until;

	if (!found)
		PG_RETURN_BOOL(false);
	until = visible_again(fcinfo, 1, queue);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(job.id), false);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(until), false);
	(void) rt_statement_run(&statement, rt_job_table(), SPI_OK_UPDATE);
	rt_after_commit_job_due(until);
	PG_RETURN_BOOL(true);
}

/* ---- progress ---- */

static void
put_progress(int64 id, Jsonb *data)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET progress = $2 WHERE id OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
	rt_statement_put(&statement, JSONBOID, JsonbPGetDatum(data), false);
	(void) rt_statement_run(&statement, rt_job_table(), SPI_OK_UPDATE);
}

Datum
realtime_taken_job_progress(PG_FUNCTION_ARGS)
{
	RtJob		job;
	bool		found;
	const RtJobQueue *queue = lock_taken(fcinfo, 2, &job, &found);
	RtJobEvent	event = {.state = "running"};

	rt_parameter_require(fcinfo, 1, "data");
	event.progress = rt_job_progress_text(PG_GETARG_JSONB_P(1));
	if (!found)
		PG_RETURN_BOOL(false);
	put_progress(job.id, PG_GETARG_JSONB_P(1));
	event.id = job.id;
	event.queue = job.queue;
	event.attempts = job.attempts;
	rt_job_tell(queue, &event);
	PG_RETURN_BOOL(true);
}

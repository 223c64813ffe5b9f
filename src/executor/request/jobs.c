/*
 * jobs.c
 *		Works for a queue: takes jobs that are ready and runs them, until there are
 *		none or others wait for the executor.
 *
 * Of short ones many are claimed with one look at the table (ipc/job.h); what
 * counts is the lock of the row that each run takes, so a claim may be lost.  What
 * has not been begun when the time is over is given back.
 *
 * A job that was there before the server's start, or whose executor has ended, may be
 * one that ends its process: before it is run again that is counted, and written
 * to the disk.  What has then not been run, or in vain because the server is
 * stopped, is not counted.
 *
 * Behind a job with a key of order another one may have its turn, so it looks again at
 * once.  If another has such a job it is left out until the request is over; so that look
 * finds something new, or nothing.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/executor/interrupt.h"
#include "src/executor/reply.h"
#include "src/executor/request/job_bury.h"
#include "src/executor/request/job_run.h"
#include "src/executor/request/jobs.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"

#define BATCH_US 2000			/* of expected work that is claimed at once */
#define TURN_MS 10				/* that others may have to wait */
#define TURN_ALONE_MS 200		/* if nobody waits */
#define CLAIMED_MAX (RT_EXECUTORS_MAX * RT_JOB_BATCH_MAX)
#define LEFT_OUT_MAX (2 * RT_JOB_BATCH_MAX)

typedef struct Jobs
{
	RtWork		work;			/* first: the look */
	RtJobRun	run;
	RtSession	session;		/* has the owner's name as role, and nothing else */
	int			place;			/* of the queue in ipc/job.h */
	RtJobSearch search;
	bool		moves_start;
	bool		counted;		/* some may end their process */
	RtJobFound	found[RT_JOB_BATCH_MAX];
	int64		claimed[CLAIMED_MAX + LEFT_OUT_MAX];	/* and what is left out */
	int			count;			/* claimed */
	int			left;			/* from here on they are given back */
	RtJobFound	not_run[RT_JOB_BATCH_MAX];	/* these, and what others had */
	int			not_run_count;
	bool		more;
	bool		ordered;		/* behind some that have keys others may have their turn */
	bool		missed;			/* any, that others had */
	int64		left_out[LEFT_OUT_MAX];
	int			left_out_count;
	bool		wished;			/* for others to help */
	int64		began_ms;
	RtWorkResult result;
} Jobs;

static void
begin_work(Jobs *jobs, bool (*prepare) (RtWork *work), void (*run) (RtWork *work))
{
	memset(&jobs->work, 0, sizeof(jobs->work));
	jobs->work.request = jobs->run.request;
	jobs->work.activity = jobs->run.activity;
	jobs->work.prepare = prepare;
	jobs->work.run = run;
	jobs->work.as_executor = true;
	jobs->work.sees_latest = true;
}

/* ---- the look ---- */

static void
take_owner(Jobs *jobs, Oid owner)
{
	const char *name = GetUserNameFromId(owner, true);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns queue \"%s\" does not exist", jobs->run.queue)));
	strlcpy(jobs->session.role, name, NAMEDATALEN);
	jobs->run.owner = owner;
}

/* Of what nobody has timed, one. */
static int
batch_size(const Jobs *jobs)
{
	uint32		us = rt_expected_us(jobs->run.time_key);

	if (us == RT_EXPECTED_UNKNOWN)
		return 1;
	return Max(1, Min(BATCH_US / us, RT_JOB_BATCH_MAX));
}

/* The start is read before the snapshot is taken. */
static bool
prepare_look(RtWork *work)
{
	Jobs	   *jobs = (Jobs *) work;
	const RtJobQueue *queue;

	jobs->search.count = jobs->count = 0;
	jobs->counted = jobs->ordered = false;
	jobs->search.more = !realtime_jobs_enabled; /* when they are on again */
	if (!realtime_jobs_enabled || !rt_work_refresh_declarations(work))
		return false;
	queue = rt_declaration_job_queue(jobs->run.queue);
	if (queue == NULL || !queue->active || queue->handler_text == NULL)
		return false;
	take_owner(jobs, queue->owner);
	jobs->search.from = rt_job_start_begin(jobs->run.executor, jobs->place,
										   rt_job_queue_hash(jobs->run.queue), &jobs->moves_start);
	return true;
}

static int64
first_place(const RtJobFound *found, int from, int to)
{
	int64		first = RT_JOB_LAST;

	for (int i = from; i < to; i++)
		first = Min(first, found[i].place);
	return first;
}

/* One that may end its process is run alone. */
static void
look_for_crashes(RtJobSearch *search)
{
	int			keep = search->count;

	for (int i = 0; i < keep; i++)
	{
		if (search->found[i].crashes > 0)
			keep = Max(i, 1);
	}
	if (keep == search->count)
		return;
	search->end = Min(search->end, first_place(search->found, keep, search->count));
	search->count = keep;
	search->more = true;
}

/* In order. */
static int
list_left_out(Jobs *jobs)
{
	int			count = rt_jobs_claimed(jobs->run.executor, jobs->claimed, CLAIMED_MAX);

	if (jobs->left_out_count == 0)
		return count;
	memcpy(&jobs->claimed[count], jobs->left_out, sizeof(int64) * jobs->left_out_count);
	count += jobs->left_out_count;
	qsort(jobs->claimed, count, sizeof(int64), rt_job_compare_ids);
	return count;
}

static void
look(RtWork *work)
{
	Jobs	   *jobs = (Jobs *) work;
	RtJobSearch *search = &jobs->search;

	search->queue = jobs->run.queue;
	search->claimed = jobs->claimed;
	search->claimed_count = list_left_out(jobs);
	search->old_before = rt_service_life() -
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;	/* since 1970 */
	search->found = jobs->found;
	search->max = batch_size(jobs);
	search->max_ordered = Min(search->max, LEFT_OUT_MAX - jobs->left_out_count);
	rt_jobs_find(search);
	look_for_crashes(search);
}

/* Those that another has claimed meanwhile are left to it. */
static void
claim(Jobs *jobs)
{
	RtJobSpan	span = {.queue_hash = rt_job_queue_hash(jobs->run.queue),.first = first_place(jobs->found, 0, jobs->search.count)};
	int64		ids[RT_JOB_BATCH_MAX];
	int			left;

	for (int i = 0; i < jobs->search.count; i++)
		ids[i] = jobs->found[i].id;
	left = rt_jobs_claim(jobs->run.executor, &span, ids, jobs->search.count);
	for (int i = 0; i < jobs->search.count && jobs->count < left; i++)
	{
		if (jobs->found[i].id != ids[jobs->count])
			continue;
		jobs->ordered |= jobs->found[i].place == RT_JOB_LAST;
		jobs->found[jobs->count++] = jobs->found[i];
	}
}

/* ---- those that may end their process ---- */

static bool
any_may_crash(Jobs *jobs)
{
	bool		any = false;

	for (int i = 0; i < jobs->count; i++)
		any |= jobs->found[i].is_old ||
			(rt_jobs_were_interrupted() && rt_job_take_interrupted(jobs->found[i].id));
	return any;
}

static void
count_crashes(RtWork *work)
{
	Jobs	   *jobs = (Jobs *) work;

	rt_jobs_count_crash(jobs->found, jobs->count);
}

/* What is counted must not be lost with the process, and has moved the rows. */
static void
keep_counts(Jobs *jobs)
{
	if (jobs->work.durability.lsn != InvalidXLogRecPtr)
		XLogFlush(jobs->work.durability.lsn);
	for (int i = 0; i < jobs->count; i++)
		ItemPointerSetInvalid(&jobs->found[i].tid);
}

/* Nothing has been begun. */
static void
give_up(Jobs *jobs)
{
	rt_jobs_unclaim(jobs->run.executor);
	rt_job_start_lower(jobs->place, first_place(jobs->found, 0, jobs->count));
	jobs->count = 0;
}

/* Of those that are claimed, so that nobody else does, nor is in the way of others. */
static void
count_attempts(Jobs *jobs)
{
	jobs->counted = any_may_crash(jobs);
	if (!jobs->counted)
		return;
	begin_work(jobs, rt_work_refresh_declarations, count_crashes);
	rt_work_run(&jobs->work);
	rt_work_add_result(&jobs->result, &jobs->work);
	if (jobs->work.fault.code != NULL)
		give_up(jobs);
	else
		keep_counts(jobs);
}

/* Returns whether there is anything to be run. */
static bool
take_batch(Jobs *jobs)
{
	bool		failed;

	begin_work(jobs, prepare_look, look);
	jobs->moves_start = false;
	jobs->search.more = jobs->search.missed = false;
	rt_work_run(&jobs->work);
	rt_work_add_result(&jobs->result, &jobs->work);
	failed = jobs->work.fault.code != NULL;
	if (!failed)
		claim(jobs);
	if (jobs->moves_start)
		rt_job_start_end(jobs->place, failed ? RT_JOB_FIRST : jobs->search.end);
	if (failed)
		return false;
	jobs->more = jobs->search.more;
	jobs->missed |= jobs->search.missed;
	count_attempts(jobs);
	return jobs->count > 0;
}

/* ---- the jobs ---- */

/* No client has asked for anything; other jobs have executors of their own. */
static bool
nobody_waits(void)
{
	return !rt_round_is_wanted() &&
		rt_requests_in_use() <= rt_requests_in_flight(RT_OWNER_SCHEDULER);
}

/* Whether this executor may go on, without what else waits for it. */
static bool
may_go_on(const Jobs *jobs)
{
	int64		took_ms = rt_clock_ms() - jobs->began_ms;

	if (jobs->result.session_is_spoiled || jobs->result.unavailable || rt_shutdown_is_requested())
		return false;
	return took_ms < TURN_MS ||
		(took_ms < TURN_ALONE_MS && nobody_waits());
}

static void
uncount(RtWork *work)
{
	Jobs	   *jobs = (Jobs *) work;

	rt_jobs_uncount_crash(jobs->not_run, jobs->not_run_count);
}

/* Who has one of them by now has counted it himself. */
static void
take_counts_back(Jobs *jobs)
{
	begin_work(jobs, rt_work_refresh_declarations, uncount);
	rt_work_run(&jobs->work);
	rt_work_add_result(&jobs->result, &jobs->work);
}

static void
give_back(Jobs *jobs)
{
	if (jobs->not_run_count > 0 && jobs->counted && !jobs->result.session_is_spoiled)
		take_counts_back(jobs);
	rt_jobs_unclaim(jobs->run.executor);
	if (jobs->left == jobs->count)
		return;
	rt_job_start_lower(jobs->place, first_place(jobs->found, jobs->left, jobs->count));
	jobs->more = true;
}

/* Behind one that has taken long the others are not its own any more. */
static bool
may_begin_next(const Jobs *jobs)
{
	return !rt_job_is_held_up(jobs->run.executor) && may_go_on(jobs);
}

/* What has been begun is ready again, and not counted. */
static bool
was_in_vain(const Jobs *jobs)
{
	return jobs->result.session_is_spoiled || jobs->result.unavailable || rt_grace_is_over();
}

static void
note_outcome(Jobs *jobs, const RtJobFound *found, RtJobOutcome outcome)
{
	if (outcome != RT_JOB_TRIED)
		jobs->not_run[jobs->not_run_count++] = *found;
	if (outcome != RT_JOB_MISSED)
		return;
	jobs->missed = true;
	if (found->place == RT_JOB_LAST)
		jobs->left_out[jobs->left_out_count++] = found->id;
}

/* Up to the one behind the last that is begun. */
static int
run_each(Jobs *jobs)
{
	MemoryContext context = CurrentMemoryContext;
	int			i;

	for (i = 0; i < jobs->count && (i == 0 || may_begin_next(jobs)); i++)
	{
		RtJobOutcome outcome = rt_job_run(&jobs->run, &jobs->found[i], &jobs->result);

		if (outcome == RT_JOB_STALE)
			break;
		note_outcome(jobs, &jobs->found[i], outcome);
		MemoryContextReset(context);
	}
	return i;
}

static void
leave(Jobs *jobs, int from)
{
	jobs->left = from;
	if (from == 0)
		jobs->not_run_count = 0;
	for (int i = from; i < jobs->count; i++)
		jobs->not_run[jobs->not_run_count++] = jobs->found[i];
}

static void
run_batch(Jobs *jobs)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "realtime job",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int			begun;

	jobs->not_run_count = 0;
	begun = run_each(jobs);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	leave(jobs, was_in_vain(jobs) ? 0 : begun);
	give_back(jobs);
}

/* Each one who comes finds out whether one more could help. */
static void
call_for_help(Jobs *jobs)
{
	if (jobs->more && !jobs->wished)
		rt_jobs_want(jobs->place);
	jobs->wished = true;
}

/* ---- the request ---- */

static Jobs *
begin_jobs(RtRequest *request)
{
	Jobs	   *jobs = palloc0(sizeof(Jobs));
	char	   *queue = rt_work_path(request);

	jobs->run.request = request;
	jobs->run.queue = queue;
	jobs->run.activity = psprintf("job %s", queue);
	jobs->run.session = &jobs->session;
	jobs->run.executor = rt_executor_self();
	jobs->run.time_key = rt_job_time_key(queue);
	jobs->place = rt_job_place(queue);
	jobs->began_ms = rt_clock_ms();
	jobs->result.durability = RT_DURABLE;
	INSTR_TIME_SET_CURRENT(jobs->result.ended);
	return jobs;
}

static void
answer(Jobs *jobs)
{
	RtJobsAnswer answer = {.more = jobs->more || jobs->ordered,.missed = jobs->missed};

	rt_reply_reset(jobs->run.request);
	if (jobs->work.fault.code != NULL)
		rt_reply_rolled_back(jobs->run.request, &jobs->work.fault);
	else if (jobs->result.unavailable)
		jobs->run.request->answer_kind = RT_ANSWER_UNAVAILABLE;
	else
		(void) rt_shared_text_set(&jobs->run.request->answer, (const char *) &answer, sizeof(answer));
}

RtWorkResult
rt_jobs_run(RtRequest *request)
{
	Jobs	   *jobs;

	if (request->asked.path.len == 0)
		return rt_jobs_bury(request);
	jobs = begin_jobs(request);
	rt_executor_begin_jobs();
	while (take_batch(jobs))
	{
		call_for_help(jobs);
		run_batch(jobs);
		if (!(jobs->more || jobs->ordered) || !may_go_on(jobs))
			break;
	}
	rt_jobs_unclaim(jobs->run.executor);
	rt_executor_end_jobs();
	answer(jobs);
	jobs->result.ran = false;	/* how long it takes says nothing about the next */
	return jobs->result;
}

/*
 * jobs_ready.c
 *		Makes jobs ready whose time has come, and puts those for whose end somebody
 *		waits (ipc/task.h).
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/ipc/clock.h"
#include "src/ipc/job.h"
#include "src/ipc/task.h"
#include "src/scheduler/jobs.h"
#include "src/scheduler/jobs_ready.h"
#include "src/scheduler/scheduler.h"

#define READY_MAX 500			/* made so in one transaction */
#define FAILED_MS 1000			/* until it is tried again */
#define LOCKED_MS 200			/* until what is due and locked is looked at again */
#define LOOK_MS 30000			/* at most, until the clock is looked at again */

static int64 due_not_before = 0;	/* on our own clock, as the next */
static bool making_ready = false;	/* or it has failed */
static bool putting_tasks = false;
static bool burying = false;	/* an executor is asked to bury those that are lost */
static int64 bury_not_before = 0;

/* ---- jobs whose time comes ---- */

static int64
clock_of(TimestampTz at)
{
	TimestampTz now = GetCurrentTimestamp();

	if (at == DT_NOEND)
		return RT_NEVER;
	if (at <= now)
		return 0;
	return rt_clock_ms() + Min((at - now + 999) / 1000, LOOK_MS);
}

static int64
next_due(void)
{
	return making_ready ? due_not_before : Max(clock_of(rt_jobs_due()), due_not_before);
}

/*
 * What comes after the look at the table is noted by who brings it.  Of those that
 * are lost an executor has to tell, when all others are ready.
 */
static List *
make_ready(TimestampTz now, bool *any_lost)
{
	List	   *ready;

	rt_jobs_forget_due();
	ready = rt_jobs_make_ready(now, READY_MAX);
	*any_lost = list_length(ready) < READY_MAX && rt_jobs_are_lost(now);
	rt_jobs_note_due(rt_jobs_next_due());
	return ready;
}

/* It is due until it is done. */
static void
ask_to_bury(void)
{
	RtRequest  *request;

	if (burying || rt_clock_ms() < bury_not_before)
		return;
	request = rt_scheduler_request(RT_REQUEST_JOBS);
	if (request == NULL)
		return;
	rt_scheduler_submit(request);
	burying = true;
}

static void
run_due(void)
{
	MemoryContext memory = CurrentMemoryContext;
	MemoryContext old;
	List	   *ready;
	ListCell   *cell;
	bool		any_lost;

	due_not_before = rt_clock_ms() + FAILED_MS; /* if it fails */
	making_ready = true;
	if (!rt_scheduler_begin())
		return;
	old = MemoryContextSwitchTo(memory);
	ready = make_ready(GetCurrentTimestamp(), &any_lost);
	MemoryContextSwitchTo(old);
	rt_scheduler_end();
	making_ready = false;
	foreach(cell, ready)
	{
		char	  **row = lfirst(cell);

		rt_jobs_task_ready(row[0], pg_strtoint64(row[1]));
	}
	if (any_lost)
		ask_to_bury();
	due_not_before = ready == NIL ? rt_clock_ms() + LOCKED_MS : 0;
}

void
rt_jobs_ready_buried(const RtRequest *request)
{
	burying = false;
	if (request->answer_kind != RT_ANSWER_NONE)
		bury_not_before = rt_clock_ms() + FAILED_MS;
}

/* ---- jobs for whose end somebody waits ---- */

static void
put_task(const RtTaskAsked *asked, RtJobNew *job)
{
	job->queue = asked->queue;
	job->user_id = asked->user_id;
	job->request_id = asked->request_id;
	job->run_at = GetCurrentTimestamp();
	job->awaited = true;
	if (asked->input != NULL)
		job->payload = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(asked->input)));
	rt_job_put(job);
}

static bool
run_task(const RtTaskAsked *asked)
{
	RtJobNew	job = {0};

	if (!rt_scheduler_begin())
		return false;
	if (rt_declaration_job_queue(asked->queue) != NULL)
		put_task(asked, &job);
	rt_scheduler_end();
	if (job.id != 0)
		rt_jobs_task_ready(asked->queue, job.place);
	rt_task_answer(asked, job.id);
	return true;
}

static void
run_tasks(void)
{
	RtTaskAsked asked = {.place = -1};

	putting_tasks = true;
	while (rt_task_read(asked.place, &asked) && run_task(&asked))
		 /* next */ ;
	putting_tasks = false;
}

/* ---- both ---- */

int64
rt_jobs_ready_due(void)
{
	return rt_tasks_are_asked() || putting_tasks ? 0 : next_due();
}

void
rt_jobs_ready_run(void)
{
	if (rt_tasks_are_asked() || putting_tasks)
		run_tasks();
	if (next_due() <= rt_clock_ms())
		run_due();
}

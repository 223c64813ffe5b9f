/*
 * jobs.c
 *		The task that has jobs of queues run when they are ready.
 *
 * Who commits a job that is ready leaves a wish (ipc/job.h).  For it an executor
 * is asked to work for that queue: it takes jobs until there is none, or others
 * wait for it, and says whether there are more.  So nothing is kept here but which
 * queues may have something to do, and how many executors work for each.
 *
 * A queue that has been worked for and has nothing more is armed with the next request,
 * so that whoever commits a job wakes an executor at once.  It counts as one that
 * works for the queue, and is taken back if another queue needs its share; while one
 * waits for that none is armed.
 *
 * Jobs that are to be run later, or again, and those that sessions have taken, are
 * not ready; when their time comes they are made so (jobs_ready.c).
 *
 * A look at the tables now and then finds what nobody has told us of: jobs that a
 * dump has brought, and those of prepared transactions.
 */
#include "postgres.h"

#include <unistd.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/job.h"
#include "src/ipc/service.h"
#include "src/ipc/worker_slot.h"
#include "src/scheduler/jobs.h"
#include "src/scheduler/jobs_ready.h"
#include "src/scheduler/scheduler.h"

#define LOOK_MS 30000			/* between looks for what nobody has told of */
#define NO_SLOT_MS 20			/* until the next try for a request slot */
#define FAILED_MS 1000			/* until what nobody knows of is asked again */
#define LOCKED_MS 200			/* until what is due and locked is looked at again */
#define SHORT_US 1000			/* jobs up to there are hardly waiting for anything */
#define PER_PROCESSOR 2			/* executors for those of a queue */

typedef struct Queue
{
	char	   *name;
	int			place;
	uint64		hash;
	uint32		time_key;
	int			concurrency;	/* 0 = as many as there may be */
	int			priority;
	bool		runs;			/* it is declared, active and has a handler */
	bool		wanted;			/* it may have something that nobody has taken */
	int			in_flight;
	int			armed;			/* request among these; RT_REQUEST_NONE */
	bool		may_arm;		/* it has been worked for, and has nothing more */
	int64		not_before;
	int64		again_at;		/* for jobs that somebody had; RT_NEVER */
	int64		missed_at;		/* when that was last so */
	int64		pause_ms;		/* until it was looked at again then */
} Queue;

static MemoryContext context = NULL;	/* of all queues */
static List *queues = NIL;		/* all that are declared or in flight, by priority */
static int	in_flight = 0;		/* requests; also for queues that are gone */
static int	processors = 0;		/* 0 = nobody has looked */
static uint32 synced_with = 0;	/* generation of declarations */
static int64 look_at = 0;		/* on our own clock */

/* ---- which queues there are ---- */

static Queue *
find_queue(const char *name)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);

		if (strcmp(queue->name, name) == 0)
			return queue;
	}
	return NULL;
}

static int
compare_queues(const ListCell *a, const ListCell *b)
{
	const Queue *left = lfirst(a);
	const Queue *right = lfirst(b);

	return left->priority > right->priority ? -1 : left->priority < right->priority;
}

/* One that is new, or has been declared anew, may have jobs already. */
static Queue *
make_queue(const RtJobQueue *declared)
{
	const Queue *before = find_queue(declared->name);
	Queue	   *queue = palloc0(sizeof(Queue));

	queue->name = pstrdup(declared->name);
	queue->place = rt_job_place(queue->name);
	queue->hash = rt_job_queue_hash(queue->name);
	queue->time_key = rt_job_time_key(queue->name);
	queue->concurrency = declared->concurrency;
	queue->priority = declared->priority;
	queue->runs = declared->active && declared->handler_text != NULL;
	queue->in_flight = before != NULL ? before->in_flight : 0;
	queue->armed = RT_REQUEST_NONE;
	queue->wanted = true;
	queue->again_at = RT_NEVER;
	rt_job_start_lower(queue->place, RT_JOB_FIRST);
	return queue;
}

/* What is gone may still be worked for, and may come back meanwhile. */
static List *
keep_in_flight(List *made)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		const Queue *queue = lfirst(cell);
		RtJobQueue	gone = {.name = queue->name};

		if (queue->in_flight > 0 && rt_declaration_job_queue(queue->name) == NULL)
			made = lappend(made, make_queue(&gone));
	}
	return made;
}

static void disarm_all(void);

static void
sync_queues(void)
{
	uint32		generation = rt_catalog_generation();
	MemoryContext making;
	MemoryContext old;
	List	   *made = NIL;
	const ListCell *cell;

	processors = Max(1, (int) sysconf(_SC_NPROCESSORS_ONLN));
	disarm_all();
	if (!rt_scheduler_begin())
		return;
	making = AllocSetContextCreate(TopTransactionContext, "realtime queues", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(making);
	foreach(cell, rt_declaration_job_queues())
		made = lappend(made, make_queue(lfirst(cell)));
	made = keep_in_flight(made);
	list_sort(made, compare_queues);
	MemoryContextSwitchTo(old);
	rt_jobs_task_forget();
	MemoryContextSetParent(making, TopMemoryContext);
	context = making;
	queues = made;
	rt_scheduler_end();
	synced_with = generation;
}

void
rt_jobs_task_forget(void)
{
	disarm_all();
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	queues = NIL;
	synced_with = 0;
}

/* ---- wishes ---- */

static void
take_wishes(void)
{
	ListCell   *cell;

	if (!rt_jobs_are_wanted())
		return;
	rt_jobs_begin_look();
	rt_jobs_release_held_up();
	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);
		ListCell   *other;

		if (!rt_jobs_take_wish(queue->place))
			continue;
		foreach(other, queues)
		{
			if (((Queue *) lfirst(other))->place == queue->place)
				((Queue *) lfirst(other))->wanted = true;
		}
	}
}

/* What is written here is told of by us. */
void
rt_jobs_task_ready(const char *name, int64 place)
{
	Queue	   *queue = find_queue(name);

	rt_job_start_lower(rt_job_place(name), place);
	if (queue != NULL)
		queue->wanted = true;
}

/* ---- what nobody has told of ---- */

static void
look(void)
{
	ListCell   *cell;

	look_at = rt_clock_ms() + LOOK_MS;
	if (!rt_scheduler_begin())
		return;
	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);

		if (!queue->runs)
			continue;
		rt_job_start_lower(queue->place, RT_JOB_FIRST);
		queue->wanted |= rt_job_queue_is_ready(queue->name);
	}
	rt_jobs_note_due(rt_jobs_next_due());
	rt_scheduler_end();
}

/* ---- requests ---- */

static int
in_flight_max(void)
{
	int			share = realtime_job_executors;

	return share >= 0 ? share : Max(1, rt_worker_count(RT_WORKER_EXECUTOR) / 2);
}

static void
count_out(Queue *queue)
{
	queue->in_flight--;
	in_flight--;
}

/* Returns whether its request has not been submitted yet. */
static bool
disarm(Queue *queue)
{
	RtRequest  *request = queue->armed == RT_REQUEST_NONE ? NULL : rt_jobs_disarm(queue->place);

	queue->armed = RT_REQUEST_NONE;
	if (request == NULL)
		return false;
	rt_request_cancel(request);
	count_out(queue);
	return true;
}

static void
disarm_all(void)
{
	ListCell   *cell;

	foreach(cell, queues)
		(void) disarm(lfirst(cell));
}

static bool
any_armed(void)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		if (((Queue *) lfirst(cell))->armed != RT_REQUEST_NONE)
			return true;
	}
	return false;
}

/* Of the lowest priority first. */
static bool
disarm_any(void)
{
	for (int i = list_length(queues) - 1; i >= 0; i--)
	{
		if (disarm(list_nth(queues, i)))
			return true;
	}
	return false;
}

/* Those that are held up are of no use for the others. */
static bool
has_enough_for_short(const Queue *queue)
{
	int			most = processors * PER_PROCESSOR;

	return queue->in_flight >= most &&
		queue->in_flight - rt_jobs_held_up(queue->hash) >= most;
}

/* Jobs that wait for nothing but a flush have no use for many executors. */
static bool
may_have_more(const Queue *queue)
{
	uint32		us = rt_expected_us(queue->time_key);

	if (us != RT_EXPECTED_UNKNOWN && us <= SHORT_US && has_enough_for_short(queue))
		return false;
	return queue->concurrency == 0 || queue->in_flight < queue->concurrency;
}

/* NULL if there is no slot, or no room. */
static RtRequest *
make_request(const Queue *queue)
{
	RtRequest  *request = rt_scheduler_request(RT_REQUEST_JOBS);
	uint32		len = strlen(queue->name);

	if (request == NULL)
		return NULL;
	if (!rt_shared_text_set(&request->text, queue->name, len))
	{
		rt_request_cancel(request);
		return NULL;
	}
	request->asked.path.len = len;
	return request;
}

static void
count_in(Queue *queue)
{
	queue->in_flight++;
	in_flight++;
}

static bool
send(Queue *queue)
{
	RtRequest  *request = make_request(queue);

	if (request == NULL)
		return false;
	rt_scheduler_submit(request);
	count_in(queue);
	return true;
}

/* Of queues with one place nobody could say which is wished for. */
static bool
has_place_alone(const Queue *queue)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		const Queue *other = lfirst(cell);

		if (other != queue && other->place == queue->place)
			return false;
	}
	return true;
}

/* It has something to do, and nobody but the share of all keeps it from that. */
static bool
waits_for_share(const Queue *queue)
{
	return queue->runs && queue->wanted && may_have_more(queue);
}

static bool
any_waits_for_share(void)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		if (waits_for_share(lfirst(cell)))
			return true;
	}
	return false;
}

static bool
is_to_be_armed(const Queue *queue)
{
	return queue->may_arm && queue->runs && !queue->wanted && queue->in_flight == 0 &&
		in_flight < in_flight_max() && realtime_jobs_enabled;
}

static bool
any_is_to_be_armed(void)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		if (is_to_be_armed(lfirst(cell)))
			return !any_waits_for_share();
	}
	return false;
}

static void
arm(Queue *queue)
{
	RtRequest  *request;

	queue->may_arm = false;
	if (!has_place_alone(queue))
		return;
	request = make_request(queue);
	if (request == NULL)
		return;
	queue->armed = rt_request_number(request);
	count_in(queue);
	rt_jobs_arm(queue->place, request);
}

/* What others need of the share comes first. */
static void
arm_what_rests(void)
{
	ListCell   *cell;

	if (any_waits_for_share())
		return;
	foreach(cell, queues)
	{
		if (is_to_be_armed(lfirst(cell)))
			arm(lfirst(cell));
	}
}

/* What is armed has more than its share, since that has become smaller. */
static bool
has_armed_too_many(void)
{
	return in_flight > in_flight_max() && any_armed();
}

static int64
queue_due(const Queue *queue)
{
	bool		has_room = in_flight < in_flight_max() || any_armed();

	if (!queue->runs || !queue->wanted)
		return RT_NEVER;
	return has_room && (may_have_more(queue) || queue->armed != RT_REQUEST_NONE) ?
		queue->not_before : RT_NEVER;
}

/*
 * What it has armed itself is in the way, or has been submitted.  If there is no room
 * it is served when somebody has ended.
 */
static void
serve(Queue *queue)
{
	(void) disarm(queue);
	if (!may_have_more(queue) || (in_flight >= in_flight_max() && !disarm_any()))
		return;
	queue->wanted = !send(queue);
	if (queue->wanted)
		queue->not_before = rt_clock_ms() + NO_SLOT_MS;
}

static void
send_wanted(void)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);

		if (queue_due(queue) <= rt_clock_ms())
			serve(queue);
	}
}

/* Who has a job for long is waited for longer and longer. */
static void
note_missed(Queue *queue)
{
	int64		now = rt_clock_ms();

	if (now - queue->missed_at > 2 * queue->pause_ms + LOCKED_MS)
		queue->pause_ms = 0;
	queue->pause_ms = Min(Max(2 * queue->pause_ms, LOCKED_MS), LOOK_MS);
	queue->missed_at = now;
	queue->again_at = Min(queue->again_at, now + queue->pause_ms);
}

static void
look_again(void)
{
	ListCell   *cell;

	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);

		if (queue->again_at > rt_clock_ms())
			continue;
		queue->again_at = RT_NEVER;
		queue->wanted = true;
		rt_job_start_lower(queue->place, RT_JOB_FIRST);
	}
}

static void
worked(RtRequest *request)
{
	char	   *name = pnstrdup(rt_shared_text_get(&request->text), request->asked.path.len);
	Queue	   *queue = find_queue(name);
	RtJobsAnswer answer;

	if (queue == NULL || queue->in_flight == 0)
	{
		in_flight--;			/* all have been forgotten meanwhile */
		return;
	}
	count_out(queue);
	if (queue->armed == rt_request_number(request))
		queue->armed = RT_REQUEST_NONE;
	if (request->answer_kind == RT_ANSWER_NONE && request->answer.len == sizeof(answer))
	{
		memcpy(&answer, rt_shared_text_get(&request->answer), sizeof(answer));
		queue->wanted |= answer.more;
		queue->may_arm = true;
		if (answer.missed)
			note_missed(queue);
		return;
	}
	queue->wanted = true;
	queue->not_before = rt_clock_ms() + FAILED_MS;
}

void
rt_jobs_task_answered(RtRequest *request)
{
	if (request->asked.path.len == 0)
		rt_jobs_ready_buried(request);
	else
		worked(request);
}

/* The scheduler ends. */
void
rt_jobs_task_leave(void)
{
	disarm_all();
}

/* ---- the task ---- */

int64
rt_jobs_task_due(void)
{
	int64		due;
	ListCell   *cell;

	if (!realtime_jobs_enabled)
		return RT_NEVER;
	if (synced_with != rt_catalog_generation() || rt_jobs_are_wanted() ||
		has_armed_too_many() || any_is_to_be_armed())
		return 0;
	due = Min(look_at, rt_jobs_ready_due());
	foreach(cell, queues)
		due = Min(due, Min(queue_due(lfirst(cell)), ((Queue *) lfirst(cell))->again_at));
	return due;
}

void
rt_jobs_task_run(void)
{
	if (synced_with != rt_catalog_generation())
		sync_queues();
	take_wishes();
	if (rt_jobs_ready_due() <= rt_clock_ms())
		rt_jobs_ready_run();
	if (look_at <= rt_clock_ms())
		look();
	look_again();
	while (has_armed_too_many())
		(void) disarm_any();
	send_wanted();
	arm_what_rests();
}

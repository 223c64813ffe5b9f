/*
 * cron.c
 *		The task that has jobs of realtime.cron() run when they are due.
 *
 * It says when, and executors run them.  Where a job stands is a row of
 * realtime.cron_state: an executor takes the step to the next time in the
 * transaction of the run.  So what is asked twice, because a process ended, is
 * done once, and nothing here has to be kept.
 *
 * A job has one request at a time, so it does not overlap itself.  If several of
 * its times have passed, what becomes of them is decided here, and those that
 * are left out are a step of ours.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "src/catalog/cron_store.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/service.h"
#include "src/schedule/occurrence.h"
#include "src/scheduler/cron.h"

#define CLOCK_LOOK_MS 10000		/* between looks at a clock that may be set */
#define NO_SLOT_MS 20			/* until the next try for a request slot */
#define FAILED_MS 1000			/* until what nobody knows of is asked again */

typedef struct Job
{
	char	   *path;
	RtCronState state;			/* its path is that one */
	RtSchedule	schedule;
	pg_tz	   *zone;
	RtMissed	missed;
	int64		not_before;		/* on our own clock */
	bool		in_flight;
} Job;

static MemoryContext context = NULL;	/* of all jobs */
static List *jobs = NIL;		/* active ones */
static int	in_flight = 0;		/* requests; also of jobs that are gone */
static uint32 synced_with = 0;	/* generation of declarations */
static uint64 settings_seen = 0;	/* generation of settings */
static pg_tz *synced_zone = NULL;
static int64 resync_at = 0;		/* on our own clock */
static int64 look_again_at = 0; /* what it will be after this look */

/* ---- time ---- */

static bool
clock_is_virtual(void)
{
	return realtime_cron_clock[0] != '\0';
}

static int64
wall_us(void)
{
	return GetCurrentTimestamp();
}

/* Seconds since 1970. */
static int64
now_s(void)
{
	return rt_occurrence_time(rt_schedule_now());
}

/* When a time comes on our own clock, or when to look again. */
static int64
due_at(int64 time)
{
	int64		until_ms;

	if (clock_is_virtual())
		return time <= now_s() ? 0 : RT_NEVER;
	until_ms = (time_t_to_timestamptz((pg_time_t) time) - wall_us() + 999) / 1000;
	return until_ms <= 0 ? 0 : rt_clock_ms() + Min(until_ms, CLOCK_LOOK_MS);
}

/* ---- which jobs there are ---- */

static Job *
find_job(const char *path)
{
	ListCell   *cell;

	foreach(cell, jobs)
	{
		Job		   *job = lfirst(cell);

		if (strcmp(job->path, path) == 0)
			return job;
	}
	return NULL;
}

static const RtCronState *
find_state(const List *states, const char *path)
{
	const ListCell *cell;

	foreach(cell, states)
	{
		const RtCronState *state = lfirst(cell);

		if (strcmp(state->path, path) == 0)
			return state;
	}
	return NULL;
}

/* A schedule or zone that does not exist any more is never due. */
static bool
read_schedule(Job *job, const RtCronDeclaration *declaration)
{
	RtScheduleFault fault;

	job->zone = declaration->time_zone != NULL ?
		pg_tzset(declaration->time_zone) : session_timezone;
	return job->zone != NULL &&
		rt_schedule_parse(declaration->schedule, &job->schedule, &fault);
}

/* It is being run; an answer may tell when that is over, or not. */
static void
look_again(Job *job)
{
	job->state.next = RT_SCHEDULE_NEVER;
	look_again_at = rt_clock_ms() + FAILED_MS;
}

/* Where it stands; anew, if it is another schedule, or was not active. */
static void
set_state(Job *job, const RtCronDeclaration *declaration, const RtCronState *kept)
{
	const char *zone = pg_get_timezone_name(job->zone);

	job->state.path = job->path;
	job->state.schedule = pstrdup(declaration->schedule);
	job->state.time_zone = pstrdup(zone);
	if (kept != NULL && strcmp(kept->schedule, declaration->schedule) == 0 &&
		strcmp(kept->time_zone, zone) == 0 && kept->next != RT_SCHEDULE_NEVER)
	{
		job->state.next = kept->next;
		return;
	}
	job->state.next = rt_occurrence_after(&job->schedule, job->zone, now_s());
	if (kept == NULL)
		rt_cron_state_add(&job->state);
	else if (!rt_cron_state_replace(&job->state))
		look_again(job);
}

/* So that it begins with now when it is active again. */
static void
rest(const RtCronState *kept)
{
	RtCronState state;

	if (kept == NULL || kept->next == RT_SCHEDULE_NEVER)
		return;
	state = *kept;
	state.next = RT_SCHEDULE_NEVER;
	if (!rt_cron_state_replace(&state))
		look_again_at = rt_clock_ms() + FAILED_MS;
}

static Job *
make_job(const RtCronDeclaration *declaration, const RtCronState *kept)
{
	Job		   *job = palloc0(sizeof(Job));
	const Job  *before = find_job(declaration->path);

	if (!read_schedule(job, declaration))
		return NULL;
	job->path = pstrdup(declaration->path);
	job->missed = declaration->missed;
	job->in_flight = before != NULL && before->in_flight;
	job->not_before = before != NULL ? before->not_before : 0;
	set_state(job, declaration, kept);
	return job;
}

/* In the new context. */
static List *
make_jobs(void)
{
	List	   *states = rt_cron_states();
	List	   *made = NIL;
	const ListCell *cell;

	foreach(cell, rt_declaration_crons())
	{
		const RtCronDeclaration *declaration = lfirst(cell);
		const RtCronState *kept = find_state(states, declaration->path);
		Job		   *job = NULL;

		if (declaration->active)
			job = make_job(declaration, kept);
		else
			rest(kept);
		if (job != NULL)
			made = lappend(made, job);
	}
	if (list_length(states) > 0)
		rt_cron_forget_undeclared();
	return made;
}

static void
replace_jobs(MemoryContext made_in, List *made)
{
	if (context != NULL)
		MemoryContextDelete(context);
	MemoryContextSetParent(made_in, TopMemoryContext);
	context = made_in;
	jobs = made;
}

/* ALTER DATABASE ... SET, which reaches new sessions only. */
static void
follow_database_zone(void)
{
	char	   *zone = rt_cron_database_zone();

	if (zone != NULL && strcmp(zone, pg_get_timezone_name(session_timezone)) != 0)
		(void) set_config_option("TimeZone", zone, PGC_SUSET, PGC_S_OVERRIDE,
								 GUC_ACTION_SET, true, LOG, false);
}

/* What fails goes with the transaction, and is done again. */
static void
sync_jobs(void)
{
	uint64		settings = rt_settings_generation();
	uint32		generation = rt_catalog_generation();
	MemoryContext making;
	MemoryContext old;
	List	   *made;

	if (!rt_scheduler_begin())
		return;
	follow_database_zone();
	making = AllocSetContextCreate(TopTransactionContext, "realtime cron",
								   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(making);
	look_again_at = RT_NEVER;
	made = make_jobs();
	MemoryContextSwitchTo(old);
	replace_jobs(making, made);
	rt_scheduler_end();
	synced_with = generation;
	settings_seen = settings;
	synced_zone = session_timezone;
	resync_at = look_again_at;
}

void
rt_cron_forget(void)
{
	if (context != NULL)
		MemoryContextDelete(context);
	context = NULL;
	jobs = NIL;
	resync_at = 0;
}

/* ---- times that have been missed ---- */

/* What a zone's rules were when the next time was found they may not be any more. */
static int64
last_missed(const Job *job, int64 now)
{
	int64		last = rt_occurrence_last(&job->schedule, job->zone, job->state.next, now);

	return last == RT_SCHEDULE_NEVER ? job->state.next : last;
}

/* The time to run for, of those that have come; NEVER leaves them out. */
static int64
time_to_run(const Job *job, int64 now)
{
	int64		last;

	if (job->missed == RT_MISSED_ALL)
		return job->state.next;
	last = last_missed(job, now);
	if (job->missed == RT_MISSED_SKIP && (now - last) * 1000 > realtime_cron_grace)
		return RT_SCHEDULE_NEVER;
	return last;
}

static void
leave_out(Job *job, int64 now)
{
	int64		next = rt_occurrence_after(&job->schedule, job->zone, now);
	RtCronRun	run = {
		.path = job->path,.started_at = wall_us(),.status = "skipped",
		.due = last_missed(job, now)
	};
	bool		stepped;

	job->not_before = rt_clock_ms() + FAILED_MS;	/* if it does */
	if (!rt_scheduler_begin())
		return;
	stepped = rt_cron_step(job->path, job->state.next, next);
	if (stepped)
		rt_cron_run_put(&run);
	rt_scheduler_end();
	if (stepped)
		rt_path_stat_count_skipped(job->path, strlen(job->path));
	job->state.next = next;
	job->not_before = 0;
}

/* ---- requests ---- */

/* How many may take executors away from calls. */
static int
in_flight_max(void)
{
	return Max(1, rt_worker_count(RT_WORKER_EXECUTOR) / 2);
}

static bool
send(Job *job, int64 due)
{
	RtRequest  *request = rt_scheduler_request(RT_REQUEST_CRON);
	RtCronQuestion asked = {.from = job->state.next,.due = due};
	uint32		path_len = strlen(job->path);
	char	   *text;

	if (request == NULL)
		return false;
	strlcpy(asked.zone, job->state.time_zone, sizeof(asked.zone));
	text = rt_shared_text_reserve(&request->text, path_len + sizeof(asked));
	if (text == NULL)
	{
		rt_request_cancel(request);
		return false;
	}
	memcpy(text, job->path, path_len);
	memcpy(text + path_len, &asked, sizeof(asked));
	request->asked.path.len = path_len;
	request->asked.args.off = path_len;
	request->asked.args.len = sizeof(asked);
	request->asked.time_key = hash_bytes((const unsigned char *) job->path, (int) path_len);
	rt_scheduler_submit(request);
	job->in_flight = true;
	in_flight++;
	return true;
}

static void
run_job(Job *job, int64 now)
{
	int64		due = time_to_run(job, now);

	if (due == RT_SCHEDULE_NEVER)
		leave_out(job, now);
	else if (!send(job, due))
		job->not_before = rt_clock_ms() + NO_SLOT_MS;
}

void
rt_cron_answered(RtRequest *request)
{
	char	   *path = pnstrdup(rt_shared_text_get(&request->text) + request->asked.path.off,
								request->asked.path.len);
	Job		   *job = find_job(path);
	RtCronAnswer answer = {.stale = true};

	in_flight--;
	if (job == NULL)
	{
		resync_at = 0;			/* what it has left is forgotten now */
		return;
	}
	job->in_flight = false;
	if (request->answer_kind == RT_ANSWER_NONE && request->answer.len == sizeof(answer))
		memcpy(&answer, rt_shared_text_get(&request->answer), sizeof(answer));
	if (!answer.stale && job->state.next != RT_SCHEDULE_NEVER)
		job->state.next = answer.next;
	else
	{
		job->not_before = rt_clock_ms() + FAILED_MS;
		resync_at = 0;
	}
}

/* ---- the task ---- */

static bool
is_synced(void)
{
	return resync_at > rt_clock_ms() && synced_with == rt_catalog_generation() &&
		settings_seen == rt_settings_generation() &&
		synced_zone == session_timezone;
}

static int64
job_due(const Job *job)
{
	if (job->in_flight || job->state.next == RT_SCHEDULE_NEVER)
		return RT_NEVER;
	return Max(due_at(job->state.next), job->not_before);
}

int64
rt_cron_due(void)
{
	int64		due = RT_NEVER;
	ListCell   *cell;

	if (!realtime_cron_enabled)
		return RT_NEVER;
	if (!is_synced())
		return 0;
	if (in_flight >= in_flight_max())
		return resync_at;
	foreach(cell, jobs)
		due = Min(due, job_due(lfirst(cell)));
	return Min(due, resync_at);
}

void
rt_cron_task_run(void)
{
	int64		now;
	ListCell   *cell;

	if (!realtime_cron_enabled)
		return;
	if (!is_synced())
		sync_jobs();
	now = now_s();
	foreach(cell, jobs)
	{
		Job		   *job = lfirst(cell);

		if (in_flight < in_flight_max() && job_due(job) <= rt_clock_ms())
			run_job(job, now);
	}
}

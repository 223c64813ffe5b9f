/*
 * scheduler.c
 *		The scheduler: decides when something is to be done without a client
 *		asking for it.
 *
 * A dynamic worker that the launcher keeps alive, connected to the database as
 * the bootstrap superuser with an empty search_path.  It runs no code of
 * users: what must run such code is a request to the executors.  What it does
 * is a table of tasks, each a little at a time:
 *
 *		notify bridge	reads notifications and has executors publish them
 *		timers			has throttled and debounced events published
 *		retention		removes old events of replay topics
 *		cron			has jobs run at their times
 *		jobs			has jobs of queues run when they are ready
 *		jobs cleanup	removes those that are over
 *		intake			has events counted by aggregates
 *		answers			removes old answers of calls that happen once
 *		waiting			counts what waits, for metrics
 *
 * The loop reads notifications before anything else, because a listener that
 * does not read keeps the notification queue of the whole server from being
 * emptied.  So nothing here may take long: statements give up on a lock after
 * LOCK_TIMEOUT, and commits wait for no disk and no standby.
 *
 * While the extension is missing the tasks rest; hooks in the backends set our
 * latch when it comes.  Like executors we leave a database that is to be
 * vacated.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "src/catalog/declaration.h"
#include "src/compat.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/ipc/timer.h"
#include "src/ipc/vacate.h"
#include "src/realtime.h"
#include "src/scheduler/answers.h"
#include "src/scheduler/cron.h"
#include "src/scheduler/jobs.h"
#include "src/scheduler/intake.h"
#include "src/scheduler/notify_bridge.h"
#include "src/scheduler/retention.h"
#include "src/scheduler/scheduler.h"
#include "src/scheduler/timers.h"
#include "src/scheduler/waiting.h"

#define LOCK_TIMEOUT "200ms"
#define EXTENSION_LOOK_MS 5000	/* between looks for a missing extension */
#define AFTER_ERROR_MS 1000		/* that a failed task, or look, rests */
#define ERROR_LOG_MS 60000		/* between log lines about the same task */
#define ANSWERS_MAX 64			/* taken at once */

/* The first is run first. */
static const RtSchedulerTask tasks[] = {
	{"notify bridge", rt_bridges_due, rt_bridges_run, rt_bridges_suspend,
	RT_REQUEST_BRIDGE, rt_bridges_answered},
	{"timers", rt_timers_task_due, rt_timers_task_run, rt_timers_forget,
	RT_REQUEST_PUBLISH, rt_timers_task_answered},
	{"cron", rt_cron_due, rt_cron_task_run, rt_cron_forget,
	RT_REQUEST_CRON, rt_cron_answered},
	{"jobs", rt_jobs_task_due, rt_jobs_task_run, rt_jobs_task_forget,
	RT_REQUEST_JOBS, rt_jobs_task_answered},
	{"jobs cleanup", rt_jobs_cleanup_due, rt_jobs_cleanup_run, NULL,
	RT_REQUEST_CALL, NULL},
	{"intake", rt_intake_task_due, rt_intake_task_run, rt_intake_task_forget,
	RT_REQUEST_INTAKE, rt_intake_task_answered},
	{"effects", NULL, NULL, NULL,	/* the same task asks for them */
	RT_REQUEST_EFFECT, rt_intake_task_answered},
	{"waiting", rt_waiting_due, rt_waiting_run, rt_waiting_forget,
	RT_REQUEST_CALL, NULL},
	{"retention", rt_retention_due, rt_retention_run, NULL,
	RT_REQUEST_CALL, NULL},
	{"answers", rt_answers_due, rt_answers_run, NULL,
	RT_REQUEST_CALL, NULL},
};

#define LOOK lengthof(tasks)	/* at the declarations; counted like a task */

typedef struct TaskState
{
	int64		not_before;
	int64		logged_at;		/* 0 = never */
	int			unlogged;		/* errors since then */
} TaskState;

static TaskState task_states[lengthof(tasks) + 1];

RtSchedulerCounters *rt_scheduler_counters = NULL;

static uint32 my_generation;
static int	last_request = RT_REQUEST_NONE;	/* that was submitted */
static MemoryContext loop_context = NULL;	/* reset in each turn */
static bool extension = false;	/* installed, when we looked last */
static uint32 catalog_seen = 0; /* generation of declarations at that time */
static int64 next_look = 0;
static volatile int running = LOOK; /* the task that may have raised */

/* ---- for the tasks ---- */

RtRequest *
rt_scheduler_request(RtRequestKind kind)
{
	RtRequest  *request = rt_request_begin(RT_OWNER_SCHEDULER, my_generation);
	static const RtRequestSpan none = {0, 0};

	if (request == NULL)
		return NULL;
	request->behind = last_request;
	request->alone = false;
	request->asked.kind = kind;
	request->asked.connection = 0;
	request->asked.connection_serial = 0;
	request->asked.subject = 0;
	request->asked.time_key = kind;
	request->asked.catalog_generation = rt_catalog_generation();
	request->asked.session = RT_SESSION_ANONYMOUS;
	request->asked.connection_id[0] = '\0';
	request->queued_us = 0;
	request->asked.path = request->asked.id = request->asked.args = none;
	request->asked.idempotency_key = none;
	return request;
}

void
rt_scheduler_submit(RtRequest *request)
{
	last_request = rt_request_number(request);
	rt_requests_submit(&request, 1);
}

bool
rt_scheduler_begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!rt_declarations_refresh())
	{
		CommitTransactionCommand();
		MemoryContextSwitchTo(loop_context);
		return false;
	}
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

void
rt_scheduler_end(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(loop_context);
}

/* ---- start ---- */

static void
abandon_requests(int code, Datum arg)
{
	rt_jobs_task_leave();
	rt_requests_abandon(RT_OWNER_SCHEDULER, my_generation);
}

static void
set(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Nothing that a role, the database or a file says can disturb us. */
static void
set_safe_settings(void)
{
	set("search_path", "");
	set("client_encoding", GetDatabaseEncodingName());
	set("statement_timeout", "0");
	set("lock_timeout", LOCK_TIMEOUT);
	set("idle_in_transaction_session_timeout", "0");
	set("default_transaction_isolation", "read committed");
	set("default_transaction_read_only", "off");
	set("synchronous_commit", "off");
	set("update_process_title", "off");
	set("jit", "off");
	/* few rows of one topic, whatever the statistics make of it */
	set("enable_seqscan", "off");
	set("enable_bitmapscan", "off");
	set("enable_sort", "off");
}

static void
connect_scheduler(void)
{
	if (!rt_worker_attach(RT_WORKER_SCHEDULER, 0, my_generation))
		proc_exit(0);

	rt_forbid_transaction_timeout();
	BackgroundWorkerInitializeConnection(realtime_database, NULL, 0);
	rt_worker_set_database(RT_WORKER_SCHEDULER, 0, MyDatabaseId);
	if (rt_database_is_vacated(MyDatabaseId))
		proc_exit(0);
	set_safe_settings();
	rt_payload_attach();
	rt_answers_open(RT_OWNER_SCHEDULER, my_generation);
	before_shmem_exit(abandon_requests, (Datum) 0);
}

static void
init_scheduler(void)
{
	rt_scheduler_counters = &rt_worker_slot(RT_WORKER_SCHEDULER, 0)->scheduler;
	memset(rt_scheduler_counters, 0, sizeof(*rt_scheduler_counters));
	loop_context = AllocSetContextCreate(TopMemoryContext, "realtime scheduler",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(loop_context);
	rt_bridges_init();
}

/* ---- the loop ---- */

static void
handle_interrupts(void)
{
	QueryCancelPending = false; /* nothing is running */
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static void
leave_if_told(void)
{
	if (rt_database_is_vacated(MyDatabaseId))
		proc_exit(0);
	if (ShutdownRequestPending)
		proc_exit(rt_postmaster_is_stopping() ? 0 : 1);
}

static void
suspend_tasks(void)
{
	for (int task = 0; task < lengthof(tasks); task++)
	{
		if (tasks[task].suspend != NULL)
			tasks[task].suspend();
	}
}

/*
 * Looks whether the extension is there, if that may have changed.  What fails,
 * for want of a lock, leaves what was known before.
 */
static void
look_for_extension(void)
{
	int64		now = rt_clock_ms();

	if (catalog_seen != rt_catalog_generation())
	{
		catalog_seen = rt_catalog_generation();
		next_look = now;
	}
	if (now < next_look)
		return;
	next_look = now + AFTER_ERROR_MS;
	running = LOOK;
	if (rt_scheduler_begin())
	{
		rt_scheduler_end();
		extension = true;
	}
	else if (extension)
	{
		extension = false;
		suspend_tasks();
	}
	next_look = extension ? RT_NEVER : now + EXTENSION_LOOK_MS;
}

static void
take_answers(void)
{
	RtRequest  *answers[ANSWERS_MAX];
	int			n = rt_answers_take(RT_OWNER_SCHEDULER, answers, ANSWERS_MAX);

	for (int i = 0; i < n; i++)
	{
		for (int task = 0; task < lengthof(tasks); task++)
		{
			if (tasks[task].answered != NULL &&
				tasks[task].kind == answers[i]->asked.kind)
				tasks[task].answered(answers[i]);
		}
	}
	rt_requests_free(answers, n);
}

static int64
task_due(int task)
{
	return tasks[task].due == NULL ? RT_NEVER :
		Max(tasks[task].due(), task_states[task].not_before);
}

static void
run_tasks(void)
{
	for (int task = 0; task < lengthof(tasks); task++)
	{
		rt_bridges_drain();
		if (task_due(task) > rt_clock_ms())
			continue;
		running = task;
		pgstat_report_activity(STATE_RUNNING, tasks[task].name);
		tasks[task].run();
		Assert(!IsTransactionState());
	}
}

/* How long nothing is to be done, in ms; -1 = until the latch is set. */
static long
time_to_sleep(void)
{
	int64		now = rt_clock_ms();
	int64		due = next_look;

	for (int task = 0; extension && task < lengthof(tasks); task++)
		due = Min(due, task_due(task));
	if (rt_answers_pending(RT_OWNER_SCHEDULER) || due <= now)
		return 0;
	return due == RT_NEVER ? -1 : (long) Min(due - now, 3600 * 1000);
}

static void
sleep_until_due(void)
{
	static uint32 wait_event = 0;
	long		stats_timeout = pgstat_report_stat(false);
	long		timeout = time_to_sleep();
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	pgstat_report_activity(STATE_IDLE, NULL);
	if (stats_timeout > 0 && (timeout < 0 || stats_timeout < timeout))
		timeout = stats_timeout;
	if (timeout >= 0)
		events |= WL_TIMEOUT;
	if ((WaitLatch(MyLatch, events, timeout,
				   rt_wait_event(&wait_event, "RealtimeSchedulerMain")) & WL_TIMEOUT) != 0 &&
		timeout > 0)
		pgstat_report_stat(true);
	ResetLatch(MyLatch);
}

static void
turn(void)
{
	MemoryContextReset(loop_context);
	handle_interrupts();
	leave_if_told();
	rt_bridges_drain();
	look_for_extension();
	take_answers();
	if (extension)
		run_tasks();
	sleep_until_due();
}

/* ---- errors ---- */

/* The same error again and again is logged now and then. */
static void
log_error(TaskState *state)
{
	int64		now = rt_clock_ms();

	if (state->logged_at != 0 && now - state->logged_at < ERROR_LOG_MS)
	{
		state->unlogged++;
		return;
	}
	EmitErrorReport();
	if (state->unlogged > 0)
		ereport(LOG,
				(errmsg("%d more errors of the realtime scheduler were not logged",
						state->unlogged)));
	state->logged_at = now;
	state->unlogged = 0;
}

/* An error has reached the loop. */
static void
recover(void)
{
	TaskState  *state = &task_states[running];

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	log_error(state);
	LWLockReleaseAll();
	state->not_before = rt_clock_ms() + AFTER_ERROR_MS;
	rt_scheduler_count(errors, 1);
	AbortCurrentTransaction();
	MemoryContextSwitchTo(loop_context);
	FlushErrorState();
	RESUME_INTERRUPTS();
}

void
rt_scheduler_main(Datum arg)
{
	sigjmp_buf	on_error;

	memcpy(&my_generation, MyBgworkerEntry->bgw_extra, sizeof(my_generation));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();

	connect_scheduler();
	init_scheduler();

	if (sigsetjmp(on_error, 1) != 0)
		recover();
	PG_exception_stack = &on_error;
	for (;;)
		turn();
}

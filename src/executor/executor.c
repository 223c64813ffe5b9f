/*
 * executor.c
 *		The executor: a background worker that runs what clients ask for.
 *
 * It takes requests from the queue in shared memory one by one, runs each in
 * a transaction of its own, and tells their owners of the answers in batches
 * (outgoing.c).  With nothing queued it does that, notes itself as idle under
 * the queue's lock, so that no wake-up can be lost, and sleeps on its latch.
 *
 * It leaves with status 0 when the server stops or its database has to be
 * vacated (the launcher starts it again), and with 1 otherwise, so that it is
 * restarted.  Whatever it still owes is answered by its exit callback.
 *
 * Errors of a request end in work.c.  The only error that this loop survives
 * is a cancel that found nothing to cancel; any other ends the process.
 */
#include "postgres.h"

#include <sched.h>
#include <unistd.h>

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/s_lock.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "src/catalog/declaration.h"
#include "src/compat.h"
#include "src/executor/commit.h"
#include "src/executor/function/function.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/leftover.h"
#include "src/executor/outgoing.h"
#include "src/executor/query/observe.h"
#include "src/executor/query/round.h"
#include "src/executor/readiness.h"
#include "src/executor/reply.h"
#include "src/executor/request/access.h"
#include "src/executor/request/bridge.h"
#include "src/executor/request/club_roll.h"
#include "src/executor/request/cron.h"
#include "src/executor/request/effect.h"
#include "src/executor/request/jobs.h"
#include "src/executor/request/intake.h"
#include "src/executor/request/login.h"
#include "src/executor/request/member.h"
#include "src/executor/request/message.h"
#include "src/executor/request/module.h"
#include "src/executor/request/once.h"
#include "src/executor/request/opening.h"
#include "src/executor/request/path.h"
#include "src/executor/request/publish.h"
#include "src/executor/request/resume.h"
#include "src/executor/request/webhook.h"
#include "src/executor/role_settings.h"
#include "src/executor/service_hook.h"
#include "src/executor/stale_plan.h"
#include "src/executor/token_keys.h"
#include "src/executor/touched.h"
#include "src/executor/work.h"
#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/client.h"
#include "src/ipc/clock.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/job.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/parking.h"
#include "src/ipc/query_round.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/vacate.h"
#include "src/ipc/worker_slot.h"

#define LOOK_MS 5000			/* between looks for what is missing */
#define SPIN_US 50				/* before sleeping */
#define SPIN_CALLS_MAX 2.0		/* in flight, of late */
#define SPIN_MEAN_MAX_US 100.0

typedef struct Executor
{
	int			index;
	RtExecutorCounters *counters;
	MemoryContext context;		/* of one request, reset after it */
	bool		has_request;	/* which is not handed over yet */
	bool		leaving;		/* another process runs what comes next ... */
	bool		spoiled;		/* ... as the session must not be used again */
	uint64		requests;		/* run so far */
	bool		may_spin;		/* there is another processor */
	double		mean_us;		/* of recent requests */
	double		mean_in_flight; /* when they were taken, all executors' */
	int64		idle_since_ms;	/* 0 = it was not */
	uint32		wait_event;
} Executor;

static Executor executor;

extern PGDLLEXPORT void rt_executor_main(Datum arg);

/* ---- start ---- */

static void
fail_requests(int code, Datum arg)
{
	rt_requests_fail_executor(DatumGetInt32(arg));
	rt_outgoing_alarm();
}

/* Its transaction has ended by now, so others find its jobs free. */
static void
leave_jobs(int code, Datum arg)
{
	rt_jobs_leave(DatumGetInt32(arg));
}

/*
 * Clients speak UTF-8.  Other encodings would have to be converted at each
 * text, also where no transaction is at hand.
 */
static void
check_encoding(void)
{
	if (GetDatabaseEncoding() == PG_UTF8)
		return;
	ereport(FATAL,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("realtime cannot serve a database with encoding %s",
					GetDatabaseEncodingName()),
			 errhint("Name a database with encoding UTF8 in \"realtime.database\".")));
}

static void
connect_executor(int index, uint32 generation)
{
	if (!rt_worker_attach(RT_WORKER_EXECUTOR, index, generation))
		proc_exit(0);

	rt_forbid_transaction_timeout();
	rt_session_settings_connect();
	before_shmem_exit(leave_jobs, Int32GetDatum(index));
	BackgroundWorkerInitializeConnection(realtime_database,
										 realtime_executor_role, 0);
	rt_worker_set_database(RT_WORKER_EXECUTOR, index, MyDatabaseId);
	if (rt_database_is_vacated(MyDatabaseId))
		proc_exit(0);
	check_encoding();
	rt_payload_attach();
	before_shmem_exit(fail_requests, Int32GetDatum(index));
}

static void
leave_if_spoiled(bool spoiled)
{
	executor.spoiled |= spoiled;
	executor.leaving |= spoiled;
}

static void
look(void)
{
	leave_if_spoiled(rt_readiness_look());
}

static void
look_at_first_settings(void)
{
	StartTransactionCommand();
	rt_session_settings_connected();
	CommitTransactionCommand();
	MemoryContextSwitchTo(executor.context);
}

static void
init_executor(int index)
{
	executor.index = index;
	executor.counters = &rt_worker_slot(RT_WORKER_EXECUTOR, index)->executor;
	executor.may_spin = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	executor.mean_us = SPIN_MEAN_MAX_US;
	(void) rt_wait_event(&executor.wait_event, "RealtimeExecutorMain");
	executor.context = AllocSetContextCreate(TopMemoryContext,
											 "realtime request",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(executor.context);

	rt_interrupt_init_timer();
	rt_outgoing_init(executor.counters);
	rt_work_init(executor.counters);
	rt_commit_init();
	rt_touched_init();
	rt_functions_init();
	rt_stale_plan_init();
	rt_identity_init();
	rt_leftover_init();
	rt_round_init(index);
	look_at_first_settings();
	look();
	rt_executor_join(index);
}

/* ---- running ---- */

static void
count(pg_atomic_uint64 *counter)
{
	pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + 1);
}

/* One that has failed may have ended early: that makes none a short one. */
static void
note_time(const RtRequest *request, const RtWorkResult *result, instr_time began)
{
	instr_time	time = result->ended;
	double		us;

	INSTR_TIME_SUBTRACT(time, began);
	us = INSTR_TIME_GET_MICROSEC(time);
	executor.mean_us += (us - executor.mean_us) / 8;
	if (result->ran &&
		(!result->failed || us > rt_expected_us(request->asked.time_key)))
		rt_expected_note(request->asked.time_key, us);
}

/* A question to which nobody waits for the answer any more. */
static bool
is_moot(const RtRequest *request)
{
	RtRequestKind kind = request->asked.kind;

	return (kind == RT_REQUEST_SUBSCRIBE || kind == RT_REQUEST_RECHECK ||
			kind == RT_REQUEST_LOGIN || kind == RT_REQUEST_UPGRADE || kind == RT_REQUEST_REPLAY ||
			kind == RT_REQUEST_RESUME || kind == RT_REQUEST_REPAIR ||
			kind == RT_REQUEST_REAUTH) &&
		rt_client_is_gone(request);
}

static RtWorkResult
run_nothing(void)
{
	RtWorkResult result = {.durability = RT_DURABLE};

	INSTR_TIME_SET_CURRENT(result.ended);
	return result;
}

static RtWorkResult
run_kind(RtRequest *request, instr_time began)
{
	if (is_moot(request))
		return run_nothing();
	switch (request->asked.kind)
	{
		case RT_REQUEST_SUBSCRIBE:
		case RT_REQUEST_RECHECK:
			return rt_access_run(request);
		case RT_REQUEST_LOGIN:
		case RT_REQUEST_UPGRADE:
			return rt_login_run(request);
		case RT_REQUEST_PUBLISH:
			return rt_publish_request_run(request);
		case RT_REQUEST_BRIDGE:
			return rt_bridge_run(request);
		case RT_REQUEST_CALL:
		case RT_REQUEST_STREAM:
		case RT_REQUEST_RELOAD:
		case RT_REQUEST_LOAD:
		case RT_REQUEST_UPLOAD:
		case RT_REQUEST_REAUTH:
			break;
		case RT_REQUEST_REPLAY:
			return rt_replay_run(request);
		case RT_REQUEST_RESUME:
			return rt_resume_run(request);
		case RT_REQUEST_REPAIR:
			return rt_club_roll_is_asked(request) ? rt_club_roll_run(request) :
				rt_repair_run(request);
		case RT_REQUEST_JOIN:
		case RT_REQUEST_LEAVE:
			return rt_member_run(request);
		case RT_REQUEST_MESSAGE:
			return rt_message_run(request);
		case RT_REQUEST_MODULE:
			return rt_module_run(request);
		case RT_REQUEST_CRON:
			return rt_cron_run(request);
		case RT_REQUEST_JOBS:
			return rt_jobs_run(request);
		case RT_REQUEST_INTAKE:
			return rt_intake_run(request);
		case RT_REQUEST_EFFECT:
			return rt_effect_run(request);
		case RT_REQUEST_CLOSE:
			return rt_close_run(request);
		case RT_REQUEST_WEBHOOK:
			return rt_webhook_run(request);
	}
	return rt_path_run(request, began);
}

/*
 * Whether another process should run the next request.  The launcher does not
 * hold that one back.
 */
static bool
is_used_up(void)
{
	executor.requests++;
	if (!(realtime_recycle_executors && rt_leftover_found()) &&
		(realtime_executor_max_calls == 0 ||
		 executor.requests < (uint64) realtime_executor_max_calls))
		return false;
	rt_worker_set_recycled(RT_WORKER_EXECUTOR, executor.index);
	return true;
}

/* Another executor may have it as soon as it is parked. */
static void
give_up(RtRequest *request, const RtWorkResult *result)
{
	leave_if_spoiled(result->session_is_spoiled);
	executor.has_request = false;
	rt_parking_park(request, result->waits_ms);
	MemoryContextReset(executor.context);
}

/* The two clocks are one, CLOCK_MONOTONIC. */
static void
count_wait(const RtRequest *request, instr_time began)
{
	int64		ms = Max(0, (int64) INSTR_TIME_GET_MILLISEC(began) -
						 rt_request_queued_since(request));
	pg_atomic_uint64 *waited = &executor.counters->waited_ms;

	count(&executor.counters->waits[rt_wait_bucket_of(ms)]);
	pg_atomic_write_u64(waited, pg_atomic_read_u64(waited) + ms);
}

static void
run_request(RtRequest *request)
{
	RtWorkResult result;
	instr_time	began;

	Assert(CurrentMemoryContext == executor.context);
	executor.has_request = true;
	INSTR_TIME_SET_CURRENT(began);
	count_wait(request, began);
	executor.mean_in_flight +=
		(rt_requests_in_use() - rt_requests_in_flight(RT_OWNER_SCHEDULER) - executor.mean_in_flight) / 16;
	rt_ring_own_end = rt_changes_own_end = 0;
	rt_once_reset();
	result = run_kind(request, began);
	if (result.waits_ms > 0)
	{
		give_up(request, &result);
		return;
	}
	if (request->asked.kind == RT_REQUEST_CALL ||
		request->asked.kind == RT_REQUEST_UPLOAD)
		request->answer_position = rt_ring_own_end;
	rt_reply_say_changes(request, rt_changes_own_end);
	/* it is the gateway's as soon as it is handed over */
	note_time(request, &result, began);
	rt_outgoing_add(request, result.durability, result.ended);
	executor.has_request = false;
	rt_once_answer_twins(executor.index, &result);

	count(&executor.counters->calls);
	if (result.failed)
		count(&executor.counters->errors);
	rt_work_log_rest();
	executor.idle_since_ms = 0;
	if (result.unavailable || !rt_is_ready())
		look();
	leave_if_spoiled(result.session_is_spoiled);
	executor.leaving |= is_used_up();
	if (rt_outgoing_is_due(result.ended) || executor.leaving)
		rt_outgoing_push();
	MemoryContextReset(executor.context);
}

/*
 * It is noted as idle already, so who wants a round from now on wakes it; and
 * who has the turn looks again afterwards.
 */
static bool
has_missed_round(void)
{
	return rt_is_ready() && rt_round_is_wanted() &&
		rt_query_round_is_free();
}

/* Whether there was a round to do. */
static bool
run_round(void)
{
	if (rt_query_round_is_due())
		rt_round_want();
	if (!rt_is_ready() || !rt_round_is_wanted() ||
		!rt_round_run())
		return false;
	executor.idle_since_ms = 0;
	MemoryContextReset(executor.context);
	return true;
}

/* Whether on_error functions are to be told something. */
static bool
has_failures(void)
{
	return rt_is_ready() && rt_query_observe_is_due();
}

/* One of them, before the next request. */
static void
tell_failure(void)
{
	if (!has_failures())
		return;
	leave_if_spoiled(rt_query_observe_next());
	executor.idle_since_ms = 0;
	MemoryContextReset(executor.context);
}

/* ---- waiting ---- */

/*
 * Waking a sleeper costs more than a short call.  With more than a caller or
 * two there is soon something to do anyway, and the processor is better left
 * to those who bring it.  The executor is already
 * noted as idle, so a request that comes now sets the latch, which is cheap
 * while nobody sleeps on it.
 */
static bool
spin(void)
{
	volatile Latch *latch = MyLatch;
	instr_time	began;
	instr_time	now;

	if (!executor.may_spin || executor.mean_us > SPIN_MEAN_MAX_US ||
		executor.mean_in_flight > SPIN_CALLS_MAX)
		return false;

	INSTR_TIME_SET_CURRENT(began);
	do
	{
		for (int i = 0; i < 32; i++)
		{
			if (latch->is_set)
				return true;
			SPIN_DELAY();
		}
		sched_yield();			/* whoever brings the call may need this core */
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, began);
	} while (INSTR_TIME_GET_MICROSEC(now) < SPIN_US);
	return false;
}

/* The shorter of two times to wait; < 0 = for ever. */
static long
shorter(long a, long b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long one that is not always needed stays idle from now on. */
static long
idle_time_left(void)
{
	int64		now;

	if (executor.index < realtime_executors || realtime_executor_idle_timeout == 0)
		return -1;
	now = rt_clock_ms();
	if (executor.idle_since_ms == 0)
		executor.idle_since_ms = now;
	return Max(0, executor.idle_since_ms + realtime_executor_idle_timeout - now);
}

static void
wait_for_latch(void)
{
	long		timeout = rt_is_ready() ? -1 : LOOK_MS;
	long		stats_timeout = pgstat_report_stat(false);
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	pgstat_report_activity(STATE_IDLE, NULL);
	if (stats_timeout > 0)
		timeout = shorter(timeout, stats_timeout);
	timeout = shorter(timeout, idle_time_left());
	timeout = shorter(timeout, rt_query_round_due_in());
	timeout = shorter(timeout, rt_log_limit_due_in());
	if (timeout >= 0)
		events |= WL_TIMEOUT;
	if ((WaitLatch(MyLatch, events, timeout, executor.wait_event) & WL_TIMEOUT) != 0)
		pgstat_report_stat(true);
}

/* It was not needed for some time: the launcher starts it again if it is. */
static void
retire(void)
{
	if (!rt_executor_retire(executor.index))
	{
		executor.idle_since_ms = 0; /* it is asked again as much later */
		return;
	}
	rt_worker_slot(RT_WORKER_EXECUTOR, executor.index)->retired = true;
	proc_exit(0);
}

static void
wait_for_request(void)
{
	if (!has_missed_round() && !spin())
		wait_for_latch();
	if (idle_time_left() == 0)
		retire();
	ResetLatch(MyLatch);
	rt_executor_not_idle(executor.index);
	rt_work_log_rest();
	if (rt_readiness_may_differ())
		look();
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
		rt_identity_settings_changed();
		rt_token_keys_settings_changed();
		look();
	}
}

/* The next process has the settings of the database as they are now. */
static void
look_at_settings(void)
{
	if (!rt_session_settings_may_differ())
		return;
	StartTransactionCommand();
	if (rt_session_settings_differ() && !executor.leaving)
	{
		executor.leaving = true;
		rt_worker_set_recycled(RT_WORKER_EXECUTOR, executor.index);
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(executor.context);
}

static void
leave(bool stopping)
{
	rt_outgoing_push();
	if (stopping && rt_executor_leave(executor.index))
		rt_service_hook_miss();
	proc_exit(1);
}

static void
await_others(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS,
					 executor.wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * When the server stops, what is queued is still run, as long as the grace lasts, and
 * nobody takes its place.  One that has nothing left to do stays, so that the last
 * one can be relied on.  Returns false if there is, or may be, something to do.
 */
static bool
is_done(void)
{
	rt_executors_keep_none();
	if (rt_requests_queued() && !rt_grace_is_over())
		return false;
	rt_outgoing_push();
	while (!rt_executor_may_end(executor.index))
	{
		if (!rt_grace_is_over())
			return false;
		await_others();
	}
	return true;
}

/* Ends the process if it has to. */
static void
leave_if_told(void)
{
	bool		stopping = rt_shutdown_is_requested() && rt_postmaster_is_stopping();

	if (executor.spoiled || (executor.leaving && !stopping))
		leave(stopping);
	if (rt_database_is_vacated(MyDatabaseId))
	{
		rt_outgoing_push();
		proc_exit(0);
	}
	if (!rt_shutdown_is_requested())
		return;
	if (stopping && !is_done())
		return;
	rt_outgoing_push();
	if (stopping && rt_executor_leave(executor.index))
		rt_service_hook_end();
	proc_exit(stopping ? 0 : 1);
}

static void
turn(void)
{
	RtRequest  *request;

	handle_interrupts();
	look_at_settings();
	leave_if_told();
	if (run_round())
		return;

	tell_failure();
	request = rt_request_take(executor.index, rt_outgoing_is_empty());
	if (request != NULL)
		run_request(request);
	else if (has_failures())
		return;
	else if (rt_outgoing_is_empty())
		wait_for_request();
	else
	{
		rt_outgoing_push();
		pgstat_report_stat(false);
	}
}

/*
 * An error has reached the loop.  A request that it has left behind is answered
 * when the process ends.
 */
static void
recover(void)
{
	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	disable_all_timeouts(false);
	QueryCancelPending = false;
	EmitErrorReport();
	if (geterrcode() != ERRCODE_QUERY_CANCELED || executor.has_request)
		proc_exit(1);
	AbortCurrentTransaction();
	MemoryContextSwitchTo(executor.context);
	FlushErrorState();
	RESUME_INTERRUPTS();
}

void
rt_executor_main(Datum arg)
{
	int			index = DatumGetInt32(arg);
	sigjmp_buf	on_error;
	uint32		generation;

	memcpy(&generation, MyBgworkerEntry->bgw_extra, sizeof(generation));
	rt_interrupt_init();
	connect_executor(index, generation);
	init_executor(index);

	if (sigsetjmp(on_error, 1) != 0)
		recover();
	PG_exception_stack = &on_error;
	for (;;)
		turn();
}

/*
 * work.c
 *		A transaction on behalf of a client, from its begin to a clean session.
 *
 * The order matters and is all here: claims before the transaction (so that
 * they survive its abort), the executor's own look-ups, then the snapshot,
 * the level that catches settings, the caller's role, the deadline; then what
 * the client asked for; the commit still under role and deadline, because
 * deferred triggers belong to the call; then everything back.  An error takes
 * the same way back, and ends here: only FATAL passes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "jit/jit.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "src/catalog/declaration.h"
#include "src/executor/commit.h"
#include "src/executor/context.h"
#include "src/executor/error_hook.h"
#include "src/executor/identity.h"
#include "src/executor/interrupt.h"
#include "src/executor/outgoing.h"
#include "src/executor/reply.h"
#include "src/executor/role_settings.h"
#include "src/executor/session_reset.h"
#include "src/executor/stale_plan.h"
#include "src/executor/work.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/parking.h"

#define RETRY_PAUSE_US 1000L		/* at most, before the first retry */

typedef enum Outcome
{
	DONE,						/* committed */
	FAILED,						/* rolled back; the fault is set */
	RETRYABLE,					/* the same, but trying again may help */
	STALE						/* the same, with new plans */
} Outcome;

static RtExecutorCounters *counters = NULL;
static RtWork *current = NULL;	/* in its transaction */

/* Somebody has caught that it gives up: in its code, or in that of a deferred trigger. */
static void
on_transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && current != NULL && current->waits_ms > 0)
		rt_work_give_up();
}

void
rt_work_init(RtExecutorCounters *executor_counters)
{
	counters = executor_counters;
	RegisterXactCallback(on_transaction_event, NULL);
}

RtWork *
rt_work_current(void)
{
	return current;
}

static void
count(pg_atomic_uint64 *counter)
{
	pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + 1);
}

void
rt_work_count_value(RtStreamTier tier)
{
	count(&counters->tiers[tier]);
}

/* Sessions run functions as well, and show nothing. */
void
rt_work_show_plans(uint64 bytes)
{
	if (counters != NULL)
		pg_atomic_write_u64(&counters->plan_bytes, bytes);
}

RtRequest *
rt_work_copy_request(const RtRequest *request)
{
	RtRequest  *copy = palloc(sizeof(RtRequest));

	*copy = *request;
	memset(&copy->answer, 0, sizeof(copy->answer));
	copy->answer_kind = RT_ANSWER_NONE;
	copy->answer_session = RT_SESSION_NONE;
	copy->overdue = copy->in_line = false;
	return copy;
}

char *
rt_work_path(RtRequest *request)
{
	return pnstrdup(rt_shared_text_get(&request->text) + request->asked.path.off,
					request->asked.path.len);
}

static void
describe_work(void *arg)
{
	RtWork	   *work = arg;
	const RtCaller *caller = rt_caller();

	if (caller == NULL || caller->request->asked.connection_id[0] == '\0')
		errcontext("realtime call \"%s\", request %s", work->activity,
				   rt_caller_request_id());
	else if (caller->anonymous)
		errcontext("realtime call \"%s\", request %s, connection %s, anonymous",
				   work->activity, rt_caller_request_id(),
				   caller->request->asked.connection_id);
	else
		errcontext("realtime call \"%s\", request %s, connection %s, user \"%.*s\"",
				   work->activity, rt_caller_request_id(),
				   caller->request->asked.connection_id,
				   (int) caller->session->user_id_len, caller->session->user_id);
}

/* The deadline counts from the first attempt. */
static void
arm_deadline(RtWork *work)
{
	if (work->started_at == 0)
		work->started_at = GetCurrentStatementStartTimestamp();
	work->deadline = work->timeout_ms <= 0 ? 0 :
		work->started_at + (int64) work->timeout_ms * 1000;
	rt_deadline_arm(work->deadline);
}

void
rt_work_restart_deadline(RtWork *work)
{
	work->started_at = GetCurrentTimestamp();
	arm_deadline(work);
	rt_overdue_watch(work->request);
}

/* A role that is missing is missing to everybody, and may be created soon. */
static bool
find_caller(RtWork *work)
{
	if (work->as_executor || (OidIsValid(work->owner) ? rt_identity_find_owner(work->owner) : rt_identity_find()))
		return true;
	work->unavailable = true;
	work->session_is_spoiled |= rt_identity_is_stale();
	rt_fault_set(&work->fault, RT_CODE_SERVICE_UNAVAILABLE, NULL);
	return false;
}

/* A role's statement_timeout makes the time shorter, never longer. */
static void
limit_timeout(RtWork *work)
{
	int			most = work->settings == NULL ? 0 : work->settings->statement_timeout_ms;

	if (most > 0 && (work->timeout_ms <= 0 || most < work->timeout_ms))
		work->timeout_ms = most;
}

/* As the executor: what is there to run, and with which limits? */
static bool
prepare_work(RtWork *work)
{
	bool		pushed;

	work->unavailable = false;
	work->read_only = work->flushes = false;
	work->mean_us = -1;
	work->timeout_ms = realtime_handler_timeout;

	arm_deadline(work);
	if (!work->prepare(work) || !find_caller(work))
		return false;

	limit_timeout(work);
	rt_commit_flushes(work->flushes);
	pushed = rt_outgoing_before(work->mean_us);
	if (pushed || work->timeout_ms != realtime_handler_timeout)
		arm_deadline(work);
	INSTR_TIME_SET_CURRENT(work->began);
	return true;
}

static void
run_as_caller(RtWork *work)
{
	if (work->read_only)
		XactReadOnly = true;
	PushActiveSnapshot(GetTransactionSnapshot());
	rt_session_reset_begin();
	if (work->settings != NULL)
		rt_role_settings_apply(work->settings);
	if (!work->as_executor)
		rt_identity_assume();

	work->run(work);
	work->stage = RT_STAGE_HANDLER;
	PopActiveSnapshot();
}

/* Before the first snapshot. */
static void
set_isolation(const RtWork *work)
{
	if (work->settings != NULL && work->settings->isolation >= 0)
		XactIsoLevel = work->settings->isolation;
	if (work->sees_latest)
		XactIsoLevel = XACT_READ_COMMITTED;
	if (work->take_snapshot != NULL)
		XactIsoLevel = XACT_REPEATABLE_READ;
}

static void
run_transaction(RtWork *work)
{
	MemoryContext context = CurrentMemoryContext;

	QueryCancelPending = false; /* it was meant for what ran before */
	rt_overdue_watch(work->request);
	work->stage = RT_STAGE_PREPARE;
	work->parameter = NULL;
	work->waits_ms = 0;
	memset(&work->fault, 0, sizeof(work->fault));

	if (!work->keeps_context)
		rt_context_clear();
	if (work->session != NULL)
		rt_identity_begin_as(work->request, work->session, work->user_data);
	else
		rt_identity_begin(work->request);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	MemoryContextSwitchTo(context);

	work->settings = work->as_executor ? NULL : rt_identity_settings();
	set_isolation(work);
	if (prepare_work(work))
	{
		if (work->take_snapshot != NULL)
			work->take_snapshot(work);
		run_as_caller(work);
	}
	if (!rt_overdue_may_commit())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement due to statement timeout"),
				 errdetail("The client has been told so.")));
	CommitTransactionCommand();
	rt_deadline_disarm();
	MemoryContextSwitchTo(context);
}

/* Anybody may be able to cause it, so the log has only some of a kind. */
static bool
may_log(const RtWork *work, const ErrorData *error)
{
	rt_work_log_rest();
	return rt_log_limit_allows(work->kind != NULL ? work->kind : work->activity,
							   error->sqlerrcode);
}

/* What has not been logged, now that its time is over. */
void
rt_work_log_rest(void)
{
	RtLogRest	rest;

	if (rt_log_limit_due_in() != 0)
		return;
	while (rt_log_limit_take_rest(&rest))
	{
		if (rest.name[0] == '\0')
			ereport(LOG,
					(errmsg("%u more errors of realtime calls were not logged", rest.count)));
		else
			ereport(LOG,
					(errmsg("%u more errors of realtime call \"%s\" were not logged",
							rest.count, rest.name),
					 errdetail("Their SQLSTATE is %s.", unpack_sql_state(rest.sqlstate)),
					 errhint("\"realtime.log_repeats\" says how many of a kind are.")));
	}
}

/* What is internal goes to the log now, with its context. */
static void
log_error(RtWork *work, const ErrorData *error, const RtErrorScene *scene)
{
	bool		is_for_operator = rt_fault_from_error(&work->fault, error, scene);

	if (work->is_unattended && !scene->shutting_down && !rt_error_is_retryable(error) &&
		rt_code_from_wire(work->fault.code) != RT_CODE_OVERLOADED)
		is_for_operator = work->fault.unexpected = true;
	if (!is_for_operator && !rt_error_is_about_inner_data(error, scene))
		return;
	work->fault.logged = may_log(work, error);
	if (work->fault.logged)
		EmitErrorReport();
}

/* In the catch block, the error still on the stack.  The client only learns the code. */
static Outcome
translate_error(RtWork *work)
{
	ErrorData  *error = CopyErrorData();
	RtErrorScene scene;
	const RtCaller *caller = rt_caller();

	scene.stage = work->stage;
	scene.parameter = work->parameter;
	scene.anonymous = caller == NULL || caller->anonymous;
	scene.deadline_passed = work->deadline != 0 &&
		GetCurrentTimestamp() >= work->deadline;
	scene.shutting_down = rt_grace_is_over();

	log_error(work, error, &scene);
	work->fault.request_id = rt_caller_request();
	FlushErrorState();
	if (scene.deadline_passed &&
		rt_code_from_wire(work->fault.code) == RT_CODE_TIMEOUT)
		rt_limit_hit(RT_LIMIT_HANDLER_TIMEOUT);
	elog(DEBUG1, "realtime call \"%s\" failed: %s: %s",
		 work->activity, work->fault.code, error->message);
	if (rt_error_is_retryable(error))
		return RETRYABLE;
	return work->stage != RT_STAGE_PREPARE && rt_stale_plan_explains(error) ?
		STALE : FAILED;
}

void
rt_work_give_up(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("the call has to wait for another one"),
			 errdetail("It is run again when that one has ended.")));
}

/* As PostgresMain() does after an error. */
static Outcome
recover(RtWork *work, MemoryContext context)
{
	Outcome		outcome;

	HOLD_INTERRUPTS();
	rt_overdue_watch(NULL);
	disable_all_timeouts(false);
	rt_hold_up_rearm();
	QueryCancelPending = false;
	MemoryContextSwitchTo(context);
	if (work->waits_ms > 0)
		FlushErrorState();
	outcome = work->waits_ms > 0 ? FAILED : translate_error(work);
	AbortCurrentTransaction();
	PortalErrorCleanup();
	if (MyReplicationSlot != NULL)
		ReplicationSlotRelease();
	jit_reset_after_error();
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();
	return outcome;
}

static Outcome
attempt(RtWork *work)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorContextCallback callback;
	volatile Outcome outcome = DONE;

	callback.callback = describe_work;
	callback.arg = work;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	current = work;

	PG_TRY();
	{
		run_transaction(work);
	}
	PG_CATCH();
	{
		outcome = recover(work, context);
	}
	PG_END_TRY();

	current = NULL;
	error_context_stack = callback.previous;
	INSTR_TIME_SET_CURRENT(work->ended);
	rt_identity_end();
	work->durability = rt_durability_sum(work->durability, rt_commit_end());
	if (!rt_session_reset())
		work->session_is_spoiled = true;
	return outcome;
}

/*
 * Two calls that have hindered each other must not go on in step: a random
 * pause, longer each time.  The first one is next to nothing.
 */
static void
pause_before_retry(int retries)
{
	pg_usleep((long) (pg_prng_double(&pg_global_prng_state) *
					  (RETRY_PAUSE_US << Min(retries, 6))));
}

/*
 * A failure may tell of what was seen, as a duplicate key does.  If too many
 * answers wait for standbys already it tells nothing.
 */
static void
withhold_fault(RtWork *work)
{
	if (work->fault.code == NULL || work->durability.mode == SYNC_REP_NO_WAIT ||
		!rt_answers_crowd_for_standbys())
		return;
	rt_fault_set(&work->fault, RT_CODE_OVERLOADED, NULL);
	work->durability = RT_DURABLE;
}

static bool
may_retry(const RtWork *work, Outcome outcome, int retries)
{
	return (outcome == STALE || retries < realtime_max_retries) &&
		!work->session_is_spoiled && !work->is_unrepeatable &&
		!rt_shutdown_is_requested() &&
		(work->deadline == 0 || GetCurrentTimestamp() < work->deadline);
}

/* The log has the error already. */
static void
renew_plans(const RtWork *work)
{
	ereport(LOG,
			(errmsg("realtime call \"%s\" is run again with new plans",
					work->activity),
			 errdetail("A change of tables or types may explain its error.")));
	rt_stale_plan_discard();
}

void
rt_work_begin(RtWork *work, RtRequest *request, const char *activity,
			  bool (*prepare) (RtWork *work), void (*run) (RtWork *work))
{
	memset(work, 0, sizeof(*work));
	work->request = request;
	work->activity = activity;
	work->prepare = prepare;
	work->run = run;
}

void
rt_work_run(RtWork *work)
{
	work->started_at = rt_parking_is_over(work->request) ? 0 :
		rt_parking_since(work->request);
	INSTR_TIME_SET_ZERO(work->began);
	rt_stale_plan_begin();
	work->session_is_spoiled = false;
	work->durability = RT_DURABLE;
	rt_work_continue(work);
}

void
rt_work_continue(RtWork *work)
{
	debug_query_string = work->activity;
	SetCurrentStatementStartTimestamp();	/* the view shows it */
	pgstat_report_activity(STATE_RUNNING, work->activity);

	for (int retries = 0;; retries++)
	{
		Outcome		outcome = attempt(work);

		if (outcome < RETRYABLE || !may_retry(work, outcome, retries))
			break;
		if (outcome == STALE)
			renew_plans(work);
		rt_reply_reset(work->request);
		pause_before_retry(retries);
		count(&counters->retries);
	}
	rt_error_hook_run(work);
	withhold_fault(work);
	debug_query_string = NULL;
}

bool
rt_work_refresh_declarations(RtWork *work)
{
	if (rt_declarations_refresh())
		return true;
	work->unavailable = true;
	rt_fault_set(&work->fault, RT_CODE_SERVICE_UNAVAILABLE, NULL);
	return false;
}

bool
rt_work_is_wanted(RtWork *work)
{
	if (!rt_client_is_gone(work->request))
		return true;
	rt_fault_set(&work->fault, RT_CODE_CANCELLED, NULL);
	return false;
}

void
rt_work_reply_fault(RtWork *work)
{
	if (work->unavailable)
		rt_reply_unavailable(work->request);
	else
		rt_reply_failure(work->request, &work->fault);
}

RtWorkResult
rt_work_result(const RtWork *work)
{
	RtWorkResult result;

	result.failed = work->fault.code != NULL;
	result.code = result.failed ? rt_code_from_wire(work->fault.code) : RT_CODE_CUSTOM;
	result.ran = !INSTR_TIME_IS_ZERO(work->began);
	result.unavailable = work->unavailable;
	result.session_is_spoiled = work->session_is_spoiled;
	result.waits_ms = work->waits_ms;
	result.durability = work->durability;
	result.ended = work->ended;
	return result;
}

void
rt_work_add_result(RtWorkResult *result, const RtWork *work)
{
	RtWorkResult more = rt_work_result(work);

	result->failed |= more.failed;
	result->ran |= more.ran;
	result->session_is_spoiled |= more.session_is_spoiled;
	result->unavailable |= more.unavailable;
	result->durability = rt_durability_sum(result->durability, more.durability);
	result->ended = more.ended;
}

double
rt_work_run_time(const RtWork *work)
{
	instr_time	time = work->ended;

	INSTR_TIME_SUBTRACT(time, work->began);
	return INSTR_TIME_GET_MICROSEC(time);
}

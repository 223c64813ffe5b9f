/*
 * interrupt.c
 *		Signals of an executor, and the deadlines of what it runs.
 *
 * SIGTERM must not end a running call at once: on a fast shutdown the
 * postmaster signals all workers together, and calls are promised
 * realtime.shutdown_timeout.  So the handler only notes the time.  While
 * something runs, a timer ticks and turns an overdue shutdown into a query
 * cancel; setting a timer in the signal handler itself would not be safe.  A
 * handler may catch a cancel and go on, so what still runs a little later is
 * ended together with the process, as SIGTERM ends a session.  The same befalls
 * what runs in a database that is to be dropped, renamed or moved, because
 * that waits for us.  What goes on after its deadline is cancelled again and
 * again; its client is told that the time is up, which is why it may not commit
 * then, and in the end the process ends with it.
 * Ticks cost nothing for short calls: PostgreSQL leaves a pending alarm alone
 * when the timeouts behind it come and go.
 */
#include "postgres.h"

#include <signal.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/timeout.h"

#include "src/executor/interrupt.h"
#include "src/executor/outgoing.h"
#include "src/guc.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/upload.h"
#include "src/ipc/vacate.h"

#define TICK_MS 200				/* between looks for an overdue shutdown */
#define VACATE_GRACE_MS 2000	/* at most, from the first tick */
#define LAST_GRACE_MS 1000		/* for who has caught a cancel */
#define OVERDUE_MS 100			/* after its deadline, for who has caught a
								 * cancel */
#define OVERDUE_GRACE_MS 3000	/* then the process ends */
#define HOLDING_TICK_MS 5		/* while answers wait for this call */
#define HOLD_UP_MS 20			/* a job that runs so long keeps nobody from others */

static volatile sig_atomic_t shutdown_requested = false;
static volatile TimestampTz shutdown_deadline = 0;	/* set before the flag */
static volatile TimestampTz vacate_deadline = 0;	/* 0 = none was wanted */
static volatile TimestampTz call_deadline = 0;	/* 0 = none */
static TimeoutId tick_timeout;
static TimeoutId hold_up_timeout;
static RtRequest *volatile watched = NULL;	/* what may become overdue */
static volatile int watched_upload = RT_UPLOAD_NONE;

static void
on_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (!shutdown_requested)
	{
		shutdown_deadline = GetCurrentTimestamp() +
			(int64) realtime_shutdown_timeout * 1000;
		shutdown_requested = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

/* When what runs must have ended; 0 = it need not. */
static TimestampTz
end_of_grace(void)
{
	if (shutdown_requested &&
		(vacate_deadline == 0 || shutdown_deadline < vacate_deadline))
		return shutdown_deadline;
	return vacate_deadline;
}

static bool
has_passed(TimestampTz deadline, int grace_ms)
{
	return deadline != 0 &&
		GetCurrentTimestamp() >= deadline + grace_ms * INT64CONST(1000);
}

static void
cancel_what_runs(void)
{
	InterruptPending = true;
	QueryCancelPending = true;
}

static void
look_for_vacating(void)
{
	int			grace_ms = Min(realtime_shutdown_timeout, VACATE_GRACE_MS);

	if (!rt_database_is_vacated(MyDatabaseId))
		vacate_deadline = 0;
	else if (vacate_deadline == 0)
		vacate_deadline = GetCurrentTimestamp() + grace_ms * INT64CONST(1000);
}

static void
look_for_overdue(void)
{
	if (!has_passed(call_deadline, OVERDUE_MS))
		return;
	if (watched != NULL && !watched->overdue)
		rt_request_set_overdue(watched);
	cancel_what_runs();
	ProcDiePending |= has_passed(call_deadline, OVERDUE_GRACE_MS);
}

static void
on_tick(void)
{
	look_for_vacating();
	if (rt_grace_is_over())
	{
		cancel_what_runs();
		/* a second cancel changes nothing for who has caught the first */
		ProcDiePending |= has_passed(end_of_grace(), LAST_GRACE_MS);
	}
	look_for_overdue();
	if (watched_upload != RT_UPLOAD_NONE && rt_upload_is_aborted(watched_upload))
		cancel_what_runs();
	rt_outgoing_alarm();
}

void
rt_interrupt_init(void)
{
	pqsignal(SIGTERM, on_sigterm);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();
}

static void
on_hold_up(void)
{
	rt_job_hold_up(rt_executor_self());
}

void
rt_interrupt_init_timer(void)
{
	tick_timeout = RegisterTimeout(USER_TIMEOUT, on_tick);
	hold_up_timeout = RegisterTimeout(USER_TIMEOUT, on_hold_up);
}

bool
rt_shutdown_is_requested(void)
{
	return shutdown_requested;
}

bool
rt_grace_is_over(void)
{
	return has_passed(end_of_grace(), 0);
}

void
rt_grace_renew(int ms)
{
	shutdown_deadline = GetCurrentTimestamp() + (int64) ms * 1000;
}

void
rt_deadline_arm(TimestampTz deadline)
{
	EnableTimeoutParams timeouts[2];
	int			n = 0;

	if (!get_timeout_active(tick_timeout))
		vacate_deadline = 0;	/* something new begins */
	call_deadline = deadline;
	timeouts[n].id = tick_timeout;
	timeouts[n].type = TMPARAM_EVERY;
	timeouts[n++].delay_ms = rt_outgoing_is_empty() ? TICK_MS : HOLDING_TICK_MS;
	if (deadline != 0)
	{
		timeouts[n].id = STATEMENT_TIMEOUT;
		timeouts[n].type = TMPARAM_AT;
		timeouts[n++].fin_time = deadline;
	}
	else
		disable_timeout(STATEMENT_TIMEOUT, false);
	enable_timeouts(timeouts, n);
}

void
rt_deadline_disarm(void)
{
	DisableTimeoutParams timeouts[2];

	timeouts[0].id = STATEMENT_TIMEOUT;
	timeouts[0].keep_indicator = false;
	timeouts[1].id = tick_timeout;
	timeouts[1].keep_indicator = false;
	disable_timeouts(timeouts, lengthof(timeouts));
	QueryCancelPending = false;
}

static bool hold_up_is_armed = false;

void
rt_hold_up_arm(void)
{
	hold_up_is_armed = true;
	enable_timeout_after(hold_up_timeout, HOLD_UP_MS);
}

void
rt_hold_up_rearm(void)
{
	if (hold_up_is_armed)
		rt_hold_up_arm();
}

void
rt_hold_up_disarm(void)
{
	hold_up_is_armed = false;
	disable_timeout(hold_up_timeout, false);
}

void
rt_overdue_watch(RtRequest *request)
{
	watched = request;
}

bool
rt_overdue_may_commit(void)
{
	RtRequest  *request = watched;

	watched = NULL;
	return request == NULL || !request->overdue;
}

void
rt_upload_watch(int place)
{
	watched_upload = place;
}

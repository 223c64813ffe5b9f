/*
 * launcher.c
 *		Has executors and the scheduler run when they can, and knows why when
 *		they cannot.
 *
 * The launcher is connected to no database: it reads the shared catalogs only
 * and cannot be in the way of a DROP DATABASE.  keeper.c starts and restarts
 * the workers.
 *
 * While the database or the role is missing nothing is started and nothing is
 * logged again; the hooks in the backends set our latch when one is created,
 * and we look again every few seconds in case something else changed.
 */
#include "postgres.h"

#include <signal.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/compat.h"
#include "src/guc.h"
#include "src/ipc/client_order.h"
#include "src/ipc/clock.h"
#include "src/ipc/flush_request.h"
#include "src/ipc/parking.h"
#include "src/ipc/request.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/vacate.h"
#include "src/ipc/worker_slot.h"
#include "src/launcher/growth.h"
#include "src/launcher/keeper.h"
#include "src/launcher/launcher.h"
#include "src/launcher/limits.h"
#include "src/realtime.h"

#define BUSY_LOOK_MS 50			/* while it flushes, or watches the queue, all
								 * the time */
#define AFTER_ERROR_MS 1000		/* the log is not to be flooded */
#define NO_EXECUTOR_MS 5000		/* that calls wait for the first executor */

static int64 rest_until_ms = 0; /* after an error */
static bool told_none = false;	/* the log has it */
static int64 none_since_ms = 0; /* that no executor runs; 0 = some do */

/* ---- what is there ---- */

/*
 * Whether somebody holds the database exclusively: it is being dropped,
 * renamed, moved or copied.  A worker started now would only wait for that,
 * and then perhaps fail.
 */
static bool
database_is_locked(Oid database)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, false);
	return false;
}

/*
 * Whoever rewrites the catalogs (VACUUM FULL) holds them for as long as it
 * takes.  We do not wait for that: a stop, and commits that nobody else
 * flushes, cannot either.
 */
static bool
lock_catalogs(void)
{
	return ConditionalLockRelationOid(DatabaseRelationId, AccessShareLock) &&
		ConditionalLockRelationOid(AuthIdRelationId, AccessShareLock);
}

/*
 * Finds a row of a shared catalog, which is locked, by a name column; NULL if
 * there is none.
 * By a sequential scan: a process without a database has no indexes until
 * some session has written the file of shared relation descriptors.
 */
static HeapTuple
find_by_name(Oid catalog, int name_column, const char *name)
{
	Relation	relation = table_open(catalog, NoLock);
	TableScanDesc scan = table_beginscan_catalog(relation, 0, NULL);
	HeapTuple	found = NULL;
	HeapTuple	tuple;

	while (found == NULL &&
		   (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, name_column,
										 RelationGetDescr(relation), &isnull);

		if (!isnull && strcmp(NameStr(*DatumGetName(value)), name) == 0)
			found = heap_copytuple(tuple);
	}
	table_endscan(scan);
	table_close(relation, NoLock);
	return found;
}

static Oid
find_database(const char *name)
{
	HeapTuple	tuple = find_by_name(DatabaseRelationId,
									 Anum_pg_database_datname, name);

	return tuple != NULL ? ((Form_pg_database) GETSTRUCT(tuple))->oid : InvalidOid;
}

static bool
role_can_log_in(const char *name)
{
	HeapTuple	tuple = find_by_name(AuthIdRelationId,
									 Anum_pg_authid_rolname, name);

	return tuple != NULL && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
}

/* READY here means that executors can be started. */
static RtServiceState
read_catalogs(void)
{
	RtServiceState result = RT_SERVICE_READY;
	Oid			database;

	PushActiveSnapshot(GetTransactionSnapshot());
	database = find_database(realtime_database);
	if (!OidIsValid(database))
		result = RT_SERVICE_NO_DATABASE;
	else if (rt_database_is_vacated(database) || database_is_locked(database))
		result = RT_SERVICE_VACATED;
	else if (!role_can_log_in(realtime_executor_role))
		result = RT_SERVICE_NO_ROLE;
	PopActiveSnapshot();
	return result;
}

/* Returns false if it cannot be known at the moment. */
static bool
look(RtServiceState *state)
{
	bool		locked;

	StartTransactionCommand();
	locked = lock_catalogs();
	if (locked)
		*state = read_catalogs();
	CommitTransactionCommand();
	return locked;
}

/* ---- executors ---- */

static bool
any_is_connected(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		RtWorkerSlot *slot = rt_worker_slot(RT_WORKER_EXECUTOR, i);

		if (pg_atomic_read_u32(&slot->state) == RT_WORKER_RUNNING &&
			OidIsValid(pg_atomic_read_u32(&slot->database)))
			return true;
	}
	return false;
}

/* Executors say what is true: those that start, and those that never left. */
static void
ask_executors(void)
{
	rt_service_set_state(RT_SERVICE_STARTING);
	rt_worker_wake_all(RT_WORKER_EXECUTOR);
}

/*
 * Calls wait while executors are being started, but not for ever: they may be
 * refused a place, or entry to the database.  Returns how long to sleep.
 */
static long
watch_executors(long sleep)
{
	int64		now_ms = rt_clock_ms();

	if (any_is_connected())
	{
		none_since_ms = 0;
		if (told_none)
			ereport(LOG, (errmsg("realtime has executors again")));
		told_none = false;
		if (rt_service_state() == RT_SERVICE_NO_EXECUTOR)
			ask_executors();
		return sleep;
	}
	if (none_since_ms == 0)
		none_since_ms = now_ms;
	if (now_ms - none_since_ms < NO_EXECUTOR_MS)
		return Min(sleep, NO_EXECUTOR_MS);
	(void) rt_service_set_state(RT_SERVICE_NO_EXECUTOR);
	if (!told_none)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("realtime has no executor: calls and new connections are refused"),
				 errdetail("None could be started for %d seconds.  Events are delivered to those who are connected.",
						   NO_EXECUTOR_MS / 1000),
				 errhint("What the log says before this is the cause.  It is tried again.")));
	told_none = true;
	rt_requests_refuse_queued(RT_ANSWER_UNAVAILABLE);
	return Min(sleep, RT_LAUNCHER_LOOK_MS);
}

/* ---- the service's state ---- */

static bool
is_launchers_state(RtServiceState state)
{
	return state == RT_SERVICE_NO_DATABASE || state == RT_SERVICE_NO_ROLE ||
		state == RT_SERVICE_VACATED;
}

static void
report_state(RtServiceState state)
{
	static RtServiceState reported = RT_SERVICE_READY;

	if (state == reported)
		return;
	reported = state;
	if (state == RT_SERVICE_NO_DATABASE)
		ereport(LOG,
				(errmsg("realtime waits for database \"%s\"", realtime_database),
				 errdetail("It does not exist.")));
	else if (state == RT_SERVICE_NO_ROLE)
		ereport(LOG,
				(errmsg("realtime waits for role \"%s\"", realtime_executor_role),
				 errdetail("It does not exist or cannot log in."),
				 errhint("CREATE EXTENSION realtime in database \"%s\" creates it.",
						 realtime_database)));
}

/* Returns how long to sleep at most, in ms. */
static long
manage_workers(void)
{
	RtServiceState state;

	if (!look(&state))
		return RT_LAUNCHER_BUSY_MS;
	report_state(state);
	if (state == RT_SERVICE_READY)
	{
		if (is_launchers_state(rt_service_state()))
			ask_executors();
		return watch_executors(rt_keeper_start_workers());
	}

	none_since_ms = 0;
	rt_keeper_forget_failures();
	if (state == RT_SERVICE_VACATED)
	{
		rt_service_set_state(state);
		return RT_LAUNCHER_BUSY_MS;
	}
	/* before gateways close the sockets, and what came in meanwhile */
	rt_requests_refuse_queued(RT_ANSWER_UNAVAILABLE);
	rt_service_set_state(state);
	rt_requests_refuse_queued(RT_ANSWER_UNAVAILABLE);
	return RT_LAUNCHER_LOOK_MS;
}

/* ---- commits that nobody else flushes ---- */

/* Returns whether there was anything to flush. */
static bool
flush_commits(void)
{
	static XLogRecPtr flushed = InvalidXLogRecPtr;
	XLogRecPtr	wanted = rt_flush_requested();

	if (wanted <= flushed)
		return false;
	XLogFlush(wanted);
	flushed = wanted;
	rt_flush_wake_waiting();
	return true;
}

/* ---- the process ---- */

static void
recover_from_error(void)
{
	HOLD_INTERRUPTS();
	EmitErrorReport();
	LWLockReleaseAll();
	pgstat_report_wait_end();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(TopMemoryContext);
	FlushErrorState();
	RESUME_INTERRUPTS();
	rest_until_ms = rt_clock_ms() + AFTER_ERROR_MS;
}

/* Returns how long to sleep at most, in ms. */
static long
do_what_is_due(void)
{
	static int64 last_look_ms = 0;
	static long timeout = 0;
	int64		now_ms = rt_clock_ms();
	long		growth_timeout;
	bool		busy;

	if (now_ms < rest_until_ms)
		return AFTER_ERROR_MS / 10;
	rt_limits_tell();
	busy = flush_commits() || rt_request_queue_is_watched();
	growth_timeout = Min(rt_growth_look(), rt_parking_look());
	/* what happens all the time must not make us look at catalogs all the time */
	if (busy && now_ms - last_look_ms < BUSY_LOOK_MS)
		return Min(Min(timeout, BUSY_LOOK_MS), growth_timeout);
	last_look_ms = now_ms;
	timeout = manage_workers();
	return Min(timeout, growth_timeout);
}

/* Roles that are others now see other things: all are asked again what they may. */
static void
read_settings(void)
{
	char	   *anonymous = pstrdup(realtime_anonymous_role);
	char	   *authenticated = pstrdup(realtime_authenticated_role);
	RtOrder		order = {.kind = RT_ORDER_RECHECK,.what = {RT_RECHECK_ALL, 0}};

	ProcessConfigFile(PGC_SIGHUP);
	if (strcmp(anonymous, realtime_anonymous_role) != 0 ||
		strcmp(authenticated, realtime_authenticated_role) != 0)
		rt_clients_order(&order, 1);
	pfree(anonymous);
	pfree(authenticated);
}

static void
launcher_loop(void)
{
	static uint32 wait_event = 0;
	long		timeout = do_what_is_due();

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 timeout, rt_wait_event(&wait_event, "RealtimeLauncherMain"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		read_settings();
	}
}

void
rt_launcher_main(Datum main_arg)
{
	sigjmp_buf	on_error;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGUSR1, procsignal_sigusr1_handler);
	BackgroundWorkerUnblockSignals();

	if (!rt_worker_attach(RT_WORKER_LAUNCHER, 0, 0))
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the realtime launcher is running already")));
	rt_forbid_transaction_timeout();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	rt_payload_attach();
	rt_keeper_init();
	pgstat_report_activity(STATE_IDLE, NULL);

	if (sigsetjmp(on_error, 1) != 0)
	{
		error_context_stack = NULL;
		recover_from_error();
	}
	PG_exception_stack = &on_error;

	while (!ShutdownRequestPending)
		launcher_loop();
	proc_exit(rt_postmaster_is_stopping() ? 0 : 1);
}

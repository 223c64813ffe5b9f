/*
 * keeper.c
 *		Keeps the workers alive that are not the postmaster's: the executors and
 *		the scheduler.
 *
 * They are dynamic workers that the postmaster does not restart; the launcher
 * does, from their slots:
 *
 *		FREE --register--> STARTING --attach--> RUNNING --exit--> FREE
 *
 * A slot's generation goes to the worker with its registration, so a worker
 * that turns up late, after the slot was given up, leaves again.  A launcher
 * that dies is restarted by the postmaster and finds the running workers in
 * their slots; what it finds STARTING it gives up.
 *
 * Executors come first: if there are too few places for worker processes it
 * is the scheduler that goes without.  Executors beyond realtime.executors are
 * started when somebody asks for another one, and left alone when they end.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/memutils.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/worker_slot.h"
#include "src/launcher/keeper.h"
#include "src/launcher/launcher.h"
#include "src/realtime.h"

#define NO_PLACE_MS 1000		/* that a place may be taken by one who leaves */
#define SHORT_LIFE_MS 5000		/* a worker that lives less is held back */
#define MAX_DELAY_MS 30000

typedef struct KeptWorker
{
	RtWorkerKind kind;
	int			index;			/* of its slot */
	BackgroundWorkerHandle *handle; /* of the last registration */
	bool		has_run;		/* since its delay was decided */
	int64		started_ms;		/* of the last registration */
	int64		not_before_ms;	/* next start */
	int			delay_ms;		/* grows with each short life */
} KeptWorker;

static KeptWorker *workers = NULL;	/* the least executors, the others, the
									 * scheduler */
static int	worker_count = 0;
static int64 no_place_since_ms = 0; /* 0 = the last one got a place */
static bool told_no_place = false;
static bool told_no_place_to_grow = false;
static bool told_too_few = false;	/* all are there, and not enough */
static int64 grow_not_before_ms = 0;

void
rt_keeper_init(void)
{
	int			executors = rt_worker_count(RT_WORKER_EXECUTOR);

	workers = MemoryContextAllocZero(TopMemoryContext,
									 (executors + 1) * sizeof(KeptWorker));
	for (int i = 0; i < executors; i++)
	{
		workers[worker_count].kind = RT_WORKER_EXECUTOR;
		workers[worker_count++].index = i;
	}
	workers[worker_count++].kind = RT_WORKER_SCHEDULER;
}

/* Whether it is started again whenever it ends. */
static bool
is_always_wanted(const KeptWorker *kept)
{
	return kept->kind != RT_WORKER_EXECUTOR || kept->index < realtime_executors;
}

static RtWorkerSlot *
slot_of(const KeptWorker *kept)
{
	return rt_worker_slot(kept->kind, kept->index);
}

/* ---- starting one ---- */

static void
name_worker(const KeptWorker *kept, BackgroundWorker *worker)
{
	const char *function;

	if (kept->kind == RT_WORKER_SCHEDULER)
	{
		function = "rt_scheduler_main";
		strlcpy(worker->bgw_type, "realtime scheduler", BGW_MAXLEN);
		strlcpy(worker->bgw_name, "realtime scheduler", BGW_MAXLEN);
	}
	else
	{
		function = "rt_executor_main";
		strlcpy(worker->bgw_type, "realtime executor", BGW_MAXLEN);
		snprintf(worker->bgw_name, BGW_MAXLEN, "realtime executor %d", kept->index);
	}
	strlcpy(worker->bgw_library_name, RT_LIBRARY, sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
}

static void
give_up_starting(KeptWorker *kept)
{
	RtWorkerSlot *slot = slot_of(kept);
	uint32		starting = RT_WORKER_STARTING;

	pg_atomic_fetch_add_u32(&slot->generation, 1);
	(void) pg_atomic_compare_exchange_u32(&slot->state, &starting, RT_WORKER_FREE);
}

/* Returns false if there is no place for another worker process. */
static bool
register_worker(KeptWorker *kept)
{
	RtWorkerSlot *slot = slot_of(kept);
	BackgroundWorker worker;
	uint32		generation = pg_atomic_add_fetch_u32(&slot->generation, 1);
	uint32		expected = RT_WORKER_FREE;

	memset(&worker, 0, sizeof(worker));
	name_worker(kept, &worker);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = Int32GetDatum(kept->index);
	memcpy(worker.bgw_extra, &generation, sizeof(generation));
	worker.bgw_notify_pid = MyProcPid;

	if (!pg_atomic_compare_exchange_u32(&slot->state, &expected, RT_WORKER_STARTING))
		return true;
	if (kept->handle != NULL)
		pfree(kept->handle);
	kept->handle = NULL;
	if (RegisterDynamicBackgroundWorker(&worker, &kept->handle))
		return true;
	kept->handle = NULL;
	give_up_starting(kept);
	return false;
}

/*
 * A worker that is ending keeps its place for a moment: only if there is none
 * for longer are they too few.
 */
static void
tell_no_place(const KeptWorker *kept, int64 now_ms)
{
	BackgroundWorker worker;

	if (no_place_since_ms == 0)
		no_place_since_ms = now_ms;
	if (told_no_place || now_ms - no_place_since_ms < NO_PLACE_MS)
		return;
	told_no_place = true;
	name_worker(kept, &worker);
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not start %s: no worker process is left",
					worker.bgw_name),
			 errhint("Increase max_worker_processes (now %d).", max_worker_processes)));
}

static void
tell_no_place_to_grow(void)
{
	if (told_no_place_to_grow)
		return;
	told_no_place_to_grow = true;
	ereport(LOG,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("calls wait for executors, but no worker process is left for another one"),
			 errhint("Increase max_worker_processes (now %d), or lower \"realtime.max_executors\" to what there is room for.",
					 max_worker_processes)));
}

/* ---- watching them ---- */

/* A worker that was registered and is gone before it attached. */
static void
notice_failed_start(KeptWorker *kept)
{
	pid_t		pid;

	if (kept->handle == NULL ||
		GetBackgroundWorkerPid(kept->handle, &pid) == BGWH_STOPPED)
		give_up_starting(kept);
}

/*
 * A worker that did not live long is started again later and later; one that
 * did, at once.
 */
static void
hold_back(KeptWorker *kept, int64 now_ms)
{
	if (!kept->has_run)
		return;
	kept->has_run = false;
	if (rt_worker_take_recycled(kept->kind, kept->index) ||
		slot_of(kept)->retired ||
		now_ms - kept->started_ms >= SHORT_LIFE_MS)
		kept->delay_ms = 0;
	else
		kept->delay_ms = kept->delay_ms == 0 ? 100 :
			Min(kept->delay_ms * 2, MAX_DELAY_MS);
	kept->not_before_ms = now_ms + kept->delay_ms;
}

static void
note_start(KeptWorker *kept, int64 now_ms)
{
	kept->has_run = true;
	kept->started_ms = now_ms;
}

/* Starts one if it is not running.  Returns how long to sleep at most. */
static long
look_after(KeptWorker *kept, int64 now_ms)
{
	pg_atomic_uint32 *state = &slot_of(kept)->state;
	long		sleep = RT_LAUNCHER_IDLE_MS;

	if (pg_atomic_read_u32(state) == RT_WORKER_STARTING)
	{
		notice_failed_start(kept);
		sleep = RT_LAUNCHER_LOOK_MS;
	}
	if (pg_atomic_read_u32(state) != RT_WORKER_FREE)
		return sleep;

	if (!is_always_wanted(kept))
		return sleep;
	hold_back(kept, now_ms);
	if (kept->not_before_ms > now_ms)
		return Min(sleep, kept->not_before_ms - now_ms);
	if (!register_worker(kept))
	{
		tell_no_place(kept, now_ms);
		return told_no_place ? RT_LAUNCHER_LOOK_MS : RT_LAUNCHER_BUSY_MS;
	}
	no_place_since_ms = 0;
	note_start(kept, now_ms);
	return sleep;
}

long
rt_keeper_start_workers(void)
{
	int64		now_ms = rt_clock_ms();
	long		sleep = RT_LAUNCHER_IDLE_MS;

	for (int i = 0; i < worker_count; i++)
		sleep = Min(sleep, look_after(&workers[i], now_ms));
	return sleep;
}

/* ---- one more ---- */

/* Once, until there are enough again. */
static void
note_too_few(void)
{
	if (!told_too_few && rt_executors_present() == rt_worker_count(RT_WORKER_EXECUTOR))
	{
		told_too_few = true;
		rt_limit_hit(RT_LIMIT_EXECUTORS);
	}
}

void
rt_keeper_has_enough(void)
{
	told_too_few = false;
}

/* The first executor that is not there; NULL if one is on its way. */
static KeptWorker *
find_place_to_grow(void)
{
	KeptWorker *found = NULL;

	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		bool		present = rt_executor_is_present(workers[i].index);

		if (pg_atomic_read_u32(&slot_of(&workers[i])->state) == RT_WORKER_FREE)
		{
			if (found == NULL)
				found = &workers[i];
		}
		else if (!present)
			return NULL;
	}
	return found != NULL && !is_always_wanted(found) ? found : NULL;
}

void
rt_keeper_add_executor(void)
{
	int64		now_ms = rt_clock_ms();
	KeptWorker *kept = find_place_to_grow();

	if (kept == NULL)
		note_too_few();
	if (kept == NULL || now_ms < grow_not_before_ms)
		return;
	hold_back(kept, now_ms);
	if (kept->not_before_ms > now_ms)
		return;
	if (register_worker(kept))
	{
		note_start(kept, now_ms);
		return;
	}
	tell_no_place_to_grow();
	grow_not_before_ms = now_ms + RT_LAUNCHER_LOOK_MS;
}

void
rt_keeper_forget_failures(void)
{
	for (int i = 0; i < worker_count; i++)
	{
		workers[i].has_run = false;
		workers[i].not_before_ms = 0;
		workers[i].delay_ms = 0;
	}
}

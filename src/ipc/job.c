/*
 * job.c
 *		What processes tell each other of jobs.
 *
 * One LWLock protects claims, and one for each executor the job that it runs; a
 * spinlock each the start of a queue.  Wishes are atomics.  Nothing else is locked
 * meanwhile.
 */
#include "postgres.h"

#include <signal.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/ipc/clock.h"
#include "src/ipc/job.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/worker_slot.h"

#define INTERRUPTED_MAX 64		/* jobs whose executors have ended */

/* Of the queues whose names have a hash. */
typedef struct Place
{
	pg_atomic_uint32 wanted;
	pg_atomic_uint32 armed;		/* number of a request and one; 0 = none */
	slock_t		lock;			/* protects what follows */
	int			moved_by;		/* the mover between begin and end; -1 = none */
	uint64		queue_hash;		/* whose start it is */
	int64		start;
	int64		lowest;			/* that has come since begin */
	int64		looked_ms;		/* rt_clock_ms(); who looked before the start */
} Place;

/*
 * Of an executor.  What it runs it alone writes, with its lock, which is nobody's but for
 * a moment; without it others may find it to be what it was before.
 */
typedef struct Claims
{
	/* protected by the area's lock */
	int			count;
	int64		ids[RT_JOB_BATCH_MAX];
	uint64		queue_hash;		/* whose they are */
	int64		first;			/* where they begin in its order */

	volatile bool held_up;		/* set by its owner alone, taken back with the claims */
	LWLock	   *lock;			/* protects the rest */
	int			pid;
	volatile int64 running;		/* one of them, or 0 */
	volatile int64 begun;		/* that one, or the last */
	volatile bool is_locked;	/* it has the row of that one */
	volatile bool is_cancelled; /* that one */
	TimestampTz started_at;		/* that one */
	uint32		progress_len;
	char		progress[RT_JOB_PROGRESS_MAX];
} Claims;

typedef struct Area
{
	LWLock	   *lock;
	pg_atomic_uint32 wanted;	/* any place is */
	pg_atomic_uint64 due;		/* TimestampTz */
	pg_atomic_uint32 any_interrupted;
	int			interrupted_next;
	int64		interrupted[INTERRUPTED_MAX];	/* 0 = none */
	Place		places[RT_JOB_PLACES];
	Claims		claims[RT_EXECUTORS_MAX];
} Area;

static Area *area = NULL;

Size
rt_jobs_size(void)
{
	return sizeof(Area);
}

int
rt_jobs_locks(void)
{
	return 1 + RT_EXECUTORS_MAX;
}

static void
init_place(Place *place)
{
	pg_atomic_init_u32(&place->wanted, 0);
	pg_atomic_init_u32(&place->armed, 0);
	SpinLockInit(&place->lock);
	place->moved_by = -1;
	place->queue_hash = 0;
	place->start = place->lowest = RT_JOB_FIRST;
}

void
rt_jobs_init(void)
{
	bool		found;
	LWLockPadded *locks;

	area = ShmemInitStruct("realtime jobs", sizeof(Area), &found);
	if (found)
		return;
	memset(area, 0, sizeof(Area));
	locks = GetNamedLWLockTranche("RealtimeJob");
	area->lock = &locks[0].lock;
	for (int i = 0; i < RT_EXECUTORS_MAX; i++)
		area->claims[i].lock = &locks[1 + i].lock;
	pg_atomic_init_u32(&area->wanted, 0);
	pg_atomic_init_u32(&area->any_interrupted, 0);
	pg_atomic_init_u64(&area->due, (uint64) DT_NOEND);
	for (int i = 0; i < RT_JOB_PLACES; i++)
		init_place(&area->places[i]);
}

uint64
rt_job_queue_hash(const char *queue)
{
	return hash_bytes_extended((const unsigned char *) queue, (int) strlen(queue), 0);
}

int
rt_job_place(const char *queue)
{
	return rt_job_queue_hash(queue) % RT_JOB_PLACES;
}

uint32
rt_job_time_key(const char *queue)
{
	return (uint32) (rt_job_queue_hash(queue) >> 32);
}

/* ---- wishes ---- */

static void
wake_scheduler(void)
{
	pg_memory_barrier();
	if (pg_atomic_exchange_u32(&area->wanted, 1) == 0)
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
}

/*
 * What is submitted begins to look afterwards, and so sees what is wished for.  If
 * the scheduler arms the place just now, it finds the wish.
 */
void
rt_jobs_want(int place)
{
	RtRequest  *request = rt_jobs_disarm(place);

	if (request != NULL)
	{
		rt_requests_submit(&request, 1);
		return;
	}
	pg_atomic_exchange_u32(&area->places[place].wanted, 1);
	wake_scheduler();
}

/* Nothing of its owner's is behind it, wherever it is queued then. */
void
rt_jobs_arm(int place, RtRequest *request)
{
	request->behind = RT_REQUEST_NONE;
	rt_request_set_armed(request);
	pg_atomic_exchange_u32(&area->places[place].armed, rt_request_number(request) + 1);
}

RtRequest *
rt_jobs_disarm(int place)
{
	uint32		armed = 0;

	if (pg_atomic_read_u32(&area->places[place].armed) != 0)
		armed = pg_atomic_exchange_u32(&area->places[place].armed, 0);
	return armed == 0 ? NULL : rt_request_at(armed - 1);
}

void
rt_jobs_want_all(void)
{
	for (int i = 0; i < RT_JOB_PLACES; i++)
		pg_atomic_exchange_u32(&area->places[i].wanted, 1);
	wake_scheduler();
}

bool
rt_jobs_are_wanted(void)
{
	return pg_atomic_read_u32(&area->wanted) != 0;
}

/* What comes from now on is seen, or says so again. */
void
rt_jobs_begin_look(void)
{
	pg_atomic_exchange_u32(&area->wanted, 0);
}

bool
rt_jobs_take_wish(int place)
{
	return pg_atomic_read_u32(&area->places[place].wanted) != 0 &&
		pg_atomic_exchange_u32(&area->places[place].wanted, 0) != 0;
}

void
rt_jobs_note_due(TimestampTz at)
{
	uint64		known = pg_atomic_read_u64(&area->due);

	while (at < (TimestampTz) known)
	{
		if (pg_atomic_compare_exchange_u64(&area->due, &known, (uint64) at))
		{
			rt_worker_wake(RT_WORKER_SCHEDULER, 0);
			break;
		}
	}
}

TimestampTz
rt_jobs_due(void)
{
	return (TimestampTz) pg_atomic_read_u64(&area->due);
}

void
rt_jobs_forget_due(void)
{
	pg_atomic_exchange_u64(&area->due, (uint64) DT_NOEND);
}

/* ---- the start of a queue ---- */

int
rt_job_mover_of_session(void)
{
	return RT_EXECUTORS_MAX + RT_MY_PROC_NUMBER;
}

int64
rt_job_start_begin(int mover, int number, uint64 queue_hash, bool *is_mine)
{
	Place	   *place = &area->places[number];
	int64		start = RT_JOB_FIRST;

	SpinLockAcquire(&place->lock);
	*is_mine = place->moved_by < 0 || place->moved_by == mover;
	if (place->queue_hash == queue_hash)
		start = place->start;
	if (*is_mine)
	{
		place->moved_by = mover;
		place->queue_hash = queue_hash;
		place->start = start;
		place->lowest = PG_INT64_MAX;
	}
	SpinLockRelease(&place->lock);
	return start;
}

void
rt_job_start_end(int number, int64 start)
{
	Place	   *place = &area->places[number];

	SpinLockAcquire(&place->lock);
	place->moved_by = -1;
	place->start = Min(start, place->lowest);
	SpinLockRelease(&place->lock);
}

void
rt_job_start_lower(int number, int64 start)
{
	Place	   *place = &area->places[number];

	SpinLockAcquire(&place->lock);
	place->start = Min(place->start, start);
	place->lowest = Min(place->lowest, start);
	SpinLockRelease(&place->lock);
}

bool
rt_job_start_is_old(int number, int ms)
{
	Place	   *place = &area->places[number];
	int64		now_ms = rt_clock_ms();
	bool		is_old;

	SpinLockAcquire(&place->lock);
	is_old = now_ms - place->looked_ms >= ms;
	if (is_old)
		place->looked_ms = now_ms;
	SpinLockRelease(&place->lock);
	return is_old;
}

void
rt_job_start_leave(int mover)
{
	for (int i = 0; i < RT_JOB_PLACES; i++)
	{
		Place	   *place = &area->places[i];

		SpinLockAcquire(&place->lock);
		if (place->moved_by == mover)
			place->moved_by = -1;
		SpinLockRelease(&place->lock);
	}
}

/* ---- claims ---- */

int
rt_job_compare_ids(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static bool
has_claim(const Claims *claims, int64 id)
{
	for (int i = 0; i < claims->count; i++)
	{
		if (claims->ids[i] == id)
			return true;
	}
	return false;
}

/* Returns how many ids it has put. */
static int
copy_claims(const Claims *claims, int64 *ids, int max)
{
	int			count = Min(claims->count, max);

	memcpy(ids, claims->ids, sizeof(int64) * count);
	return count;
}

int
rt_jobs_claimed(int executor, int64 *ids, int max)
{
	int			count = 0;

	LWLockAcquire(area->lock, LW_SHARED);
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		if (i != executor)
			count += copy_claims(&area->claims[i], ids + count, max - count);
	}
	LWLockRelease(area->lock);
	qsort(ids, count, sizeof(int64), rt_job_compare_ids);
	return count;
}

static bool
is_claimed(int executor, int64 id)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		if (i != executor && has_claim(&area->claims[i], id))
			return true;
	}
	return false;
}

int
rt_jobs_claim(int executor, const RtJobSpan *span, int64 *ids, int count)
{
	Claims	   *claims = &area->claims[executor];
	int			left = 0;

	Assert(count <= RT_JOB_BATCH_MAX);
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < count; i++)
	{
		if (!is_claimed(executor, ids[i]))
			ids[left++] = ids[i];
	}
	memcpy(claims->ids, ids, sizeof(int64) * left);
	claims->count = left;
	claims->queue_hash = span->queue_hash;
	claims->first = span->first;
	claims->held_up = false;
	LWLockRelease(area->lock);
	return left;
}

void
rt_job_begin(int executor, int64 id, TimestampTz now)
{
	Claims	   *claims = &area->claims[executor];

	LWLockAcquire(claims->lock, LW_EXCLUSIVE);
	claims->pid = MyProcPid;
	claims->running = claims->begun = id;
	claims->is_locked = false;
	claims->started_at = now;
	claims->is_cancelled = false;
	claims->progress_len = 0;
	LWLockRelease(claims->lock);
}

void
rt_job_set_locked(int executor, bool is_locked)
{
	Claims	   *claims = &area->claims[executor];

	LWLockAcquire(claims->lock, LW_EXCLUSIVE);
	claims->is_locked = is_locked;
	LWLockRelease(claims->lock);
}

/* Whoever cancels it sends a signal afterwards. */
bool
rt_job_is_cancelled(int executor)
{
	return area->claims[executor].is_cancelled;
}

bool
rt_job_end(int executor)
{
	Claims	   *claims = &area->claims[executor];
	bool		is_cancelled;

	LWLockAcquire(claims->lock, LW_EXCLUSIVE);
	is_cancelled = claims->is_cancelled;
	claims->running = 0;
	claims->is_locked = false;
	LWLockRelease(claims->lock);
	return is_cancelled;
}

void
rt_jobs_unclaim(int executor)
{
	Claims	   *claims = &area->claims[executor];

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	claims->count = 0;
	claims->held_up = false;
	LWLockRelease(area->lock);
}

void
rt_job_unclaim(int executor, int64 id)
{
	Claims	   *claims = &area->claims[executor];

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < claims->count; i++)
	{
		if (claims->ids[i] == id)
			claims->ids[i--] = claims->ids[--claims->count];
	}
	LWLockRelease(area->lock);
}

/* ---- who is held up ---- */

void
rt_job_hold_up(int executor)
{
	Claims	   *claims = &area->claims[executor];

	if (claims->count == 0)
		return;
	claims->held_up = true;
	wake_scheduler();
}

bool
rt_job_is_held_up(int executor)
{
	return area->claims[executor].held_up;
}

int
rt_jobs_held_up(uint64 queue_hash)
{
	int			count = 0;

	LWLockAcquire(area->lock, LW_SHARED);
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		const Claims *claims = &area->claims[i];

		count += claims->held_up && claims->queue_hash == queue_hash;
	}
	LWLockRelease(area->lock);
	return count;
}

/* The one that holds it up stays.  Returns whether there were others. */
static bool
take_back(Claims *claims)
{
	int			kept = 0;
	bool		any = false;

	for (int i = 0; i < claims->count && claims->held_up; i++)
	{
		if (claims->ids[i] == claims->begun)
			kept = 1;
		else
			any = true;
	}
	if (!any)
		return false;
	claims->ids[0] = claims->begun;
	claims->count = kept;
	return true;
}

static void
release(Claims *claims)
{
	bool		any;
	int			place;
	int64		first;

	if (!claims->held_up)
		return;
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	any = take_back(claims);
	place = claims->queue_hash % RT_JOB_PLACES;
	first = claims->first;
	LWLockRelease(area->lock);
	if (!any)
		return;
	rt_job_start_lower(place, first);
	pg_atomic_exchange_u32(&area->places[place].wanted, 1);
}

void
rt_jobs_release_held_up(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
		release(&area->claims[i]);
}

/* ---- what is running ---- */

int64
rt_job_running(int executor)
{
	return area->claims[executor].running;
}

int
rt_jobs_run_now(uint64 queue_hash)
{
	int			count = 0;

	LWLockAcquire(area->lock, LW_SHARED);
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
		count += area->claims[i].is_locked && area->claims[i].queue_hash == queue_hash;
	LWLockRelease(area->lock);
	return count;
}

/* What was claimed comes before any start. */
static void
begin_anew(void)
{
	for (int i = 0; i < RT_JOB_PLACES; i++)
		rt_job_start_lower(i, RT_JOB_FIRST);
	rt_jobs_want_all();
}

static void
note_interrupted(int64 id)
{
	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	area->interrupted[area->interrupted_next] = id;
	area->interrupted_next = (area->interrupted_next + 1) % INTERRUPTED_MAX;
	LWLockRelease(area->lock);
	pg_atomic_write_u32(&area->any_interrupted, 1);
}

void
rt_jobs_leave(int executor)
{
	const Claims *claims = &area->claims[executor];
	bool		had_any = claims->count > 0;

	if (claims->running != 0 && claims->is_locked)
		note_interrupted(claims->running);
	(void) rt_job_end(executor);
	rt_jobs_unclaim(executor);
	rt_job_start_leave(executor);
	if (had_any)
		begin_anew();
}

bool
rt_jobs_were_interrupted(void)
{
	return pg_atomic_read_u32(&area->any_interrupted) != 0;
}

bool
rt_job_take_interrupted(int64 id)
{
	bool		found = false;

	LWLockAcquire(area->lock, LW_EXCLUSIVE);
	for (int i = 0; i < INTERRUPTED_MAX; i++)
	{
		if (area->interrupted[i] != id)
			continue;
		area->interrupted[i] = 0;
		found = true;
	}
	LWLockRelease(area->lock);
	return found;
}

/* Under the lock, so that the signal is for that job. */
static RtJobCancel
cancel_of(Claims *claims, int64 id)
{
	RtJobCancel cancelled = RT_JOB_NOT_RUN;

	if (claims->running != id)
		return RT_JOB_NOT_RUN;
	LWLockAcquire(claims->lock, LW_EXCLUSIVE);
	if (claims->running == id)
		cancelled = claims->is_locked ? RT_JOB_CANCELLED : RT_JOB_BEGUN;
	if (cancelled == RT_JOB_CANCELLED)
	{
		claims->is_cancelled = true;
		(void) kill(claims->pid, SIGINT);
	}
	LWLockRelease(claims->lock);
	return cancelled;
}

RtJobCancel
rt_job_cancel(int64 id)
{
	RtJobCancel cancelled = RT_JOB_NOT_RUN;

	/* Max() would do it twice, and tell of the second time */
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR) && cancelled != RT_JOB_CANCELLED; i++)
	{
		RtJobCancel found = cancel_of(&area->claims[i], id);

		cancelled = Max(cancelled, found);
	}
	return cancelled;
}

/* ---- progress ---- */

void
rt_job_set_progress(int executor, const char *json, Size len)
{
	Claims	   *claims = &area->claims[executor];

	Assert(len <= RT_JOB_PROGRESS_MAX);
	LWLockAcquire(claims->lock, LW_EXCLUSIVE);
	memcpy(claims->progress, json, len);
	claims->progress_len = len;
	LWLockRelease(claims->lock);
}

bool
rt_job_read(int executor, RtJobRunning *running)
{
	const Claims *claims = &area->claims[executor];
	bool		is_running;

	LWLockAcquire(claims->lock, LW_SHARED);
	running->id = claims->running;
	running->executor = executor;
	running->pid = claims->pid;
	running->started_at = claims->started_at;
	running->progress_len = claims->progress_len;
	memcpy(running->progress, claims->progress, claims->progress_len);
	is_running = running->id != 0 && claims->is_locked;
	LWLockRelease(claims->lock);
	return is_running;
}

/*
 * request_queue.c
 *		The way of requests from their owners to the executors.
 *
 * A spinlock protects the queue and the crew; it is held for a few steps and
 * never together with another lock of ours.  What can be found out before it is
 * taken is found out before: chains are linked, expectations looked up.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/crew.h"
#include "src/ipc/expected_time.h"
#include "src/ipc/fair_queue.h"
#include "src/ipc/limit.h"
#include "src/ipc/query_round.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/worker_slot.h"

#define NEVER_WAITING 2			/* executors, of realtime.max_executors */
#define CHAINS_MAX 32			/* queued under the lock at once */

typedef struct QueueArea
{
	slock_t		lock;			/* protects the rest, and the queue */
	RtCrew		crew;
	bool		watched;		/* the launcher looks now and then */
	uint64		taken;			/* requests, by executors */
	int64		round_since_ms; /* when a round began to be wanted */
	pg_atomic_uint32 round_wanted;	/* not protected */
} QueueArea;

static QueueArea *area = NULL;
static RtFairQueue *queue = NULL;	/* entry i is slot i */
static int	my_executor = -1;	/* what this process is; -1 = no executor */
static int	my_waits = 0;		/* one within the other */

Size
rt_request_queue_size(void)
{
	return add_size(sizeof(QueueArea), rt_fair_queue_size(realtime_queue_depth));
}

void
rt_request_queue_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime request queue", sizeof(QueueArea), &found);
	queue = ShmemInitStruct("realtime fair queue",
							rt_fair_queue_size(realtime_queue_depth), &found);
	if (found)
		return;

	SpinLockInit(&area->lock);
	rt_crew_init(&area->crew);
	area->watched = false;
	area->taken = 0;
	area->round_since_ms = 0;
	pg_atomic_init_u32(&area->round_wanted, 0);
	rt_fair_queue_init(queue, realtime_queue_depth);
}

/* ---- waking ---- */

/* Who is to be woken once the lock is released. */
typedef struct Wakes
{
	uint64		executors;
	bool		launcher;
} Wakes;

/* Whether the launcher is to begin to watch the queue. */
static bool
begin_watch(bool needed)
{
	bool		begins = needed && !area->watched;

	area->watched |= begins;
	return begins;
}

/*
 * Picks up to n executors for what is in the queue.  If that is more the
 * launcher begins to watch the queue.
 */
static Wakes
pick(int n)
{
	Wakes		wakes;

	wakes.executors = rt_crew_pick(&area->crew, queue, n);
	wakes.launcher = begin_watch(queue->count > rt_crew_members(wakes.executors));
	return wakes;
}

/* Picks one for a round; the launcher watches if nobody is idle. */
static Wakes
pick_for_round(void)
{
	Wakes		wakes;

	wakes.executors = rt_crew_pick_one(&area->crew);
	wakes.launcher = begin_watch(wakes.executors == 0);
	return wakes;
}

static void
wake(Wakes wakes)
{
	while (wakes.executors != 0)
	{
		int			index = pg_rightmost_one_pos64(wakes.executors);

		wakes.executors &= wakes.executors - 1;
		if (index < rt_worker_count(RT_WORKER_EXECUTOR))
			rt_worker_wake(RT_WORKER_EXECUTOR, index);
	}
	if (wakes.launcher)
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

static void
wake_for_round(void)
{
	int64		now_ms = rt_clock_ms();
	Wakes		wakes;

	SpinLockAcquire(&area->lock);
	area->round_since_ms = now_ms;
	wakes = pick_for_round();
	SpinLockRelease(&area->lock);

	wake(wakes);
}

/* For what may have come unseen by those who sleep. */
static void
wake_for_queue(void)
{
	Wakes		wakes;

	SpinLockAcquire(&area->lock);
	wakes = pick(RT_EXECUTORS_MAX);
	SpinLockRelease(&area->lock);

	wake(wakes);
	if (rt_round_is_wanted())
		wake_for_round();
}

/* ---- rounds of live queries ---- */

/*
 * Who is to be idle says so under the lock and then looks here; so either it
 * sees the wish, or it is seen.  Who has the turn looks here after it has given it
 * back, so nobody is woken while somebody has it.
 */
void
rt_round_want(void)
{
	pg_memory_barrier();
	if (!rt_round_is_wanted() && pg_atomic_exchange_u32(&area->round_wanted, 1) == 0 &&
		rt_query_round_is_free())
		wake_for_round();
}

/* Who sleeps for that long is found when one has been woken. */
void
rt_round_want_by(int64 due_ms)
{
	bool		is_known = rt_query_round_due_in() >= 0;

	rt_query_round_due(due_ms);
	if (!is_known)
		rt_round_want();
}

bool
rt_round_is_wanted(void)
{
	return pg_atomic_read_u32(&area->round_wanted) != 0;
}

void
rt_round_take(void)
{
	pg_atomic_exchange_u32(&area->round_wanted, 0);
}

/* ---- queueing ---- */

/* What is asked in one flow at a time has one place in the queue. */
static uint64
flow_of(const RtRequest *request)
{
	return ((uint64) request->owner << 56) ^ request->flow;
}

/*
 * Of what nobody has timed yet the first of a connection is taken for short,
 * so that who begins need not wait for those who are known to be slow.
 */
static void
place_request(RtRequest *request, int64 now_ms)
{
	RtQueueEntry *entry = &queue->entries[rt_request_number(request)];
	uint32		expected_us = rt_expected_us(request->asked.time_key);
	bool		is_known = expected_us != RT_EXPECTED_UNKNOWN;

	request->state = RT_REQUEST_QUEUED;
	entry->flow = flow_of(request);
	entry->since_ms = now_ms;
	entry->cost_us = is_known ? expected_us : RT_TURN_US;
	entry->is_short = is_known && expected_us <= RT_EXPECTED_SHORT_US;
	entry->lane = entry->is_short || (!is_known && request->alone) ?
		RT_LANE_SHORT : RT_LANE_LONG;
}

/*
 * Links the requests that stand together and are of one connection.  Returns
 * how many there are.
 */
static int
chain_requests(RtRequest **requests, int n, RtQueueChain *chain)
{
	uint64		flow = flow_of(requests[0]);
	int			count = 1;

	*chain = rt_queue_chain_begin(queue, rt_request_number(requests[0]),
								  requests[0]->behind);
	while (count < n && flow_of(requests[count]) == flow)
		rt_queue_chain_extend(queue, chain, rt_request_number(requests[count++]));
	return count;
}

static void
queue_chains(const RtQueueChain *chains, int n, int request_count)
{
	Wakes		wakes;

	SpinLockAcquire(&area->lock);
	for (int i = 0; i < n; i++)
		rt_fair_queue_push(queue, &chains[i]);
	wakes = pick(request_count);
	SpinLockRelease(&area->lock);

	wake(wakes);
}

void
rt_requests_submit(RtRequest **requests, int n)
{
	int64		now_ms = rt_clock_ms();

	for (int i = 0; i < n; i++)
		place_request(requests[i], now_ms);
	while (n > 0)
	{
		RtQueueChain chains[CHAINS_MAX];
		int			chain_count = 0;
		int			count = 0;

		while (chain_count < CHAINS_MAX && count < n)
			count += chain_requests(requests + count, n - count,
									&chains[chain_count++]);
		queue_chains(chains, chain_count, count);
		requests += count;
		n -= count;
	}
}

/* ---- emptying it ---- */

bool
rt_requests_queued(void)
{
	return queue->count > 0;
}

int
rt_requests_queued_count(void)
{
	return queue->count;
}

bool
rt_requests_are_late(int wait_ms)
{
	int64		now_ms = rt_clock_ms();
	bool		late;

	SpinLockAcquire(&area->lock);
	late = rt_crew_is_late(&area->crew, queue, now_ms, wait_ms);
	SpinLockRelease(&area->lock);
	return late;
}

int64
rt_request_queued_since(const RtRequest *request)
{
	return queue->entries[rt_request_number(request)].since_ms;
}

RtRequest *
rt_request_unqueue(void)
{
	int			number;

	SpinLockAcquire(&area->lock);
	number = rt_fair_queue_pop(queue, true);
	SpinLockRelease(&area->lock);
	return number == RT_ENTRY_NONE ? NULL : rt_request_at(number);
}

/* ---- executors ---- */

void
rt_executor_join(int executor)
{
	my_executor = executor;
	SpinLockAcquire(&area->lock);
	rt_crew_join(&area->crew, executor);
	SpinLockRelease(&area->lock);
	rt_limit_note(RT_LIMIT_EXECUTORS, rt_executors_present());
}

int
rt_executor_self(void)
{
	return my_executor;
}

/* Without the lock, all of these: it may change at any moment. */
int64
rt_executors_present(void)
{
	return rt_crew_members(area->crew.present);
}

int64
rt_executors_waiting(void)
{
	return rt_crew_members(area->crew.waiting);
}

int64
rt_executors_waiting_max(void)
{
	return Max(0, rt_worker_count(RT_WORKER_EXECUTOR) - NEVER_WAITING);
}

bool
rt_executor_is_present(int executor)
{
	return (area->crew.present & (UINT64CONST(1) << executor)) != 0;
}

bool
rt_executor_is_busy(int executor)
{
	uint64		busy = area->crew.present & ~area->crew.idle;

	return (busy & (UINT64CONST(1) << executor)) != 0;
}

/*
 * The next request for an executor; NULL if there is none.  What it leaves may
 * be for others, now that it is done with what it did: they are woken.
 */
static RtRequest *
take_next(int executor, bool mark_idle)
{
	RtCrew	   *crew = &area->crew;
	Wakes		wakes;
	int			number;

	SpinLockAcquire(&area->lock);
	rt_crew_done(crew, executor);
	number = rt_fair_queue_pop(queue, rt_crew_may_take_long(crew, executor));
	if (number != RT_ENTRY_NONE)
	{
		area->taken++;
		crew->staying &= ~(UINT64CONST(1) << executor);
		if (!queue->entries[number].is_short)
			rt_crew_occupy(crew, executor);
	}
	wakes = pick(1);
	if (number == RT_ENTRY_NONE && mark_idle)
		rt_crew_rest(crew, executor);
	SpinLockRelease(&area->lock);

	wake(wakes);
	return number == RT_ENTRY_NONE ? NULL : rt_request_at(number);
}

RtRequest *
rt_request_take(int executor, bool mark_idle)
{
	RtRequest  *request;

	while ((request = take_next(executor, mark_idle)) != NULL)
	{
		if (rt_request_is_wanted(request))
		{
			rt_request_start(request, executor);
			break;
		}
		rt_requests_free(&request, 1);
	}
	return request;
}

void
rt_executor_not_idle(int executor)
{
	SpinLockAcquire(&area->lock);
	rt_crew_done(&area->crew, executor);
	SpinLockRelease(&area->lock);
}

bool
rt_executor_begin_wait(void)
{
	bool		may_wait;
	bool		is_short;

	if (my_executor < 0)
		return true;
	if (my_waits > 0)
	{
		my_waits++;
		return true;
	}
	SpinLockAcquire(&area->lock);
	may_wait = rt_crew_wait(&area->crew, my_executor, rt_executors_waiting_max());
	is_short = rt_crew_is_short(&area->crew, realtime_executors);
	SpinLockRelease(&area->lock);
	my_waits = may_wait;
	if (may_wait)
		rt_limit_note(RT_LIMIT_WAITING_EXECUTORS, rt_executors_waiting());
	else
		rt_limit_hit(RT_LIMIT_WAITING_EXECUTORS);
	if (may_wait && is_short)
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
	return may_wait;
}

void
rt_executor_end_wait(void)
{
	if (my_executor < 0 || --my_waits > 0)
		return;
	SpinLockAcquire(&area->lock);
	rt_crew_go_on(&area->crew, my_executor);
	SpinLockRelease(&area->lock);
}

void
rt_executor_begin_jobs(void)
{
	bool		is_short;

	SpinLockAcquire(&area->lock);
	rt_crew_step_aside(&area->crew, my_executor);
	is_short = rt_crew_is_short(&area->crew, realtime_executors);
	SpinLockRelease(&area->lock);
	if (is_short)
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

void
rt_executor_end_jobs(void)
{
	SpinLockAcquire(&area->lock);
	rt_crew_come_back(&area->crew, my_executor);
	SpinLockRelease(&area->lock);
}

bool
rt_executors_are_short(void)
{
	bool		is_short;

	SpinLockAcquire(&area->lock);
	is_short = rt_crew_is_short(&area->crew, realtime_executors);
	SpinLockRelease(&area->lock);
	return is_short;
}

void
rt_executors_keep_none(void)
{
	SpinLockAcquire(&area->lock);
	area->crew.keeps_none = true;
	SpinLockRelease(&area->lock);
	wake_for_queue();
}

bool
rt_executor_may_end(int executor)
{
	bool		may_end;

	SpinLockAcquire(&area->lock);
	may_end = rt_crew_may_end(&area->crew, executor);
	SpinLockRelease(&area->lock);
	return may_end;
}

bool
rt_executor_leave(int executor)
{
	bool		is_last;
	Wakes		wakes = {0};

	SpinLockAcquire(&area->lock);
	rt_crew_leave(&area->crew, executor);
	is_last = area->crew.present == 0;
	wakes.executors = rt_crew_left_alone(&area->crew);
	SpinLockRelease(&area->lock);

	wake(wakes);
	/* a submit may have woken us and nobody else */
	wake_for_queue();
	/* nor does anybody else know when the next round is due, perhaps */
	if (rt_query_round_due_in() >= 0)
		wake_for_round();
	return is_last;
}

bool
rt_executor_retire(int executor)
{
	bool		retires;

	SpinLockAcquire(&area->lock);
	retires = rt_crew_may_retire(&area->crew, executor, realtime_executors);
	if (retires)
		rt_crew_leave(&area->crew, executor);
	SpinLockRelease(&area->lock);
	return retires;
}

/* ---- launcher's side ---- */

bool
rt_request_queue_is_watched(void)
{
	return area->watched;
}

/* Nobody has begun with a round though one has been wanted for long. */
static bool
round_is_late(int64 now_ms, int wait_ms)
{
	return rt_round_is_wanted() && area->crew.idle == 0 &&
		now_ms - area->round_since_ms > wait_ms;
}

RtQueueLook
rt_request_queue_look(int wait_ms)
{
	int64		now_ms = rt_clock_ms();
	RtQueueLook look;

	SpinLockAcquire(&area->lock);
	look.empty = queue->count == 0 && !rt_round_is_wanted();
	look.late = rt_crew_is_late(&area->crew, queue, now_ms, wait_ms) ||
		round_is_late(now_ms, wait_ms);
	look.taken = area->taken;
	if (look.empty)
		area->watched = false;
	SpinLockRelease(&area->lock);
	return look;
}

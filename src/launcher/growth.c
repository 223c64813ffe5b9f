/*
 * growth.c
 *		Has executors started when there are too few for what waits.
 *
 * Who queues a request while all executors are busy wakes the launcher, once.
 * It looks a moment later, then now and then until nothing is queued.  If
 * something has waited then for longer than a busy moment explains, one more
 * executor is started, unless that would not help: executors that get on with
 * many short calls and wait for nothing have the processors that there are.
 * Executors that wait for a client's reply are no help to what is queued: others
 * are started in their place before anything has to wait, and so for those that
 * work for queues of jobs.
 * How long one stays that has nothing to do is its own affair (executor.c).
 */
#include "postgres.h"

#include "storage/proc.h"

#include "src/ipc/clock.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/worker_slot.h"
#include "src/launcher/growth.h"
#include "src/launcher/keeper.h"
#include "src/launcher/launcher.h"

#define LOOK_MS 20				/* between looks at a queue */
#define WAIT_MS 30				/* that a request may wait */

static int64 next_look_ms = 0;	/* 0 = nothing is watched */
static uint64 taken_before = 0; /* at the last look */

/* Whether an executor that runs something waits, for a lock or a disk, say. */
static bool
any_waits(void)
{
	for (int i = 0; i < rt_worker_count(RT_WORKER_EXECUTOR); i++)
	{
		RtProcNumber number = rt_worker_slot(RT_WORKER_EXECUTOR, i)->proc_number;

		if (number != RT_INVALID_PROC_NUMBER && rt_executor_is_busy(i) &&
			RT_PROC_BY_NUMBER(number)->wait_event_info != 0)
			return true;
	}
	return false;
}

/* Returns whether to look again. */
static bool
look_at_queue(void)
{
	RtQueueLook look = rt_request_queue_look(WAIT_MS);
	bool		stands_still = look.taken == taken_before;

	taken_before = look.taken;
	if (look.late && (stands_still || any_waits()) &&
		rt_service_state() == RT_SERVICE_READY)
		rt_keeper_add_executor();
	else
		rt_keeper_has_enough();
	return !look.empty;
}

/* Returns how long to sleep at most. */
static long
replace_waiting(void)
{
	if (!rt_executors_are_short() || rt_service_state() != RT_SERVICE_READY)
		return RT_LAUNCHER_IDLE_MS;
	rt_keeper_add_executor();
	return LOOK_MS;
}

static long
watch_queue(void)
{
	int64		now_ms;

	if (!rt_request_queue_is_watched())
		return RT_LAUNCHER_IDLE_MS;
	now_ms = rt_clock_ms();
	if (next_look_ms == 0)
		next_look_ms = now_ms + LOOK_MS;
	if (now_ms < next_look_ms)
		return next_look_ms - now_ms;
	if (!look_at_queue())
	{
		next_look_ms = 0;
		return RT_LAUNCHER_IDLE_MS;
	}
	next_look_ms = now_ms + LOOK_MS;
	return LOOK_MS;
}

long
rt_growth_look(void)
{
	long		timeout = replace_waiting();

	return Min(timeout, watch_queue());
}

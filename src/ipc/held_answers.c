/*
 * held_answers.c
 *		Answers that an executor holds back until their commits are flushed.
 *
 * A list for each executor, with a spinlock of its own that is held for a few
 * instructions.  The requests on it are RUNNING.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "src/guc.h"
#include "src/ipc/held_answers.h"
#include "src/ipc/worker_slot.h"

/* Of one executor. */
typedef struct HeldList
{
	slock_t		lock;			/* protects the rest, but not alarm */
	int			count;
	int			requests[RT_HELD_MAX];
	XLogRecPtr	lsn;			/* the highest of their commits */
	bool		rescuable;
	pg_atomic_uint32 alarm;
} HeldList;

static HeldList *lists = NULL;	/* by executor */

Size
rt_held_size(void)
{
	return mul_size(sizeof(HeldList), RT_EXECUTORS_MAX);
}

void
rt_held_init(void)
{
	bool		found;

	lists = ShmemInitStruct("realtime held answers", rt_held_size(), &found);
	if (found)
		return;

	for (int i = 0; i < RT_EXECUTORS_MAX; i++)
	{
		SpinLockInit(&lists[i].lock);
		lists[i].count = 0;
		pg_atomic_init_u32(&lists[i].alarm, 0);
	}
}

void
rt_held_add(int executor, RtRequest *request, XLogRecPtr lsn, bool rescuable)
{
	HeldList   *held = &lists[executor];

	Assert(held->count < RT_HELD_MAX);
	SpinLockAcquire(&held->lock);
	if (held->count == 0)
	{
		held->lsn = InvalidXLogRecPtr;
		held->rescuable = true;
	}
	held->requests[held->count++] = rt_request_number(request);
	held->lsn = Max(held->lsn, lsn);
	held->rescuable &= rescuable;
	SpinLockRelease(&held->lock);
}

/*
 * The executor's own requests carry its number; those that are taken over do
 * not, so that its exit leaves them alone.
 */
static int
empty_held(HeldList *held, int new_owner, RtRequest **out)
{
	int			n = held->count;

	for (int i = 0; i < n; i++)
	{
		out[i] = rt_request_at(held->requests[i]);
		out[i]->executor = new_owner;
	}
	held->count = 0;
	return n;
}

int
rt_held_take(int executor, RtRequest **out)
{
	HeldList   *held = &lists[executor];
	int			n;

	SpinLockAcquire(&held->lock);
	n = empty_held(held, executor, out);
	SpinLockRelease(&held->lock);
	return n;
}

void
rt_held_alarm(int executor)
{
	HeldList   *held = &lists[executor];

	/* without the lock: this process alone adds, and the next tick looks again */
	if (held->count == 0 || !held->rescuable)
		return;
	pg_atomic_write_u32(&held->alarm, 1);
	rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

int
rt_held_rescue(int executor, RtRequest **out, XLogRecPtr *lsn)
{
	HeldList   *held = &lists[executor];
	int			n = 0;

	if (pg_atomic_exchange_u32(&held->alarm, 0) == 0)
		return 0;
	SpinLockAcquire(&held->lock);
	if (held->rescuable)
	{
		*lsn = held->lsn;
		n = empty_held(held, -1, out);
	}
	SpinLockRelease(&held->lock);
	return n;
}

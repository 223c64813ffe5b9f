/*
 * query_round.c
 *		Whose turn it is to bring the groups of live queries up to date.
 *
 * Claimed by compare-and-exchange.  An executor gives it back at its exit as
 * well, so nobody waits for one that is gone.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"

#include "src/ipc/clock.h"
#include "src/ipc/query_round.h"

#define NOBODY 0

typedef struct RoundArea
{
	pg_atomic_uint32 owner;		/* number of an executor and 1 */
	ConditionVariable ended;
	pg_atomic_uint64 due_ms;	/* 0 = none */
} RoundArea;

static RoundArea *area = NULL;

Size
rt_query_round_size(void)
{
	return sizeof(RoundArea);
}

void
rt_query_round_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime query round", sizeof(RoundArea), &found);
	if (found)
		return;
	pg_atomic_init_u32(&area->owner, NOBODY);
	ConditionVariableInit(&area->ended);
	pg_atomic_init_u64(&area->due_ms, 0);
}

bool
rt_query_round_try(int executor)
{
	uint32		nobody = NOBODY;

	return pg_atomic_compare_exchange_u32(&area->owner, &nobody, executor + 1);
}

bool
rt_query_round_is_free(void)
{
	return pg_atomic_read_u32(&area->owner) == NOBODY;
}

void
rt_query_round_wait(int executor)
{
	static uint32 wait_event = 0;

	while (!rt_query_round_try(executor))
		ConditionVariableSleep(&area->ended,
							   rt_wait_event(&wait_event, "RealtimeQueryRound"));
	ConditionVariableCancelSleep();
}

bool
rt_query_round_release(int executor)
{
	uint32		mine = executor + 1;

	if (!pg_atomic_compare_exchange_u32(&area->owner, &mine, NOBODY))
		return false;
	ConditionVariableBroadcast(&area->ended);
	return true;
}

/* ---- later ---- */

void
rt_query_round_due(int64 due_ms)
{
	uint64		before = pg_atomic_read_u64(&area->due_ms);

	while (before == 0 || (uint64) due_ms < before)
	{
		if (pg_atomic_compare_exchange_u64(&area->due_ms, &before, due_ms))
			break;
	}
}

bool
rt_query_round_is_due(void)
{
	uint64		due_ms = pg_atomic_read_u64(&area->due_ms);

	return due_ms != 0 && rt_clock_ms() >= (int64) due_ms &&
		pg_atomic_compare_exchange_u64(&area->due_ms, &due_ms, 0);
}

long
rt_query_round_due_in(void)
{
	uint64		due_ms = pg_atomic_read_u64(&area->due_ms);

	return due_ms == 0 ? -1 : Max(0, (int64) due_ms - rt_clock_ms());
}

/*
 * worker_slot.c
 *		Slots of our processes, one for each that the settings allow.
 *
 * A slot's worker writes it and clears it at its exit; the launcher only moves
 * it between FREE and STARTING.  Nothing here takes a lock: each field has one
 * writer at a time, and the atomic state says who that is.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "replication/logicallauncher.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "src/compat.h"
#include "src/ipc/worker_slot.h"

#define MAX_EXECUTORS_DEFAULT 16

typedef struct WorkerArea
{
	int			slot_count;
	RtWorkerSlot slots[FLEXIBLE_ARRAY_MEMBER];
} WorkerArea;

static WorkerArea *area = NULL;

/* What this process holds, for its exit callback. */
static RtWorkerSlot *attached_slot = NULL;

/*
 * By default as many executors as there are worker processes for them beside
 * our other ones and PostgreSQL's launcher of logical replication.
 */
static int
max_executors(void)
{
	int			taken = 2 + realtime_gateways +
		(max_logical_replication_workers > 0 ? 1 : 0);
	int			most = realtime_max_executors >= 0 ? realtime_max_executors :
		Min(max_worker_processes - taken, MAX_EXECUTORS_DEFAULT);

	return Max(most, realtime_executors);
}

static int
slot_count(void)
{
	return 2 + realtime_gateways + max_executors();
}

Size
rt_worker_slots_size(void)
{
	return add_size(offsetof(WorkerArea, slots),
					mul_size(sizeof(RtWorkerSlot), slot_count()));
}

/* A struct of nothing but counters. */
static void
init_counters(void *counters, Size size)
{
	pg_atomic_uint64 *all = counters;

	for (int i = 0; i < size / sizeof(*all); i++)
		pg_atomic_init_u64(&all[i], 0);
}

void
rt_worker_slots_init(void)
{
	bool		found;

	area = ShmemInitStruct("realtime workers", rt_worker_slots_size(), &found);
	if (found)
		return;

	memset(area, 0, rt_worker_slots_size());
	area->slot_count = slot_count();
	for (int i = 0; i < area->slot_count; i++)
	{
		RtWorkerSlot *slot = &area->slots[i];

		pg_atomic_init_u32(&slot->state, RT_WORKER_FREE);
		pg_atomic_init_u32(&slot->generation, 0);
		pg_atomic_init_u32(&slot->database, InvalidOid);
		pg_atomic_init_u32(&slot->recycled, 0);
		pg_atomic_init_u32(&slot->listening, 0);
		pg_atomic_init_u32(&slot->listen_error, 0);
		slot->proc_number = RT_INVALID_PROC_NUMBER;
		init_counters(&slot->gateway, sizeof(slot->gateway));
		init_counters(&slot->executor, sizeof(slot->executor));
		init_counters(&slot->scheduler, sizeof(slot->scheduler));
	}
}

int
rt_worker_count(RtWorkerKind kind)
{
	switch (kind)
	{
		case RT_WORKER_GATEWAY:
			return realtime_gateways;
		case RT_WORKER_EXECUTOR:
			return max_executors();
		default:
			return 1;
	}
}

RtWorkerSlot *
rt_worker_slot(RtWorkerKind kind, int index)
{
	int			number = 0;

	Assert(index >= 0 && index < rt_worker_count(kind));
	switch (kind)
	{
		case RT_WORKER_LAUNCHER:
			number = 0;
			break;
		case RT_WORKER_SCHEDULER:
			number = 1;
			break;
		case RT_WORKER_GATEWAY:
			number = 2 + index;
			break;
		case RT_WORKER_EXECUTOR:
			number = 2 + realtime_gateways + index;
			break;
	}
	return &area->slots[number];
}

static void
detach_worker(int code, Datum arg)
{
	RtWorkerSlot *slot = attached_slot;

	if (slot == NULL)
		return;
	attached_slot = NULL;
	slot->pid = 0;
	slot->proc_number = RT_INVALID_PROC_NUMBER;
	pg_atomic_write_u32(&slot->database, InvalidOid);
	pg_atomic_write_u32(&slot->listen_error, 0);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->state, RT_WORKER_FREE);
	if (slot != rt_worker_slot(RT_WORKER_LAUNCHER, 0))
		rt_worker_wake(RT_WORKER_LAUNCHER, 0);
}

bool
rt_worker_attach(RtWorkerKind kind, int index, uint32 expected_generation)
{
	RtWorkerSlot *slot = rt_worker_slot(kind, index);
	uint32		from = expected_generation != 0 ?
		RT_WORKER_STARTING : RT_WORKER_FREE;

	if (expected_generation != 0 &&
		pg_atomic_read_u32(&slot->generation) != expected_generation)
		return false;
	if (!pg_atomic_compare_exchange_u32(&slot->state, &from, RT_WORKER_RUNNING))
		return false;

	if (expected_generation == 0)
		pg_atomic_fetch_add_u32(&slot->generation, 1);
	slot->pid = MyProcPid;
	slot->proc_number = RT_MY_PROC_NUMBER;
	slot->started_at = GetCurrentTimestamp();
	slot->retired = false;
	attached_slot = slot;
	before_shmem_exit(detach_worker, (Datum) 0);
	return true;
}

void
rt_worker_set_recycled(RtWorkerKind kind, int index)
{
	pg_atomic_write_u32(&rt_worker_slot(kind, index)->recycled, 1);
}

bool
rt_worker_take_recycled(RtWorkerKind kind, int index)
{
	return pg_atomic_exchange_u32(&rt_worker_slot(kind, index)->recycled, 0) != 0;
}

void
rt_worker_wake(RtWorkerKind kind, int index)
{
	RtWorkerSlot *slot = rt_worker_slot(kind, index);
	RtProcNumber number = slot->proc_number;

	if (number != RT_INVALID_PROC_NUMBER)
		SetLatch(&RT_PROC_BY_NUMBER(number)->procLatch);
}

void
rt_worker_wake_all(RtWorkerKind kind)
{
	for (int i = 0; i < rt_worker_count(kind); i++)
		rt_worker_wake(kind, i);
}

void
rt_worker_set_database(RtWorkerKind kind, int index, Oid database)
{
	pg_atomic_write_u32(&rt_worker_slot(kind, index)->database, database);
}

int
rt_workers_wake_connected(Oid database)
{
	int			count = 0;

	for (int i = 0; i < area->slot_count; i++)
	{
		RtWorkerSlot *slot = &area->slots[i];
		RtProcNumber number = slot->proc_number;

		if (pg_atomic_read_u32(&slot->database) != database ||
			pg_atomic_read_u32(&slot->state) != RT_WORKER_RUNNING)
			continue;
		count++;
		if (number != RT_INVALID_PROC_NUMBER)
			SetLatch(&RT_PROC_BY_NUMBER(number)->procLatch);
	}
	return count;
}

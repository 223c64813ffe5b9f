/*
 * intake.c
 *		Marks for the scheduler: who has events to take.
 *
 * A mark is set when the transaction's rows can be seen, and cleared before rows
 * are looked for: with both a full barrier, so no row is left without one.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/intake.h"
#include "src/ipc/worker_slot.h"

typedef struct Marks
{
	pg_atomic_uint32 set[RT_INTAKE_MARKS];
} Marks;

static Marks *marks = NULL;

Size
rt_intake_size(void)
{
	return sizeof(Marks);
}

void
rt_intake_init(void)
{
	bool		found;

	marks = ShmemInitStruct("realtime intake", rt_intake_size(), &found);
	if (found)
		return;
	for (int i = 0; i < RT_INTAKE_MARKS; i++)
		pg_atomic_init_u32(&marks->set[i], 0);
}

int
rt_intake_mark(const char *path)
{
	return hash_bytes((const unsigned char *) path, (int) strlen(path)) % RT_INTAKE_MARKS;
}

void
rt_intake_set(int mark)
{
	if (pg_atomic_exchange_u32(&marks->set[mark], 1) == 0)
		rt_worker_wake(RT_WORKER_SCHEDULER, 0);
}

bool
rt_intake_is_set(int mark)
{
	return pg_atomic_read_u32(&marks->set[mark]) != 0;
}

void
rt_intake_clear(int mark)
{
	(void) pg_atomic_exchange_u32(&marks->set[mark], 0);
}

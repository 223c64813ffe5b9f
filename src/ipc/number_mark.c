/*
 * number_mark.c
 *		The highest number that any event has been given.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/number_mark.h"

typedef struct NumberMark
{
	pg_atomic_uint64 highest;	/* only grows */
	pg_atomic_uint32 worn;		/* bool */

	/* protected by the lock of the epoch; InvalidOid = there is none */
	Oid			database;
	Oid			table;
	int			epoch;
} NumberMark;

static NumberMark *mark = NULL;

Size
rt_number_mark_size(void)
{
	return sizeof(NumberMark);
}

void
rt_number_mark_init(void)
{
	bool		found;

	mark = ShmemInitStruct("realtime number mark", rt_number_mark_size(), &found);
	if (found)
		return;
	memset(mark, 0, sizeof(*mark));
	pg_atomic_init_u64(&mark->highest, 0);
	pg_atomic_init_u32(&mark->worn, 0);
}

void
rt_number_mark_note(int64 seq)
{
	uint64		highest = pg_atomic_read_u64(&mark->highest);

	while (highest < (uint64) seq &&
		   !pg_atomic_compare_exchange_u64(&mark->highest, &highest, (uint64) seq))
		;
}

int64
rt_number_mark(void)
{
	return (int64) pg_atomic_read_u64(&mark->highest);
}

bool
rt_number_mark_is_worn(void)
{
	return pg_atomic_read_u32(&mark->worn) != 0;
}

void
rt_number_mark_set_worn(bool worn)
{
	pg_atomic_write_u32(&mark->worn, worn);
}

void
rt_number_mark_begin_epoch(Oid database, Oid table, int epoch)
{
	mark->database = database;
	mark->table = table;
	mark->epoch = epoch;
}

bool
rt_number_mark_is_complete(Oid database, Oid table, int epoch)
{
	return mark->database == database && mark->table == table &&
		mark->epoch == epoch;
}

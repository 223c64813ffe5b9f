/*
 * expected_time.c
 *		How long requests are expected to take.
 *
 * A table of atomics in shared memory, each a key and a time: who writes one
 * at the same time as somebody else has the last word, and a wrong guess costs
 * no more than a turn.  A key is at home in a set of a few places that share a
 * cache line; if all are taken, one is forgotten.
 *
 * What is shorter than FLOOR_US is not told apart, so that nobody writes after
 * each short call what all others read.  The first time says little, because
 * it includes what is done once; nothing is expected before the second one.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/expected_time.h"

#define SETS 1024				/* a power of two */
#define WAYS 4
#define FLOOR_US 32
#define WEIGHT_UP 8				/* of what was known, if another is longer */
#define WEIGHT_DOWN 2			/* ... or shorter: the first ones were cold */

typedef struct ExpectedTimes
{
	pg_atomic_uint64 places[SETS][WAYS];	/* key << 32 | us; 0 = free */
} ExpectedTimes;

static ExpectedTimes *times = NULL;

#define FIRST_TIME 0x80000000	/* flag: there was no other one yet */

#define place_key(place) ((uint32) ((place) >> 32))
#define place_us(place) ((uint32) (place))
#define make_place(key, us) ((uint64) (key) << 32 | (us))

Size
rt_expected_times_size(void)
{
	return sizeof(ExpectedTimes);
}

void
rt_expected_times_init(void)
{
	bool		found;

	times = ShmemInitStruct("realtime expected times", sizeof(ExpectedTimes),
							&found);
	if (found)
		return;
	for (int set = 0; set < SETS; set++)
	{
		for (int way = 0; way < WAYS; way++)
			pg_atomic_init_u64(&times->places[set][way], 0);
	}
}

/* The place of a key, or NULL. */
static pg_atomic_uint64 *
find_place(uint32 key)
{
	pg_atomic_uint64 *set = times->places[key & (SETS - 1)];

	for (int way = 0; way < WAYS; way++)
	{
		uint64		place = pg_atomic_read_u64(&set[way]);

		if (place != 0 && place_key(place) == key)
			return &set[way];
	}
	return NULL;
}

/* A place for a key that has none: a free one, or each of them in turn. */
static pg_atomic_uint64 *
take_place(uint32 key)
{
	static uint32 victim = 0;
	pg_atomic_uint64 *set = times->places[key & (SETS - 1)];

	for (int way = 0; way < WAYS; way++)
	{
		if (pg_atomic_read_u64(&set[way]) == 0)
			return &set[way];
	}
	return &set[victim++ % WAYS];
}

uint32
rt_expected_us(uint32 key)
{
	pg_atomic_uint64 *place = find_place(key);
	uint32		us;

	if (place == NULL)
		return RT_EXPECTED_UNKNOWN;
	us = place_us(pg_atomic_read_u64(place));
	return (us & FIRST_TIME) != 0 ? RT_EXPECTED_UNKNOWN : us;
}

void
rt_expected_note(uint32 key, double us)
{
	uint32		taken = us <= FLOOR_US ? FLOOR_US :
		us >= PG_INT32_MAX ? PG_INT32_MAX : (uint32) us;
	pg_atomic_uint64 *place = find_place(key);
	uint32		before;
	int64		mean;

	if (place == NULL)
	{
		pg_atomic_write_u64(take_place(key), make_place(key, taken | FIRST_TIME));
		return;
	}
	before = place_us(pg_atomic_read_u64(place));
	mean = before & ~FIRST_TIME;
	mean += ((int64) taken - mean) / (taken > mean ? WEIGHT_UP : WEIGHT_DOWN);
	if (mean != before)
		pg_atomic_write_u64(place, make_place(key, (uint32) mean));
}

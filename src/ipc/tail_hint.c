/*
 * tail_hint.c
 *		Which events of replay topics a gateway has in its memory, as executors
 *		see it.
 *
 * Each gateway has a place for each hash, in which topics push each other out.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/service.h"
#include "src/ipc/tail_hint.h"

#define HINTS 1024				/* of a gateway */

typedef struct Hint
{
	pg_atomic_uint32 topic_hash;
	pg_atomic_uint64 first;		/* number; 0 = nothing */
	pg_atomic_uint64 last;
} Hint;

typedef struct Hints
{
	pg_atomic_uint64 outdated;	/* how often */
	pg_atomic_uint64 outdated_at;	/* the last time, a position of the ring */
	pg_atomic_uint64 generations[FLEXIBLE_ARRAY_MEMBER];	/* of gateways */
} Hints;

static Hints *shared = NULL;
static Hint *hints = NULL;		/* behind them */

static Hint *
hint_of(int gateway, uint32 topic_hash)
{
	return &hints[gateway * HINTS + topic_hash % HINTS];
}

static Size
head_size(void)
{
	return MAXALIGN(offsetof(Hints, generations) +
					sizeof(pg_atomic_uint64) * realtime_gateways);
}

Size
rt_tail_hints_size(void)
{
	return add_size(head_size(), mul_size(sizeof(Hint) * HINTS, realtime_gateways));
}

void
rt_tail_hints_init(void)
{
	bool		found;

	shared = ShmemInitStruct("realtime tail hints", rt_tail_hints_size(), &found);
	hints = (Hint *) ((char *) shared + head_size());
	if (found)
		return;
	pg_atomic_init_u64(&shared->outdated, 0);
	pg_atomic_init_u64(&shared->outdated_at, 0);
	for (int i = 0; i < realtime_gateways; i++)
		pg_atomic_init_u64(&shared->generations[i], 0);
	for (int i = 0; i < HINTS * realtime_gateways; i++)
	{
		pg_atomic_init_u32(&hints[i].topic_hash, 0);
		pg_atomic_init_u64(&hints[i].first, 0);
		pg_atomic_init_u64(&hints[i].last, 0);
	}
}

uint64
rt_tail_generation(void)
{
	return pg_atomic_read_u64(&shared->outdated) << 32 | rt_catalog_generation();
}

/* A gateway may read later what was published before. */
void
rt_tails_outdate(void)
{
	uint64		position = rt_ring_position();
	uint64		before = pg_atomic_read_u64(&shared->outdated_at);

	while (before < position &&
		   !pg_atomic_compare_exchange_u64(&shared->outdated_at, &before, position))
		;
	pg_atomic_fetch_add_u64(&shared->outdated, 1);
}

uint64
rt_tails_outdated_at(void)
{
	return pg_atomic_read_u64(&shared->outdated_at);
}

void
rt_tail_hint_set(int gateway, uint32 topic_hash, int64 first, int64 last)
{
	Hint	   *hint = hint_of(gateway, topic_hash);

	if (first == 0 && pg_atomic_read_u32(&hint->topic_hash) != topic_hash)
		return;					/* another one's by now */
	pg_atomic_write_u32(&hint->topic_hash, topic_hash);
	pg_atomic_write_u64(&hint->first, first);
	pg_atomic_write_u64(&hint->last, last);
}

void
rt_tail_hints_reset(int gateway, uint64 generation)
{
	for (int i = 0; i < HINTS; i++)
		pg_atomic_write_u64(&hints[gateway * HINTS + i].first, 0);
	pg_atomic_write_u64(&shared->generations[gateway], generation);
}

bool
rt_tail_hint_covers(int gateway, uint32 topic_hash, int64 since)
{
	Hint	   *hint = hint_of(gateway, topic_hash);
	int64		first = (int64) pg_atomic_read_u64(&hint->first);

	return first != 0 &&
		pg_atomic_read_u64(&shared->generations[gateway]) == rt_tail_generation() &&
		pg_atomic_read_u32(&hint->topic_hash) == topic_hash &&
		since >= first - 1 && since <= (int64) pg_atomic_read_u64(&hint->last);
}

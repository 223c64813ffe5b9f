/*
 * score.c
 *		How often something has happened that processes of any kind do.
 *
 * Whether a realtime.send_to() has found somebody is known when all gateways have
 * looked.  For each of the last ones there is a word with its place in the ring, how
 * many have looked, and whether somebody was found.  A gateway that is so far behind
 * that another one has the word by then is not waited for.
 */
#include "postgres.h"

#include "port/atomics.h"
#include "storage/shmem.h"

#include "src/ipc/score.h"
#include "src/ipc/worker_slot.h"

#define WORDS 256
#define PLACE_SHIFT 8			/* 5 bits for how many have looked, one for found */
#define FOUND 1
#define LOOKED 2

typedef struct Scores
{
	pg_atomic_uint64 counts[RT_SCORES];
	pg_atomic_uint64 sent[WORDS];
} Scores;

static Scores *scores = NULL;

Size
rt_scores_size(void)
{
	return sizeof(Scores);
}

void
rt_scores_init(void)
{
	bool		found;

	scores = ShmemInitStruct("realtime scores", rt_scores_size(), &found);
	if (found)
		return;
	for (int i = 0; i < RT_SCORES; i++)
		pg_atomic_init_u64(&scores->counts[i], 0);
	for (int i = 0; i < WORDS; i++)
		pg_atomic_init_u64(&scores->sent[i], 0);
}

void
rt_score(RtScore score)
{
	pg_atomic_fetch_add_u64(&scores->counts[score], 1);
}

void
rt_score_add(RtScore score, uint64 count)
{
	if (count > 0)
		pg_atomic_fetch_add_u64(&scores->counts[score], (int64) count);
}

uint64
rt_score_read(RtScore score)
{
	return pg_atomic_read_u64(&scores->counts[score]);
}

/* ---- who is meant by a realtime.send_to() ---- */

/* One that has no connections may not look. */
static int
gateways_that_look(void)
{
	int			count = 0;

	for (int i = 0; i < rt_worker_count(RT_WORKER_GATEWAY); i++)
		count += pg_atomic_read_u64(&rt_worker_slot(RT_WORKER_GATEWAY, i)->gateway.connections) > 0;
	return count;
}

void
rt_score_send_to(void)
{
	if (gateways_that_look() == 0)
		rt_score(RT_SCORE_SEND_TO_EMPTY);
}

static bool
is_of(uint64 word, uint64 place)
{
	return word >> PLACE_SHIFT == place;
}

static int
count_looked(uint64 word)
{
	return (int) ((word & ((1 << PLACE_SHIFT) - 1)) / LOOKED);
}

void
rt_score_sent_to(uint64 position, bool found)
{
	uint64		place = position / MAXIMUM_ALIGNOF;
	pg_atomic_uint64 *word = &scores->sent[place % WORDS];
	uint64		before = pg_atomic_read_u64(word);
	uint64		after;

	do
	{
		after = is_of(before, place) ? before : place << PLACE_SHIFT;
		after = (after + LOOKED) | (found ? FOUND : 0);
	} while (!pg_atomic_compare_exchange_u64(word, &before, after));
	if (found && !(is_of(before, place) && (before & FOUND)))
		rt_score(RT_SCORE_SEND_TO_OK);
	else if ((after & FOUND) == 0 && count_looked(after) == gateways_that_look())
		rt_score(RT_SCORE_SEND_TO_EMPTY);
}

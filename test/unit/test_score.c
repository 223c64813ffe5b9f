/*
 * test_score.c
 *		src/ipc/score.c: whether a realtime.send_to() has found somebody, however many
 *		gateways look, in whatever order, and however late.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "storage/shmem.h"

#include "test/unit/shmem.h"

#include "src/ipc/score.c"
#include "test/unit/unit.h"

#define GATEWAYS 3
#define PLACE 4096

static RtWorkerSlot slots[GATEWAYS];

RtWorkerSlot *
rt_worker_slot(RtWorkerKind kind, int index)
{
	CHECK(kind == RT_WORKER_GATEWAY);
	return &slots[index];
}

int
rt_worker_count(RtWorkerKind kind)
{
	return GATEWAYS;
}

static void
begin(int with_connections)
{
	rt_scores_init();
	memset(slots, 0, sizeof(slots));
	for (int i = 0; i < with_connections; i++)
		pg_atomic_write_u64(&slots[i].gateway.connections, 1);
}

static bool
has_scored(uint64 ok, uint64 empty)
{
	return rt_score_read(RT_SCORE_SEND_TO_OK) == ok &&
		rt_score_read(RT_SCORE_SEND_TO_EMPTY) == empty;
}

static void
look(uint64 position, bool first, bool second, bool third)
{
	rt_score_sent_to(position, first);
	rt_score_sent_to(position, second);
	rt_score_sent_to(position, third);
}

/* Once, whoever finds somebody and how many do. */
static void
found_counts_once(void)
{
	begin(GATEWAYS);
	look(PLACE, true, true, true);
	CHECK(has_scored(1, 0));
	look(PLACE + 8, false, false, true);
	CHECK(has_scored(2, 0));
	look(PLACE + 16, true, false, false);
	CHECK(has_scored(3, 0));
}

/* When the last has looked, and not before. */
static void
nobody_counts_when_all_have_looked(void)
{
	begin(GATEWAYS);
	rt_score_sent_to(PLACE, false);
	rt_score_sent_to(PLACE, false);
	CHECK(has_scored(0, 0));
	rt_score_sent_to(PLACE, false);
	CHECK(has_scored(0, 1));
}

/* One without connections may not look, and is not waited for. */
static void
who_has_nobody_is_not_waited_for(void)
{
	begin(1);
	rt_score_send_to();
	rt_score_sent_to(PLACE, false);
	CHECK(has_scored(0, 1));
	begin(0);
	rt_score_send_to();
	CHECK(has_scored(0, 1));
}

/* Others between them do not matter, unless they are very many. */
static void
others_come_between(void)
{
	begin(2);
	for (int i = 0; i < WORDS; i++)
		rt_score_sent_to(PLACE + 8 * i, false);
	CHECK(has_scored(0, 0));
	for (int i = 0; i < WORDS; i++)
		rt_score_sent_to(PLACE + 8 * i, i % 2 == 0);
	CHECK(has_scored(WORDS / 2, WORDS / 2));
	rt_score_sent_to(PLACE, false);
	rt_score_sent_to(PLACE + 8 * WORDS, false);
	rt_score_sent_to(PLACE, false);
	CHECK(has_scored(WORDS / 2, WORDS / 2));
}

int
main(void)
{
	RUN(found_counts_once);
	RUN(nobody_counts_when_all_have_looked);
	RUN(who_has_nobody_is_not_waited_for);
	RUN(others_come_between);
	return unit_done();
}

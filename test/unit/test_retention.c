/*
 * test_retention.c
 *		src/ipc/retention.c: hints reach the scheduler, and a backend that has
 *		stopped in the middle of one keeps nobody busy.
 *
 * That moment is made here by hand: the slot is left FILLING.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/ipc/retention.c"
#include "test/unit/shmem.h"
#include "test/unit/unit.h"

static int	wakings = 0;

void
rt_worker_wake(RtWorkerKind kind, int index)
{
	wakings++;
}

/* The number that a topic's name begins with. */
uint32
rt_topic_hash(const char *topic, Size len)
{
	return (uint32) strtoul(topic, NULL, 10);
}

static void
begin(void)
{
	rt_retention_init();
	looked_for = 0;
	wakings = 0;
}

static void
hint(const char *topic)
{
	rt_retention_hint(topic, strlen(topic));
}

/* Takes all hints, as the scheduler does; returns how many there were. */
static int
take_all(void)
{
	char		topic[RT_RETENTION_TOPIC_MAX + 1];
	int			count = 0;

	while (rt_retention_take(topic))
		count++;
	return count;
}

static bool
take_is(const char *wanted)
{
	char		topic[RT_RETENTION_TOPIC_MAX + 1];

	return rt_retention_take(topic) && strcmp(topic, wanted) == 0;
}

static void
hint_is_taken_once(void)
{
	begin();
	CHECK(!rt_retention_pending());
	hint("1 a");
	CHECK(rt_retention_pending() && wakings == 1);
	CHECK(take_is("1 a"));
	CHECK(take_all() == 0);
	CHECK(!rt_retention_pending());
}

static void
topic_that_is_there_is_not_put_in_again(void)
{
	begin();
	hint("1 a");
	hint("1 a");
	CHECK(wakings == 1);
	CHECK(take_all() == 1);
	hint("1 a");
	CHECK(wakings == 2 && take_all() == 1);
}

static void
longest_topic(void)
{
	char		topic[RT_RETENTION_TOPIC_MAX + 1] = "7";

	memset(topic + 1, 'x', RT_RETENTION_TOPIC_MAX - 1);
	topic[RT_RETENTION_TOPIC_MAX] = '\0';
	begin();
	hint(topic);
	CHECK(take_is(topic));
}

static void
hint_without_room_is_lost(void)
{
	char		topic[16];

	begin();
	for (int i = 0; i < PLACES + 3; i++)
	{
		snprintf(topic, sizeof(topic), "%d", 1 + i * SLOTS);
		hint(topic);
	}
	CHECK(take_all() == PLACES);
	CHECK(!rt_retention_pending());
}

/* However long it stands still there. */
static void
backend_that_stops_while_it_fills_a_slot(void)
{
	HintSlot   *slot;

	begin();
	slot = &table->slots[1];
	pg_atomic_write_u32(&slot->state, FILLING);
	CHECK(!rt_retention_pending());
	CHECK(take_all() == 0);

	/* what others say meanwhile goes elsewhere, and is taken */
	hint("1 a");
	hint("2 b");
	CHECK(take_all() == 2);
	CHECK(!rt_retention_pending());

	/* it goes on */
	pg_atomic_write_u32(&slot->state, FREE);
	CHECK(set_slot(slot, 1, "1 c", 3));
	CHECK(rt_retention_pending());
	CHECK(take_is("1 c"));
	CHECK(take_all() == 0 && !rt_retention_pending());
}

/* Between its filling and its announcement a hint may be taken already. */
static void
hint_that_is_announced_late(void)
{
	begin();
	hint("1 a");
	pg_atomic_fetch_sub_u32(&table->announced, 1);
	hint("2 b");
	CHECK(take_all() == 2);
	pg_atomic_fetch_add_u32(&table->announced, 1);
	CHECK(rt_retention_pending());
	CHECK(take_all() == 0);
	CHECK(!rt_retention_pending());
}

int
main(void)
{
	RUN(hint_is_taken_once);
	RUN(topic_that_is_there_is_not_put_in_again);
	RUN(longest_topic);
	RUN(hint_without_room_is_lost);
	RUN(backend_that_stops_while_it_fills_a_slot);
	RUN(hint_that_is_announced_late);
	return unit_done();
}

/*
 * test_fair_queue.c
 *		src/ipc/fair_queue.c, crew.c and expected_time.c: whose request comes
 *		next, who takes it, and how long it is expected to take.
 *
 * The server's functions that they call are played here.
 */
#include "postgres.h"

#include "src/ipc/crew.c"
#include "src/ipc/expected_time.c"
#include "src/ipc/fair_queue.c"
#undef printf
#undef fprintf
#undef snprintf
#include "test/unit/shmem.h"
#include "test/unit/unit.h"

#define ENTRIES 256
#define FLOWS 8
#define SHORT_US 10
#define LONG_US 200000

/* ---- asking ---- */

static RtFairQueue *queue = NULL;
static int	last_of[FLOWS];		/* as their gateways remember it */
static int	next_entry = 0;

static void
begin(void)
{
	free(queue);
	queue = malloc(rt_fair_queue_size(ENTRIES));
	memset(queue, 0x7F, rt_fair_queue_size(ENTRIES));
	rt_fair_queue_init(queue, ENTRIES);
	for (int i = 0; i < FLOWS; i++)
		last_of[i] = RT_ENTRY_NONE;
	next_entry = 0;
}

static void
describe(int entry, int flow, RtLane lane, uint32 cost_us, int64 since_ms)
{
	queue->entries[entry].flow = flow;
	queue->entries[entry].lane = lane;
	queue->entries[entry].cost_us = cost_us;
	queue->entries[entry].since_ms = since_ms;
}

/* n requests of one flow at once; returns the first one's number. */
static int
ask(int flow, int n, RtLane lane, uint32 cost_us)
{
	int			first = next_entry;
	RtQueueChain chain;

	for (int i = 0; i < n; i++)
	{
		describe(next_entry, flow, lane, cost_us, 0);
		if (i == 0)
			chain = rt_queue_chain_begin(queue, next_entry, last_of[flow]);
		else
			rt_queue_chain_extend(queue, &chain, next_entry);
		next_entry++;
	}
	rt_fair_queue_push(queue, &chain);
	last_of[flow] = next_entry - 1;
	return first;
}

/* The flow of the next request; -1 = there is none. */
static int
next_flow(bool may_be_long)
{
	int			entry = rt_fair_queue_pop(queue, may_be_long);

	return entry == RT_ENTRY_NONE ? -1 : (int) queue->entries[entry].flow;
}

/* ---- turns ---- */

static void
test_one_flow_is_in_order(void)
{
	begin();
	CHECK(rt_fair_queue_pop(queue, true) == RT_ENTRY_NONE);
	ask(0, 3, RT_LANE_LONG, LONG_US);
	ask(0, 2, RT_LANE_SHORT, SHORT_US);
	for (int i = 0; i < 5; i++)
		CHECK(rt_fair_queue_pop(queue, true) == i);
	CHECK(rt_fair_queue_pop(queue, true) == RT_ENTRY_NONE);
	CHECK(queue->count == 0);
}

static void
test_flows_take_turns(void)
{
	begin();
	ask(0, 4, RT_LANE_LONG, LONG_US);
	ask(1, 2, RT_LANE_LONG, LONG_US);
	ask(2, 1, RT_LANE_LONG, LONG_US);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(true) == 1);
	ask(3, 1, RT_LANE_LONG, LONG_US);
	CHECK(next_flow(true) == 2);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(true) == 1);
	CHECK(next_flow(true) == 3);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(true) == -1);
}

/* What comes behind those of a flow that wait does not get it a turn more. */
static void
test_asking_more_gives_no_turn(void)
{
	begin();
	ask(0, 1, RT_LANE_LONG, LONG_US);
	ask(1, 1, RT_LANE_LONG, LONG_US);
	ask(0, 1, RT_LANE_LONG, LONG_US);
	ask(0, 1, RT_LANE_LONG, LONG_US);
	ask(1, 1, RT_LANE_LONG, LONG_US);
	for (int i = 0; i < 5; i++)
		CHECK(next_flow(true) == (i < 4 ? i % 2 : 0));
}

static void
test_a_turn_holds_short_ones_together(void)
{
	int			turn = RT_TURN_US / 300 + 1;

	begin();
	ask(0, 10, RT_LANE_SHORT, 300);
	ask(1, 10, RT_LANE_SHORT, 300);
	for (int i = 0; i < 4 * turn; i++)
		CHECK(next_flow(true) == i / turn % 2);
}

/* A flow that has nothing left in its turn begins anew behind the others. */
static void
test_a_turn_ends_with_its_requests(void)
{
	begin();
	ask(0, 1, RT_LANE_SHORT, SHORT_US);
	ask(1, 2, RT_LANE_SHORT, SHORT_US);
	CHECK(next_flow(true) == 0);
	ask(0, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(next_flow(true) == 1);
	CHECK(next_flow(true) == 1);
	CHECK(next_flow(true) == 0);
}

/* A slot that is used again is not taken for the one that it was. */
static void
test_behind_what_is_gone(void)
{
	RtQueueChain chain;

	begin();
	ask(0, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(next_flow(true) == 0);

	/* of the same flow, behind itself */
	describe(0, 0, RT_LANE_SHORT, SHORT_US, 0);
	chain = rt_queue_chain_begin(queue, 0, 0);
	rt_fair_queue_push(queue, &chain);
	CHECK(rt_fair_queue_pop(queue, true) == 0);
	CHECK(rt_fair_queue_pop(queue, true) == RT_ENTRY_NONE);

	/* of another flow, which waits */
	describe(0, 1, RT_LANE_SHORT, SHORT_US, 0);
	chain = rt_queue_chain_begin(queue, 0, RT_ENTRY_NONE);
	rt_fair_queue_push(queue, &chain);
	last_of[0] = 0;
	ask(0, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(queue->first[RT_LANE_SHORT] != queue->last[RT_LANE_SHORT]);
	CHECK(next_flow(true) == 1);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(true) == -1);
}

/* ---- lanes ---- */

static void
test_the_short_lane_alone(void)
{
	begin();
	ask(0, 2, RT_LANE_LONG, LONG_US);
	ask(1, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(next_flow(false) == 1);
	CHECK(next_flow(false) == -1);
	CHECK(next_flow(true) == 0);
	/* a flow is where its first request is */
	ask(0, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(next_flow(false) == -1);
	CHECK(next_flow(true) == 0);
	CHECK(next_flow(false) == 0);
}

static void
test_both_lanes_in_order_of_turns(void)
{
	begin();
	ask(0, 2, RT_LANE_LONG, LONG_US);
	ask(1, 2, RT_LANE_SHORT, RT_TURN_US);
	ask(2, 2, RT_LANE_LONG, LONG_US);
	for (int i = 0; i < 6; i++)
		CHECK(next_flow(true) == i % 3);
}

/* Random requests: each is taken once, and each flow is in order. */
static void
test_random(void)
{
	int			asked[FLOWS] = {0};
	int			done[FLOWS] = {0};
	int			order[ENTRIES];
	int			free_entries[ENTRIES];
	int			free_count = ENTRIES;
	uint32		seed = 1;

	begin();
	for (int i = 0; i < ENTRIES; i++)
		free_entries[i] = i;
	for (int step = 0; step < 200000; step++)
	{
		uint32		dice = (seed = seed * 1103515245 + 12345) >> 16;

		if (dice % 2 == 0 && free_count > 0)
		{
			int			flow = (dice >> 1) % FLOWS;
			int			entry = free_entries[--free_count];
			RtQueueChain chain;

			describe(entry, flow, (dice >> 5) % 2, (dice >> 6) % 1500, 0);
			order[entry] = asked[flow]++;
			chain = rt_queue_chain_begin(queue, entry, last_of[flow]);
			rt_fair_queue_push(queue, &chain);
			last_of[flow] = entry;
		}
		else
		{
			int			entry = rt_fair_queue_pop(queue, dice % 3 != 0);
			int			flow;

			if (entry == RT_ENTRY_NONE)
				continue;
			flow = queue->entries[entry].flow;
			CHECK(order[entry] == done[flow]++);
			free_entries[free_count++] = entry;
		}
		CHECK(queue->count == ENTRIES - free_count);
	}
	while (rt_fair_queue_pop(queue, true) != RT_ENTRY_NONE)
		free_count++;
	CHECK(free_count == ENTRIES);
}

/* However much the others ask for, who asks for one thing waits one round. */
static void
test_a_newcomer_waits_one_round(void)
{
	begin();
	for (int i = 0; i < 7; i++)
		ask(i, 30, RT_LANE_LONG, LONG_US);
	for (int i = 0; i < 40; i++)
		(void) next_flow(true);
	ask(7, 1, RT_LANE_LONG, LONG_US);
	for (int i = 0; i < 7; i++)
		CHECK(next_flow(true) != 7);
	CHECK(next_flow(true) == 7);
}

/* ---- the crew ---- */

static RtCrew
crew_of(int executors)
{
	RtCrew		crew;

	rt_crew_init(&crew);
	for (int i = 0; i < executors; i++)
		rt_crew_join(&crew, i);
	return crew;
}

static void
test_one_is_kept(void)
{
	RtCrew		crew = crew_of(3);

	CHECK(rt_crew_may_take_long(&crew, 2));
	crew.occupied = 0x1;
	CHECK(rt_crew_may_take_long(&crew, 2));
	crew.occupied = 0x3;
	CHECK(!rt_crew_may_take_long(&crew, 2));
	rt_crew_leave(&crew, 0);
	CHECK(!rt_crew_may_take_long(&crew, 2));
	rt_crew_leave(&crew, 1);
	CHECK(rt_crew_may_take_long(&crew, 2));
	crew = crew_of(2);
	rt_crew_occupy(&crew, 0);
	CHECK(!rt_crew_may_take_long(&crew, 1));
	crew.keeps_none = true;
	CHECK(rt_crew_may_take_long(&crew, 1));
}

static void
test_who_is_woken(void)
{
	RtCrew		crew = crew_of(3);

	begin();
	crew.idle = 0x6;
	CHECK(rt_crew_pick(&crew, queue, 2) == 0);
	ask(0, 2, RT_LANE_LONG, LONG_US);
	crew.occupied = 0x1;
	CHECK(rt_crew_pick(&crew, queue, 1) == 0x2);
	CHECK(crew.idle == 0x4);
	crew.occupied = 0x3;
	CHECK(rt_crew_pick(&crew, queue, 1) == 0);
	ask(1, 1, RT_LANE_SHORT, SHORT_US);
	CHECK(rt_crew_pick(&crew, queue, 5) == 0x4);
	CHECK(crew.idle == 0);
}

static void
test_who_may_retire(void)
{
	RtCrew		crew = crew_of(3);

	rt_crew_rest(&crew, 2);
	CHECK(rt_crew_may_retire(&crew, 2, 2));
	CHECK(!rt_crew_may_retire(&crew, 1, 2));
	CHECK(!rt_crew_may_retire(&crew, 2, 3));
	rt_crew_done(&crew, 2);
	CHECK(!rt_crew_may_retire(&crew, 2, 2));
}

static void
test_who_is_late(void)
{
	RtCrew		crew = crew_of(2);

	begin();
	CHECK(!rt_crew_is_late(&crew, queue, 1000, 30));
	ask(0, 1, RT_LANE_LONG, LONG_US);
	queue->entries[0].since_ms = 1000;
	crew.occupied = 0x1;
	crew.idle = 0x2;
	CHECK(!rt_crew_is_late(&crew, queue, 1030, 30));
	CHECK(rt_crew_is_late(&crew, queue, 1031, 30));
	crew.occupied = 0;			/* then the idle one may take it */
	CHECK(!rt_crew_is_late(&crew, queue, 1031, 30));
	crew.idle = 0;
	CHECK(rt_crew_is_late(&crew, queue, 1031, 30));
	CHECK(next_flow(true) == 0);
	CHECK(!rt_crew_is_late(&crew, queue, 1031, 30));
}

/* ---- expected times ---- */

static void
note_times(uint32 key, double us, int times)
{
	for (int i = 0; i < times; i++)
		rt_expected_note(key, us);
}

static void
test_expected_times(void)
{
	rt_expected_times_init();
	CHECK(rt_expected_us(0) == RT_EXPECTED_UNKNOWN);
	CHECK(rt_expected_us(7) == RT_EXPECTED_UNKNOWN);
	note_times(7, 2, 2);
	CHECK(rt_expected_us(7) > 0 && rt_expected_us(7) < 100);
	note_times(8, 1e12, 2);
	CHECK(rt_expected_us(8) > 1000000);
	note_times(9, 80000, 2);
	CHECK(rt_expected_us(9) == 80000);
	note_times(9, 160000, 100);
	CHECK(rt_expected_us(9) > 150000 && rt_expected_us(9) <= 160000);
	note_times(9, 5, 10);
	CHECK(rt_expected_us(9) < RT_EXPECTED_SHORT_US);
}

static void
test_the_first_time_says_nothing(void)
{
	rt_expected_times_init();
	rt_expected_note(7, 5);
	CHECK(rt_expected_us(7) == RT_EXPECTED_UNKNOWN);
	rt_expected_note(7, 5);
	CHECK(rt_expected_us(7) != RT_EXPECTED_UNKNOWN);
	rt_expected_note(8, 15000);
	rt_expected_note(8, 5);
	CHECK(rt_expected_us(8) < RT_EXPECTED_SHORT_US);
}

static void
test_expected_times_are_forgotten(void)
{
	int			known = 0;

	rt_expected_times_init();
	for (uint32 i = 0; i < 10; i++)
		note_times(5 + i * SETS, 1000 + i, 2);
	for (uint32 i = 0; i < 10; i++)
	{
		uint32		us = rt_expected_us(5 + i * SETS);

		known += us != RT_EXPECTED_UNKNOWN;
		CHECK(us == RT_EXPECTED_UNKNOWN || us == 1000 + i);
	}
	CHECK(known == WAYS);
	CHECK(rt_expected_us(6) == RT_EXPECTED_UNKNOWN);
}

int
main(void)
{
	RUN(test_one_flow_is_in_order);
	RUN(test_flows_take_turns);
	RUN(test_asking_more_gives_no_turn);
	RUN(test_a_turn_holds_short_ones_together);
	RUN(test_a_turn_ends_with_its_requests);
	RUN(test_behind_what_is_gone);
	RUN(test_the_short_lane_alone);
	RUN(test_both_lanes_in_order_of_turns);
	RUN(test_random);
	RUN(test_a_newcomer_waits_one_round);
	RUN(test_one_is_kept);
	RUN(test_who_is_woken);
	RUN(test_who_may_retire);
	RUN(test_who_is_late);
	RUN(test_expected_times);
	RUN(test_the_first_time_says_nothing);
	RUN(test_expected_times_are_forgotten);
	return unit_done();
}

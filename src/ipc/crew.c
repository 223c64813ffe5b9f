/*
 * crew.c
 *		The executors as a crew.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "src/ipc/crew.h"

#define bit(executor) (UINT64CONST(1) << (executor))

void
rt_crew_init(RtCrew *crew)
{
	memset(crew, 0, sizeof(*crew));
}

void
rt_crew_join(RtCrew *crew, int executor)
{
	crew->present |= bit(executor);
}

void
rt_crew_leave(RtCrew *crew, int executor)
{
	crew->present &= ~bit(executor);
	crew->idle &= ~bit(executor);
	crew->occupied &= ~bit(executor);
	crew->waiting &= ~bit(executor);
	crew->aside &= ~bit(executor);
	crew->staying &= ~bit(executor);
}

void
rt_crew_occupy(RtCrew *crew, int executor)
{
	crew->occupied |= bit(executor);
}

void
rt_crew_done(RtCrew *crew, int executor)
{
	crew->idle &= ~bit(executor);
	crew->occupied &= ~bit(executor);
}

void
rt_crew_rest(RtCrew *crew, int executor)
{
	crew->idle |= bit(executor);
}

bool
rt_crew_wait(RtCrew *crew, int executor, int most)
{
	if (rt_crew_members(crew->waiting) >= most)
		return false;
	crew->waiting |= bit(executor);
	crew->occupied |= bit(executor);
	return true;
}

void
rt_crew_go_on(RtCrew *crew, int executor)
{
	crew->waiting &= ~bit(executor);
}

void
rt_crew_step_aside(RtCrew *crew, int executor)
{
	crew->aside |= bit(executor);
}

void
rt_crew_come_back(RtCrew *crew, int executor)
{
	crew->aside &= ~bit(executor);
}

/* Those that are there for calls. */
static int
members_for_calls(const RtCrew *crew)
{
	return rt_crew_members(crew->present & ~crew->waiting & ~crew->aside);
}

bool
rt_crew_is_short(const RtCrew *crew, int least)
{
	return (crew->waiting | crew->aside) != 0 && members_for_calls(crew) < least;
}

int
rt_crew_members(uint64 set)
{
	int			count = 0;

	for (; set != 0; set &= set - 1)
		count++;
	return count;
}

bool
rt_crew_may_retire(const RtCrew *crew, int executor, int least)
{
	return (crew->idle & bit(executor)) != 0 && !crew->keeps_none &&
		members_for_calls(crew) > least;
}

bool
rt_crew_may_end(RtCrew *crew, int executor)
{
	bool		others = (crew->present & ~bit(executor)) != 0;

	if (others && (crew->staying & ~bit(executor)) == 0)
		crew->staying = bit(executor);
	else
		crew->staying &= ~bit(executor);
	return (crew->staying & bit(executor)) == 0;
}

uint64
rt_crew_left_alone(const RtCrew *crew)
{
	return crew->present == crew->staying ? crew->staying : 0;
}

/* Another one that is not occupied is left for what is short. */
bool
rt_crew_may_take_long(const RtCrew *crew, int executor)
{
	uint64		others = crew->present & ~bit(executor);

	return crew->keeps_none || others == 0 || (others & ~crew->occupied) != 0;
}

/* Whether who is idle may take something that is in the queue. */
static bool
has_work_for_idle(const RtCrew *crew, const RtFairQueue *queue)
{
	if (rt_fair_queue_has(queue, RT_LANE_SHORT))
		return true;
	return rt_fair_queue_has(queue, RT_LANE_LONG) &&
		rt_crew_may_take_long(crew, pg_rightmost_one_pos64(crew->idle));
}

uint64
rt_crew_pick(RtCrew *crew, const RtFairQueue *queue, int n)
{
	uint64		picked = 0;

	if (crew->idle == 0 || !has_work_for_idle(crew, queue))
		return 0;
	while (n-- > 0 && crew->idle != 0)
		picked |= rt_crew_pick_one(crew);
	return picked;
}

uint64
rt_crew_pick_one(RtCrew *crew)
{
	uint64		lowest = crew->idle & (~crew->idle + 1);

	crew->idle &= ~lowest;
	return lowest;
}

static bool
waits_longer(const RtFairQueue *queue, RtLane lane, int64 now_ms, int wait_ms)
{
	return rt_fair_queue_has(queue, lane) &&
		now_ms - rt_fair_queue_since(queue, lane) > wait_ms;
}

bool
rt_crew_is_late(const RtCrew *crew, const RtFairQueue *queue,
				int64 now_ms, int wait_ms)
{
	if (crew->idle != 0 && has_work_for_idle(crew, queue))
		return false;			/* who was woken comes */
	return waits_longer(queue, RT_LANE_SHORT, now_ms, wait_ms) ||
		waits_longer(queue, RT_LANE_LONG, now_ms, wait_ms);
}

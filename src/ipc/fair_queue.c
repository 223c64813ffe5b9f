/*
 * fair_queue.c
 *		Whose request comes next: connections take turns.
 */
#include "postgres.h"

#include "storage/shmem.h"

#include "src/ipc/fair_queue.h"

Size
rt_fair_queue_size(int entries)
{
	return add_size(offsetof(RtFairQueue, entries),
					mul_size(sizeof(RtQueueEntry), entries));
}

void
rt_fair_queue_init(RtFairQueue *queue, int entries)
{
	for (int lane = 0; lane < RT_LANES; lane++)
		queue->first[lane] = queue->last[lane] = RT_ENTRY_NONE;
	queue->count = 0;
	queue->last_turn = 0;
	for (int i = 0; i < entries; i++)
		queue->entries[i].queued = false;
}

/* ---- chains ---- */

RtQueueChain
rt_queue_chain_begin(RtFairQueue *queue, int entry, int behind)
{
	queue->entries[entry].next = RT_ENTRY_NONE;
	return (RtQueueChain) {entry, entry, 1, behind};
}

void
rt_queue_chain_extend(RtFairQueue *queue, RtQueueChain *chain, int entry)
{
	Assert(queue->entries[entry].flow == queue->entries[chain->first].flow);
	queue->entries[entry].next = RT_ENTRY_NONE;
	queue->entries[chain->last].next = entry;
	chain->last = entry;
	chain->count++;
}

/* ---- flows ---- */

/* A flow waits for its next turn, behind all others. */
static void
join_row(RtFairQueue *queue, int entry)
{
	RtQueueEntry *flow = &queue->entries[entry];

	flow->next_flow = RT_ENTRY_NONE;
	flow->spent_us = 0;
	flow->turn = ++queue->last_turn;
	if (queue->first[flow->lane] == RT_ENTRY_NONE)
		queue->first[flow->lane] = entry;
	else
		queue->entries[queue->last[flow->lane]].next_flow = entry;
	queue->last[flow->lane] = entry;
}

/* The first flow of a lane leaves the row. */
static void
leave_row(RtFairQueue *queue, RtLane lane)
{
	queue->first[lane] = queue->entries[queue->first[lane]].next_flow;
	if (queue->first[lane] == RT_ENTRY_NONE)
		queue->last[lane] = RT_ENTRY_NONE;
}

/* Its turn goes on with the next entry, in the same place. */
static void
stay_first(RtFairQueue *queue, const RtQueueEntry *done, uint32 spent_us)
{
	RtQueueEntry *flow = &queue->entries[done->next];

	flow->next_flow = done->next_flow;
	flow->turn = done->turn;
	flow->spent_us = spent_us;
	queue->first[done->lane] = done->next;
	if (flow->next_flow == RT_ENTRY_NONE)
		queue->last[done->lane] = done->next;
}

/* ---- entries ---- */

/* Whether more of the same flow waits already. */
static bool
follows_others(const RtFairQueue *queue, const RtQueueChain *chain)
{
	const RtQueueEntry *behind;

	if (chain->behind == RT_ENTRY_NONE)
		return false;
	behind = &queue->entries[chain->behind];
	return behind->queued && behind->flow == queue->entries[chain->first].flow;
}

void
rt_fair_queue_push(RtFairQueue *queue, const RtQueueChain *chain)
{
	/* before it is queued: what it was behind may be in the chain itself */
	bool		follows = follows_others(queue, chain);

	for (int i = chain->first; i != RT_ENTRY_NONE; i = queue->entries[i].next)
		queue->entries[i].queued = true;
	queue->count += chain->count;
	if (follows)
		queue->entries[chain->behind].next = chain->first;
	else
		join_row(queue, chain->first);
}

/* The lane whose first flow waits longer for its turn, of those allowed. */
static RtLane
next_lane(const RtFairQueue *queue, bool may_be_long)
{
	int			brief = queue->first[RT_LANE_SHORT];
	int			slow = queue->first[RT_LANE_LONG];

	if (!may_be_long || slow == RT_ENTRY_NONE)
		return RT_LANE_SHORT;
	if (brief == RT_ENTRY_NONE ||
		queue->entries[slow].turn < queue->entries[brief].turn)
		return RT_LANE_LONG;
	return RT_LANE_SHORT;
}

int
rt_fair_queue_pop(RtFairQueue *queue, bool may_be_long)
{
	RtLane		lane = next_lane(queue, may_be_long);
	int			taken = queue->first[lane];
	RtQueueEntry *entry;
	uint32		spent_us;

	if (taken == RT_ENTRY_NONE)
		return RT_ENTRY_NONE;
	entry = &queue->entries[taken];
	entry->queued = false;
	queue->count--;

	spent_us = entry->spent_us + Min(entry->cost_us, RT_TURN_US);
	if (entry->next != RT_ENTRY_NONE && spent_us < RT_TURN_US &&
		queue->entries[entry->next].lane == lane)
	{
		stay_first(queue, entry, spent_us);
		return taken;
	}
	leave_row(queue, lane);
	if (entry->next != RT_ENTRY_NONE)
		join_row(queue, entry->next);
	return taken;
}

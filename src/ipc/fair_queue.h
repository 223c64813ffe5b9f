/*
 * fair_queue.h
 *		Whose request comes next: connections take turns.
 *
 * What waits of one connection is a flow, in order.  Flows stand in a row; the
 * first one has its turn, which ends after RT_TURN_US of what its requests are
 * expected to take, and after one request at least.  Then it goes behind all
 * others.  So who asks for a thing waits for one turn of each other, however
 * much the others have asked for, and who asks for many short things gets them
 * done together.  (What is a flow is the caller's choice: a user, for example,
 * could be one.)
 *
 * There are two lanes, each with a row of its own: an executor that is kept for
 * what is short takes from that lane only; all others take the flow that has
 * waited longer for its turn.  A flow is in the lane of its first request.
 *
 * Entries are named by number: entry i is request slot i.  Nothing here locks,
 * allocates or reads a clock.
 */
#ifndef RT_IPC_FAIR_QUEUE_H
#define RT_IPC_FAIR_QUEUE_H

#include "src/compat.h"

#define RT_TURN_US 1000
#define RT_ENTRY_NONE (-1)

typedef enum RtLane
{
	RT_LANE_SHORT,
	RT_LANE_LONG
} RtLane;

#define RT_LANES (RT_LANE_LONG + 1)

typedef struct RtQueueEntry
{
	/* written by who has the slot, before the entry is queued */
	uint64		flow;			/* equal in all entries of a flow */
	int64		since_ms;		/* waits since then; the caller's clock */
	uint32		cost_us;		/* expected; what is not known takes a turn */
	uint8		lane;			/* RtLane */
	bool		is_short;		/* known to be so */
	bool		queued;

	/* the queue's own */
	int			next;			/* behind it in its flow */
	int			next_flow;		/* of a flow's first entry: the next flow's */
	uint32		spent_us;		/* of a flow's first entry: of its turn */
	uint64		turn;			/* of a flow's first entry: order in both lanes */
} RtQueueEntry;

typedef struct RtFairQueue
{
	int			first[RT_LANES];	/* first entry of the first flow */
	int			last[RT_LANES]; /* first entry of the last flow */
	int			count;			/* of entries queued */
	uint64		last_turn;
	RtQueueEntry entries[FLEXIBLE_ARRAY_MEMBER];
} RtFairQueue;

extern Size rt_fair_queue_size(int entries);
extern void rt_fair_queue_init(RtFairQueue *queue, int entries);

/*
 * A chain are entries of one flow, linked before they are queued: begin makes
 * one of one entry, extend puts another entry behind its last one.  behind is
 * the entry of that flow that was queued before it, or RT_ENTRY_NONE; it need
 * not be queued any more, and may be another flow's by now, or in the chain.
 */
typedef struct RtQueueChain
{
	int			first;
	int			last;
	int			count;
	int			behind;
} RtQueueChain;

extern RtQueueChain rt_queue_chain_begin(RtFairQueue *queue, int entry, int behind);
extern void rt_queue_chain_extend(RtFairQueue *queue, RtQueueChain *chain, int entry);

extern void rt_fair_queue_push(RtFairQueue *queue, const RtQueueChain *chain);

/* Takes the next entry; RT_ENTRY_NONE if there is none. */
extern int	rt_fair_queue_pop(RtFairQueue *queue, bool may_be_long);

static inline bool
rt_fair_queue_has(const RtFairQueue *queue, RtLane lane)
{
	return queue->first[lane] != RT_ENTRY_NONE;
}

/* Since when the next entry of a lane waits; only if there is one. */
static inline int64
rt_fair_queue_since(const RtFairQueue *queue, RtLane lane)
{
	return queue->entries[queue->first[lane]].since_ms;
}

#endif							/* RT_IPC_FAIR_QUEUE_H */

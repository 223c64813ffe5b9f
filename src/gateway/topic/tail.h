/*
 * tail.h
 *		The latest events of replay topics, in the gateway's own memory.
 *
 * A tail has all events of its topic that the gateway has read, from one on and
 * without a gap.  So who has the number before, or a later one, can be told what
 * it does not have up to the position of the fan-out, and goes on from there.
 */
#ifndef RT_GATEWAY_TOPIC_TAIL_H
#define RT_GATEWAY_TOPIC_TAIL_H

#include "lib/ilist.h"

#include "src/ipc/publish_ring.h"
#include "src/protocol/text.h"

/* Ereports an ERROR without memory. */
extern void rt_tails_init(void);

/* Whether there are any: then all that is published has to be read. */
extern bool rt_tails_any(void);

/*
 * The fan-out has an entry, up to a position, which may be told or not; or events
 * have passed that it has not seen.
 */
extern void rt_tail_note(const RtRingEntry *entry, uint64 position, bool durable);
extern void rt_tails_forget(void);

/*
 * The events of a topic behind a number, one by one, the first by rt_tail_open();
 * that returns false if they are not all here.  Good until the fan-out goes on.
 */
typedef struct RtTailReader
{
	int64		seq;			/* of the event, or up to which there are events */
	RtText		frame;			/* empty = there are no more */
	dlist_node *next;
	struct RtTail *tail;
} RtTailReader;

extern bool rt_tail_open(RtTailReader *reader, const char *topic, size_t len,
						 int64 since);
extern void rt_tail_next(RtTailReader *reader);

#endif							/* RT_GATEWAY_TOPIC_TAIL_H */

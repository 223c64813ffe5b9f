/*
 * payload_queue.h
 *		Payloads of notifications that wait to be published.
 *
 * In the order in which they came.  A gap stands where some were lost.
 */
#ifndef RT_SCHEDULER_PAYLOAD_QUEUE_H
#define RT_SCHEDULER_PAYLOAD_QUEUE_H

#include "src/compat.h"

typedef struct RtPayload RtPayload;

/* Zero it. */
typedef struct RtPayloadQueue
{
	RtPayload  *first;			/* NULL = empty */
	RtPayload  *last;
	const RtPayload *last_written;	/* of the last request; NULL = gone */
	Size		size;			/* bytes */
} RtPayloadQueue;

/* Once per process. */
extern void rt_payload_queue_init(void);

/*
 * Adds a payload.  Returns false if it would take the queue beyond limit bytes
 * or if there is no memory.  Nothing here raises.
 */
extern bool rt_payload_queue_add(RtPayloadQueue *queue, const char *payload,
								 Size limit);

/*
 * Adds a gap at the end, or before the first, unless one is there already.  One
 * in a request does not count: it may be told before what is lost now.
 */
extern void rt_payload_queue_add_gap(RtPayloadQueue *queue);
extern void rt_payload_queue_add_gap_first(RtPayloadQueue *queue);

/* Takes the first out; returns whether it was a payload. */
extern bool rt_payload_queue_remove(RtPayloadQueue *queue);

/*
 * How many fit into a request, at most count and somewhat over max_bytes, and
 * how many bytes they take; then writes them as src/ipc/request.h has it.
 */
extern uint32 rt_payload_queue_measure(const RtPayloadQueue *queue, uint32 count,
									   uint32 max_bytes, uint32 *bytes);
extern void rt_payload_queue_write(RtPayloadQueue *queue, uint32 count, char *to);

#endif							/* RT_SCHEDULER_PAYLOAD_QUEUE_H */

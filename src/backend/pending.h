/*
 * pending.h
 *		Entries that wait for their numbers.  For pending.c and numbering.c.
 *
 * The entry of an event on a replay topic is complete but for its frame: the
 * payload is there without a number, entry->frame_len is its length, and
 * behind it is room for the number.
 */
#ifndef RT_BACKEND_PENDING_H
#define RT_BACKEND_PENDING_H

#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"

/* What is noted of such an entry. */
typedef struct RtUnnumbered
{
	Size		begin;			/* of the entry in the buffer */
	uint32		event_len;		/* of its name; 0 = no event but a lost mark */
	int			replay_size;	/* of its topic */
} RtUnnumbered;

/*
 * Where the payload of such an entry stands, so that the frame's header fits
 * before it however many digits the number has.
 */
static inline char *
rt_unnumbered_payload(RtRingEntry *entry)
{
	return (char *) entry + sizeof(RtRingEntry) + entry->topic_len +
		rt_frame_header_length(entry->frame_len + RT_PAYLOAD_SEQ_MAX);
}

#endif							/* RT_BACKEND_PENDING_H */

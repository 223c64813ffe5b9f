/*
 * entry.h
 *		Putting an entry of the ring together.
 *
 * The entry of an event on a replay topic waits for its number: the payload is
 * there without one, entry->frame_len is its length, and behind it is room.
 */
#ifndef RT_BACKEND_PUBLISH_ENTRY_H
#define RT_BACKEND_PUBLISH_ENTRY_H

#include "src/backend/publish/publish.h"
#include "src/protocol/frame.h"

/* The longest payload that the event can get, with its number. */
extern Size rt_entry_payload_max(const RtEvent *event);

/* The size of an event's entry, and of one that marks its topic as lost. */
extern Size rt_entry_size(const RtEvent *event);
#define rt_entry_size_lost(event) rt_ring_entry_size((event)->topic_len, 0)

/* Writes header and topic; size is one of the two. */
extern void rt_entry_begin(RtRingEntry *entry, const RtEvent *event, Size size);

/* Writes the frame, or all of it but the number. */
extern void rt_entry_write(RtRingEntry *entry, const RtEvent *event);

/*
 * The same for an event without number and key that clients see on another
 * topic.
 */
extern Size rt_entry_size_on(const RtEvent *event, RtText topic);
extern void rt_entry_write_on(RtRingEntry *entry, const RtEvent *event, RtText topic);

/* A frame that is there already; of the event its key counts. */
extern Size rt_entry_size_frame(const RtEvent *event, Size frame_len);
extern void rt_entry_write_frame(RtRingEntry *entry, const RtEvent *event,
								 const char *frame, Size frame_len);

/* What is noted of an entry that waits for its number. */
typedef struct RtUnnumbered
{
	Size		begin;			/* of the entry in its buffer */
	uint32		event_len;		/* of its name; 0 = no event but a lost mark */
	int			replay_size;	/* of its topic */
} RtUnnumbered;

/* How long the name of its event is; 0 = it is none that is published on its topic. */
extern uint32 rt_entry_name_len(RtRingEntry *entry);

/* The parts of an event; valid until it is finished. */
extern void rt_entry_parts(RtRingEntry *entry, uint32 event_len,
						   RtText *event, RtText *data);

/* Adds the number, entry->seq, which makes the frame complete. */
extern void rt_entry_finish(RtRingEntry *entry);

#endif							/* RT_BACKEND_PUBLISH_ENTRY_H */

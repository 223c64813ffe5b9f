/*
 * entry.c
 *		Putting an entry of the ring together.
 *
 * A payload is written where the frame's header will end just before it, so
 * that sealing the frame moves nothing.  Where a number has to come the
 * header's length is not known: room is left for the longest, and a frame
 * that needs less is moved.
 */
#include "postgres.h"

#include "src/backend/publish/entry.h"

static Size payload_length(const RtEvent *event);
static Size payload_reserve(int topic_class);
static char *payload_begin(RtRingEntry *entry, Size payload_len);
static char *frame_begin(RtRingEntry *entry);
static void seal(RtRingEntry *entry, char *payload, Size payload_len);

Size
rt_entry_payload_max(const RtEvent *event)
{
	return payload_length(event) + payload_reserve(event->topic_class);
}

Size
rt_entry_size(const RtEvent *event)
{
	Size		longest = rt_entry_payload_max(event);

	return rt_ring_entry_size(event->topic_len,
							  rt_frame_header_length(longest) + longest);
}

void
rt_entry_begin(RtRingEntry *entry, const RtEvent *event, Size size)
{
	memset(entry, 0, sizeof(RtRingEntry));
	entry->size = size;
	entry->topic_len = event->topic_len;
	entry->topic_hash = rt_topic_hash(event->topic, event->topic_len);
	entry->topic_class = event->topic_class;
	memcpy((char *) entry + sizeof(RtRingEntry), event->topic, event->topic_len);
}

void
rt_entry_write(RtRingEntry *entry, const RtEvent *event)
{
	RtText		topic = {event->topic, event->topic_len};
	RtText		name = {event->event, event->event_len};
	RtText		data = {event->data, event->data_len};
	Size		payload_len = payload_length(event);
	char	   *payload = payload_begin(entry, payload_len);

	(void) rt_payload_event(payload, payload_len, topic, name, data, 0);
	if (event->topic_class == RT_TOPIC_REPLAY)
		entry->frame_len = payload_len;
	else
		seal(entry, payload, payload_len);
}

void
rt_entry_parts(RtRingEntry *entry, uint32 event_len, RtText *event, RtText *data)
{
	rt_payload_event_parts(payload_begin(entry, entry->frame_len),
						   entry->frame_len, entry->topic_len, event_len,
						   event, data);
}

void
rt_entry_finish(RtRingEntry *entry)
{
	char	   *payload = payload_begin(entry, entry->frame_len);

	seal(entry, payload,
		 rt_payload_event_add_seq(payload, entry->frame_len, entry->seq));
}

/* Without a number. */
static Size
payload_length(const RtEvent *event)
{
	return rt_payload_event_length(event->topic_len, event->event_len,
								   event->data_len);
}

/* Room for the number. */
static Size
payload_reserve(int topic_class)
{
	return topic_class == RT_TOPIC_REPLAY ? RT_PAYLOAD_SEQ_MAX : 0;
}

static char *
payload_begin(RtRingEntry *entry, Size payload_len)
{
	return frame_begin(entry) +
		rt_frame_header_length(payload_len + payload_reserve(entry->topic_class));
}

static char *
frame_begin(RtRingEntry *entry)
{
	return (char *) entry + sizeof(RtRingEntry) + entry->topic_len;
}

/* Makes a payload the entry's frame. */
static void
seal(RtRingEntry *entry, char *payload, Size payload_len)
{
	char	   *begin = frame_begin(entry);
	size_t		frame_len;
	char	   *frame;

	frame = rt_frame_seal(payload - RT_FRAME_HEADROOM, payload_len,
						  RT_OPCODE_TEXT, &frame_len);
	if (frame != begin)
		memmove(begin, frame, frame_len);
	memset(begin + frame_len, 0, (char *) entry + entry->size - (begin + frame_len));
	entry->frame_len = frame_len;
}

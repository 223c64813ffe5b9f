/*
 * entry.c
 *		Putting an entry of the ring together: header, topic, frame.
 */
#include "postgres.h"

#include "src/backend/publish/entry.h"

/* The topic that clients see need not be the one whose subscribers get it. */
static RtEventText
text_on(const RtEvent *event, RtText topic)
{
	return (RtEventText){.topic = topic,
						 .event = {event->event, event->event_len},
						 .data_json = {event->data, event->data_len},
						 .numbered = event->topic_class == RT_TOPIC_REPLAY};
}

static RtEventText
text_of(const RtEvent *event)
{
	return text_on(event, (RtText) {event->topic, event->topic_len});
}

static char *
frame_begin(RtRingEntry *entry)
{
	return (char *) entry + sizeof(RtRingEntry) + entry->topic_len;
}

Size
rt_entry_payload_max(const RtEvent *event)
{
	RtEventText text = text_of(event);

	return rt_event_payload_max(&text);
}

static Size
key_room(const RtEvent *event)
{
	return event->key_len > 0 ? event->key_len + 1 : 0;
}

Size
rt_entry_size(const RtEvent *event)
{
	RtEventText text = text_of(event);

	return rt_ring_entry_size(event->topic_len,
							  rt_event_frame_max(&text) + key_room(event));
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

/* The frame is complete; what is behind it gets into the ring, too. */
static void
end_frame(RtRingEntry *entry)
{
	char	   *end = frame_begin(entry) + entry->frame_len;

	memset(end, 0, (char *) entry + entry->size - end);
}

static void
write_key(RtRingEntry *entry, const RtEvent *event)
{
	char *end = frame_begin(entry) + entry->frame_len;

	*end = (char) event->key_len;
	memcpy(end + 1, event->key, event->key_len);
	entry->flags |= RT_RING_KEYED;
}

/* Topics with numbers have no keys. */
void
rt_entry_write(RtRingEntry *entry, const RtEvent *event)
{
	RtEventText text = text_of(event);

	entry->frame_len = rt_event_frame_write(frame_begin(entry), &text);
	if (text.numbered)
		return;
	end_frame(entry);
	if (event->key_len > 0)
		write_key(entry, event);
}

Size
rt_entry_size_on(const RtEvent *event, RtText topic)
{
	RtEventText text = text_on(event, topic);

	return rt_ring_entry_size(event->topic_len, rt_event_frame_max(&text));
}

void
rt_entry_write_on(RtRingEntry *entry, const RtEvent *event, RtText topic)
{
	RtEventText text = text_on(event, topic);

	entry->frame_len = rt_event_frame_write(frame_begin(entry), &text);
	end_frame(entry);
}

Size
rt_entry_size_frame(const RtEvent *event, Size frame_len)
{
	return rt_ring_entry_size(event->topic_len, frame_len + key_room(event));
}

void
rt_entry_write_frame(RtRingEntry *entry, const RtEvent *event, const char *frame,
					 Size frame_len)
{
	memcpy(frame_begin(entry), frame, frame_len);
	entry->frame_len = frame_len;
	end_frame(entry);
	if (event->key_len > 0)
		write_key(entry, event);
}

uint32
rt_entry_name_len(RtRingEntry *entry)
{
	RtText		topic = {rt_ring_entry_topic(entry), entry->topic_len};

	if ((entry->flags & (RT_RING_LOST | RT_RING_RELOAD)) != 0 ||
		entry->topic_class > RT_TOPIC_REPLAY || entry->frame_len == 0)
		return 0;
	return rt_event_frame_name_len(frame_begin(entry), entry->frame_len,
								   entry->topic_class == RT_TOPIC_REPLAY, topic);
}

void
rt_entry_parts(RtRingEntry *entry, uint32 event_len, RtText *event,
			   RtText *data)
{
	rt_event_frame_parts(frame_begin(entry), entry->frame_len,
						 entry->topic_class == RT_TOPIC_REPLAY,
						 entry->topic_len, event_len, event, data);
}

void
rt_entry_finish(RtRingEntry *entry)
{
	entry->frame_len = rt_event_frame_number(frame_begin(entry),
											 entry->frame_len, entry->seq);
	end_frame(entry);
}

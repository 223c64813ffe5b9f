/*
 * packed_message.h
 *		The text of an RT_REQUEST_PUBLISH: messages, one behind the other, that
 *		an executor publishes in one transaction and in this order.
 *
 * A message is a header and the bytes of topic, event and data, unaligned.
 * They have passed the checks of realtime.publish(): topic and event are valid
 * names, data is JSON in UTF-8.  An event without a name is a refetch marker:
 * subscribers of the topic are told that they have lost events.
 */
#ifndef RT_IPC_PACKED_MESSAGE_H
#define RT_IPC_PACKED_MESSAGE_H

#include "src/compat.h"

typedef struct RtPackedMessage
{
	const char *topic;			/* none of the three is terminated */
	const char *event;
	const char *data;
	uint16		topic_len;
	uint16		event_len;		/* 0 = a refetch marker */
	uint32		data_len;
} RtPackedMessage;

#define RT_PACKED_HEADER (2 * sizeof(uint16) + sizeof(uint32))

/* How many bytes it takes. */
static inline Size
rt_packed_message_size(const RtPackedMessage *message)
{
	return RT_PACKED_HEADER + message->topic_len + message->event_len +
		message->data_len;
}

/* Writes it; returns what is behind it. */
static inline char *
rt_packed_message_put(char *to, const RtPackedMessage *message)
{
	memcpy(to, &message->topic_len, sizeof(uint16));
	memcpy(to + sizeof(uint16), &message->event_len, sizeof(uint16));
	memcpy(to + 2 * sizeof(uint16), &message->data_len, sizeof(uint32));
	to += RT_PACKED_HEADER;
	memcpy(to, message->topic, message->topic_len);
	to += message->topic_len;
	memcpy(to, message->event, message->event_len);
	to += message->event_len;
	memcpy(to, message->data, message->data_len);
	return to + message->data_len;
}

/* Reads it, its texts in place; returns what is behind it. */
static inline const char *
rt_packed_message_get(const char *from, RtPackedMessage *message)
{
	memcpy(&message->topic_len, from, sizeof(uint16));
	memcpy(&message->event_len, from + sizeof(uint16), sizeof(uint16));
	memcpy(&message->data_len, from + 2 * sizeof(uint16), sizeof(uint32));
	message->topic = from + RT_PACKED_HEADER;
	message->event = message->topic + message->topic_len;
	message->data = message->event + message->event_len;
	return message->data + message->data_len;
}

#endif							/* RT_IPC_PACKED_MESSAGE_H */

/*
 * topic_list.c
 *		All topics of a gateway, for realtime.stat_topic.
 *
 * A pass over the table, while nothing else is done: some 20 ns for each topic.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/topic_list.h"
#include "src/gateway/topic/topic_table.h"
#include "src/ipc/topic_row.h"

#define BYTES_MAX (64 * 1024 * 1024)

typedef struct Listing
{
	char	   *text;			/* NULL = only its length is wanted */
	Size		len;
} Listing;

static void
append(RtTopic *topic, void *argument)
{
	Listing	   *list = argument;
	RtTopicRow	row = {
		.events = topic->events,
		.since_ms = topic->last_event_ms == 0 ? -1 : rt_gateway.now_ms - topic->last_event_ms,
		.subscribers = topic->subscriber_count,
		.name_len = topic->name_len
	};

	if (list->text != NULL)
	{
		memcpy(list->text + list->len, &row, sizeof(row));
		memcpy(list->text + list->len + sizeof(row), topic->name, topic->name_len);
	}
	list->len += sizeof(row) + topic->name_len;
}

char *
rt_topic_list_make(uint32 *len)
{
	Listing		list = {0};

	rt_topics_visit(append, &list);
	if (list.len > BYTES_MAX)
		return NULL;
	list.text = malloc(Max(list.len, 1));
	if (list.text == NULL)
		return NULL;
	list.len = 0;
	rt_topics_visit(append, &list);
	*len = (uint32) list.len;
	return list.text;
}

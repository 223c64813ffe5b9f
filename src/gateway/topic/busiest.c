/*
 * busiest.c
 *		Which topics have the most events.
 *
 * Every event passes here, and there may be any number of topics: so there is a
 * place for each hash, and topics that meet in one push each other out by
 * majority.  Who has more events than all others of his place together keeps
 * it, and is counted as with theirs less.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/busiest.h"
#include "src/ipc/busy_topic.h"
#include "src/protocol/topic.h"

#define PLACES 256

typedef struct Place
{
	uint32		hash;
	uint32		count;			/* 0 = it is free */
	uint16		len;
	char		name[RT_BUSY_TOPIC_MAX];
} Place;

static Place places[PLACES];

StaticAssertDecl(RT_BUSY_TOPIC_MAX >= RT_TOPIC_MAX, "names fit");

static void
begin(Place *place, const RtRingEntry *entry)
{
	place->hash = entry->topic_hash;
	place->count = 1;
	place->len = Min(entry->topic_len, RT_BUSY_TOPIC_MAX);
	memcpy(place->name, rt_ring_entry_topic(entry), place->len);
}

void
rt_busiest_note(const RtRingEntry *entry)
{
	Place	   *place = &places[entry->topic_hash % PLACES];

	if (place->count == 0)
		begin(place, entry);
	else if (place->hash == entry->topic_hash)
		place->count++;
	else
		place->count--;
}

static RtBusyTopic
topic_of(const Place *place, int64 elapsed_ms)
{
	RtBusyTopic topic = {.rate = (int64) place->count * 1000 / elapsed_ms,.len = place->len};

	memcpy(topic.name, place->name, place->len);
	return topic;
}

void
rt_busiest_tell(int64 elapsed_ms)
{
	RtBusyTopic topics[RT_BUSY_TOPICS];
	int			count = 0;

	for (int i = 0; i < PLACES; i++)
	{
		RtBusyTopic topic = topic_of(&places[i], elapsed_ms);

		if (topic.rate > 0)
			count = rt_busy_topic_insert(topics, count, &topic);
		places[i].count = 0;
	}
	rt_busy_topics_tell(rt_gateway.index, topics, count);
}

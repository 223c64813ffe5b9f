/*
 * topic_table.c
 *		The topics that somebody is subscribed to, and their subscribers.
 *
 * A topic is there while somebody is subscribed to it.  Its array of
 * subscribers is what fan-out walks; each subscription knows its place in it,
 * so leaving costs the same however many there are.
 *
 * rt_topic_hash() is the same everywhere, and clients choose the names: who
 * knew which of them meet in one bucket could have the gateway compare each
 * with each.  So the table has a hash of its own, with a secret seed.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/subscription.h"
#include "src/gateway/topic/topic_table.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/subscriber_count.h"

static RtHashTable table;
static uint64 seed = 0;

void
rt_topics_init(void)
{
	rt_hash_init(&table);
	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(FATAL, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not generate random numbers")));
	rt_ring_interest_reset(rt_gateway.index);
	rt_subscriber_counts_reset(rt_gateway.index);
}

uint32
rt_topic_secret_hash(const char *name, size_t len)
{
	return (uint32) hash_bytes_extended((const unsigned char *) name,
										(int) len, seed);
}

static RtTopic *
find_topic(const char *name, size_t len, uint32 hash)
{
	RtHashNode *node = rt_hash_first(&table, hash);

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtTopic *topic = rt_hash_container(RtTopic, node, node);

		if (topic->name_len == len && memcmp(topic->name, name, len) == 0)
			return topic;
	}
	return NULL;
}

RtTopic *
rt_topic_find(const char *name, size_t len)
{
	return find_topic(name, len, rt_topic_secret_hash(name, len));
}

bool
rt_topics_any(void)
{
	return table.members > 0;
}

uint32
rt_topics_count(void)
{
	return table.members;
}

void
rt_topics_visit(void (*visit)(RtTopic *topic, void *argument), void *argument)
{
	for (uint32 i = 0; i < table.count; i++)
	{
		for (RtHashNode *node = table.buckets[i]; node != NULL;
			 node = node->next)
			visit(rt_hash_container(RtTopic, node, node), argument);
	}
}

static void
show_count(void)
{
	rt_show(topics, table.members);
	rt_limit_note(RT_LIMIT_TOPICS, table.members);
	rt_limit_note(RT_LIMIT_COUNTED_TOPICS, table.members);
}

/* Nobody is refused: who is subscribed would miss what he counts on. */
void
rt_topics_sweep(void)
{
	static bool told = false;
	uint32 most = (uint32) realtime_topic_count_warning;

	if (table.members <= most / 2 || most == 0)
		told = false;
	if (told || most == 0 || table.members <= most)
		return;
	told = true;
	rt_limit_hit(RT_LIMIT_TOPICS);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("clients of realtime gateway %d are subscribed to %u topics",
					rt_gateway.index, table.members),
			 errdetail("\"realtime.topic_count_warning\" is %u.  All of them are served.", most),
			 errhint("Each topic takes memory of the gateway: \"realtime.max_subscriptions\" and \"realtime.connection_memory\" say how much one connection may have.")));
}

static RtTopic *
make_topic(const char *name, size_t len, uint32 hash)
{
	RtTopic *topic = calloc(1, offsetof(RtTopic, name) + len + 1);

	if (topic == NULL)
		return NULL;
	topic->hash = rt_topic_hash(name, len);
	topic->name_len = len;
	memcpy(topic->name, name, len);
	rt_hash_add(&table, &topic->node, hash);
	show_count();
	return topic;
}

static void
free_topic(RtTopic *topic)
{
	if (topic->query_late_node.next != NULL)
		dlist_delete(&topic->query_late_node);
	rt_hash_remove(&table, &topic->node);
	show_count();
	free(topic->subscribers);
	free(topic);
}

static bool
reserve_subscriber(RtTopic *topic)
{
	uint32 size = Max(1, topic->subscriber_size * 2);
	RtSubscription **subscribers;

	if (topic->subscriber_count < topic->subscriber_size)
		return true;
	subscribers = realloc(topic->subscribers, size * sizeof(RtSubscription *));
	if (subscribers == NULL)
		return false;
	topic->subscribers = subscribers;
	topic->subscriber_size = size;
	return true;
}

RtTopic *
rt_topic_add_subscriber(const char *name, size_t len,
						RtSubscription *subscription)
{
	uint32 hash = rt_topic_secret_hash(name, len);
	RtTopic *topic = find_topic(name, len, hash);

	if (topic == NULL)
		topic = make_topic(name, len, hash);
	if (topic == NULL)
		return NULL;
	if (!reserve_subscriber(topic))
	{
		if (topic->subscriber_count == 0)
			free_topic(topic);
		return NULL;
	}
	subscription->index = topic->subscriber_count;
	topic->subscribers[topic->subscriber_count++] = subscription;
	rt_ring_interest_add(rt_gateway.index, topic->hash);
	return topic;
}

/* The last one takes the place of the one who leaves. */
void
rt_topic_remove_subscriber(RtTopic *topic, uint32 index)
{
	RtSubscription *last = topic->subscribers[--topic->subscriber_count];

	topic->subscribers[index] = last;
	last->index = index;
	rt_ring_interest_remove(rt_gateway.index, topic->hash);
	if (topic->subscriber_count == 0)
		free_topic(topic);
}

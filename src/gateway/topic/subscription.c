/*
 * subscription.c
 *		The table of topics and their subscribers.
 *
 * A topic is there while somebody is subscribed to it.  Its array of
 * subscribers is what fan-out walks; each subscription knows its place in it,
 * so leaving costs the same however many there are.  A connection's
 * subscriptions are a list, and a second table finds the one of a connection
 * and a topic.
 *
 * Everything is allocated in the gateway's context and freed piece by piece.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"

/* ---- the two tables ---- */

typedef struct TopicKey
{
	uint32		hash;
	uint32		len;
	const char *name;			/* in a stored entry: the topic's own */
} TopicKey;

typedef struct TopicEntry
{
	TopicKey	key;
	RtTopic    *topic;
	char		status;
} TopicEntry;

#define SH_PREFIX topics
#define SH_ELEMENT_TYPE TopicEntry
#define SH_KEY_TYPE TopicKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) (key).hash
#define SH_EQUAL(tb, a, b) \
	((a).hash == (b).hash && (a).len == (b).len && \
	 memcmp((a).name, (b).name, (a).len) == 0)
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

typedef struct PairKey
{
	const RtConnection *connection;
	const RtTopic *topic;
} PairKey;

typedef struct PairEntry
{
	PairKey		key;
	RtSubscription *subscription;
	char		status;
} PairEntry;

#define SH_PREFIX pairs
#define SH_ELEMENT_TYPE PairEntry
#define SH_KEY_TYPE PairKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) \
	hash_combine(murmurhash32((uint32) ((uintptr_t) (key).connection >> 4)), \
				 (key).topic->hash)
#define SH_EQUAL(tb, a, b) \
	((a).connection == (b).connection && (a).topic == (b).topic)
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

static topics_hash *topic_table = NULL;
static pairs_hash *pair_table = NULL;

void
rt_subscriptions_init(void)
{
	topic_table = topics_create(rt_gateway.context, 256, NULL);
	pair_table = pairs_create(rt_gateway.context, 256, NULL);
	rt_ring_interest_reset(rt_gateway.index);
}

/* ---- topics ---- */

RtTopic *
rt_topic_find(const char *name, size_t len, uint32 hash)
{
	TopicKey	key = {hash, len, name};
	TopicEntry *entry = topics_lookup(topic_table, key);

	return entry != NULL ? entry->topic : NULL;
}

static RtTopic *
make_topic(const char *name, size_t len, uint32 hash)
{
	RtTopic    *topic = rt_topic_find(name, len, hash);
	TopicKey	key;
	TopicEntry *entry;
	bool		found;

	if (topic != NULL)
		return topic;

	topic = MemoryContextAllocZero(rt_gateway.context,
								   offsetof(RtTopic, name) + len + 1);
	topic->hash = hash;
	topic->name_len = len;
	memcpy(topic->name, name, len);

	key.hash = hash;
	key.len = len;
	key.name = topic->name;
	entry = topics_insert(topic_table, key, &found);
	entry->topic = topic;
	return topic;
}

static void
free_topic(RtTopic *topic)
{
	TopicKey	key = {topic->hash, topic->name_len, topic->name};

	topics_delete(topic_table, key);
	if (topic->subscribers != NULL)
		pfree(topic->subscribers);
	pfree(topic);
}

bool
rt_topics_any(void)
{
	return topic_table->members > 0;
}

void
rt_topics_visit(void (*visit) (RtTopic *topic, void *argument), void *argument)
{
	topics_iterator iterator;
	TopicEntry *entry;

	topics_start_iterate(topic_table, &iterator);
	while ((entry = topics_iterate(topic_table, &iterator)) != NULL)
		visit(entry->topic, argument);
}

/* Room for one more subscriber; all that can fail in adding it. */
static void
reserve_subscriber(RtTopic *topic)
{
	uint32		size = Max(1, topic->subscriber_size * 2);
	Size		bytes = mul_size(size, sizeof(RtSubscription *));

	if (topic->subscriber_count < topic->subscriber_size)
		return;
	if (topic->subscribers == NULL)
		topic->subscribers = MemoryContextAllocHuge(rt_gateway.context, bytes);
	else
		topic->subscribers = repalloc_huge(topic->subscribers, bytes);
	topic->subscriber_size = size;
}

static void
add_subscriber(RtTopic *topic, RtSubscription *subscription)
{
	subscription->index = topic->subscriber_count;
	topic->subscribers[topic->subscriber_count++] = subscription;
	rt_ring_interest_add(rt_gateway.index, topic->hash);
}

/* The last one takes the place of the one who leaves. */
static void
remove_subscriber(RtTopic *topic, RtSubscription *subscription)
{
	RtSubscription *last = topic->subscribers[--topic->subscriber_count];

	topic->subscribers[subscription->index] = last;
	last->index = subscription->index;
	rt_ring_interest_remove(rt_gateway.index, topic->hash);
	if (topic->subscriber_count == 0)
		free_topic(topic);
}

/* ---- subscriptions ---- */

static RtSubscription *
find_pair(RtConnection *connection, RtTopic *topic)
{
	PairKey		key = {connection, topic};
	PairEntry  *entry = pairs_lookup(pair_table, key);

	return entry != NULL ? entry->subscription : NULL;
}

RtSubscription *
rt_subscription_find(RtConnection *connection, const char *name, size_t len)
{
	RtTopic    *topic = rt_topic_find(name, len, rt_topic_hash(name, len));

	return topic != NULL ? find_pair(connection, topic) : NULL;
}

static void
link_to_connection(RtConnection *connection, RtSubscription *subscription)
{
	subscription->next_of_connection = connection->subscriptions;
	if (connection->subscriptions != NULL)
		connection->subscriptions->previous_of_connection = subscription;
	connection->subscriptions = subscription;
	connection->subscription_count++;
	rt_count_add(subscriptions, 1);
}

static void
unlink_from_connection(RtConnection *connection, RtSubscription *subscription)
{
	if (subscription->previous_of_connection != NULL)
		subscription->previous_of_connection->next_of_connection =
			subscription->next_of_connection;
	else
		connection->subscriptions = subscription->next_of_connection;
	if (subscription->next_of_connection != NULL)
		subscription->next_of_connection->previous_of_connection =
			subscription->previous_of_connection;
	connection->subscription_count--;
	rt_count_add(subscriptions, -1);
}

RtSubscription *
rt_subscription_make(RtConnection *connection, const char *name, size_t len)
{
	RtTopic    *topic = make_topic(name, len, rt_topic_hash(name, len));
	RtSubscription *subscription = find_pair(connection, topic);
	PairKey		key = {connection, topic};
	bool		found;

	if (subscription != NULL)
		return subscription;

	/* without memory an ERROR leaves the tables as they were */
	reserve_subscriber(topic);
	subscription = MemoryContextAllocZero(rt_gateway.context,
										  sizeof(RtSubscription));
	subscription->connection = connection;
	subscription->topic = topic;
	subscription->state = RT_SUBSCRIPTION_PENDING;
	subscription->last_seq = -1;
	subscription->base_seq = -1;
	pairs_insert(pair_table, key, &found)->subscription = subscription;
	add_subscriber(topic, subscription);
	link_to_connection(connection, subscription);
	return subscription;
}

void
rt_subscription_drop(RtSubscription *subscription)
{
	PairKey		key = {subscription->connection, subscription->topic};

	if (subscription->lost)
		subscription->connection->lost_count--;
	pairs_delete(pair_table, key);
	unlink_from_connection(subscription->connection, subscription);
	remove_subscriber(subscription->topic, subscription);
	pfree(subscription);
}

void
rt_unsubscribe_all(RtConnection *connection)
{
	while (connection->subscriptions != NULL)
		rt_subscription_drop(connection->subscriptions);
}

/* ---- losses ---- */

void
rt_subscription_mark_lost(RtSubscription *subscription)
{
	if (subscription->lost)
		return;
	if (subscription->last_seq < 0)
		subscription->last_seq = subscription->base_seq;
	subscription->lost = true;
	subscription->connection->lost_count++;
}

void
rt_subscription_mark_lost_for_good(RtSubscription *subscription)
{
	subscription->last_seq = -1;
	subscription->base_seq = -1;
	rt_subscription_mark_lost(subscription);
}

void
rt_subscription_clear_lost(RtSubscription *subscription)
{
	if (!subscription->lost)
		return;
	subscription->lost = false;
	subscription->connection->lost_count--;
}

/*
 * The marker of a stream client: a payload with "reqId" is never merged, and
 * "truncated" makes the stream fetch anew (protocol: lost events).
 */
static void
send_marker(RtSubscription *subscription)
{
	static const char data[] = "{\"reqId\":0,\"truncated\":true}";
	RtTopic    *topic = subscription->topic;
	size_t		cap = topic->name_len + RT_FRAME_OVERHEAD;

	rt_subscription_clear_lost(subscription);
	subscription->connection->marked = true;
	rt_connection_send_payload(subscription->connection,
							   rt_payload_event(rt_frame_buffer(cap), cap,
												((RtText) {topic->name, topic->name_len}),
												RT_TEXT("truncated"),
												((RtText) {data, sizeof(data) - 1}), 0));
	rt_count(markers);
}

/*
 * A client that waits for the reply of a stream would take a marker for an
 * event of it: markers wait, too.
 */
RtSubscription *
rt_subscriptions_send_markers(RtConnection *connection)
{
	RtSubscription *subscription = connection->subscriptions;
	RtSubscription *repairable = NULL;
	uint32		left = connection->lost_count;

	for (; subscription != NULL && left > 0;
		 subscription = subscription->next_of_connection)
	{
		if (!subscription->lost)
			continue;
		left--;
		if (subscription->state != RT_SUBSCRIPTION_ACTIVE)
			continue;
		if (subscription->last_seq >= 0)
			repairable = subscription;
		else if (connection->streams == 0)
			send_marker(subscription);
	}
	return repairable;
}

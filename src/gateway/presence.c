/*
 * presence.c
 *		Connections that are present.
 *
 * A stay is that of a connection on a topic, for whatever reasons: a function has
 * said so, or it has subscriptions that do.  The shared count of the key has each
 * stay once.  So a connection that ends costs what it has entered, and nothing is
 * looked through.
 *
 * A page that is shown again gives up what it follows and asks for it in the next
 * frame.  So a stay whose last subscription is dropped goes on for a moment, and as
 * long as the connection waits for a stream.
 *
 * What has changed is told soon, but not more often than TELL_MS: a thousand
 * connections that end together are told together.  Whichever gateway comes
 * first tells the changes of all.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/gateway.h"
#include "src/gateway/presence.h"
#include "src/gateway/presence_frame.h"
#include "src/gateway/presence_plugin.h"
#include "src/gateway/topic/hash_table.h"
#include "src/gateway/topic/parts.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/presence.h"
#include "src/ipc/publish_ring.h"

#define TELL_MS 20
#define PART_MS 100				/* that who unsubscribes stays, to subscribe again */
#define CONNECTION_PART 16		/* of the memory, that one may take */
#define LOG_MS 60000			/* between complaints that it is used up */

typedef struct Stay
{
	dlist_node	node;			/* of its connection */
	RtHashNode	hash_node;		/* by connection and topic */
	RtConnection *connection;
	bool		by_function;
	uint32		subscriptions;
	int64		part_at_ms;		/* it has nothing of these; 0 = it has */
	dlist_node	parting_node;
	uint16		key_len;
	uint16		topic_len;
	uint32		data_len;
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* topic, key, data */
} Stay;

/* What makes a subscription's connection present. */
enum
{
	NOT_PRESENT,
	ON_ITS_TOPIC,
	ON_TOPIC_OF_ROSTER			/* which is without the suffix */
};

static RtHashTable stays;
static dlist_head parting = DLIST_STATIC_INIT(parting); /* in the order of their time */
static int64 told_ms = 0;

void
rt_presence_start(void)
{
	rt_presence_attach();
	rt_presence_configure();
	rt_presence_frames_init();
	rt_hash_init(&stays);
	rt_presence_abandon(rt_gateway.index, rt_gateway.now_ms + realtime_presence_grace);
	rt_presence_plugin_start();
}

/* A shorter time is not only for those who go from now on. */
void
rt_presence_configure(void)
{
	static int	grace = -1;

	if (realtime_presence_grace < grace)
		rt_presence_hasten(rt_gateway.now_ms + realtime_presence_grace);
	grace = realtime_presence_grace;
}

/* ---- stays ---- */

static RtText
topic_of(const Stay *stay)
{
	return (RtText) {stay->text, stay->topic_len};
}

static RtText
own_key(const Stay *stay)
{
	return (RtText) {stay->text + stay->topic_len, stay->key_len};
}

static RtText
data_of(const Stay *stay)
{
	return (RtText) {stay->text + stay->topic_len + stay->key_len, stay->data_len};
}

static size_t
size_of(RtText topic, RtText key, RtText data)
{
	return offsetof(Stay, text) + topic.len + key.len + data.len;
}

static uint32
stay_hash(const RtConnection *connection, RtText topic)
{
	return hash_combine(murmurhash32(connection->index), rt_topic_hash(topic.ptr, topic.len));
}

static Stay *
find_stay(const RtConnection *connection, RtText topic)
{
	RtHashNode *node = rt_hash_first(&stays, stay_hash(connection, topic));

	for (; node != NULL; node = rt_hash_next(node))
	{
		Stay	   *stay = rt_hash_container(Stay, hash_node, node);

		if (stay->connection == connection && stay->topic_len == topic.len &&
			memcmp(stay->text, topic.ptr, topic.len) == 0)
			return stay;
	}
	return NULL;
}

static Stay *
make_stay(RtConnection *connection, RtText topic, RtText key, RtText data)
{
	size_t		size = size_of(topic, key, data);
	RtBudgetVerdict verdict;
	Stay	   *stay;

	if (connection->stay_bytes + size > (size_t) realtime_presence_memory * 1024 / CONNECTION_PART)
		return NULL;
	stay = rt_budget_alloc(&connection->budget, size, &verdict);
	if (stay == NULL)
		return NULL;
	connection->stay_bytes += size;
	memset(stay, 0, offsetof(Stay, text));
	stay->topic_len = topic.len;
	stay->key_len = key.len;
	stay->data_len = data.len;
	memcpy(stay->text, topic.ptr, topic.len);
	memcpy(stay->text + topic.len, key.ptr, key.len);
	if (data.len > 0)
		memcpy(stay->text + topic.len + key.len, data.ptr, data.len);
	stay->connection = connection;
	dlist_push_tail(&connection->stays, &stay->node);
	rt_hash_add(&stays, &stay->hash_node, stay_hash(connection, topic));
	return stay;
}

static void
set_parting(Stay *stay, int64 at_ms)
{
	if (stay->part_at_ms != 0)
		dlist_delete(&stay->parting_node);
	stay->part_at_ms = at_ms;
	if (at_ms != 0)
		dlist_push_tail(&parting, &stay->parting_node);
}

static void
free_stay(Stay *stay)
{
	RtConnection *connection = stay->connection;
	size_t		size = size_of(topic_of(stay), own_key(stay), data_of(stay));

	set_parting(stay, 0);
	rt_hash_remove(&stays, &stay->hash_node);
	dlist_delete(&stay->node);
	connection->stay_bytes -= size;
	rt_budget_free(&connection->budget, stay, size);
}

/* What makes it one, of another one that it takes the place of. */
static void
take_reasons(Stay *stay, const Stay *other)
{
	stay->by_function = other->by_function;
	stay->subscriptions = other->subscriptions;
	set_parting(stay, other->part_at_ms == 0 ? 0 : rt_gateway.now_ms + PART_MS);
}

static bool
enter(RtText topic, RtText key, RtText data, bool more)
{
	return rt_presence_enter(rt_gateway.index, topic.ptr, topic.len, key.ptr, key.len,
							 data.len > 0 ? data.ptr : NULL, data.len, more,
							 rt_presence_publish);
}

static void
leave(const Stay *stay, int64 leave_at_ms)
{
	RtText		topic = topic_of(stay);
	RtText		key = own_key(stay);

	rt_presence_leave(rt_gateway.index, topic.ptr, topic.len, key.ptr, key.len, leave_at_ms);
}

/* ---- joining ---- */

static Stay *
begin_stay(RtConnection *connection, RtText topic, RtText data)
{
	Stay	   *stay = make_stay(connection, topic, rt_connection_key(connection), data);

	if (stay != NULL && !enter(topic, own_key(stay), data, true))
	{
		free_stay(stay);
		return NULL;
	}
	return stay;
}

/* The same with other data. */
static Stay *
renew_stay(RtConnection *connection, Stay *stay, RtText data)
{
	RtText		before = data_of(stay);
	Stay	   *renewed;

	if (data.len == 0 || (before.len == data.len && memcmp(before.ptr, data.ptr, data.len) == 0))
		return stay;
	renewed = make_stay(connection, topic_of(stay), own_key(stay), data);
	if (renewed == NULL)
		return NULL;
	if (!enter(topic_of(stay), own_key(stay), data, false))
	{
		free_stay(renewed);
		return NULL;
	}
	take_reasons(renewed, stay);
	free_stay(stay);
	return renewed;
}

/* Now and then, because any client may be to blame. */
static void
complain(void)
{
	static int64 complained_ms = -LOG_MS;

	if (rt_gateway.now_ms - complained_ms < LOG_MS)
		return;
	complained_ms = rt_gateway.now_ms;
	ereport(LOG,
			(errmsg("realtime gateway %d has no room for somebody who would be present",
					rt_gateway.index),
			 errdetail("A connection has a sixteenth of realtime.presence_memory, and realtime.connection_memory."),
			 errhint("Raise realtime.presence_memory, or let clients be present on fewer topics.")));
}

/* It has to be given a reason to stay. */
static Stay *
arrive(RtConnection *connection, RtText topic, RtText data)
{
	Stay	   *stay = find_stay(connection, topic);

	stay = stay == NULL ? begin_stay(connection, topic, data) :
		renew_stay(connection, stay, data);
	if (stay == NULL)
	{
		rt_limit_hit(RT_LIMIT_PRESENCE_MEMORY);
		complain();
	}
	return stay;
}

static bool
join(RtConnection *connection, RtText topic, RtText data)
{
	Stay	   *stay = arrive(connection, topic, data);

	if (stay == NULL)
		return false;
	stay->by_function = true;
	set_parting(stay, 0);
	return true;
}

/* ---- leaving ---- */

static void
end_stay(Stay *stay, int64 leave_at_ms)
{
	leave(stay, leave_at_ms);
	free_stay(stay);
}

static bool
has_reason(const Stay *stay)
{
	return stay->by_function || stay->subscriptions > 0;
}

static void
part(RtConnection *connection, RtText topic)
{
	Stay	   *stay = find_stay(connection, topic);

	if (stay == NULL || !stay->by_function)
		return;
	stay->by_function = false;
	if (!has_reason(stay))
		end_stay(stay, 0);
}

/* Who has asked for a stream meanwhile may be given it. */
static void
end_those_parting(void)
{
	while (!dlist_is_empty(&parting))
	{
		Stay	   *stay = dlist_head_element(Stay, parting_node, &parting);

		if (stay->part_at_ms > rt_gateway.now_ms)
			break;
		if (stay->connection->streams > 0)
			set_parting(stay, rt_gateway.now_ms + PART_MS);
		else
			end_stay(stay, 0);
	}
}

void
rt_presence_forget(RtConnection *connection)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connection->stays)
	{
		Stay	   *stay = dlist_container(Stay, node, iter.cur);

		end_stay(stay, has_reason(stay) && realtime_presence_grace > 0 ?
				 rt_gateway.now_ms + realtime_presence_grace : 0);
	}
}

/* ---- by subscriptions ---- */

RtText
rt_presence_topic(const RtStreamAnswer *answer)
{
	RtText		topic = answer->topic;

	if (answer->flags & RT_TOPIC_ROSTER)
		topic.len -= strlen(RT_PRESENCE_SUFFIX);
	return topic;
}

void
rt_presence_arrive(RtConnection *connection, const RtStreamAnswer *answer)
{
	Stay	   *stay = arrive(connection, rt_presence_topic(answer), answer->presence);

	if (stay != NULL && !has_reason(stay))
		set_parting(stay, rt_gateway.now_ms + PART_MS);
}

void
rt_presence_follow(RtSubscription *subscription, const RtStreamAnswer *answer)
{
	Stay	   *stay;

	if (answer->presence.len == 0)
	{
		rt_presence_follow_no_more(subscription);
		return;
	}
	stay = arrive(subscription->connection, rt_presence_topic(answer), answer->presence);
	if (stay == NULL || subscription->presence != NOT_PRESENT)
		return;
	stay->subscriptions++;
	set_parting(stay, 0);
	subscription->presence = answer->flags & RT_TOPIC_ROSTER ? ON_TOPIC_OF_ROSTER : ON_ITS_TOPIC;
}

void
rt_presence_follow_no_more(RtSubscription *subscription)
{
	RtText		topic = {subscription->topic->name, subscription->topic->name_len};
	Stay	   *stay;

	if (subscription->presence == NOT_PRESENT)
		return;
	if (subscription->presence == ON_TOPIC_OF_ROSTER)
		topic.len -= strlen(RT_PRESENCE_SUFFIX);
	subscription->presence = NOT_PRESENT;
	stay = find_stay(subscription->connection, topic);
	/* none if the connection has ended, or another one if there was no room for a while */
	if (stay == NULL || stay->subscriptions == 0)
		return;
	stay->subscriptions--;
	if (!has_reason(stay))
		set_parting(stay, rt_gateway.now_ms + PART_MS);
}

/* ---- who it is ---- */

/* One that cannot enter anew is not there any more. */
static void
rename_stay(RtConnection *connection, Stay *stay)
{
	RtText		key = rt_connection_key(connection);
	RtText		before = own_key(stay);
	Stay	   *renamed;

	if (before.len == key.len && memcmp(before.ptr, key.ptr, key.len) == 0)
		return;
	leave(stay, 0);
	renamed = begin_stay(connection, topic_of(stay), data_of(stay));
	if (renamed != NULL)
		take_reasons(renamed, stay);
	free_stay(stay);
}

/* New ones come behind those that are looked through. */
void
rt_presence_rename(RtConnection *connection)
{
	dlist_head	before;
	dlist_node *node;

	if (dlist_is_empty(&connection->stays))
		return;
	dlist_init(&before);
	while (!dlist_is_empty(&connection->stays))
	{
		node = dlist_pop_head_node(&connection->stays);
		dlist_push_tail(&before, node);
	}
	while (!dlist_is_empty(&before))
	{
		node = dlist_pop_head_node(&before);
		dlist_push_tail(&connection->stays, node);
		rename_stay(connection, dlist_container(Stay, node, node));
	}
}

/* ---- what functions order ---- */

static void
part_and_watch_no_more(RtConnection *connection, RtText topic)
{
	rt_presence_watch_no_more(connection, topic);
	part(connection, topic);
}

/* Of those that functions have begun. */
static void
part_all(RtConnection *connection)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connection->stays)
	{
		Stay	   *stay = dlist_container(Stay, node, iter.cur);

		if (stay->by_function)
			part_and_watch_no_more(connection, topic_of(stay));
	}
}

static void
update(RtConnection *connection, RtText topic, RtText data)
{
	if (find_stay(connection, topic) != NULL)
		(void) arrive(connection, topic, data);
}

void
rt_presence_command(RtConnection *connection, RtCommandVerb verb, RtText topic, RtText data)
{
	switch (verb)
	{
		case RT_PRESENCE_JOIN:
			if (join(connection, topic, data))
				rt_presence_watch(connection, topic);
			break;
		case RT_PRESENCE_UPDATE:
			update(connection, topic, data);
			break;
		case RT_PRESENCE_WATCH:
			rt_presence_watch(connection, topic);
			break;
		case RT_PRESENCE_PART:
			part_and_watch_no_more(connection, topic);
			break;
		case RT_PRESENCE_PART_ALL:
			part_all(connection);
			break;
		default:
			break;
	}
}

/* ---- telling ---- */

static bool
somebody_leaves(void)
{
	int64		at = rt_presence_leaves_at_ms();

	return at != 0 && at <= rt_gateway.now_ms;
}

static bool
somebody_waits(void)
{
	return rt_parts_rosters_wait() || rt_presence_states_wait();
}

void
rt_presence_tell(void)
{
	rt_presence_beat_if_due();
	rt_presence_finish_states();
	end_those_parting();
	if (rt_gateway.now_ms - told_ms < TELL_MS ||
		!(rt_presence_has_changed() || somebody_leaves() || somebody_waits()))
		return;
	told_ms = rt_gateway.now_ms;
	rt_presence_tell_changes(rt_gateway.now_ms, rt_presence_publish);
	rt_parts_send_rosters();
	rt_presence_send_states();
}

long
rt_presence_timeout(void)
{
	int64		at = rt_presence_leaves_at_ms();

	if (rt_presence_has_changed() || somebody_waits())
		at = told_ms + TELL_MS;
	if (at != 0)
		at = Max(at, told_ms + TELL_MS);
	if (!dlist_is_empty(&parting))
	{
		int64		part_at = dlist_head_element(Stay, parting_node, &parting)->part_at_ms;

		at = at == 0 ? part_at : Min(at, part_at);
	}
	return at == 0 ? -1 : Max(1, at - rt_gateway.now_ms);
}

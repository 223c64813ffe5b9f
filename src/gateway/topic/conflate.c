/*
 * conflate.c
 *		Of events that wait for a slow connection, only the newest of each key.
 *
 * A connection's waiting events are a list, in the order in which they will be
 * sent; a table finds the one of a subscription and a key that may still be
 * replaced.  Each is charged to the connection, and together with its output
 * they are bounded by realtime.max_backpressure.
 *
 * What is sent to the connection itself has no subscription, and always a key.  Its
 * client would take an older value for the newest, until it is told of a loss.  So
 * like an answer it may be more, and if it is too much the connection ends.
 *
 * An event that brings a row must not be replaced by one that only changes it,
 * because the client would not know the row: the newer one takes its name, too.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/door/outbox.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/conflate.h"
#include "src/guc.h"
#include "src/ipc/score.h"
#include "src/protocol/frame.h"

#define CREATED "created"
#define UPDATED "updated"
#define NAME_LEN 7				/* of both */

StaticAssertDecl(sizeof(CREATED) == NAME_LEN + 1 && sizeof(UPDATED) == NAME_LEN + 1,
				 "a name can take the place of another one");

typedef struct Waiting
{
	RtConnection *connection;
	RtSubscription *subscription;	/* NULL = what is sent to it */
	dlist_node	connection_node;
	dlist_node	subscription_node;	/* if there is one */
	RtHashNode	node;			/* if it may be replaced */
	bool		replaceable;
	uint8		key_len;
	uint32		frame_len;
	char	   *frame;			/* malloc'd */
	char		key[FLEXIBLE_ARRAY_MEMBER];
} Waiting;

static RtHashTable replaceable;

void
rt_conflate_init(void)
{
	rt_hash_init(&replaceable);
}

/* ---- what waits ---- */

static uint32
key_hash(const RtConnection *connection, const RtSubscription *subscription,
		 const RtRingEntry *entry)
{
	uint32		owner = subscription != NULL ? subscription->node.hash :
		murmurhash32(connection->index);

	return hash_combine(owner,
						hash_bytes_extended((const unsigned char *) rt_ring_entry_key(entry),
											rt_ring_entry_key_len(entry), owner));
}

static Waiting *
find(const RtConnection *connection, const RtSubscription *subscription,
	 const RtRingEntry *entry)
{
	RtHashNode *node;

	if (rt_ring_entry_key_len(entry) == 0)
		return NULL;
	node = rt_hash_first(&replaceable, key_hash(connection, subscription, entry));
	for (; node != NULL; node = rt_hash_next(node))
	{
		Waiting    *waiting = rt_hash_container(Waiting, node, node);

		if (waiting->connection == connection && waiting->subscription == subscription &&
			waiting->key_len == rt_ring_entry_key_len(entry) &&
			memcmp(waiting->key, rt_ring_entry_key(entry), waiting->key_len) == 0)
			return waiting;
	}
	return NULL;
}

static size_t
charge_for(const Waiting *waiting)
{
	return sizeof(Waiting) + waiting->key_len + waiting->frame_len;
}

/* Whether the connection may have so many bytes more waiting. */
static bool
charge(const Waiting *waiting, size_t bytes)
{
	RtConnection *connection = waiting->connection;
	size_t		limit = waiting->subscription != NULL ? (size_t) realtime_max_backpressure :
		rt_outbox_limit();

	if (rt_outbox_pending(connection) + connection->conflated + bytes > limit ||
		rt_budget_charge(&connection->budget, bytes) != RT_BUDGET_GRANTED)
		return false;
	connection->conflated += bytes;
	return true;
}

static void
refund(RtConnection *connection, size_t bytes)
{
	rt_budget_refund(&connection->budget, bytes);
	connection->conflated -= bytes;
}

static void
make_final(Waiting *waiting)
{
	if (waiting->replaceable)
		rt_hash_remove(&replaceable, &waiting->node);
	waiting->replaceable = false;
}

static void
drop(Waiting *waiting)
{
	make_final(waiting);
	refund(waiting->connection, charge_for(waiting));
	dlist_delete(&waiting->connection_node);
	if (waiting->subscription != NULL)
		dlist_delete(&waiting->subscription_node);
	free(waiting->frame);
	free(waiting);
}

/* ---- keeping ---- */

static char *
copy_frame(const RtRingEntry *entry)
{
	char	   *frame = malloc(entry->frame_len);

	if (frame != NULL)
		memcpy(frame, rt_ring_entry_frame(entry), entry->frame_len);
	return frame;
}

static Waiting *
make_waiting(RtConnection *connection, RtSubscription *subscription,
			 const RtRingEntry *entry)
{
	uint8		key_len = rt_ring_entry_key_len(entry);
	Waiting    *waiting = calloc(1, offsetof(Waiting, key) + key_len);

	if (waiting == NULL)
		return NULL;
	waiting->frame = copy_frame(entry);
	if (waiting->frame == NULL)
	{
		free(waiting);
		return NULL;
	}
	waiting->connection = connection;
	waiting->subscription = subscription;
	waiting->frame_len = entry->frame_len;
	waiting->key_len = key_len;
	if (key_len > 0)
		memcpy(waiting->key, rt_ring_entry_key(entry), key_len);
	return waiting;
}

static bool
append(RtConnection *connection, RtSubscription *subscription, const RtRingEntry *entry)
{
	Waiting    *waiting = make_waiting(connection, subscription, entry);

	if (waiting == NULL)
		return false;
	if (!charge(waiting, charge_for(waiting)))
	{
		free(waiting->frame);
		free(waiting);
		return false;
	}
	dlist_push_tail(&connection->waiting_events, &waiting->connection_node);
	if (subscription != NULL)
		dlist_push_tail(&subscription->waiting_events, &waiting->subscription_node);
	if (waiting->key_len > 0)
	{
		rt_hash_add(&replaceable, &waiting->node,
					key_hash(connection, subscription, entry));
		waiting->replaceable = true;
	}
	return true;
}

/*
 * Where the name of the event stands, NULL if it has another length, or of what is
 * sent, whose client has no rows.
 */
static char *
name_in(const Waiting *waiting)
{
	RtText		name;
	RtText		data;

	if (waiting->subscription == NULL)
		return NULL;
	rt_event_frame_parts(waiting->frame, waiting->frame_len, false,
						 waiting->subscription->topic->name_len, NAME_LEN,
						 &name, &data);
	return name.ptr[NAME_LEN] == '"' ? unconstify(char *, name.ptr) : NULL;
}

/* Whether there is room for a frame of that length in the place of its own. */
static bool
resize(Waiting *waiting, uint32 frame_len)
{
	if (frame_len > waiting->frame_len)
		return charge(waiting, frame_len - waiting->frame_len);
	refund(waiting->connection, waiting->frame_len - frame_len);
	return true;
}

static bool
replace(Waiting *waiting, const RtRingEntry *entry)
{
	char	   *name = name_in(waiting);
	bool		creates = name != NULL && memcmp(name, CREATED, NAME_LEN) == 0;
	char	   *frame = copy_frame(entry);

	if (frame == NULL)
		return false;
	if (!resize(waiting, entry->frame_len))
	{
		free(frame);
		return false;
	}
	free(waiting->frame);
	waiting->frame = frame;
	waiting->frame_len = entry->frame_len;
	name = name_in(waiting);
	if (creates && name != NULL && memcmp(name, UPDATED, NAME_LEN) == 0)
		memcpy(name, CREATED, NAME_LEN);
	return true;
}

/* Nothing that comes later takes the place of what is here, back to the last that has no key. */
static void
make_all_final(RtSubscription *subscription)
{
	dlist_iter	iter;

	dlist_reverse_foreach(iter, &subscription->waiting_events)
	{
		Waiting    *waiting = dlist_container(Waiting, subscription_node, iter.cur);

		if (waiting->key_len == 0)
			break;
		make_final(waiting);
	}
}

bool
rt_conflate_wants(RtSubscription *subscription, const RtRingEntry *entry)
{
	return !dlist_is_empty(&subscription->waiting_events) ||
		(rt_ring_entry_key_len(entry) > 0 &&
		 rt_connection_is_blocked(subscription->connection));
}

bool
rt_conflate_keep(RtSubscription *subscription, const RtRingEntry *entry)
{
	Waiting    *waiting = find(subscription->connection, subscription, entry);

	if (waiting != NULL)
		return replace(waiting, entry);
	if (rt_ring_entry_key_len(entry) == 0)
		make_all_final(subscription);
	return append(subscription->connection, subscription, entry);
}

/* One that waits is replaced, also when the connection reads again. */
bool
rt_conflate_wants_sent(RtConnection *connection, const RtRingEntry *entry)
{
	return rt_ring_entry_key_len(entry) > 0 &&
		(rt_connection_is_blocked(connection) ||
		 find(connection, NULL, entry) != NULL);
}

void
rt_conflate_keep_sent(RtConnection *connection, const RtRingEntry *entry)
{
	Waiting    *waiting = find(connection, NULL, entry);

	if (waiting != NULL ? replace(waiting, entry) : append(connection, NULL, entry))
	{
		rt_score(waiting != NULL ? RT_SCORE_COALESCED_REPLACED : RT_SCORE_COALESCED_SENT);
		return;
	}
	rt_score(RT_SCORE_COALESCED_DROPPED);
	rt_outbox_overflow(connection);
}

/* ---- sending ---- */

static void
send_first(RtConnection *connection)
{
	Waiting    *waiting = dlist_head_element(Waiting, connection_node,
											 &connection->waiting_events);
	RtSubscription *subscription = waiting->subscription;
	RtEventFrame frame = rt_event_frame(waiting->frame, waiting->frame_len);

	if (rt_connection_deliver(connection, &frame))
		drop(waiting);
	else if (subscription != NULL)
		rt_subscription_lose_for_good(subscription);
	else
	{
		rt_connection_send(connection, waiting->frame, waiting->frame_len);
		drop(waiting);
	}
}

bool
rt_conflate_send(RtConnection *connection)
{
	if (dlist_is_empty(&connection->waiting_events))
		return false;
	while (!dlist_is_empty(&connection->waiting_events) &&
		   rt_outbox_pending(connection) < RT_WRITE_CHUNK)
		send_first(connection);
	return true;
}

void
rt_conflate_send_all(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->waiting_events))
		send_first(connection);
}

void
rt_conflate_forget(RtSubscription *subscription)
{
	while (!dlist_is_empty(&subscription->waiting_events))
		drop(dlist_head_element(Waiting, subscription_node,
								&subscription->waiting_events));
}

void
rt_conflate_forget_sent(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->waiting_events))
		drop(dlist_head_element(Waiting, connection_node, &connection->waiting_events));
}

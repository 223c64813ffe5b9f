/*
 * subscription.c
 *		What a connection gets of a topic, and from where on.
 *
 * A connection's subscriptions are a list, and a table finds the one of a
 * connection and a topic.  Those that are lost are in one of two more lists:
 * to be repaired, or to be told.  So what a flush has to do does not depend on
 * how many subscriptions there are.
 *
 * Each is charged to its connection as if it were the topic's only one.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/club.h"
#include "src/gateway/cursor.h"
#include "src/gateway/cursor_board.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/gateway.h"
#include "src/gateway/presence.h"
#include "src/gateway/presence_plugin.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/crowd.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/member.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/subscriber_count.h"
#include "src/protocol/frame.h"

/* Places in the tables and in the topic's array, and what malloc adds. */
#define SUBSCRIPTION_OVERHEAD 64

static RtHashTable pairs;

void
rt_subscriptions_init(void)
{
	rt_topics_init();
	rt_hash_init(&pairs);
	rt_conflate_init();
}

/* ---- pairs ---- */

static uint32
pair_hash(const RtConnection *connection, const RtTopic *topic)
{
	return hash_combine(murmurhash32(connection->index), topic->node.hash);
}

static RtSubscription *
find_pair(RtConnection *connection, RtTopic *topic)
{
	RtHashNode *node = rt_hash_first(&pairs, pair_hash(connection, topic));

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtSubscription *subscription =
			rt_hash_container(RtSubscription, node, node);

		if (subscription->connection == connection &&
			subscription->topic == topic)
			return subscription;
	}
	return NULL;
}

RtSubscription *
rt_subscription_find(RtConnection *connection, const char *name, size_t len)
{
	RtTopic *topic = rt_topic_find(name, len);

	return topic != NULL ? find_pair(connection, topic) : NULL;
}

/* ---- making and dropping ---- */

static size_t
charge_for(size_t name_len)
{
	return sizeof(RtSubscription) + offsetof(RtTopic, name) + name_len +
		   SUBSCRIPTION_OVERHEAD;
}

static RtSubscription *
make_pending(RtConnection *connection, const char *name, size_t len)
{
	RtSubscription *subscription = calloc(1, sizeof(RtSubscription));

	if (subscription == NULL)
		return NULL;
	subscription->topic = rt_topic_add_subscriber(name, len, subscription);
	if (subscription->topic == NULL)
	{
		free(subscription);
		return NULL;
	}
	subscription->connection = connection;
	subscription->state = RT_SUBSCRIPTION_PENDING;
	subscription->last_seq = -1;
	subscription->base_seq = -1;
	subscription->member = RT_MEMBER_NONE;
	/* from now on what is written wakes us */
	subscription->position = rt_ring_position();
	return subscription;
}

RtSubscription *
rt_subscription_make(RtConnection *connection, const char *name, size_t len,
					 RtBudgetVerdict *verdict)
{
	RtSubscription *subscription;

	*verdict = rt_budget_charge(&connection->budget, charge_for(len));
	if (*verdict != RT_BUDGET_GRANTED)
		return NULL;
	subscription = make_pending(connection, name, len);
	if (subscription == NULL)
	{
		rt_budget_refund(&connection->budget, charge_for(len));
		*verdict = RT_BUDGET_SCARCE;
		return NULL;
	}
	rt_hash_add(&pairs, &subscription->node,
				pair_hash(connection, subscription->topic));
	dlist_push_tail(&connection->subscriptions,
					&subscription->connection_node);
	rt_limit_note(RT_LIMIT_SUBSCRIPTIONS, ++connection->subscription_count);
	rt_count_add(subscriptions, 1);
	return subscription;
}

static void
set_stat(RtSubscription *subscription, int stat)
{
	int before = subscription->followed.stat;

	if (before == stat)
		return;
	if (before > 0)
		rt_path_stat_follow(rt_gateway.index, before - 1, -1);
	if (stat > 0)
		rt_path_stat_follow(rt_gateway.index, stat - 1, 1);
	subscription->followed.stat = stat;
}

static void
leave_losses(RtSubscription *subscription)
{
	if (subscription->loss_node.next == NULL)
		return;
	dlist_delete(&subscription->loss_node);
	memset(&subscription->loss_node, 0, sizeof(subscription->loss_node));
}

void
rt_subscription_drop(RtSubscription *subscription)
{
	RtConnection *connection = subscription->connection;

	set_stat(subscription, 0);
	rt_presence_follow_no_more(subscription);
	rt_presence_forget_state(subscription);
	rt_member_exit(subscription);
	rt_group_exit(subscription);
	rt_conflate_forget(subscription);
	rt_crowd_forget(subscription);
	rt_cursor_leave(subscription);
	rt_cursor_unfollow(subscription);
	leave_losses(subscription);
	rt_hash_remove(&pairs, &subscription->node);
	dlist_delete(&subscription->connection_node);
	connection->subscription_count--;
	rt_count_add(subscriptions, -1);
	rt_budget_refund(&connection->budget,
					 charge_for(subscription->topic->name_len));
	if (subscription->state == RT_SUBSCRIPTION_ACTIVE)
		rt_subscriber_note_gone(rt_gateway.index, subscription->topic->name,
								subscription->topic->name_len);
	rt_topic_remove_subscriber(subscription->topic, subscription->index);
	free(subscription);
}

bool
rt_subscriptions_drop_some(RtConnection *connection, int *quota)
{
	while (!dlist_is_empty(&connection->subscriptions))
	{
		if ((*quota)-- <= 0)
			return false;
		rt_subscription_drop(dlist_head_element(
			RtSubscription, connection_node, &connection->subscriptions));
	}
	return true;
}

/* ---- streams ---- */

void
rt_subscription_follow(RtSubscription *subscription, RtText path, bool judged)
{
	RtFollowedPath *followed = &subscription->followed;
	uint32 hash = rt_recheck_path_hash(path.ptr, path.len);

	set_stat(subscription, rt_path_stat_number(path.ptr, path.len) + 1);

	followed->several |= followed->hash != 0 && followed->hash != hash;
	followed->judged |= judged;
	followed->hash = hash;
}

void
rt_subscription_note_named(RtSubscription *subscription)
{
	subscription->followed.named = true;
}

/* What it is told last is the marker; so its events are lost until then. */
void
rt_subscription_end_stream(RtSubscription *subscription)
{
	bool named = subscription->followed.named;

	rt_presence_follow_no_more(subscription);
	rt_group_exit(subscription);
	rt_conflate_forget(subscription);
	rt_cursor_leave(subscription);
	rt_cursor_unfollow(subscription);
	subscription->repair_ticket = 0;
	set_stat(subscription, 0);
	subscription->followed = (RtFollowedPath){.ended = true, .named = named};
	rt_subscription_lose_for_good(subscription);
}

/* ---- losses ---- */

/* Puts a subscription into a list of losses, if it belongs into one. */
static void
file_loss_in(RtSubscription *subscription, dlist_head *losses)
{
	leave_losses(subscription);
	if (subscription->lost)
		rt_conflate_forget(subscription);
	if (!subscription->lost || subscription->state != RT_SUBSCRIPTION_ACTIVE)
		return;
	dlist_push_tail(losses, &subscription->loss_node);
	/* looked at when output is written, with or without any */
	rt_connection_mark_dirty(subscription->connection);
}

/* Of a group an executor knows what its members have lost, without numbers. */
static bool
can_be_repaired(const RtSubscription *subscription)
{
	return subscription->last_seq >= 0 ||
		   rt_club_is_topic(subscription->topic->name, subscription->topic->name_len);
}

static void
file_loss(RtSubscription *subscription)
{
	RtConnection *connection = subscription->connection;

	file_loss_in(subscription, can_be_repaired(subscription) ? &connection->to_repair
															 : &connection->to_tell);
}

static void
forget_numbers(RtSubscription *subscription)
{
	subscription->last_seq = -1;
	subscription->base_seq = -1;
}

void
rt_subscription_lose(RtSubscription *subscription)
{
	if (subscription->lost)
		return;
	if (subscription->last_seq < 0)
		subscription->last_seq = subscription->base_seq;
	subscription->lost = true;
	file_loss(subscription);
}

void
rt_subscription_lose_for_good(RtSubscription *subscription)
{
	forget_numbers(subscription);
	subscription->lost = true;
	file_loss(subscription);
}

void
rt_subscription_lose_from(RtSubscription *subscription, int64 seq)
{
	if (seq == 0)
	{
		rt_subscription_lose_for_good(subscription);
		return;
	}
	subscription->last_seq = seq - 1;
	rt_subscription_lose(subscription);
}

void
rt_subscription_lose_behind(RtSubscription *subscription, int64 seq)
{
	if (subscription->last_seq < 0 || subscription->last_seq > seq)
	{
		subscription->last_seq = seq;
		subscription->repair_ticket = 0;
	}
	subscription->lost = true;
	file_loss(subscription);
}

void
rt_subscription_make_good(RtSubscription *subscription)
{
	subscription->lost = false;
	leave_losses(subscription);
}

/* ---- where it goes on ---- */

void
rt_subscription_ask(RtSubscription *subscription, uint64 ticket)
{
	subscription->verdict_ticket = ticket;
}

/* A replay may have told it less than there is: the rest is to be sent now. */
void
rt_subscription_activate(RtSubscription *subscription)
{
	if (subscription->state != RT_SUBSCRIPTION_ACTIVE)
		rt_subscriber_note_come(rt_gateway.index, subscription->topic->name,
								subscription->topic->name_len);
	subscription->state = RT_SUBSCRIPTION_ACTIVE;
	file_loss(subscription);
}

void
rt_subscription_suspend(RtSubscription *subscription)
{
	rt_subscription_make_good(subscription);
	if (subscription->state == RT_SUBSCRIPTION_ACTIVE)
		rt_subscriber_note_gone(rt_gateway.index, subscription->topic->name,
								subscription->topic->name_len);
	subscription->state = RT_SUBSCRIPTION_PENDING;
}

void
rt_subscription_go_on(RtSubscription *subscription, uint64 position, int64 seq)
{
	subscription->position = position;
	subscription->last_seq = seq;
	subscription->base_seq = -1;
}

void
rt_subscription_go_on_from_base(RtSubscription *subscription, uint64 position,
								int64 base_seq)
{
	subscription->position = position;
	subscription->last_seq = -1;
	subscription->base_seq = base_seq;
}

void
rt_subscription_restart(RtSubscription *subscription, uint64 position,
						int64 seq)
{
	rt_subscription_make_good(subscription);
	subscription->repair_ticket = 0;
	rt_subscription_go_on(subscription, position, seq);
}

bool
rt_subscription_expects(RtSubscription *subscription, int64 seq)
{
	int64 known = subscription->last_seq;

	if (seq <= known)
		return false;
	if (known < 0)
		known = subscription->base_seq;
	if (known >= 0 && seq > known + 1)
	{
		rt_subscription_lose(subscription);
		return false;
	}
	return true;
}

void
rt_subscription_note_sent(RtSubscription *subscription, int64 seq)
{
	subscription->last_seq = seq;
}

/* ---- repairing and telling ---- */

bool
rt_subscriptions_are_lost(RtConnection *connection)
{
	return !dlist_is_empty(&connection->to_repair) ||
		   !dlist_is_empty(&connection->to_tell);
}

static void
send_marker(RtSubscription *subscription)
{
	RtTopic *topic = subscription->topic;
	bool ended = subscription->followed.ended;

	if (!ended && rt_presence_is_plugin_topic(topic->name, topic->name_len))
	{
		rt_presence_send_anew(subscription);
		return;
	}
	rt_subscription_make_good(subscription);
	if (subscription->cursors != NULL)
	{
		rt_cursor_send_anew(subscription);
		return;
	}
	subscription->connection->marked = true;
	rt_outbox_send_marker(subscription->connection,
						  (RtText){topic->name, topic->name_len});
	if (ended && !subscription->followed.named)
		rt_subscription_drop(subscription);
	else
		subscription->followed.ended = false;
}

/*
 * A client that waits for the reply of a stream would take a marker for an
 * event of it: markers wait, too.
 */
bool
rt_subscriptions_send_markers(RtConnection *connection)
{
	if (connection->streams > 0)
		return false;
	while (!dlist_is_empty(&connection->to_tell))
	{
		if (rt_outbox_pending(connection) >= RT_WRITE_CHUNK / 2 ||
			connection->state != RT_CONNECTION_OPEN)
			return true;
		send_marker(dlist_head_element(RtSubscription, loss_node,
									   &connection->to_tell));
	}
	return false;
}

RtSubscription *
rt_subscription_to_repair(RtConnection *connection)
{
	if (dlist_is_empty(&connection->to_repair))
		return NULL;
	return dlist_head_element(RtSubscription, loss_node,
							  &connection->to_repair);
}

void
rt_subscription_begin_repair(RtSubscription *subscription, uint64 ticket)
{
	subscription->repair_ticket = ticket;
}

bool
rt_subscription_end_repair(RtSubscription *subscription, uint64 ticket)
{
	if (subscription->repair_ticket != ticket)
		return false;
	subscription->repair_ticket = 0;
	return true;
}

void
rt_subscription_note_repaired(RtSubscription *subscription, int64 seq)
{
	subscription->last_seq = seq;
}

void
rt_subscription_give_up_repair(RtSubscription *subscription)
{
	forget_numbers(subscription);
	file_loss_in(subscription, &subscription->connection->to_tell);
}

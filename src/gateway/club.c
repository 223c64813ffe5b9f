/*
 * club.c
 *		Connections that are in groups of realtime.group().
 *
 * Here they are subscribed to the group's topic; who is in it is known to the
 * executors alone.  So the end of such a connection has to be told, also of one
 * that has ended before it was known to be in a group; and who has missed something
 * is given "members" anew by an executor, as others are given the events that they
 * have lost (topic/repair.c).
 */
#include "postgres.h"

#include "src/gateway/club.h"
#include "src/gateway/departure.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/subscription.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/protocol/topic.h"

bool
rt_club_is_topic(const char *topic, Size len)
{
	Size		prefix = strlen(RT_GROUP_PREFIX);

	return len > prefix && memcmp(topic, RT_GROUP_PREFIX, prefix) == 0;
}

/* What is published behind the order comes to it; late, it gets anew who is in it. */
static void
follow(RtConnection *connection, RtText topic, RtText roll, bool late)
{
	RtEventFrame frame = rt_event_frame(roll.ptr, roll.len);
	RtSubscription *subscription = rt_subscription_find(connection, topic.ptr, topic.len);
	RtBudgetVerdict verdict;

	if (subscription == NULL && connection->subscription_count >= realtime_max_subscriptions)
	{
		rt_limit_hit(RT_LIMIT_SUBSCRIPTIONS);
		return;
	}
	if (subscription == NULL)
		subscription = rt_subscription_make(connection, topic.ptr, topic.len, &verdict);
	if (subscription == NULL)
		return;
	rt_subscription_activate(subscription);
	rt_subscription_restart(subscription, rt_fanout_position(), -1);
	if (late || !rt_connection_deliver(connection, &frame))
		rt_subscription_lose(subscription);
}

/* Who has lost something has lost the last event, too. */
static void
follow_no_more(RtConnection *connection, RtText topic, RtText last)
{
	RtSubscription *subscription = rt_subscription_find(connection, topic.ptr, topic.len);

	if (subscription == NULL)
		return;
	if (last.len > 0 && subscription->lost)
		rt_connection_send(connection, last.ptr, last.len);
	rt_subscription_drop(subscription);
}

void
rt_club_command(RtConnection *connection, RtCommandVerb verb, RtText topic, RtText data,
				bool late)
{
	RtText		id = {data.ptr, strlen(data.ptr)};
	RtText		frame = {data.ptr + RT_CONNECTION_ID_SIZE, data.len - RT_CONNECTION_ID_SIZE};

	if (verb == RT_CLUB_FOLLOW && connection == NULL)
		rt_departure_of_missed(id);
	else if (verb == RT_CLUB_FOLLOW)
	{
		rt_departure_of_member(connection);
		follow(connection, topic, frame, late);
	}
	else if (connection != NULL)
		follow_no_more(connection, topic, frame);
}

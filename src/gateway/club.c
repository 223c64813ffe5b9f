/*
 * club.c
 *		Connections that are in groups of realtime.group().
 *
 * Here they are subscribed to the group's topic; who is in it is known to the
 * executors alone.  So the end of such a connection has to be told, also of one
 * that has ended before it was known to be in a group.
 */
#include "postgres.h"

#include "src/gateway/club.h"
#include "src/gateway/departure.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/subscription.h"
#include "src/guc.h"
#include "src/ipc/limit.h"

/* What is published behind the order comes to it. */
static void
follow(RtConnection *connection, RtText topic)
{
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
	rt_subscription_go_on(subscription, rt_fanout_position(), -1);
}

static void
follow_no_more(RtConnection *connection, RtText topic)
{
	RtSubscription *subscription = rt_subscription_find(connection, topic.ptr, topic.len);

	if (subscription != NULL)
		rt_subscription_drop(subscription);
}

void
rt_club_command(RtConnection *connection, RtCommandVerb verb, RtText topic,
				RtText connection_id)
{
	if (verb == RT_CLUB_FOLLOW && connection == NULL)
		rt_departure_of_missed(connection_id);
	else if (verb == RT_CLUB_FOLLOW)
	{
		rt_departure_of_member(connection);
		follow(connection, topic);
	}
	else if (connection != NULL)
		follow_no_more(connection, topic);
}

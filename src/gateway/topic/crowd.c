/*
 * crowd.c
 *		Those who share an answer, and go on behind it together.
 *
 * What lies behind an answer in the ring is the same for all of them: it is read
 * once for as many as there is room for, and not for each.
 */
#include "postgres.h"

#include "src/gateway/topic/crowd.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/round_frame.h"

#define CROWD_MAX 256			/* whose output is made before sockets are looked at */

static RtSubscription *crowd[CROWD_MAX];
static bool follows[CROWD_MAX]; /* a query */
static int	count = 0;
static bool gathers = false;

/* Their subscriptions may end meanwhile. */
static void
go_on(void)
{
	RtConnection *told[CROWD_MAX];
	int			told_count = 0;

	for (int i = 0; i < count; i++)
	{
		crowd[i]->in_crowd = false;
		if (follows[i])
			told[told_count++] = crowd[i]->connection;
	}
	if (count > 0)
		rt_fanout_catch_up(crowd, count);
	for (int i = 0; i < told_count; i++)
		rt_round_frame_follow(told[i]);
	count = 0;
}

void
rt_crowd_begin(void)
{
	gathers = true;
}

void
rt_crowd_end(void)
{
	gathers = false;
	go_on();
}

/* One that is there already has had another answer. */
void
rt_crowd_go_on(RtSubscription *subscription, bool follows_query)
{
	if (subscription->in_crowd)
		return;
	subscription->in_crowd = true;
	follows[count] = follows_query;
	crowd[count++] = subscription;
	if (!gathers || count == CROWD_MAX)
		go_on();
}

void
rt_crowd_forget(RtSubscription *subscription)
{
	int			i = 0;

	if (!subscription->in_crowd)
		return;
	while (crowd[i] != subscription)
		i++;
	crowd[i] = crowd[--count];
	follows[i] = follows[count];
	subscription->in_crowd = false;
}

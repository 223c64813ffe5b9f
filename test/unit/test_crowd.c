/*
 * test_crowd.c
 *		src/gateway/topic/crowd.c: one reading of the ring for many who go on.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/gateway/topic/crowd.c"
#include "test/unit/unit.h"

#define MANY (3 * CROWD_MAX + 7)

static RtSubscription subscriptions[MANY];
static RtConnection connections[MANY];
static int	readings = 0;
static int	went_on[MANY];
static int	followed[MANY];

/* ---- the rest of the gateway ---- */

void
rt_fanout_catch_up(RtSubscription **late, int n)
{
	readings++;
	for (int i = 0; i < n; i++)
	{
		CHECK(!late[i]->in_crowd);
		went_on[late[i] - subscriptions]++;
	}
}

/* What has come since is told before how far it is. */
void
rt_round_frame_follow(RtConnection *connection)
{
	CHECK(went_on[connection - connections] == 1);
	followed[connection - connections]++;
}

/* ---- tests ---- */

static void
begin(void)
{
	readings = 0;
	memset(subscriptions, 0, sizeof(subscriptions));
	memset(went_on, 0, sizeof(went_on));
	memset(followed, 0, sizeof(followed));
	for (int i = 0; i < MANY; i++)
		subscriptions[i].connection = &connections[i];
}

static void
goes_on_at_once_alone(void)
{
	begin();
	rt_crowd_go_on(&subscriptions[0], true);
	CHECK(readings == 1 && went_on[0] == 1 && followed[0] == 1);
	rt_crowd_go_on(&subscriptions[0], false);
	CHECK(readings == 2 && went_on[0] == 2 && followed[0] == 1);
}

static void
reads_once_for_many(void)
{
	begin();
	rt_crowd_begin();
	for (int i = 0; i < MANY; i++)
		rt_crowd_go_on(&subscriptions[i], i % 2 == 0);
	CHECK(readings == 3);
	rt_crowd_end();
	CHECK(readings == 4);
	for (int i = 0; i < MANY; i++)
		CHECK(went_on[i] == 1 && followed[i] == (i % 2 == 0));
	rt_crowd_begin();
	rt_crowd_end();
	CHECK(readings == 4);
}

/* A connection that has asked twice gets what came since once, behind both. */
static void
goes_on_once(void)
{
	begin();
	rt_crowd_begin();
	for (int i = 0; i < 3; i++)
		rt_crowd_go_on(&subscriptions[i % 2], true);
	rt_crowd_end();
	CHECK(readings == 1 && went_on[0] == 1 && went_on[1] == 1 && followed[0] == 1);
}

static void
forgets_who_is_gone(void)
{
	begin();
	rt_crowd_begin();
	for (int i = 0; i < 3; i++)
		rt_crowd_go_on(&subscriptions[i], false);
	rt_crowd_forget(&subscriptions[0]);
	rt_crowd_forget(&subscriptions[2]);
	rt_crowd_forget(&subscriptions[2]);
	rt_crowd_go_on(&subscriptions[2], false);
	rt_crowd_end();
	CHECK(went_on[0] == 0 && went_on[1] == 1 && went_on[2] == 1);
}

/* However often somebody has gone meanwhile, there is room for all. */
static void
forgets_whom_to_tell(void)
{
	begin();
	rt_crowd_begin();
	for (int i = 0; i < CROWD_MAX; i++)
	{
		rt_crowd_go_on(&subscriptions[MANY - 1], true);
		rt_crowd_forget(&subscriptions[MANY - 1]);
	}
	for (int i = 0; i < CROWD_MAX; i++)
		rt_crowd_go_on(&subscriptions[i], i % 2 == 0);
	rt_crowd_end();
	CHECK(readings == 1 && followed[MANY - 1] == 0);
	for (int i = 0; i < CROWD_MAX; i++)
		CHECK(went_on[i] == 1 && followed[i] == (i % 2 == 0));
}

int
main(void)
{
	RUN(goes_on_at_once_alone);
	RUN(reads_once_for_many);
	RUN(goes_on_once);
	RUN(forgets_who_is_gone);
	RUN(forgets_whom_to_tell);
	return unit_done();
}

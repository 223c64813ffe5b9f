/*
 * test_subscription.c
 *		src/gateway/topic/subscription.c: what a flush has to do does not depend
 *		on how many subscriptions a connection has.
 *
 * Nothing is timed: those that a flush has no business with are poisoned, and
 * AddressSanitizer ends the test if one of them is looked at.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include <sanitizer/asan_interface.h>

#include "src/gateway/budget.c"
#include "src/gateway/topic/hash_table.c"
#include "src/gateway/topic/subscription.c"
#include "src/gateway/topic/topic_table.c"
#include "test/unit/unit.h"

/* Books are in order, but where a test breaks them. */
static int	violations = 0;

void
rt_assertion_violated(RtAssertion category, const char *detail)
{
	violations++;
}

/* Nobody looks at how often limits have acted, nor how near they came to it. */
void
rt_limit_hit(RtLimitKind limit)
{
}

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
}

#define MANY 5000
#define LOST 10

int			realtime_connection_memory = 1024 * 1024;
int			realtime_topic_count_warning = 0;
int			realtime_gateway_memory = 1024 * 1024 * 64;
RtGateway	rt_gateway;

static RtConnection connection;
static RtSubscription *all[MANY];
static int	markers = 0;
static size_t pending = 0;		/* bytes that wait to be written */

/* ---- what is around it ---- */

bool
errstart_cold(int level, const char *domain)
{
	abort();
}

void
errfinish(const char *file, int line, const char *function)
{
	abort();
}

bool
errstart(int level, const char *domain)
{
	return false;
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	return 0;
}

int
errdetail(const char *format,...)
{
	return 0;
}

int
errhint(const char *format,...)
{
	return 0;
}

/* Who follows a path, of which there are two. */
static int	followers[2];

int
rt_path_stat_number(const char *path, Size len)
{
	return path[0] - 'a';
}

void
rt_path_stat_follow(int gateway, int number, int change)
{
	followers[number] += change;
}

uint32
rt_recheck_path_hash(const char *path, Size len)
{
	return path[0];
}

bool
pg_strong_random(void *bytes, size_t len)
{
	memset(bytes, 1, len);
	return true;
}

/* Nothing is kept for a slow connection here. */
void
rt_conflate_init(void)
{
}

void
rt_conflate_forget(RtSubscription *subscription)
{
}

void
rt_crowd_forget(RtSubscription *subscription)
{
}

static uint32
hash_of(const unsigned char *bytes, int len)
{
	uint32		hash = 2166136261u;

	for (int i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

uint64
hash_bytes_extended(const unsigned char *bytes, int len, uint64 seed)
{
	return hash_of(bytes, len);
}

uint32
rt_topic_hash(const char *topic, Size len)
{
	return hash_of((const unsigned char *) topic, len);
}

uint64
rt_ring_position(void)
{
	return 0;
}

void
rt_ring_interest_reset(int gateway)
{
}

void
rt_ring_interest_add(int gateway, uint32 topic_hash)
{
}

void
rt_ring_interest_remove(int gateway, uint32 topic_hash)
{
}

void
rt_subscriber_counts_reset(int gateway)
{
}

void
rt_subscriber_note_come(int gateway, const char *topic, Size len)
{
}

void
rt_subscriber_note_gone(int gateway, const char *topic, Size len)
{
}

void
rt_cursor_leave(RtSubscription *subscription)
{
}

void
rt_cursor_unfollow(RtSubscription *subscription)
{
}

void
rt_cursor_send_anew(RtSubscription *subscription)
{
}

bool
rt_presence_is_plugin_topic(const char *topic, Size len)
{
	return false;
}

void
rt_presence_send_anew(RtSubscription *subscription)
{
}

void
rt_presence_forget_state(RtSubscription *subscription)
{
}

bool
rt_club_is_topic(const char *topic, Size len)
{
	return topic[0] == '_';
}

void
rt_presence_follow_no_more(RtSubscription *subscription)
{
}

void
rt_member_exit(RtSubscription *subscription)
{
}

void
rt_group_exit(RtSubscription *subscription)
{
}

void
rt_outbox_send_marker(RtConnection *to, RtText topic)
{
	markers++;
	pending += topic.len;
}

void
rt_connection_mark_dirty(RtConnection *dirty)
{
}

size_t
rt_outbox_pending(const RtConnection *of)
{
	return pending;
}

/* ---- subscriptions ---- */

static void
begin(void)
{
	static RtGatewayCounters counters;

	rt_gateway.counters = &counters;
	rt_subscriptions_init();
	memset(&connection, 0, sizeof(connection));
	dlist_init(&connection.subscriptions);
	dlist_init(&connection.to_repair);
	dlist_init(&connection.to_tell);
	markers = 0;
	pending = 0;
	for (int i = 0; i < MANY; i++)
	{
		RtBudgetVerdict verdict;
		char		name[32];
		int			len = snprintf(name, sizeof(name), "topic:%d", i);

		all[i] = rt_subscription_make(&connection, name, len, &verdict);
		rt_subscription_activate(all[i]);
	}
	CHECK(connection.subscription_count == MANY);
}

static bool
is_one_of_the_lost(int i)
{
	return i % (MANY / LOST) == 3;
}

static void
lose_some(void)
{
	for (int i = 0; i < MANY; i++)
	{
		if (is_one_of_the_lost(i))
			rt_subscription_lose_from(all[i], 0);
	}
}

static void
poison_all_but_the_lost(void)
{
	for (int i = 0; i < MANY; i++)
	{
		if (!is_one_of_the_lost(i))
			ASAN_POISON_MEMORY_REGION(all[i], sizeof(RtSubscription));
	}
}

static void
end(void)
{
	int			quota = MANY;

	for (int i = 0; i < MANY; i++)
		ASAN_UNPOISON_MEMORY_REGION(all[i], sizeof(RtSubscription));
	CHECK(rt_subscriptions_drop_some(&connection, &quota));
	CHECK(connection.budget.kept == 0);
	rt_hash_destroy(&pairs);
	rt_hash_destroy(&table);
}

/* ---- a flush ---- */

static void
flush_without_losses_looks_at_none(void)
{
	begin();
	for (int i = 0; i < MANY; i++)
		ASAN_POISON_MEMORY_REGION(all[i], sizeof(RtSubscription));
	CHECK(!rt_subscriptions_are_lost(&connection));
	CHECK(!rt_subscriptions_send_markers(&connection));
	CHECK(rt_subscription_to_repair(&connection) == NULL);
	CHECK(markers == 0);
	end();
}

static void
flush_tells_those_that_have_lost(void)
{
	begin();
	lose_some();
	poison_all_but_the_lost();
	CHECK(rt_subscriptions_are_lost(&connection));
	CHECK(!rt_subscriptions_send_markers(&connection));
	CHECK(markers == LOST);
	CHECK(!rt_subscriptions_are_lost(&connection));
	end();
}

/* Who takes little gets little, and the next flush goes on there. */
static void
flush_that_is_full_goes_on_later(void)
{
	int			flushes = 0;

	begin();
	lose_some();
	poison_all_but_the_lost();
	while (rt_subscriptions_are_lost(&connection))
	{
		pending = RT_WRITE_CHUNK / 2 - 1;
		(void) rt_subscriptions_send_markers(&connection);
		CHECK(++flushes == markers);
	}
	CHECK(markers == LOST);
	end();
}

static void
repairs_find_those_that_need_them(void)
{
	int			repaired = 0;

	begin();
	for (int i = 0; i < MANY; i++)
	{
		rt_subscription_go_on(all[i], 0, 5);
		if (is_one_of_the_lost(i))
			rt_subscription_lose_from(all[i], 7);
	}
	poison_all_but_the_lost();
	CHECK(!rt_subscriptions_send_markers(&connection) && markers == 0);
	for (RtSubscription *lost; (lost = rt_subscription_to_repair(&connection)) != NULL; repaired++)
	{
		rt_subscription_begin_repair(lost, 1);
		rt_subscription_note_repaired(lost, 9);
		CHECK(rt_subscription_end_repair(lost, 1));
		rt_subscription_make_good(lost);
	}
	CHECK(repaired == LOST);
	end();
}

/* Without numbers, and in the end told like others. */
static void
loss_of_a_group_is_repaired_unless_given_up(void)
{
	RtSubscription *group;
	RtBudgetVerdict verdict;

	begin();
	group = rt_subscription_make(&connection, "__group:team", 12, &verdict);
	rt_subscription_activate(group);
	rt_subscription_lose_from(group, 0);
	CHECK(rt_subscription_to_repair(&connection) == group);
	rt_subscription_restart(group, 0, -1);
	CHECK(!rt_subscriptions_are_lost(&connection));
	rt_subscription_lose(group);
	CHECK(!rt_subscriptions_send_markers(&connection) && markers == 0);
	rt_subscription_give_up_repair(group);
	CHECK(rt_subscription_to_repair(&connection) == NULL);
	CHECK(!rt_subscriptions_send_markers(&connection) && markers == 1);
	CHECK(!rt_subscriptions_are_lost(&connection));
	rt_subscription_drop(group);
	end();
}

/* What it has lost before does not matter any more. */
static void
one_that_is_suspended_is_not_lost(void)
{
	begin();
	rt_subscription_lose(all[0]);
	rt_subscription_suspend(all[0]);
	CHECK(all[0]->state == RT_SUBSCRIPTION_PENDING);
	CHECK(!rt_subscriptions_are_lost(&connection));
	rt_subscription_activate(all[0]);
	CHECK(!rt_subscriptions_are_lost(&connection));
	end();
}

/* What it has by name goes on, the rest is told to ask anew. */
static void
a_stream_that_ends_is_told_and_goes(void)
{
	begin();
	rt_subscription_follow(all[0], RT_TEXT("a"), true);
	rt_subscription_begin_repair(all[0], 1);
	rt_subscription_note_named(all[1]);
	rt_subscription_follow(all[1], RT_TEXT("a"), true);
	CHECK(followers[0] == 2 && followers[1] == 0);
	rt_subscription_follow(all[1], RT_TEXT("b"), false);
	CHECK(followers[0] == 1 && followers[1] == 1);
	CHECK(all[1]->followed.several && all[1]->followed.judged);
	rt_subscription_end_stream(all[0]);
	rt_subscription_end_stream(all[1]);
	CHECK(followers[0] == 0 && followers[1] == 0);
	CHECK(all[0]->lost && all[1]->lost && !rt_subscription_end_repair(all[0], 1));
	CHECK(rt_subscription_to_repair(&connection) == NULL);
	CHECK(!rt_subscriptions_send_markers(&connection) && markers == 2);
	CHECK(connection.subscription_count == MANY - 1);
	CHECK(!all[1]->lost && !all[1]->followed.ended && all[1]->followed.hash == 0);
	all[0] = all[1];
	end();
}

int
main(void)
{
	RUN(flush_without_losses_looks_at_none);
	RUN(flush_tells_those_that_have_lost);
	RUN(flush_that_is_full_goes_on_later);
	RUN(repairs_find_those_that_need_them);
	RUN(loss_of_a_group_is_repaired_unless_given_up);
	RUN(one_that_is_suspended_is_not_lost);
	RUN(a_stream_that_ends_is_told_and_goes);
	return unit_done();
}

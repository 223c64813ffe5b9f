/*
 * cursor.c
 *		Connections that move cursors.
 *
 * A hand is that of a connection which may move a cursor on a topic.  It keeps the
 * last position.  The first is told at once; what comes within
 * realtime.cursor_interval of it takes its place here and is told at the end of
 * that time, so the last one always is.  The interval is counted where the
 * cursors are, because a user may have several hands.
 */
#include "postgres.h"

#include "src/gateway/cursor.h"
#include "src/gateway/cursor_board.h"
#include "src/gateway/cursor_frame.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/session.h"
#include "src/protocol/json.h"

#define CONNECTION_PART 16		/* of the memory, that one may take */
#define POSITION_ROUND 64		/* positions change their length a little */
#define LOG_MS 60000			/* between complaints that it is used up */

typedef struct Hand
{
	dlist_node	node;			/* of its connection */
	dlist_node	due_node;
	RtConnection *connection;
	bool		waits;			/* among those that are due, in the order of: */
	int64		due_ms;
	bool		moved;			/* others may know of its cursor */
	bool		by_function;
	uint32		subscriptions;
	char	   *position;		/* the last one, JSON; NULL = none yet */
	uint32		position_len;
	uint32		position_size;
	uint16		topic_len;
	uint16		key_len;
	uint16		user_len;
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* topic, key, user */
} Hand;

StaticAssertDecl(RT_CURSOR_USER_MAX <= PG_UINT16_MAX, "the length of a user");
StaticAssertDecl(6 * RT_USER_ID_MAX + RT_CURSOR_USER_MAX + RT_CURSOR_DATA_MAX + 64 <= RT_CURSOR_ROW_MAX,
				 "any row can be written");

static dlist_head due = DLIST_STATIC_INIT(due);
static int64 swept_ms = 0;

void
rt_cursors_start(void)
{
	rt_cursors_attach();
	rt_cursor_boards_init();
	rt_cursors_abandon(rt_gateway.index, rt_gateway.now_ms);
}

/* ---- hands ---- */

static RtText
topic_of(const Hand *hand)
{
	return (RtText) {hand->text, hand->topic_len};
}

static RtText
own_key(const Hand *hand)
{
	return (RtText) {hand->text + hand->topic_len, hand->key_len};
}

static RtText
user_of(const Hand *hand)
{
	return (RtText) {hand->text + hand->topic_len + hand->key_len, hand->user_len};
}

static bool
is_equal(RtText a, RtText b)
{
	return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static Hand *
find_hand(const RtConnection *connection, RtText topic)
{
	dlist_iter	iter;

	dlist_foreach(iter, unconstify(dlist_head *, &connection->hands))
	{
		Hand	   *hand = dlist_container(Hand, node, iter.cur);

		if (is_equal(topic_of(hand), topic))
			return hand;
	}
	return NULL;
}

/* Charged to the connection, which has a part of the shared memory, too. */
static void *
allocate(RtConnection *connection, size_t size)
{
	RtBudgetVerdict verdict;
	void	   *memory = NULL;

	if (connection->hand_bytes + size <= (size_t) realtime_cursor_memory * 1024 / CONNECTION_PART)
		memory = rt_budget_alloc(&connection->budget, size, &verdict);
	if (memory != NULL)
		connection->hand_bytes += size;
	return memory;
}

static void
release(RtConnection *connection, void *memory, size_t size)
{
	if (memory == NULL)
		return;
	connection->hand_bytes -= size;
	rt_budget_free(&connection->budget, memory, size);
}

static size_t
size_of(RtText topic, RtText key, RtText user)
{
	return offsetof(Hand, text) + topic.len + key.len + user.len;
}

static Hand *
make_hand(RtConnection *connection, RtText topic, RtText user)
{
	RtText		key = rt_connection_key(connection);
	Hand	   *hand = allocate(connection, size_of(topic, key, user));

	if (hand == NULL)
		return NULL;
	memset(hand, 0, offsetof(Hand, text));
	hand->connection = connection;
	hand->topic_len = topic.len;
	hand->key_len = key.len;
	hand->user_len = user.len;
	memcpy(hand->text, topic.ptr, topic.len);
	memcpy(hand->text + topic.len, key.ptr, key.len);
	if (user.len > 0)
		memcpy(hand->text + topic.len + key.len, user.ptr, user.len);
	dlist_push_tail(&connection->hands, &hand->node);
	return hand;
}

static void
free_hand(Hand *hand)
{
	RtConnection *connection = hand->connection;

	Assert(!hand->waits && !hand->moved);
	dlist_delete(&hand->node);
	release(connection, hand->position, hand->position_size);
	release(connection, hand, size_of(topic_of(hand), own_key(hand), user_of(hand)));
}

/* Now and then, because any client may be to blame. */
static void
complain(void)
{
	static int64 complained_ms = -LOG_MS;

	rt_limit_hit(RT_LIMIT_CURSOR_MEMORY);
	if (rt_gateway.now_ms - complained_ms < LOG_MS)
		return;
	complained_ms = rt_gateway.now_ms;
	ereport(LOG,
			(errmsg("realtime gateway %d has no room for a cursor", rt_gateway.index),
			 errdetail("A connection has a sixteenth of realtime.cursor_memory, and realtime.connection_memory."),
			 errhint("Raise realtime.cursor_memory, or let clients move cursors on fewer topics.")));
}

/* ---- moving ---- */

static RtCursorName
name_of(const Hand *hand)
{
	RtText		topic = topic_of(hand);
	RtText		key = own_key(hand);

	return (RtCursorName) {topic.ptr, topic.len, key.ptr, key.len};
}

static RtCursorOwner
owner_of(const Hand *hand)
{
	return (RtCursorOwner) {rt_gateway.index, hand->connection->serial};
}

static void
stop_waiting(Hand *hand)
{
	if (hand->waits)
		dlist_delete(&hand->due_node);
	hand->waits = false;
}

/* Behind all that are due earlier: nearly always the last. */
static void
wait_until(Hand *hand, int64 due_ms)
{
	dlist_node *before = &due.head;
	dlist_iter	iter;

	dlist_reverse_foreach(iter, &due)
	{
		before = iter.cur;
		if (dlist_container(Hand, due_node, iter.cur)->due_ms <= due_ms)
			break;
		before = &due.head;
	}
	hand->due_ms = due_ms;
	hand->waits = true;
	dlist_insert_after(before, &hand->due_node);
}

/* Tells where it is, or waits until it may be told. */
static void
show(Hand *hand)
{
	RtCursorRow row = rt_cursor_row(own_key(hand), hand->user_len > 0 ? user_of(hand) : RT_TEXT("{}"),
									(RtText) {hand->position, hand->position_len});
	RtCursorName name = name_of(hand);
	RtCursorOwner owner = owner_of(hand);
	int64		wait;

	stop_waiting(hand);
	wait = rt_cursor_move(&name, &owner, &row, rt_gateway.now_ms, realtime_cursor_interval);
	if (wait == RT_CURSOR_NO_ROOM)
		complain();
	else if (wait > 0)
		wait_until(hand, rt_gateway.now_ms + wait);
	else
		hand->moved = true;
}

/* Returns false if there is no room for it. */
static bool
keep_position(Hand *hand, RtText data)
{
	RtConnection *connection = hand->connection;

	if (hand->position_size < data.len)
	{
		uint32		size = TYPEALIGN(POSITION_ROUND, data.len);
		char	   *position = allocate(connection, size);

		if (position == NULL)
			return false;
		release(connection, hand->position, hand->position_size);
		hand->position = position;
		hand->position_size = size;
	}
	memcpy(hand->position, data.ptr, data.len);
	hand->position_len = data.len;
	return true;
}

static void
move(Hand *hand, RtText data)
{
	rt_count(cursor_moves);
	if (!keep_position(hand, data))
		complain();
	else if (hand->waits)
		rt_count(cursor_throttled);
	else
		show(hand);
}

static void
take_away(Hand *hand)
{
	RtCursorName name = name_of(hand);
	RtCursorOwner owner = owner_of(hand);

	stop_waiting(hand);
	if (hand->moved)
		rt_cursor_remove(&name, &owner, rt_gateway.now_ms);
	hand->moved = false;
}

/* ---- joining and leaving ---- */

/* The same with another key, or another user; NULL without room. */
static Hand *
replace_hand(Hand *hand, RtText user)
{
	Hand	   *made = make_hand(hand->connection, topic_of(hand), user);
	bool		is_shown = hand->waits || hand->moved;

	if (made == NULL)
		return NULL;
	made->by_function = hand->by_function;
	made->subscriptions = hand->subscriptions;
	made->position = hand->position;
	made->position_len = hand->position_len;
	made->position_size = hand->position_size;
	hand->position = NULL;
	stop_waiting(hand);
	if (!is_equal(own_key(hand), own_key(made)))
		take_away(hand);
	made->moved = hand->moved;
	hand->moved = false;
	free_hand(hand);
	if (is_shown)
		show(made);
	return made;
}

static Hand *
find_or_make(RtConnection *connection, RtText topic, RtText user)
{
	Hand	   *hand = find_hand(connection, topic);

	if (hand == NULL)
		return make_hand(connection, topic, user);
	if (user.len == 0 || is_equal(user, user_of(hand)))
		return hand;
	return replace_hand(hand, user);
}

bool
rt_cursor_join(RtConnection *connection, RtText topic, RtText user, bool by_subscription)
{
	Hand	   *hand = find_or_make(connection, topic, user);

	if (hand == NULL)
	{
		complain();
		return false;
	}
	if (by_subscription)
		hand->subscriptions++;
	else
		hand->by_function = true;
	return true;
}

static void
part(Hand *hand)
{
	if (hand->by_function || hand->subscriptions > 0)
		return;
	take_away(hand);
	free_hand(hand);
}

void
rt_cursor_part(RtConnection *connection, RtText topic, bool by_subscription)
{
	Hand	   *hand = find_hand(connection, topic);

	if (hand == NULL)
		return;
	if (!by_subscription)
		hand->by_function = false;
	else if (hand->subscriptions > 0)
		hand->subscriptions--;
	part(hand);
}

/* ---- by streams ---- */

static RtText
topic_of_stream(const RtSubscription *subscription)
{
	return (RtText) {subscription->topic->name,
		subscription->topic->name_len - strlen(RT_CURSOR_SUFFIX)};
}

void
rt_cursor_leave(RtSubscription *subscription)
{
	if (!subscription->hand)
		return;
	subscription->hand = false;
	rt_cursor_part(subscription->connection, topic_of_stream(subscription), true);
}

/* Again, it is the same with what others see now. */
void
rt_cursor_enter(RtSubscription *subscription, RtText user)
{
	RtText		topic = topic_of_stream(subscription);
	bool		hand = user.len > 0 &&
		rt_cursor_join(subscription->connection, topic, user, true);

	rt_cursor_leave(subscription);
	subscription->hand = hand;
	if (!rt_cursor_follow(subscription, topic))
		complain();
}

void
rt_cursor_forget(RtConnection *connection)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connection->hands)
	{
		Hand	   *hand = dlist_container(Hand, node, iter.cur);

		take_away(hand);
		free_hand(hand);
	}
}

/* One that has no room for the new name has no cursor any more. */
static void
rename_hand(Hand *hand)
{
	if (is_equal(own_key(hand), rt_connection_key(hand->connection)) ||
		replace_hand(hand, user_of(hand)) != NULL)
		return;
	complain();
	take_away(hand);
	free_hand(hand);
}

/* New ones come behind those that are looked through. */
void
rt_cursor_rename(RtConnection *connection)
{
	dlist_head	before = DLIST_STATIC_INIT(before);

	while (!dlist_is_empty(&connection->hands))
		dlist_push_tail(&before, dlist_pop_head_node(&connection->hands));
	while (!dlist_is_empty(&before))
	{
		dlist_node *node = dlist_pop_head_node(&before);

		dlist_push_tail(&connection->hands, node);
		rename_hand(dlist_container(Hand, node, node));
	}
}

/* ---- frames ---- */

/* Of a room its topic, or that of its cursors, which its clients know. */
static Hand *
find_hand_of(const RtConnection *connection, RtText topic)
{
	Size		suffix = strlen(RT_CURSOR_SUFFIX);
	Hand	   *hand = find_hand(connection, topic);

	if (hand == NULL && topic.len > suffix &&
		memcmp(topic.ptr + topic.len - suffix, RT_CURSOR_SUFFIX, suffix) == 0)
		hand = find_hand(connection, (RtText) {topic.ptr, topic.len - suffix});
	return hand;
}

/* What is no topic has length 0. */
static RtText
read_topic(char *buffer, const char *text, RtSpan value)
{
	int			len = -1;

	if (rt_json_is_string(text, value))
		len = rt_json_string_decode(text, value, buffer, RT_TOPIC_MAX + 1);
	return (RtText) {buffer, Max(len, 0)};
}

void
rt_cursor_frame(RtConnection *connection, const char *text, const RtEnvelope *envelope)
{
	char		buffer[RT_TOPIC_MAX + 1];
	RtText		data = {text + envelope->data.off, envelope->data.len};
	Hand	   *hand = find_hand_of(connection, read_topic(buffer, text, envelope->topic));

	if (hand == NULL || data.len > RT_CURSOR_DATA_MAX)
		rt_count(frames_ignored);
	else
		move(hand, data);
}

static RtSubscription *
find_plugin(RtConnection *connection, RtText topic, char *name, int *len)
{
	*len = snprintf(name, RT_CURSOR_NAME_MAX, RT_CURSOR_PREFIX "%.*s", (int) topic.len,
					topic.ptr);
	return *len < RT_CURSOR_NAME_MAX ? rt_subscription_find(connection, name, *len) : NULL;
}

void
rt_cursor_snapshot_frame(RtConnection *connection, const char *text,
						 const RtEnvelope *envelope)
{
	char		buffer[RT_TOPIC_MAX + 1];
	char		name[RT_CURSOR_NAME_MAX];
	int			len;
	RtSubscription *subscription = find_plugin(connection,
											   read_topic(buffer, text, envelope->topic),
											   name, &len);

	if (subscription != NULL && subscription->cursors != NULL)
		rt_cursor_send_anew(subscription);
	else
		rt_count(frames_ignored);
}

/* ---- what functions order ---- */

static RtSubscription *
make_plugin(RtConnection *connection, const char *name, int len)
{
	RtBudgetVerdict verdict;
	RtSubscription *subscription;

	if (connection->subscription_count >= realtime_max_subscriptions)
	{
		rt_limit_hit(RT_LIMIT_SUBSCRIPTIONS);
		return NULL;
	}
	subscription = rt_subscription_make(connection, name, len, &verdict);
	if (subscription != NULL)
		rt_subscription_activate(subscription);
	return subscription;
}

static void
watch(RtConnection *connection, RtText topic)
{
	char		name[RT_CURSOR_NAME_MAX];
	int			len;
	RtSubscription *subscription = find_plugin(connection, topic, name, &len);

	if (subscription == NULL)
		subscription = make_plugin(connection, name, len);
	if (subscription == NULL)
		complain();
	else if (!rt_cursor_follow(subscription, topic))
	{
		rt_subscription_drop(subscription);
		complain();
	}
}

static void
watch_no_more(RtConnection *connection, RtText topic)
{
	char		name[RT_CURSOR_NAME_MAX];
	int			len;
	RtSubscription *subscription = find_plugin(connection, topic, name, &len);

	if (subscription != NULL)
		rt_subscription_drop(subscription);
}

static bool
is_plugin(const RtSubscription *subscription)
{
	return subscription->cursors != NULL &&
		strncmp(subscription->topic->name, RT_CURSOR_PREFIX, strlen(RT_CURSOR_PREFIX)) == 0;
}

/* What functions have begun, on all topics. */
static void
part_all(RtConnection *connection)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &connection->subscriptions)
	{
		RtSubscription *subscription = dlist_container(RtSubscription, connection_node, iter.cur);

		if (is_plugin(subscription))
			rt_subscription_drop(subscription);
	}
	dlist_foreach_modify(iter, &connection->hands)
	{
		Hand	   *hand = dlist_container(Hand, node, iter.cur);

		hand->by_function = false;
		part(hand);
	}
}

static void
move_by_function(RtConnection *connection, RtText topic, RtText data)
{
	Hand	   *hand = find_hand(connection, topic);

	if (hand == NULL && rt_cursor_join(connection, topic, RT_TEXT_NONE, false))
		hand = find_hand(connection, topic);
	if (hand != NULL)
		move(hand, data);
}

void
rt_cursor_command(RtConnection *connection, RtCommandVerb verb, RtText topic, RtText data)
{
	Hand	   *hand;

	switch (verb)
	{
		case RT_CURSOR_JOIN:
			if (rt_cursor_join(connection, topic, data, false))
				watch(connection, topic);
			break;
		case RT_CURSOR_WATCH:
			watch(connection, topic);
			break;
		case RT_CURSOR_PART:
			watch_no_more(connection, topic);
			rt_cursor_part(connection, topic, false);
			break;
		case RT_CURSOR_PART_ALL:
			part_all(connection);
			break;
		case RT_CURSOR_MOVE:
			move_by_function(connection, topic, data);
			break;
		case RT_CURSOR_REMOVE:
			hand = find_hand(connection, topic);
			if (hand != NULL)
				take_away(hand);
			break;
		default:
			break;
	}
}

/* ---- time ---- */

static void
show_due(void)
{
	while (!dlist_is_empty(&due))
	{
		Hand	   *hand = dlist_head_element(Hand, due_node, &due);

		if (hand->due_ms > rt_gateway.now_ms)
			break;
		show(hand);
	}
}

void
rt_cursors_tell(void)
{
	show_due();
	if (rt_gateway.now_ms - swept_ms >= 1000)
	{
		swept_ms = rt_gateway.now_ms;
		rt_cursors_sweep(swept_ms);
	}
	rt_cursor_boards_tell();
}

long
rt_cursors_timeout(void)
{
	long		told = rt_cursor_boards_timeout();
	long		next;

	if (dlist_is_empty(&due))
		return told;
	next = Max(1, dlist_head_element(Hand, due_node, &due)->due_ms - rt_clock_ms());
	return told < 0 ? next : Min(told, next);
}

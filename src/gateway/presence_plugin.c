/*
 * presence_plugin.c
 *		Connections that are told who is present as the presence plugin understands it.
 *
 * Who begins to watch, or has lost something, gets everybody, in "presence_state".
 * That is of a place in the ring, and is taken when changes have been told, as
 * rosters are (topic/roster.c).  What does not fit into it follows in "presence_diff" that only
 * join, frame by frame as the client reads.  Until it has read them, so that there is
 * room for what has changed, the subscription is not active; it goes on behind that
 * place.
 *
 * A state of which something is to follow is kept for its connection alone.  So a
 * connection has one of these at a time; others wait for that, and as long as the
 * client has much to read.
 */
#include "postgres.h"

#include "src/gateway/door/outbox.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/gateway.h"
#include "src/gateway/presence_frame.h"
#include "src/gateway/presence_plugin.h"
#include "src/gateway/topic/fanout.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/presence.h"
#include "src/protocol/close_code.h"
#include "src/protocol/frame.h"

typedef struct RtPresenceState
{
	RtSubscription *subscription;
	dlist_node	node;			/* of those that wait, or are due, of all or of a connection;
								 * in none while something is to follow */
	bool		is_listed;
	RtBudget	budget;			/* for what follows: no limit but the gateway's */
	char	   *frames;			/* what follows; NULL = nothing is known yet */
	size_t		size;
	size_t		at;				/* the next one */
	uint64		position;
} RtPresenceState;

static dlist_head waiting = DLIST_STATIC_INIT(waiting);
static dlist_head due = DLIST_STATIC_INIT(due);
static int64 heartbeat_ms = 0;

void
rt_presence_plugin_start(void)
{
	heartbeat_ms = rt_gateway.now_ms;
}

bool
rt_presence_is_plugin_topic(const char *topic, Size len)
{
	Size		prefix = strlen(RT_PRESENCE_PREFIX);

	return len > prefix && memcmp(topic, RT_PRESENCE_PREFIX, prefix) == 0;
}

static RtText
room_of(const RtTopic *topic)
{
	Size		prefix = strlen(RT_PRESENCE_PREFIX);

	return (RtText) {topic->name + prefix, topic->name_len - prefix};
}

/* ---- states ---- */

static void
list_in(RtPresenceState *state, dlist_head *list)
{
	dlist_push_tail(list, &state->node);
	state->is_listed = true;
}

static void
unlist(RtPresenceState *state)
{
	if (state->is_listed)
		dlist_delete(&state->node);
	state->is_listed = false;
}

/* Those of the connection that wait may be sent. */
static void
let_others_come(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->presence_states))
		dlist_push_tail(&waiting, dlist_pop_head_node(&connection->presence_states));
}

static void
end_state(RtPresenceState *state)
{
	RtConnection *connection = state->subscription->connection;

	unlist(state);
	state->subscription->presence_state = NULL;
	if (connection->presence_state == state)
	{
		connection->presence_state = NULL;
		let_others_come(connection);
	}
	if (state->frames != NULL)
		rt_budget_free(&state->budget, state->frames, state->size);
	rt_budget_free(&connection->budget, state, sizeof(RtPresenceState));
}

void
rt_presence_forget_state(RtSubscription *subscription)
{
	if (subscription->presence_state != NULL)
		end_state(subscription->presence_state);
}

/* The client knows that it has lost something, and comes back. */
static void
give_up(RtConnection *connection)
{
	rt_connection_close(connection, RT_CLOSE_TRY_AGAIN, "Please try again");
}

void
rt_presence_send_anew(RtSubscription *subscription)
{
	RtConnection *connection = subscription->connection;
	RtPresenceState *state;
	RtBudgetVerdict verdict;

	rt_subscription_suspend(subscription);
	if (subscription->presence_state != NULL)
		return;
	state = rt_budget_alloc(&connection->budget, sizeof(RtPresenceState), &verdict);
	if (state == NULL)
	{
		give_up(connection);
		return;
	}
	memset(state, 0, sizeof(RtPresenceState));
	state->subscription = subscription;
	subscription->presence_state = state;
	list_in(state, &waiting);
}

/* ---- who watches ---- */

static int
plugin_topic(char name[RT_PRESENCE_NAME_MAX], RtText topic)
{
	return snprintf(name, RT_PRESENCE_NAME_MAX, RT_PRESENCE_PREFIX "%.*s", (int) topic.len,
					topic.ptr);
}

void
rt_presence_watch(RtConnection *connection, RtText topic)
{
	char		name[RT_PRESENCE_NAME_MAX];
	int			len = plugin_topic(name, topic);
	RtSubscription *subscription = rt_subscription_find(connection, name, len);
	RtBudgetVerdict verdict;

	if (subscription == NULL && connection->subscription_count >= realtime_max_subscriptions)
		rt_limit_hit(RT_LIMIT_SUBSCRIPTIONS);
	else if (subscription == NULL)
		subscription = rt_subscription_make(connection, name, len, &verdict);
	if (subscription != NULL)
		rt_presence_send_anew(subscription);
}

void
rt_presence_watch_no_more(RtConnection *connection, RtText topic)
{
	char		name[RT_PRESENCE_NAME_MAX];
	int			len = plugin_topic(name, topic);
	RtSubscription *subscription = rt_subscription_find(connection, name, len);

	if (subscription != NULL)
		rt_subscription_drop(subscription);
}

/* ---- sending ---- */

typedef struct Taking
{
	RtPresenceRoll roll;
	RtPresenceState *state;
	size_t		taken;			/* bytes of all frames */
	size_t		first;			/* of these: of the one that is sent at once */
} Taking;

static void
take_piece(RtText frame, void *arg)
{
	Taking	   *taking = arg;
	RtPresenceState *state = taking->state;
	RtBudgetVerdict verdict;

	if (taking->taken == 0)
	{
		rt_connection_send(state->subscription->connection, frame.ptr, frame.len);
		taking->first = frame.len;
		state->size = taking->roll.bytes - frame.len;
		if (state->size > 0)
			state->frames = rt_budget_alloc_shared(&state->budget, state->size, &verdict);
	}
	else if (state->frames != NULL)
		memcpy(state->frames + taking->taken - taking->first, frame.ptr, frame.len);
	taking->taken += frame.len;
}

/* Takes everybody and sends the first frame; returns false if there is no memory. */
static bool
take_state(RtPresenceState *state)
{
	Taking		taking = {.state = state};
	RtText		topic = room_of(state->subscription->topic);

	taking.roll = (RtPresenceRoll) {
		.form = RT_PRESENCE_STATE,.topic = topic,.take = take_piece,.arg = &taking
	};
	rt_presence_roll_begin(&taking.roll);
	state->position = rt_presence_snapshot(topic.ptr, topic.len, rt_presence_publish,
										   rt_presence_roll_add, &taking.roll);
	return rt_presence_roll_end(&taking.roll) && (state->size == 0 || state->frames != NULL);
}

/* All of it has been sent. */
static void
complete(RtPresenceState *state)
{
	RtSubscription *subscription = state->subscription;
	uint64		position = state->position;

	end_state(state);
	rt_subscription_activate(subscription);
	rt_subscription_go_on(subscription, position, -1);
	rt_fanout_catch_up(&subscription, 1);
}

static bool
is_busy(const RtConnection *connection)
{
	return connection->presence_state != NULL ||
		rt_outbox_pending(connection) > RT_WRITE_CHUNK;
}

/* For what changes, behind what it has to read first. */
static bool
has_room(const RtConnection *connection)
{
	return rt_outbox_pending(connection) <= (size_t) realtime_max_backpressure / 2;
}

static void
send_state(RtPresenceState *state)
{
	RtConnection *connection = state->subscription->connection;

	unlist(state);
	if (connection->state != RT_CONNECTION_OPEN)
		end_state(state);
	else if (is_busy(connection))
		list_in(state, &connection->presence_states);
	else if (!take_state(state))
	{
		end_state(state);
		give_up(connection);
	}
	else if (state->size == 0 && has_room(connection))
		complete(state);
	else
		connection->presence_state = state;
}

void
rt_presence_send_states(void)
{
	while (!dlist_is_empty(&waiting))
		send_state(dlist_head_element(RtPresenceState, node, &waiting));
}

bool
rt_presence_states_wait(void)
{
	return !dlist_is_empty(&waiting);
}

/* In the middle of writing no subscription may begin, so that waits for the loop. */
bool
rt_presence_send_more(RtConnection *connection)
{
	RtPresenceState *state = connection->presence_state;
	RtText		frame;

	if (state == NULL)
		let_others_come(connection);
	if (state == NULL || state->is_listed)
		return false;
	if (state->at == state->size)
	{
		list_in(state, &due);
		return false;
	}
	frame.ptr = state->frames + state->at;
	frame.len = rt_frame_length(frame.ptr);
	state->at += frame.len;
	rt_connection_send(connection, frame.ptr, frame.len);
	return true;
}

void
rt_presence_finish_states(void)
{
	while (!dlist_is_empty(&due))
		complete(dlist_head_element(RtPresenceState, node, &due));
}

bool
rt_presence_states_are_due(void)
{
	return !dlist_is_empty(&due);
}

/* ---- heartbeats ---- */

/* To those of this gateway who watch a topic. */
static RtTopic *beating = NULL;

static void
beat_piece(RtText frame, void *arg)
{
	RtEventFrame event = rt_event_frame(frame.ptr, frame.len);

	for (uint32 i = 0; i < beating->subscriber_count; i++)
	{
		RtSubscription *subscription = beating->subscribers[i];

		if (subscription->state == RT_SUBSCRIPTION_ACTIVE && !subscription->lost)
			(void) rt_connection_deliver(subscription->connection, &event);
	}
}

static void
beat_topic(RtTopic *topic, void *arg)
{
	RtPresenceRoll roll = {.form = RT_PRESENCE_HEARTBEAT,.take = beat_piece};

	if (!rt_presence_is_plugin_topic(topic->name, topic->name_len))
		return;
	beating = topic;
	roll.topic = room_of(topic);
	rt_presence_roll_begin(&roll);
	rt_presence_read(roll.topic.ptr, roll.topic.len, rt_presence_roll_add, &roll);
	(void) rt_presence_roll_end(&roll);
}

void
rt_presence_beat_if_due(void)
{
	if (realtime_presence_heartbeat == 0 ||
		rt_gateway.now_ms - heartbeat_ms < realtime_presence_heartbeat)
		return;
	heartbeat_ms = rt_gateway.now_ms;
	rt_topics_visit(beat_topic, NULL);
}

/*
 * round_frame.c
 *		What a round of live queries tells a connection, in one frame.
 *
 * Events are gathered in a buffer of the connection while they are read, which is
 * emptied when the reading stops at the latest.  Those of many connections are
 * the same: then so is the frame, and it is compressed once.
 */
#include "postgres.h"

#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/request_queue.h"

#define HELD_MAX (64 * 1024)	/* bytes of a connection */
#define HELD_PART 8				/* of what the gateway has left */
#define LATE_MS 50				/* that a query is waited for */

static dlist_head holding = DLIST_STATIC_INIT(holding);
static dlist_head awaiting = DLIST_STATIC_INIT(awaiting);
static dlist_head late = DLIST_STATIC_INIT(late);	/* topics: queries behind others */
static uint64 position = 0;		/* of the round whose end was read last */
static bool in_round = false;

/* ---- positions ---- */

/*
 * A query may be behind others, and of what is lost nothing more is known than
 * before.  Mostly neither is so, and then the queries need not be looked at.
 */
static uint64
position_of(const RtConnection *connection)
{
	uint64		least = position;
	dlist_iter	iter;

	if (dlist_is_empty(&late) && !rt_subscriptions_are_lost(unconstify(RtConnection *, connection)))
		return position;
	dlist_foreach(iter, unconstify(dlist_head *, &connection->round.queries))
	{
		RtSubscription *subscription = dlist_container(RtSubscription, query_node, iter.cur);
		const RtTopic *topic = subscription->topic;

		if (topic->query_true_to != 0)
			least = Min(least, topic->query_true_to);
		if (subscription->lost)
			least = Min(least, connection->round.told);
	}
	return least;
}

static void
note_late(RtTopic *topic)
{
	dlist_node *node = &topic->query_late_node;

	if (topic->query_true_to != 0 && node->next == NULL)
		dlist_push_tail(&late, node);
	else if (topic->query_true_to == 0 && node->next != NULL)
	{
		dlist_delete(node);
		memset(node, 0, sizeof(*node));
	}
}

void
rt_round_frames_note(RtTopic *topic, const RtRingEntry *entry)
{
	topic->query_true_to = entry->seq;
	topic->query_late_ms = entry->seq == 0 || rt_ring_query_is_late_for_long(entry) ?
		0 : rt_gateway.now_ms;
	note_late(topic);
}

/* Whether one of its queries is to be there in a moment. */
static bool
has_to_wait(const RtConnection *connection)
{
	dlist_iter	iter;

	if (dlist_is_empty(&late))
		return false;
	dlist_foreach(iter, unconstify(dlist_head *, &connection->round.queries))
	{
		RtSubscription *subscription = dlist_container(RtSubscription, query_node, iter.cur);
		int64		late_ms = subscription->topic->query_late_ms;

		if (late_ms != 0 && rt_gateway.now_ms - late_ms < LATE_MS && !subscription->lost)
			return true;
	}
	return false;
}

static bool
follows_query(const RtConnection *connection)
{
	return !dlist_is_empty(unconstify(dlist_head *, &connection->round.queries));
}

/* Who awaits something is woken for the end of a round. */
static void
begin_awaiting(RtConnection *connection, uint64 awaited)
{
	RtConnectionRound *round = &connection->round;

	round->awaited = Max(round->awaited, awaited);
	if (round->awaits)
		return;
	if (dlist_is_empty(&awaiting))
		rt_ring_interest_add(rt_gateway.index, rt_ring_round_end_hash());
	round->awaits = true;
	dlist_push_tail(&awaiting, &round->awaits_node);
}

static void
end_awaiting(RtConnection *connection)
{
	RtConnectionRound *round = &connection->round;

	if (!round->awaits)
		return;
	round->awaits = false;
	dlist_delete(&round->awaits_node);
	if (dlist_is_empty(&awaiting))
		rt_ring_interest_remove(rt_gateway.index, rt_ring_round_end_hash());
}

static void
note_told(RtConnection *connection, uint64 told)
{
	RtConnectionRound *round = &connection->round;

	/* it has begun to follow one that is behind the others */
	if (told < round->told)
		begin_awaiting(connection, round->told);
	round->told = told;
	if (told >= round->awaited)
		end_awaiting(connection);
}

/* ---- frames ---- */

static RtText
held_events(const RtConnection *connection)
{
	const RtBuffer *events = &connection->round.events;

	return (RtText) {events->data == NULL ? "" : events->data + events->start,
		rt_buffer_used(events)};
}

static void
begin_holding(RtConnection *connection)
{
	if (connection->round.holds)
		return;
	connection->round.holds = true;
	dlist_push_tail(&holding, &connection->round.holds_node);
}

static void
end_holding(RtConnection *connection)
{
	if (!connection->round.holds)
		return;
	connection->round.holds = false;
	dlist_delete(&connection->round.holds_node);
}

/* Keeps an event, behind a comma if it is not the first; false without room. */
static bool
keep(RtConnection *connection, RtText event)
{
	RtBuffer   *events = &connection->round.events;

	if (!rt_buffer_reserve(events, &connection->budget, event.len + 1, HELD_PART))
		return false;
	if (rt_buffer_used(events) > 0)
		events->data[events->end++] = ',';
	memcpy(events->data + events->end, event.ptr, event.len);
	events->end += event.len;
	return true;
}

/* Made of the same events as the last one, it is that one. */
static struct
{
	char	   *data;			/* malloc'd */
	size_t		size;
} buffers[2];

static int	current = 0;
static RtEventFrame last;

/* Frames of others have been compressed meanwhile. */
static void
forget_last(void)
{
	last = rt_event_frame("", 0);
}

static bool
make_room(int buffer, size_t size)
{
	if (buffers[buffer].size >= size)
		return true;
	free(buffers[buffer].data);
	buffers[buffer].data = malloc(size);
	buffers[buffer].size = buffers[buffer].data == NULL ? 0 : size;
	return buffers[buffer].data != NULL;
}

/* Up to which position its events bring a connection; MORE = others follow. */
#define MORE PG_UINT64_MAX

static size_t
write_payload(char *dst, size_t cap, RtText events, uint64 told)
{
	if (told == MORE)
		return rt_payload_round(dst, cap, events);
	return rt_payload_round_end(dst, cap, events, told, told < position);
}

static bool
make_frame(RtText events, uint64 told)
{
	int			next = 1 - current;
	size_t		cap = events.len + RT_ROUND_OVERHEAD;
	size_t		len;
	char	   *frame;

	if (!make_room(next, RT_FRAME_HEADROOM + cap))
		return false;
	len = write_payload(buffers[next].data + RT_FRAME_HEADROOM, cap, events, told);
	Assert(len > 0);
	frame = rt_frame_seal(buffers[next].data, len, RT_OPCODE_TEXT, &len);
	if (len == last.plain.len && memcmp(frame, last.plain.ptr, len) == 0)
		return true;
	last = rt_event_frame(frame, len);
	current = next;
	return true;
}

static void
lose_queries(RtConnection *connection)
{
	dlist_iter	iter;

	dlist_foreach(iter, &connection->round.queries)
	{
		RtSubscription *subscription = dlist_container(RtSubscription, query_node, iter.cur);

		if (!subscription->lost &&
			subscription->state == RT_SUBSCRIPTION_ACTIVE)
			rt_subscription_lose_for_good(subscription);
	}
}

/* Sends what is held; its events are lost if the connection cannot take them. */
static bool
send_held(RtConnection *connection, uint64 told)
{
	bool		sent = make_frame(held_events(connection), told) &&
		rt_connection_deliver(connection, &last);

	rt_buffer_release(&connection->round.events, &connection->budget);
	if (!sent)
		lose_queries(connection);
	return sent;
}

/* One without events always arrives. */
static void
send_position(RtConnection *connection, uint64 told)
{
	size_t		len = write_payload(rt_frame_buffer(RT_ROUND_OVERHEAD), RT_ROUND_OVERHEAD,
									RT_TEXT_NONE, told);

	rt_connection_send_payload(connection, len);
}

static void
finish(RtConnection *connection)
{
	uint64		told = position_of(connection);

	end_holding(connection);
	if (held_events(connection).len == 0)
		send_position(connection, told);
	else if (!send_held(connection, told))
	{
		/* what has come of the round before must not wait for the rest */
		told = Min(told, connection->round.told);
		send_position(connection, told);
	}
	note_told(connection, told);
}

/* ---- events ---- */

/* What is long, or finds no room, is sent at once. */
static bool
send_at_once(RtConnection *connection, RtText event)
{
	bool		sent;

	forget_last();
	sent = make_frame(event, MORE) && rt_connection_deliver(connection, &last);
	forget_last();
	return sent;
}

bool
rt_round_frame_hold(RtConnection *connection, RtEventFrame *frame)
{
	RtText		event = rt_frame_payload(frame->plain.ptr);
	RtText		held = held_events(connection);

	if (connection->state != RT_CONNECTION_OPEN)
		return true;
	begin_holding(connection);
	if (event.len <= HELD_MAX && held.len + event.len <= HELD_MAX && keep(connection, event))
		return true;
	if (held.len > 0)
	{
		forget_last();
		if (!send_held(connection, MORE))
			return false;
	}
	return send_at_once(connection, event);
}

void
rt_round_frames_begin(void)
{
	in_round = true;
}

/* Ends the round for those who need not wait for a query; others have what is there. */
static void
finish_all(void)
{
	dlist_mutable_iter iter;

	in_round = false;
	forget_last();
	dlist_foreach_modify(iter, &holding)
	{
		RtConnection *connection = dlist_container(RtConnection, round.holds_node, iter.cur);

		if (!has_to_wait(connection))
			finish(connection);
		else if (held_events(connection).len > 0)
			(void) send_held(connection, MORE);
	}
}

void
rt_round_frames_sweep(void)
{
	if (!in_round && !dlist_is_empty(&holding))
		finish_all();
}

bool
rt_round_frames_waiting(void)
{
	return !dlist_is_empty(&holding);
}

void
rt_round_frames_end(uint64 end)
{
	dlist_mutable_iter iter;

	position = end;
	finish_all();
	dlist_foreach_modify(iter, &awaiting)
	{
		RtConnection *connection = dlist_container(RtConnection, round.awaits_node, iter.cur);

		if (!connection->round.holds &&
			position_of(connection) >= connection->round.awaited)
			finish(connection);
	}
}

void
rt_round_frames_pause(void)
{
	dlist_iter	iter;

	if (dlist_is_empty(&holding))
		return;
	if (!in_round)
	{
		finish_all();
		return;
	}
	forget_last();
	dlist_foreach(iter, &holding)
	{
		RtConnection *connection = dlist_container(RtConnection, round.holds_node, iter.cur);

		if (held_events(connection).len > 0)
			(void) send_held(connection, MORE);
	}
}

/* Who waits for a position waits for that of another round. */
void
rt_round_frames_break(void)
{
	finish_all();
	if (!dlist_is_empty(&awaiting))
		rt_round_want();
}

/* ---- one connection ---- */

void
rt_round_frame_follow(RtConnection *connection)
{
	if (!connection->caps_pos || connection->state != RT_CONNECTION_OPEN)
		return;
	if (in_round || has_to_wait(connection))
		begin_holding(connection);
	else
		finish(connection);
}

void
rt_round_frame_await(RtConnection *connection, uint64 awaited)
{
	if (awaited == 0 || !connection->caps_pos || awaited <= connection->round.told ||
		connection->state != RT_CONNECTION_OPEN || !follows_query(connection))
		return;
	begin_awaiting(connection, awaited);
	if (!in_round && !connection->round.holds && position_of(connection) >= awaited)
		finish(connection);
}

void
rt_round_frame_forget(RtConnection *connection)
{
	end_holding(connection);
	end_awaiting(connection);
	rt_buffer_release(&connection->round.events, &connection->budget);
}

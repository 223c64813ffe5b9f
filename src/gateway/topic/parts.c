/*
 * parts.c
 *		Replies that are longer than a frame: part after part.
 *
 * A parcel is what an answer brings; a delivery is one connection's way through
 * it.  A part is sent when everything before it has been written, so a client
 * that reads slowly has one waiting for it, and calls get their answers between
 * two parts.
 *
 * Writing happens in the middle of other things, where no subscription may come
 * or go.  So the last part, with which one does, waits for the loop.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/query_hold.h"
#include "src/gateway/topic/recheck.h"
#include "src/gateway/topic/roster.h"
#include "src/gateway/topic/stream.h"
#include "src/guc.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/session.h"
#include "src/protocol/envelope.h"
#include "src/protocol/frame.h"

typedef struct Parcel
{
	int			holders;		/* deliveries, and whoever may begin one */
	RtBudget	budget;			/* for itself: it belongs to no connection */
	size_t		size;			/* of this structure */
	RtQueryValue query;			/* of a live query: is held */
	RtStreamAnswer answer;		/* in text */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} Parcel;

typedef struct Delivery
{
	RtConnection *connection;
	dlist_node	connection_node;
	Parcel	   *parcel;
	size_t		at;				/* in its frames: the next to be sent */
	bool		is_due;			/* the last part is about to be sent, or all of a
								 * roster */
	dlist_node	due_node;
	RtAsker		asker;
	char		id[RT_ID_MAX];
} Delivery;

static Parcel *current = NULL;	/* of the answer that is being told */
static dlist_head due = DLIST_STATIC_INIT(due);
static dlist_head rosters = DLIST_STATIC_INIT(rosters);	/* likewise */

/* ---- parcels ---- */

static RtText
put(char **to, RtText text)
{
	RtText		copy = {*to, text.len};

	if (text.len > 0)
		memcpy(*to, text.ptr, text.len);
	*to += text.len;
	return copy;
}

static uint32
topic_hash(const Parcel *parcel)
{
	return rt_topic_hash(parcel->answer.topic.ptr, parcel->answer.topic.len);
}

/* Held by the caller; NULL if there is no memory for it. */
static Parcel *
make_parcel(const RtStreamAnswer *answer, RtBudgetVerdict *verdict)
{
	RtBudget	budget = {0};
	size_t		size = offsetof(Parcel, text) + answer->path.len + answer->args.len +
		answer->id_json.len + answer->topic.len + answer->presence.len + answer->frames.len;
	Parcel	   *parcel = rt_budget_alloc_shared(&budget, size, verdict);
	char	   *to;

	if (parcel == NULL)
		return NULL;
	parcel->holders = 1;
	parcel->budget = budget;
	parcel->size = size;
	parcel->answer = *answer;
	rt_session_acquire(answer->session, RT_SESSION_GATEWAY);
	to = parcel->text;
	parcel->answer.path = put(&to, answer->path);
	parcel->answer.args = put(&to, answer->args);
	parcel->answer.id_json = put(&to, answer->id_json);
	parcel->answer.topic = put(&to, answer->topic);
	parcel->answer.presence = put(&to, answer->presence);
	parcel->answer.frames = put(&to, answer->frames);
	if (answer->flags & RT_TOPIC_ROSTER)
		rt_ring_interest_add(rt_gateway.index, topic_hash(parcel));
	parcel->query.is_held = false;
	if (answer->flags & RT_TOPIC_QUERY)
		rt_query_hold_value(&parcel->query, parcel->answer.topic);
	return parcel;
}

static void
release_parcel(Parcel *parcel)
{
	RtBudget	budget;

	if (--parcel->holders > 0)
		return;
	if (parcel->answer.flags & RT_TOPIC_ROSTER)
		rt_ring_interest_remove(rt_gateway.index, topic_hash(parcel));
	rt_query_let_value_go(&parcel->query, parcel->answer.topic);
	rt_session_release(parcel->answer.session, RT_SESSION_GATEWAY);
	budget = parcel->budget;
	rt_budget_free(&budget, parcel, parcel->size);
}

void
rt_parts_forget_answer(void)
{
	if (current != NULL)
		release_parcel(current);
	current = NULL;
}

/* ---- deliveries ---- */

/* However little of it is left: what a client may make us keep. */
static size_t
kept_for(RtConnection *connection)
{
	size_t		kept = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &connection->deliveries)
	{
		kept += dlist_container(Delivery, connection_node, iter.cur)->parcel->size;
	}
	return kept;
}

/* One value, however long, has what the gateway can give; several together less. */
static Delivery *
make_delivery(RtConnection *connection, const RtStreamAnswer *answer,
			  const RtAsker *asker, RtBudgetVerdict *verdict)
{
	Delivery   *delivery;
	size_t		kept = kept_for(connection);

	*verdict = RT_BUDGET_SPENT;
	if (kept > 0 &&
		kept + answer->frames.len > (size_t) realtime_connection_memory * 1024)
		return NULL;
	if (current == NULL)
		current = make_parcel(answer, verdict);
	if (current == NULL)
		return NULL;
	delivery = rt_budget_alloc(&connection->budget, sizeof(Delivery), verdict);
	if (delivery == NULL)
		return NULL;
	memset(delivery, 0, sizeof(*delivery));
	delivery->connection = connection;
	delivery->parcel = current;
	current->holders++;
	delivery->asker = *asker;
	memcpy(delivery->id, asker->id_json.ptr, asker->id_json.len);
	delivery->asker.id_json.ptr = delivery->id;
	dlist_push_tail(&connection->deliveries, &delivery->connection_node);
	rt_stream_begun(connection);
	return delivery;
}

/* Ends it; its stream has been answered, or never will be. */
static void
free_delivery(Delivery *delivery)
{
	if (delivery->is_due)
		dlist_delete(&delivery->due_node);
	dlist_delete(&delivery->connection_node);
	release_parcel(delivery->parcel);
	rt_budget_free(&delivery->connection->budget, delivery, sizeof(Delivery));
}

static RtText
next_frame(const Delivery *delivery)
{
	const char *frame = delivery->parcel->answer.frames.ptr + delivery->at;

	return (RtText) {frame, rt_frame_length(frame)};
}

static bool
is_last(const Delivery *delivery, RtText frame)
{
	return delivery->at + frame.len == delivery->parcel->answer.frames.len;
}

/* Executors have seen to it that frames have room for any id. */
static bool
send_next(Delivery *delivery)
{
	RtText		frame = next_frame(delivery);

	if (!rt_asker_send(&delivery->asker, delivery->connection,
					   delivery->parcel->answer.id_json, frame))
		return false;
	delivery->at += frame.len;
	rt_flight_note_told(delivery->connection);
	return true;
}

bool
rt_parts_begin(RtConnection *connection, const RtStreamAnswer *answer,
			   const RtAsker *asker)
{
	RtBudgetVerdict verdict;
	Delivery   *delivery = make_delivery(connection, answer, asker, &verdict);

	if (delivery == NULL)
	{
		rt_asker_refuse(asker, connection, rt_budget_code(verdict));
		return true;
	}
	if (send_next(delivery))
		return true;
	free_delivery(delivery);
	rt_stream_ended(connection);
	return false;
}

/* ---- sending ---- */

static void
set_due(Delivery *delivery, dlist_head *list)
{
	delivery->is_due = true;
	dlist_push_tail(list, &delivery->due_node);
}

/* One after the other. */
static Delivery *
first_not_due(RtConnection *connection)
{
	dlist_iter	iter;

	dlist_foreach(iter, &connection->deliveries)
	{
		Delivery   *delivery = dlist_container(Delivery, connection_node, iter.cur);

		if (!delivery->is_due)
			return delivery;
	}
	return NULL;
}

bool
rt_parts_send(RtConnection *connection)
{
	Delivery   *delivery = first_not_due(connection);

	if (delivery == NULL)
		return false;
	if (!is_last(delivery, next_frame(delivery)) && send_next(delivery))
		return true;
	set_due(delivery, &due);
	return false;
}

/* Of one that ends without it the client is told so. */
static void
finish(Delivery *delivery)
{
	RtConnection *connection = delivery->connection;
	RtText		frame = next_frame(delivery);

	if (connection->state == RT_CONNECTION_OPEN)
	{
		rt_flight_note_told(connection);
		if (!is_last(delivery, frame) ||
			!rt_stream_grant_last(connection, &delivery->parcel->answer,
								  &delivery->asker, frame))
			rt_asker_refuse(&delivery->asker, connection, RT_CODE_OVERLOADED);
		rt_recheck_if_another(connection, delivery->parcel->answer.session,
							  delivery->parcel->answer.orders);
	}
	free_delivery(delivery);
	rt_stream_ended(connection);
}

void
rt_parts_finish(void)
{
	while (!dlist_is_empty(&due))
		finish(dlist_head_element(Delivery, due_node, &due));
}

bool
rt_parts_are_due(void)
{
	return !dlist_is_empty(&due);
}

/* ---- rosters ---- */

bool
rt_parts_wait_for_roster(RtConnection *connection, const RtStreamAnswer *answer,
						 const RtAsker *asker)
{
	RtBudgetVerdict verdict;
	Delivery   *delivery = make_delivery(connection, answer, asker, &verdict);

	if (delivery == NULL)
		rt_asker_refuse(asker, connection, rt_budget_code(verdict));
	else
		set_due(delivery, &rosters);
	return true;
}

/* It is not kept for the connection any more: a long roster is, from here on. */
static void
send_roster(Delivery *delivery)
{
	RtConnection *connection = delivery->connection;
	RtStreamAnswer answer = delivery->parcel->answer;
	dlist_head	sent = DLIST_STATIC_INIT(sent);

	dlist_delete(&delivery->connection_node);
	dlist_push_tail(&sent, &delivery->connection_node);
	if (connection->state == RT_CONNECTION_OPEN)
	{
		rt_flight_note_told(connection);
		if (!rt_roster_send(connection, &answer, &delivery->asker))
			rt_asker_refuse(&delivery->asker, connection, RT_CODE_OVERLOADED);
		rt_recheck_if_another(connection, answer.session, answer.orders);
	}
	free_delivery(delivery);
	rt_stream_ended(connection);
}

void
rt_parts_send_rosters(void)
{
	while (!dlist_is_empty(&rosters))
		send_roster(dlist_head_element(Delivery, due_node, &rosters));
}

bool
rt_parts_rosters_wait(void)
{
	return !dlist_is_empty(&rosters);
}

void
rt_parts_forget(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->deliveries))
	{
		free_delivery(dlist_head_element(Delivery, connection_node,
										 &connection->deliveries));
		rt_stream_ended(NULL);
	}
}

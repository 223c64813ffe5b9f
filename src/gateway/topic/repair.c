/*
 * repair.c
 *		Gives subscriptions to replay topics the events they have lost.
 *
 * A connection that read too slowly, and any after the gateway was overrun,
 * has subscriptions that are marked as lost.  Those whose last number is known
 * need no marker: once the connection has drained an executor reads the rows
 * behind that number, unless the gateway still has them in its memory (tail.h),
 * in pieces that a connection can take, until one of them reaches the newest.
 * Then the subscription goes on from the ring's position at which that was
 * looked up.
 *
 * Members of groups, whose events have no numbers, are told anew who is in it; from
 * there they go on in the same way.
 *
 * A connection has one repair in flight, a gateway a part of the slots: calls
 * go on meanwhile.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/subscription.h"
#include "src/gateway/topic/tail.h"
#include "src/guc.h"
#include "src/ipc/service.h"

#define RETRY_MS 100			/* when there was no slot, or it failed */
#define FAILURES_MAX 20			/* then there is a marker after all */

static dlist_head waiting = DLIST_STATIC_INIT(waiting);
static uint64 last_ticket = 0;
static int	in_flight = 0;

void
rt_repair_want(RtConnection *connection)
{
	if (connection->in_repair || connection->repair != 0)
		return;
	dlist_push_tail(&waiting, &connection->repair_node);
	connection->in_repair = true;
}

void
rt_repair_forget(RtConnection *connection)
{
	if (!connection->in_repair)
		return;
	dlist_delete(&connection->repair_node);
	connection->in_repair = false;
}

bool
rt_repairs_waiting(void)
{
	return !dlist_is_empty(&waiting);
}

/* ---- requests ---- */

/* Returns false if it has to be tried again later. */
static bool
begin_repair(RtConnection *connection, RtSubscription *subscription)
{
	const RtTopic *topic = subscription->topic;
	RtQuestionTexts texts = {.path = {topic->name, topic->name_len}};
	RtQuestion	question;

	rt_question_init(&question, connection, RT_REQUEST_REPAIR);
	question.since = subscription->last_seq;
	question.ticket = last_ticket + 1;
	if (!rt_service_takes_requests() || !rt_ask(connection, &question, &texts))
		return false;
	last_ticket++;
	connection->repair = last_ticket;
	rt_subscription_begin_repair(subscription, last_ticket);
	in_flight++;
	return true;
}

/*
 * Without an executor, if the gateway has the events in its memory: as many as
 * one of them would have brought.  Returns false if nothing came of it.
 */
static bool
repair_from_memory(RtSubscription *subscription)
{
	RtConnection *connection = subscription->connection;
	const RtTopic *topic = subscription->topic;
	size_t		limit = rt_ask_events_limit(connection);
	size_t		sent = 0;
	RtTailReader reader;

	if (subscription->last_seq < 0 ||
		!rt_tail_open(&reader, topic->name, topic->name_len, subscription->last_seq))
		return false;
	for (; reader.frame.len > 0; rt_tail_next(&reader))
	{
		RtEventFrame frame = rt_event_frame(reader.frame.ptr, reader.frame.len);

		if ((sent > 0 && sent + reader.frame.len > limit) ||
			!rt_connection_deliver(connection, &frame))
			break;
		sent += reader.frame.len;
		rt_subscription_note_repaired(subscription, reader.seq);
	}
	if (reader.frame.len > 0 && sent == 0)
		return false;
	rt_count(repairs);
	rt_count(remembered);
	if (reader.frame.len == 0)
		rt_subscription_restart(subscription, rt_fanout_position(), reader.seq);
	if (rt_subscriptions_are_lost(connection))
		rt_connection_mark_dirty(connection);
	return true;
}

/*
 * Returns false if the connection has to wait on.  One that has not drained
 * comes back when it has.
 */
static bool
serve(RtConnection *connection)
{
	RtSubscription *subscription;

	if (rt_gateway.now_ms < connection->repair_after_ms)
		return false;
	if (connection->state != RT_CONNECTION_OPEN || rt_connection_is_blocked(connection) ||
		!rt_subscriptions_are_lost(connection))
		return true;
	subscription = rt_subscription_to_repair(connection);
	if (subscription == NULL || repair_from_memory(subscription) ||
		begin_repair(connection, subscription))
		return true;
	connection->repair_after_ms = rt_gateway.now_ms + RETRY_MS;
	return false;
}

void
rt_repairs_begin(void)
{
	dlist_mutable_iter iterator;

	if (dlist_is_empty(&waiting))
		return;
	dlist_foreach_modify(iterator, &waiting)
	{
		RtConnection *connection = dlist_container(RtConnection, repair_node,
												   iterator.cur);

		if (!rt_ask_has_part(in_flight))
			break;
		if (serve(connection))
			rt_repair_forget(connection);
	}
	rt_ask_submit();
}

/* ---- answers ---- */

static void
apply_answer(RtSubscription *subscription, RtRequest *request)
{
	RtConnection *connection = subscription->connection;
	const char *answer = rt_shared_text_get(&request->answer);
	RtAnsweredTopic answered;

	memcpy(&answered, answer, sizeof(answered));
	connection->repair_failures = 0;
	if (answered.flags & RT_TOPIC_TRUNCATED)
	{
		rt_subscription_give_up_repair(subscription);
		return;
	}

	rt_count(repairs);
	if (request->answer.len > request->answer_topics_len)
		rt_connection_send(connection, answer + request->answer_topics_len,
						   request->answer.len - request->answer_topics_len);
	if (connection->state != RT_CONNECTION_OPEN)
		return;
	if (answered.flags & RT_TOPIC_MORE)
	{
		rt_subscription_note_repaired(subscription, answered.seq);
		return;
	}
	rt_subscription_restart(subscription, request->answer_position, answered.seq);
	rt_fanout_catch_up(&subscription, 1);
}

/* Somebody else may be luckier, or it, later. */
static void
note_failure(RtSubscription *subscription)
{
	RtConnection *connection = subscription->connection;

	connection->repair_after_ms = rt_gateway.now_ms + RETRY_MS;
	if (++connection->repair_failures < FAILURES_MAX)
		return;
	connection->repair_failures = 0;
	rt_subscription_give_up_repair(subscription);
}

void
rt_repair_answer(RtConnection *connection, RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);
	RtSubscription *subscription;

	connection->repair = 0;
	subscription = rt_subscription_find(connection, text, request->asked.path.len);

	/* it may have ended meanwhile, or begun anew */
	if (subscription != NULL &&
		rt_subscription_end_repair(subscription, request->asked.ticket))
	{
		if (request->answer_kind == RT_ANSWER_REPLAY)
			apply_answer(subscription, request);
		else
			note_failure(subscription);
	}
	if (rt_subscriptions_are_lost(connection))
		rt_connection_mark_dirty(connection);
}

void
rt_repair_ended(void)
{
	in_flight--;
}

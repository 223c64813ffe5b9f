/*
 * recheck.c
 *		Asking again whether a connection may have its subscriptions.
 *
 * Topics are asked about by name, as if the client subscribed anew.  That says
 * nothing of streams, whose clients may follow them by a path and arguments that
 * nobody has kept.  What concerns some streams only has these end, and the client
 * told to ask for them anew.  Is it about everything, then the connection is
 * closed, to come back and ask for all it had as who it is now.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/topic/recheck.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"
#include "src/protocol/envelope.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"


static char packed[RT_SUBSCRIBE_BATCH_MAX * (sizeof(uint16) + RT_TOPIC_MAX)];
static uint32 packed_len = 0;
static int	packed_count = 0;

static void
pack(const RtTopic *topic)
{
	uint16		len = topic->name_len;

	memcpy(packed + packed_len, &len, sizeof(len));
	memcpy(packed + packed_len + sizeof(len), topic->name, len);
	packed_len += sizeof(len) + len;
	packed_count++;
}

/* Returns false, and closes the connection, if nobody can be asked. */
static bool
ask_packed(RtConnection *connection, RtRecheckScope scope)
{
	RtQuestionTexts texts = {.args = {packed, packed_len}};
	RtQuestion	question;
	bool		asked = true;

	if (packed_count > 0)
	{
		rt_question_init(&question, connection, RT_REQUEST_RECHECK);
		question.catalog_generation = rt_catalog_generation();
		question.ticket = scope;
		asked = rt_service_takes_requests() && rt_ask(connection, &question, &texts);
	}
	if (!asked)
		rt_connection_close(connection, RT_CLOSE_TRY_AGAIN, "What you may see cannot be checked");
	packed_len = 0;
	packed_count = 0;
	return asked;
}

/* The server's own topics are no client's to ask for. */
static bool
is_asked_about(const RtTopic *topic, const uint32 *topic_hash)
{
	return !rt_topic_is_system(topic->name, topic->name_len) &&
		topic->open_generation != rt_catalog_generation() &&
		(topic_hash == NULL || topic->hash == *topic_hash);
}

static bool
is_ended_by(const RtSubscription *subscription, RtRecheck what)
{
	const RtFollowedPath *followed = &subscription->followed;

	if (followed->hash == 0 || followed->ended)
		return false;
	if (what.scope == RT_RECHECK_JUDGED)
		return followed->judged;
	return what.scope == RT_RECHECK_STREAMS &&
		(what.path_hash == 0 || followed->several || followed->hash == what.path_hash);
}

static void
end_streams(RtConnection *connection, RtRecheck what)
{
	bool		any = false;
	dlist_iter	iter;

	dlist_foreach(iter, &connection->subscriptions)
	{
		RtSubscription *subscription =
			dlist_container(RtSubscription, connection_node, iter.cur);

		if (!is_ended_by(subscription, what))
			continue;
		rt_subscription_end_stream(subscription);
		any = true;
	}
	if (any)
		rt_connection_mark_dirty(connection);
}

static void
recheck(RtConnection *connection, const uint32 *topic_hash, RtRecheckScope scope)
{
	dlist_iter	iter;

	packed_len = 0;
	packed_count = 0;
	dlist_foreach(iter, &connection->subscriptions)
	{
		RtTopic    *topic = dlist_container(RtSubscription, connection_node, iter.cur)->topic;

		if (!is_asked_about(topic, topic_hash))
			continue;
		pack(topic);
		if (packed_count == RT_SUBSCRIBE_BATCH_MAX && !ask_packed(connection, scope))
			return;
	}
	(void) ask_packed(connection, scope);
}

void
rt_recheck_connection(RtConnection *connection)
{
	recheck(connection, NULL, RT_RECHECK_ALL);
}

void
rt_recheck_what(RtConnection *connection, RtRecheck what)
{
	end_streams(connection, what);
	recheck(connection, NULL, what.scope);
}

void
rt_recheck_topic(RtConnection *connection, uint32 topic_hash)
{
	recheck(connection, &topic_hash, RT_RECHECK_ALL);
}

/* ---- verdicts ---- */

static void
take_away(RtConnection *connection, const char *name, uint16 len, RtText reason)
{
	RtSubscription *subscription = rt_subscription_find(connection, name, len);
	char		quoted[RT_TOPIC_MAX + 2];
	RtText		topic_json = rt_topic_quote(quoted, name, len);
	size_t		cap = RT_FRAME_OVERHEAD + topic_json.len + 6 * reason.len;

	if (subscription == NULL)
		return;
	rt_subscription_drop(subscription);
	rt_connection_send_payload(connection,
							   rt_payload_denied(rt_frame_buffer(cap), cap,
												 topic_json, RT_TEXT("null"), reason));
}

/* Returns false if the connection ends. */
static bool
apply(RtConnection *connection, const RtRequest *request, const char *name, uint16 len,
	  RtVerdict verdict, RtText reason)
{
	if (verdict == RT_VERDICT_DENY)
		take_away(connection, name, len, reason);
	else if (verdict == RT_VERDICT_STREAM && request->asked.ticket == RT_RECHECK_ALL &&
			 rt_subscription_find(connection, name, len) != NULL)
	{
		rt_connection_close(connection, RT_CLOSE_EXPIRED, "What you may see has changed");
		return false;
	}
	return true;
}

void
rt_recheck_answer(RtConnection *connection, RtRequest *request)
{
	const char *name = rt_shared_text_get(&request->text) + request->asked.args.off;
	const char *end = name + request->asked.args.len;
	const char *verdict = rt_shared_text_get(&request->answer);
	uint16		len;

	if (request->answer_kind != RT_ANSWER_VERDICTS)
	{
		rt_connection_close(connection, RT_CLOSE_TRY_AGAIN, "What you may see cannot be checked");
		return;
	}
	for (; name < end; name += len)
	{
		RtText		reason = {verdict + 2, (uint8) verdict[1]};

		memcpy(&len, name, sizeof(len));
		name += sizeof(len);
		if (!apply(connection, request, name, len, (RtVerdict) (uint8) verdict[0], reason))
			return;
		verdict += 2 + reason.len;
	}
}

void
rt_recheck_if_another(RtConnection *connection, int session, uint64 orders)
{
	RtRecheckScope scope = RT_RECHECK_ALL;

	if (connection->state != RT_CONNECTION_OPEN)
		return;
	while (scope < RT_RECHECK_SCOPES && orders >= connection->rechecked[scope])
		scope++;
	if (!rt_sessions_are_alike(session, connection->session))
		scope = RT_RECHECK_ALL;
	if (scope < RT_RECHECK_SCOPES)
		rt_recheck_what(connection, (RtRecheck) {scope, 0});
}

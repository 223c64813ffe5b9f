/*
 * resume.c
 *		The frames "replay" and "resume": what a client has missed of topics
 *		that it knows by name.
 *
 * The client of a replay drops events of the topic until the end of the
 * answer.  So the answer is one piece, and the subscription, if there is one,
 * goes on right behind it, also with what has been delivered before.
 *
 * A resume only tells what was missed: its client subscribes with frames of
 * its own, which follow.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/gateway.h"
#include "src/gateway/health.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/resume.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/service.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"

#define ASKED_MAX (RT_SUBSCRIBE_BATCH_MAX * (sizeof(RtAskedTopic) + RT_TOPIC_MAX))

static char asked_topics[ASKED_MAX];

/* ---- answers that need no executor ---- */

static void
send_end(RtConnection *connection, RtText topic_json, RtText req_id,
		 bool truncated)
{
	size_t		cap = RT_FRAME_OVERHEAD + topic_json.len + req_id.len;

	rt_connection_send_payload(connection,
							   rt_payload_replay_end(rt_frame_buffer(cap), cap,
													 topic_json, req_id, truncated));
}

/* Without the end the client would wait for ever. */
static void
send_denial(RtConnection *connection, RtText topic_json, RtText req_id,
			RtText code)
{
	size_t		cap = RT_FRAME_OVERHEAD + topic_json.len + req_id.len +
		6 * code.len;

	rt_connection_send_payload(connection,
							   rt_payload_replay_denied(rt_frame_buffer(cap), cap,
														topic_json, code, req_id));
	send_end(connection, topic_json, req_id, false);
}

static void
send_resumed(RtConnection *connection)
{
	rt_connection_send_payload(connection,
							   rt_payload_resumed(rt_frame_buffer(64), 64));
}

/* ---- replay ---- */

static int64
since_of(const char *text, RtSpan value)
{
	int64		since = value.len > 0 ? rt_json_integer(text, value) : 0;

	return since >= 0 ? since : RT_SINCE_UNKNOWN;
}

/* Returns false if there is no room for it. */
static bool
ask_replay(RtConnection *connection, RtText topic, RtText req_id, int64 since)
{
	RtQuestionTexts texts = {.path = topic,.id = req_id};
	RtQuestion	question;

	rt_question_init(&question, connection, RT_REQUEST_REPLAY);
	question.since = since;
	return rt_ask(connection, &question, &texts);
}

void
rt_replay_frame(RtConnection *connection, const char *text,
				const RtEnvelope *envelope)
{
	RtText		topic_json = {text + envelope->topic.off, envelope->topic.len};
	RtText		req_id = {text + envelope->req_id.off, envelope->req_id.len};
	char		topic[RT_TOPIC_MAX + 1];
	int			len;

	if (!rt_json_is_string(text, envelope->topic))
	{
		rt_count(frames_ignored);
		return;
	}
	len = rt_json_string_decode(text, envelope->topic, topic, sizeof(topic));
	if (len < 0 || !rt_topic_is_valid(topic, len) || rt_topic_is_system(topic, len))
	{
		send_denial(connection, topic_json, req_id, RT_TEXT("INVALID_TOPIC"));
		return;
	}
	if (!rt_service_takes_requests())
	{
		send_denial(connection, topic_json, req_id, RT_TEXT("SERVICE_UNAVAILABLE"));
		return;
	}

	if (!ask_replay(connection, (RtText) {topic, len}, req_id,
					since_of(text, envelope->since)))
		send_denial(connection, topic_json, req_id, RT_TEXT("OVERLOADED"));
}

/*
 * What was delivered behind the answer's number, before the answer, has been
 * dropped by the client: it comes again.  A subscription that waits for its
 * verdict gets what did not fit once it is granted.
 */
static void
continue_behind(RtSubscription *subscription, const RtRequest *request,
				RtAnsweredTopic *answered)
{
	if (answered->seq < 0)
		return;
	rt_subscription_restart(subscription, request->answer_position, answered->seq);
	if (answered->flags & RT_TOPIC_MORE)
		rt_subscription_lose(subscription);
	else if (subscription->state == RT_SUBSCRIPTION_ACTIVE)
		rt_fanout_catch_up(&subscription, 1);
}

/* The frames of an answer and what they mean for a subscription. */
static void
send_replay(RtConnection *connection, RtRequest *request, RtText topic_json,
			RtText req_id)
{
	const char *answer = rt_shared_text_get(&request->answer);
	const char *topic = answer + sizeof(RtAnsweredTopic);
	RtAnsweredTopic answered;
	RtSubscription *subscription;

	memcpy(&answered, answer, sizeof(answered));
	subscription = rt_subscription_find(connection, topic, answered.len);

	if (request->answer.len > request->answer_topics_len)
		rt_connection_send(connection, answer + request->answer_topics_len,
						   request->answer.len - request->answer_topics_len);
	send_end(connection, topic_json, req_id,
			 (answered.flags & RT_TOPIC_TRUNCATED) != 0 ||
			 (subscription == NULL && (answered.flags & RT_TOPIC_MORE) != 0));
	if (connection->state == RT_CONNECTION_OPEN && subscription != NULL)
		continue_behind(subscription, request, &answered);
}

void
rt_replay_answer(RtConnection *connection, RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);
	RtText		req_id = {text + request->asked.id.off, request->asked.id.len};
	char		quoted[RT_TOPIC_MAX + 2];
	RtText		topic_json = rt_topic_quote(quoted, text, request->asked.path.len);
	RtText		code = RT_TEXT("INTERNAL_ERROR");

	if (request->answer_kind == RT_ANSWER_REPLAY &&
		request->answer_topics_len > 0)
	{
		send_replay(connection, request, topic_json, req_id);
		return;
	}
	if (request->answer_kind == RT_ANSWER_REPLAY)
		code = (RtText) {rt_shared_text_get(&request->answer), request->answer.len};
	else if (request->answer_kind == RT_ANSWER_UNAVAILABLE)
		code = RT_TEXT("SERVICE_UNAVAILABLE");
	send_denial(connection, topic_json, req_id, code);
}

/* ---- resume ---- */

/* Packs the topics of which a number is known; returns the length. */
static uint32
pack_topics(const char *text, RtSpan last_seen)
{
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;
	uint32		len = 0;

	if (last_seen.len == 0 || !rt_json_walk_object(&walk, text, last_seen))
		return 0;
	for (int i = 0; i < RT_SUBSCRIBE_BATCH_MAX &&
		 rt_json_walk_member(&walk, &key, &value); i++)
	{
		char		topic[RT_TOPIC_MAX + 1];
		RtAskedTopic asked = {.since = rt_json_integer(text, value)};
		int			name_len = rt_json_string_decode(text, key, topic, sizeof(topic));

		if (asked.since < 0 || name_len <= 0 ||
			!rt_topic_is_valid(topic, name_len) ||
			rt_topic_is_system(topic, name_len))
			continue;
		asked.len = (uint16) name_len;
		memcpy(asked_topics + len, &asked, sizeof(asked));
		memcpy(asked_topics + len + sizeof(asked), topic, name_len);
		len += sizeof(asked) + name_len;
	}
	return len;
}

/* Without room for the question nothing is resumed, which clients expect. */
void
rt_resume_frame(RtConnection *connection, const char *text,
				const RtEnvelope *envelope)
{
	uint32		len = pack_topics(text, envelope->last_seen);
	RtQuestionTexts texts = {.args = {asked_topics, len}};
	RtQuestion	question;

	rt_health_greet_returning(connection);
	rt_question_init(&question, connection, RT_REQUEST_RESUME);
	if (len == 0 || !rt_service_takes_requests() ||
		!rt_ask(connection, &question, &texts))
		send_resumed(connection);
}

/*
 * Subscriptions that were made since go on behind what has been told, unless
 * they have begun to tell themselves.
 */
static void
continue_resumed(RtConnection *connection, const RtRequest *request,
				 const char *topics)
{
	const char *end = topics + request->answer_topics_len;
	RtAnsweredTopic answered;

	for (; topics < end; topics += sizeof(answered) + answered.len)
	{
		RtSubscription *subscription;

		memcpy(&answered, topics, sizeof(answered));
		subscription = rt_subscription_find(connection, topics + sizeof(answered),
											answered.len);
		if (subscription == NULL || subscription->lost ||
			subscription->last_seq >= 0 ||
			(answered.flags & RT_TOPIC_MORE) != 0)
			continue;
		rt_subscription_go_on(subscription, request->answer_position,
							  answered.seq);
	}
}

void
rt_resume_answer(RtConnection *connection, RtRequest *request)
{
	if (request->answer_kind == RT_ANSWER_REPLAY)
	{
		const char *answer = rt_shared_text_get(&request->answer);

		continue_resumed(connection, request, answer);
		rt_connection_send(connection, answer + request->answer_topics_len,
						   request->answer.len - request->answer_topics_len);
	}
	send_resumed(connection);
}

/*
 * subscribe.c
 *		Wire subscriptions to plain topics.
 *
 * A gateway knows no declarations: an executor says who may subscribe.  A
 * topic found open for everybody is remembered with the topic until some
 * declaration changes; all other verdicts are asked for each time.
 *
 * The subscription is made, PENDING, when the frame is read, together with
 * the ring's position; it becomes ACTIVE with the verdict and then gets what
 * its topic saw since.  So what a client does right after its subscribe frame
 * reaches it, and an unsubscribe in between leaves the verdict nothing to
 * grant.
 */
#include "postgres.h"

#include "src/errcodes.h"
#include "src/gateway/ask.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/member.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/subscribe.h"
#include "src/gateway/topic/subscription.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"

#define PACKED_MAX (RT_SUBSCRIBE_BATCH_MAX * (sizeof(uint16) + RT_TOPIC_MAX))

/* Topics of one frame that need a verdict, packed as the request wants them. */
static char packed[PACKED_MAX];
static uint32 packed_len = 0;
static RtSubscription *asked[RT_SUBSCRIBE_BATCH_MAX];	/* for these topics */
static int	asked_count = 0;
static uint64 last_ticket = 0;

/* What the verdicts of one request have made active. */
static RtSubscription *granted[RT_SUBSCRIBE_BATCH_MAX];
static int	granted_count = 0;

/* ---- acknowledgements ---- */

static void
send_ack(RtConnection *connection, RtText topic_json, RtText ref_json)
{
	size_t		cap = RT_FRAME_OVERHEAD + topic_json.len + ref_json.len;

	if (ref_json.len == 0)
		return;
	rt_connection_send_payload(connection,
							   rt_payload_subscribed(rt_frame_buffer(cap), cap,
													 topic_json, ref_json));
}

static void
send_denial(RtConnection *connection, RtText topic_json, RtText ref_json, RtText reason)
{
	size_t		cap = RT_FRAME_OVERHEAD + topic_json.len + ref_json.len +
		6 * reason.len;

	if (ref_json.len == 0)
		return;
	rt_connection_send_payload(connection,
							   rt_payload_denied(rt_frame_buffer(cap), cap,
												 topic_json, ref_json, reason));
}

/* ---- subscribing ---- */

static void
pack_topic(RtSubscription *subscription)
{
	uint16		len = subscription->topic->name_len;

	memcpy(packed + packed_len, &len, sizeof(len));
	memcpy(packed + packed_len + sizeof(len), subscription->topic->name, len);
	packed_len += sizeof(len) + len;
	asked[asked_count++] = subscription;
}

/* Returns NULL if it has been denied. */
static RtSubscription *
find_or_make(RtConnection *connection, const char *name, size_t len,
			 RtText topic_json, RtText ref)
{
	RtSubscription *subscription = rt_subscription_find(connection, name, len);
	RtBudgetVerdict verdict = RT_BUDGET_SPENT;

	if (subscription != NULL)
		return subscription;
	if (connection->subscription_count < realtime_max_subscriptions)
		subscription = rt_subscription_make(connection, name, len, &verdict);
	else
		rt_limit_hit(RT_LIMIT_SUBSCRIPTIONS);
	if (subscription == NULL)
		send_denial(connection, topic_json, ref,
					RT_TEXT(rt_code_wire(rt_budget_code(verdict))));
	return subscription;
}

/*
 * Answers what can be answered at once and packs the rest.  All topics of a
 * frame share a ticket.
 */
static void
subscribe_topic(RtConnection *connection, const char *text, RtSpan value, RtText ref)
{
	RtText		topic_json = {text + value.off, value.len};
	char		name[RT_TOPIC_MAX + 1];
	int			len;
	RtSubscription *subscription;

	if (!rt_json_is_string(text, value))
		return;
	len = rt_json_string_decode(text, value, name, sizeof(name));
	if (len < 0 || !rt_topic_is_valid(name, len) || rt_topic_is_system(name, len))
	{
		send_denial(connection, topic_json, ref, RT_TEXT("INVALID_TOPIC"));
		return;
	}

	subscription = find_or_make(connection, name, len, topic_json, ref);
	if (subscription == NULL)
		return;
	if (subscription->state == RT_SUBSCRIPTION_PENDING &&
		subscription->topic->open_generation == rt_catalog_generation())
	{
		rt_subscription_note_named(subscription);
		rt_subscription_activate(subscription);
	}

	if (subscription->state == RT_SUBSCRIPTION_ACTIVE)
		send_ack(connection, topic_json, ref);
	else
		pack_topic(subscription);
}

/* Denies all packed topics with one reason. */
static void
deny_packed(RtConnection *connection, RtText ref, const char *reason)
{
	for (uint32 at = 0; at < packed_len;)
	{
		char		quoted[RT_TOPIC_MAX + 2];
		RtSubscription *subscription;
		uint16		len;

		memcpy(&len, packed + at, sizeof(len));
		at += sizeof(len);
		subscription = rt_subscription_find(connection, packed + at, len);
		/* one that an earlier frame has asked about gets its verdict */
		if (subscription != NULL && subscription->verdict_ticket == 0)
			rt_subscription_drop(subscription);
		send_denial(connection, rt_topic_quote(quoted, packed + at, len), ref,
					RT_TEXT(reason));
		at += len;
	}
}

/* Asks an executor about the packed topics; the ref travels with them. */
static void
request_verdicts(RtConnection *connection, RtText ref)
{
	RtQuestionTexts texts = {.args = {packed, packed_len},.id = ref};
	RtQuestion	question;

	if (packed_len == 0)
		return;
	if (!rt_service_takes_requests())
	{
		deny_packed(connection, ref, rt_code_wire(RT_CODE_SERVICE_UNAVAILABLE));
		return;
	}
	rt_question_init(&question, connection, RT_REQUEST_SUBSCRIBE);
	question.ticket = last_ticket;
	question.catalog_generation = rt_catalog_generation();
	if (!rt_ask(connection, &question, &texts))
	{
		deny_packed(connection, ref, rt_code_wire(RT_CODE_OVERLOADED));
		return;
	}
	for (int i = 0; i < asked_count; i++)
		rt_subscription_ask(asked[i], last_ticket);
}

static RtText
ref_text(const char *text, const RtEnvelope *envelope)
{
	return (RtText) {text + envelope->ref.off, envelope->ref.len};
}

void
rt_subscribe_one(RtConnection *connection, const char *text,
				 const RtEnvelope *envelope)
{
	RtText		ref = ref_text(text, envelope);

	packed_len = 0;
	asked_count = 0;
	last_ticket++;
	subscribe_topic(connection, text, envelope->topic, ref);
	request_verdicts(connection, ref);
}

void
rt_subscribe_batch(RtConnection *connection, const char *text,
				   const RtEnvelope *envelope)
{
	RtText		ref = ref_text(text, envelope);
	RtJsonWalk	walk;
	RtSpan		value;

	packed_len = 0;
	asked_count = 0;
	last_ticket++;
	if (!rt_json_walk_array(&walk, text, envelope->topics))
		return;
	for (int i = 0; i < RT_SUBSCRIBE_BATCH_MAX &&
		 rt_json_walk_element(&walk, &value); i++)
		subscribe_topic(connection, text, value, ref);
	request_verdicts(connection, ref);
}

void
rt_unsubscribe(RtConnection *connection, const char *text,
			   const RtEnvelope *envelope)
{
	char		name[RT_TOPIC_MAX + 1];
	RtSubscription *subscription;
	int			len;

	if (!rt_json_is_string(text, envelope->topic))
		return;
	len = rt_json_string_decode(text, envelope->topic, name, sizeof(name));
	if (len < 0)
		return;
	rt_stream_unsubscribed(connection, name, len);
	subscription = rt_subscription_find(connection, name, len);
	if (subscription != NULL)
		rt_subscription_drop(subscription);
}

/* ---- verdicts ---- */

/* The verdict is about the subscription that it was asked for, if any. */
static void
grant(RtSubscription *subscription, RtRequest *request, RtVerdict verdict)
{
	if (verdict == RT_VERDICT_OPEN)
		subscription->topic->open_generation = request->asked.catalog_generation;
	rt_subscription_note_named(subscription);
	if (subscription->state == RT_SUBSCRIPTION_ACTIVE ||
		subscription->verdict_ticket != request->asked.ticket)
		return;
	rt_subscription_activate(subscription);
	granted[granted_count++] = subscription;
}

/* It is granted.  Returns false if there is no room to note that its end is to be told. */
static bool
note_member(RtSubscription *subscription, RtRequest *request, const char *name,
			uint16 name_len, RtVerdict verdict)
{
	if (verdict != RT_VERDICT_MEMBER)
		return true;
	if (subscription != NULL)
		return rt_member_enter_by_name(subscription);
	rt_member_note_missed(request, name, name_len);
	return true;
}

static void
apply_verdict(RtConnection *connection, RtRequest *request, const char *name,
			  uint16 name_len, RtText ref, RtVerdict verdict, RtText reason)
{
	char		quoted[RT_TOPIC_MAX + 2];
	RtText		topic_json = rt_topic_quote(quoted, name, name_len);
	RtSubscription *subscription = rt_subscription_find(connection, name, name_len);

	if (verdict == RT_VERDICT_DENY || verdict == RT_VERDICT_STREAM)
	{
		if (subscription != NULL &&
			subscription->state == RT_SUBSCRIPTION_PENDING &&
			subscription->verdict_ticket == request->asked.ticket)
			rt_subscription_drop(subscription);
		/* a stream's client says so beside following it: no error */
		if (verdict == RT_VERDICT_STREAM)
			send_ack(connection, topic_json, ref);
		else
			send_denial(connection, topic_json, ref, reason);
		return;
	}
	if (!note_member(subscription, request, name, name_len, verdict))
	{
		rt_subscription_drop(subscription);
		send_denial(connection, topic_json, ref, RT_TEXT(rt_code_wire(RT_CODE_OVERLOADED)));
		return;
	}
	send_ack(connection, topic_json, ref);
	if (subscription != NULL)	/* not unsubscribed meanwhile */
		grant(subscription, request, verdict);
}

/* Nobody is there any more. */
static void
apply_to_nobody(RtRequest *request, const char *name, uint16 len, RtVerdict verdict)
{
	if (verdict == RT_VERDICT_MEMBER)
		rt_member_note_missed(request, name, len);
}

void
rt_subscribe_verdicts(RtConnection *connection, RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);
	const char *answer = rt_shared_text_get(&request->answer);
	const char *topics = text + request->asked.args.off;
	RtText		ref = {text + request->asked.id.off, request->asked.id.len};
	RtText		reason = RT_TEXT("INTERNAL_ERROR");
	uint32		at = 0;

	if (request->answer_kind == RT_ANSWER_UNAVAILABLE)
		reason = RT_TEXT("SERVICE_UNAVAILABLE");

	granted_count = 0;
	for (uint32 i = 0; i < request->asked.args.len;)
	{
		RtVerdict	verdict = RT_VERDICT_DENY;
		uint16		len;

		memcpy(&len, topics + i, sizeof(len));
		if (request->answer_kind == RT_ANSWER_VERDICTS)
		{
			verdict = (RtVerdict) (uint8) answer[at];
			reason = (RtText) {answer + at + 2, (uint8) answer[at + 1]};
			at += 2 + reason.len;
		}
		if (connection != NULL)
			apply_verdict(connection, request, topics + i + sizeof(len), len, ref,
						  verdict, reason);
		else
			apply_to_nobody(request, topics + i + sizeof(len), len, verdict);
		i += sizeof(len) + len;
	}
	rt_fanout_catch_up(granted, granted_count);
}

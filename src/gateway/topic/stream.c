/*
 * stream.c
 *		Clients that follow streams.
 *
 * Which topic a stream has is known to the executor only, so there is no
 * subscription before its answer.  That brings a position of the ring: what
 * was published behind it is not in the reply and is delivered after it.
 *
 * An unsubscribe frame names the topic, too late or too early: whatever
 * requests are in flight then must not grant it any more.  So while there are
 * such requests these frames are noted, with their place among the requests.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/cursor.h"
#include "src/gateway/gateway.h"
#include "src/gateway/presence.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/crowd.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/member.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/roster.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/subscription.h"
#include "src/gateway/topic/tail.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/publish_ring.h"

/*
 * Beyond these the oldest is forgotten, and a reply may grant what nobody
 * wants any more: events that the client ignores.
 */
#define UNSUBSCRIBED_MAX 256

/* Topics are told apart by two hashes. */
typedef struct RtUnsubscribed
{
	uint32		hash;
	uint32		check;
	uint64		ticket;
} RtUnsubscribed;

static uint64 last_ticket = 0;	/* orders requests and unsubscribe frames */
static uint32 in_flight = 0;

bool
rt_streams_in_flight(void)
{
	return in_flight > 0;
}

/* ---- requests ---- */

void
rt_stream_fill(const RtConnection *connection, RtQuestion *question,
			   const char *text, const RtCall *call)
{
	/*
	 * After a marker the client forgets its number and asks again: that is no
	 * first time, it has a value which is out of date.
	 */
	question->since = connection->marked ? RT_SINCE_UNKNOWN : RT_SINCE_NONE;
	if (call->seq.len > 0)
	{
		question->since = rt_json_integer(text, call->seq);
		if (question->since < 0)
			question->since = RT_SINCE_UNKNOWN;
	}
	if (call->schema_version.len > 0)
		question->schema_version = (int32)
			Min(rt_json_integer(text, call->schema_version), PG_INT32_MAX);
	question->parts = connection->caps_parts;
	question->ticket = ++last_ticket;
	question->position = rt_ring_position();
}

void
rt_stream_begun(RtConnection *connection)
{
	connection->streams++;
	in_flight++;
}

void
rt_stream_ended(RtConnection *connection)
{
	in_flight--;
	if (connection == NULL)
		return;
	connection->streams--;
	if (connection->streams > 0)
		return;
	rt_streams_forget(connection);
	/* markers have waited for this */
	if (rt_subscriptions_are_lost(connection))
		rt_connection_mark_dirty(connection);
}

void
rt_streams_forget(RtConnection *connection)
{
	free(connection->unsubscribed);
	connection->unsubscribed = NULL;
	connection->unsubscribed_count = 0;
}

/* ---- unsubscribe frames ---- */

static RtUnsubscribed
identify(const char *topic, size_t len)
{
	RtUnsubscribed entry = {.hash = rt_topic_hash(topic, len)};

	entry.check = hash_bytes_extended((const unsigned char *) topic, (int) len, 1) >> 32;
	return entry;
}

static RtUnsubscribed *
find_unsubscribed(RtConnection *connection, const RtUnsubscribed *wanted)
{
	uint32		count = Min(connection->unsubscribed_count, UNSUBSCRIBED_MAX);

	for (uint32 i = 0; i < count; i++)
	{
		RtUnsubscribed *entry = &connection->unsubscribed[i];

		if (entry->hash == wanted->hash && entry->check == wanted->check)
			return entry;
	}
	return NULL;
}

/* The place of the next entry: a new one, or that of the oldest. */
static RtUnsubscribed *
next_unsubscribed(RtConnection *connection)
{
	if (connection->unsubscribed == NULL)
		connection->unsubscribed =
			malloc(UNSUBSCRIBED_MAX * sizeof(RtUnsubscribed));
	if (connection->unsubscribed == NULL)
		return NULL;
	return &connection->unsubscribed[connection->unsubscribed_count++ % UNSUBSCRIBED_MAX];
}

void
rt_stream_unsubscribed(RtConnection *connection, const char *topic, size_t len)
{
	RtUnsubscribed wanted;
	RtUnsubscribed *entry;

	if (connection->streams == 0)
		return;
	wanted = identify(topic, len);
	wanted.ticket = ++last_ticket;
	entry = find_unsubscribed(connection, &wanted);
	if (entry == NULL)
		entry = next_unsubscribed(connection);
	if (entry != NULL)
		*entry = wanted;
}

static bool
was_unsubscribed(RtConnection *connection, RtText topic, uint64 ticket)
{
	RtUnsubscribed wanted = identify(topic.ptr, topic.len);
	RtUnsubscribed *entry = find_unsubscribed(connection, &wanted);

	return entry != NULL && entry->ticket > ticket;
}

/* ---- answers ---- */

RtStreamAnswer
rt_stream_answer_of(RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);
	const char *answer = rt_shared_text_get(&request->answer);
	RtAnsweredTopic answered;
	Size		topic_end;

	memcpy(&answered, answer, sizeof(answered));
	topic_end = sizeof(answered) + answered.len;
	return (RtStreamAnswer) {
		.path = {text + request->asked.path.off, request->asked.path.len},
		.args = {text + request->asked.args.off, request->asked.args.len},
		.session = request->asked.session,
		.orders = request->asked.orders,
		.id_json = rt_asker_of(request).id_json,
		.topic = {answer + sizeof(answered), answered.len},
		.presence = {answer + topic_end, request->answer_topics_len - topic_end},
		.since = request->asked.since,
		.seq = answered.flags & RT_TOPIC_REMEMBERED ? request->asked.since : answered.seq,
		.flags = answered.flags,
		.position = request->answer_position,
		.stale_ms = request->answer_stale_ms,
		.debounce_ms = request->answer_debounce_ms,
		.query = request->answer_query,
		.frames = {answer + request->answer_topics_len,
			request->answer.len - request->answer_topics_len}
	};
}

bool
rt_stream_answer_is_query(RtRequest *request)
{
	return request->answer_kind == RT_ANSWER_STREAM &&
		(rt_stream_answer_of(request).flags & RT_TOPIC_QUERY) != 0;
}

/*
 * Whether a subscription that is active has got events that an answer does not
 * have.  Where both have numbers, these tell.
 */
static bool
is_ahead(const RtSubscription *subscription, const RtStreamAnswer *answer)
{
	int64		known = subscription->last_seq >= 0 ? subscription->last_seq :
		subscription->base_seq;

	if (known >= 0 && answer->seq >= 0)
		return known > answer->seq;
	return Max(subscription->position, rt_fanout_position()) > answer->position;
}

/*
 * A connection may have the topic already, for another of its streams or for
 * this one.  What that one has not seen yet must come all the same, and what the
 * new one could not take before its reply must come again: so it goes on from
 * the earlier of the two.  Returns whether it begins anew.
 */
static bool
set_start(RtSubscription *subscription, const RtStreamAnswer *answer,
		  const RtAsker *asker)
{
	bool		active = subscription->state == RT_SUBSCRIPTION_ACTIVE;
	int64		last = subscription->last_seq;
	uint64		now = asker->position;

	rt_subscription_activate(subscription);
	if (subscription->in_crowd)
		now = Min(now, subscription->position);
	if (answer->flags & RT_TOPIC_FROM_NOW)
		rt_subscription_go_on_from_base(subscription, now,
										active && last >= 0 ?
										Min(last, answer->seq) : answer->seq);
	else if (!active || is_ahead(subscription, answer))
		rt_subscription_go_on(subscription, answer->position, answer->seq);
	else
		return false;
	return true;
}

/* Goes on behind what an answer has brought, and delivers what has come since. */
static void
go_on(RtSubscription *subscription, const RtStreamAnswer *answer,
	  const RtAsker *asker)
{
	bool		is_query = (answer->flags & RT_TOPIC_QUERY) != 0;
	bool		is_late;

	/* one that was asked for by name, too, and not granted, begins here */
	if (subscription->state == RT_SUBSCRIPTION_PENDING)
		rt_subscription_make_good(subscription);
	/* one that has lost events goes on once these are there */
	is_late = !subscription->lost && set_start(subscription, answer, asker) &&
		(answer->flags & RT_TOPIC_MORE) == 0;
	if (is_late)
		rt_crowd_go_on(subscription, is_query);
	/* the rest comes like what others have lost; of a query there is none elsewhere */
	if ((answer->flags & RT_TOPIC_MORE) && is_query)
		rt_subscription_lose_for_good(subscription);
	else if (answer->flags & RT_TOPIC_MORE)
		rt_subscription_lose_behind(subscription, answer->seq);
	if (is_query && !is_late)
		rt_round_frame_follow(subscription->connection);
	if (answer->flags & RT_TOPIC_CURSORS)
		rt_cursor_enter(subscription, answer->presence);
}

/* Returns why the connection cannot have it, or RT_CODE_CUSTOM if it can. */
static RtCode
find_or_make(RtConnection *connection, RtText name, RtSubscription **subscription)
{
	RtBudgetVerdict verdict;

	*subscription = rt_subscription_find(connection, name.ptr, name.len);
	if (*subscription != NULL)
		return RT_CODE_CUSTOM;
	if (connection->subscription_count >= realtime_max_subscriptions)
	{
		rt_limit_hit(RT_LIMIT_SUBSCRIPTIONS);
		return RT_CODE_RATE_LIMITED;
	}
	*subscription = rt_subscription_make(connection, name.ptr, name.len,
										 &verdict);
	return *subscription != NULL ? RT_CODE_CUSTOM : rt_budget_code(verdict);
}

/* With whom it loads anew, and who wants to know; or why it cannot be. */
static RtCode
enter_stream(RtSubscription *subscription, const RtStreamAnswer *answer)
{
	RtBudgetVerdict verdict = RT_BUDGET_GRANTED;

	if (answer->flags & RT_TOPIC_RELOADS)
		verdict = rt_group_enter(subscription, answer);
	if (verdict == RT_BUDGET_GRANTED && (answer->flags & RT_TOPIC_MEMBERS) &&
		!rt_member_enter(subscription, answer->path.ptr, answer->path.len))
		verdict = RT_BUDGET_SCARCE;
	if (verdict == RT_BUDGET_GRANTED)
		return RT_CODE_CUSTOM;
	if (subscription->state == RT_SUBSCRIPTION_PENDING)
		rt_subscription_drop(subscription);
	return rt_budget_code(verdict);
}

bool
rt_stream_waits_for_events(RtConnection *connection, RtRequest *request)
{
	RtText		topic;

	if (request->answer_kind != RT_ANSWER_STREAM)
		return false;
	topic = rt_stream_answer_of(request).topic;
	return (connection->caps_pos && rt_stream_answer_is_query(request)) ||
		rt_subscription_find(connection, topic.ptr, topic.len) != NULL;
}

/* The last frame is at hand: what it belongs to is granted with it. */
bool
rt_stream_grant_last(RtConnection *connection, const RtStreamAnswer *answer,
					 const RtAsker *asker, RtText frame)
{
	RtSubscription *subscription = NULL;
	RtCode		refusal = RT_CODE_CUSTOM;

	if (!was_unsubscribed(connection, answer->topic, asker->ticket))
		refusal = find_or_make(connection, answer->topic, &subscription);
	if (subscription != NULL)
		refusal = enter_stream(subscription, answer);
	if (refusal != RT_CODE_CUSTOM)
	{
		rt_asker_refuse(asker, connection, refusal);
		return true;
	}
	if (subscription != NULL && (answer->flags & RT_TOPIC_PRESENT))
		rt_presence_follow(subscription, answer);

	/* what has waited is older than the value, or comes again behind it */
	rt_conflate_send_all(connection);
	if (!rt_asker_send(asker, connection, answer->id_json, frame))
	{
		if (subscription != NULL && subscription->state == RT_SUBSCRIPTION_PENDING)
			rt_subscription_drop(subscription);
		return false;
	}
	if (subscription != NULL && connection->state == RT_CONNECTION_OPEN)
	{
		rt_subscription_follow(subscription, answer->path,
							   (answer->flags & RT_TOPIC_JUDGED) != 0);
		go_on(subscription, answer, asker);
	}
	return true;
}

/* ---- events from memory ---- */

/*
 * Where its events end that have room, and how long they are with the commas.  If
 * they are not in the memory any more, all of them are left to a repair.
 */
static size_t
measure_remembered(RtStreamAnswer *answer, size_t limit)
{
	RtTailReader reader;
	size_t		len = 0;

	answer->position = rt_fanout_position();
	if (!rt_tail_open(&reader, answer->topic.ptr, answer->topic.len, answer->seq))
	{
		answer->flags |= RT_TOPIC_MORE;
		return 0;
	}
	rt_count(remembered);
	for (; reader.frame.len > 0; rt_tail_next(&reader))
	{
		size_t		more = rt_frame_payload(reader.frame.ptr).len + (len > 0);

		if (len + more > limit)
		{
			answer->flags |= RT_TOPIC_MORE;
			break;
		}
		len += more;
		answer->seq = reader.seq;
	}
	return len;
}

static void
write_remembered(char *dst, const RtStreamAnswer *answer, int64 since)
{
	RtTailReader reader;
	char	   *p = dst;

	if (answer->seq == since ||
		!rt_tail_open(&reader, answer->topic.ptr, answer->topic.len, since))
		return;
	for (; reader.frame.len > 0 && reader.seq <= answer->seq; rt_tail_next(&reader))
	{
		RtText		event = rt_frame_payload(reader.frame.ptr);

		if (p > dst)
			*p++ = ',';
		memcpy(p, event.ptr, event.len);
		p += event.len;
	}
}

static bool
grant_remembered(RtConnection *connection, RtStreamAnswer *answer,
				 const RtAsker *asker, size_t limit)
{
	RtText		payload = rt_frame_payload(answer->frames.ptr);
	int64		since = answer->seq;
	size_t		len = measure_remembered(answer, limit);
	size_t		cap = payload.len + len + RT_STREAM_FILL_OVERHEAD;
	char	   *buffer = malloc(RT_FRAME_HEADROOM + cap + len);
	char	   *events = buffer + RT_FRAME_HEADROOM + cap;
	char	   *frame;
	bool		granted;

	if (buffer == NULL)
	{
		rt_asker_refuse(asker, connection, RT_CODE_OVERLOADED);
		return true;
	}
	write_remembered(events, answer, since);
	len = rt_payload_stream_fill(buffer + RT_FRAME_HEADROOM, cap, payload,
								 answer->id_json.len, (RtText) {events, len}, answer->seq);
	Assert(len > 0);
	frame = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
	/* of a query the position tells what has been sent */
	if (answer->flags & RT_TOPIC_QUERY)
		answer->seq = -1;
	granted = rt_stream_grant_last(connection, answer, asker, (RtText) {frame, len});
	free(buffer);
	return granted;
}

bool
rt_stream_grant(RtConnection *connection, RtRequest *request, const RtAsker *asker)
{
	RtStreamAnswer answer = rt_stream_answer_of(request);
	size_t		first = rt_frame_length(answer.frames.ptr);

	if (answer.flags & RT_TOPIC_ROSTER)
		return rt_roster_grant(connection, &answer, asker);
	if (answer.flags & RT_TOPIC_REMEMBERED)
		return grant_remembered(connection, &answer, asker, request->asked.limit);
	if (first < answer.frames.len)
		return rt_parts_begin(connection, &answer, asker);
	return rt_stream_grant_last(connection, &answer, asker, answer.frames);
}

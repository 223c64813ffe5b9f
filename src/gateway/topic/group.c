/*
 * group.c
 *		Those who follow a stream alike, and loading its value anew for them.
 *
 * The gateway asks as the first of the group would ask again, and what it gets
 * is sent to all as the event "refreshed".  Each goes on behind the answer's
 * position in the ring, as after a reply: events that the value has already
 * are not sent, and those sent before that it does not have are sent again.
 *
 * A group has at most one request in flight.  What happens meanwhile has it ask
 * once more afterwards, however often it happens; so however fast a stream is
 * invalidated, its loader runs one time after the other.
 *
 * Groups that wait to be asked wait for a turn of one of their connections; so
 * who follows a thousand streams keeps nobody who follows one from his.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/pairingheap.h"

#include "src/gateway/ask.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/ticket.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/group_index.h"
#include "src/gateway/topic/query_hold.h"
#include "src/gateway/topic/reload_wish.h"
#include "src/gateway/topic/round_frame.h"
#include "src/guc.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/topic.h"

#define FAILURES_MAX 3			/* executors that ended; then it is left */

typedef enum GroupState
{
	IDLE,
	WAITING,					/* to be asked */
	ASKED
} GroupState;

typedef struct RtGroup
{
	RtIndexedGroup indexed;		/* topic and path, in text: its key, with session
								 * and args */
	RtHashNode	node;			/* by the key */
	int			session;		/* referenced: its members may have others by now,
								 * with the same rights; NONE = shared */
	bool		holds;			/* a group of a live query */
	RtText		args;

	dlist_head	subscriptions;
	uint32		count;

	GroupState	state;
	dlist_node	waiting_node;	/* WAITING */
	RtConnection *taker;		/* WAITING: one of them, in whose turn it is asked */
	RtTicket	ticket;			/* ASKED */
	bool		again;			/* ASKED: something has happened since */
	bool		failing;		/* the last load has failed */
	int			failures;		/* executors that ended over it */
	int64		stale_ms;		/* 0 = never */
	int64		debounce_ms;	/* 0 = it is asked at once */
	int64		due_ms;			/* 0 = it does not wait for silence */
	pairingheap_node delayed_node;	/* unless it is 0 */
	bool		provisional;	/* somebody has what is not the value */
	dlist_node	watched_node;	/* unless it is 0 */
	int64		loaded_ms;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} RtGroup;

static void want(RtGroup *group);
static int	compare_due(const pairingheap_node *a, const pairingheap_node *b, void *arg);

static RtHashTable groups;
static dlist_head watched = DLIST_STATIC_INIT(watched); /* that have a stale_ms */
static pairingheap delayed;		/* that wait for silence, by the end of it */
static RtTurns waiting;
static RtHashTable asked;
static uint64 last_ticket = 0;
static int	in_flight = 0;		/* with those of groups that are gone */

void
rt_groups_init(void)
{
	rt_hash_init(&groups);
	rt_hash_init(&asked);
	delayed = (pairingheap) {.ph_compare = compare_due};
	rt_group_index_init();
	rt_query_holds_init();
}

/* ---- entering and leaving ---- */

static uint32
key_hash(const RtTopic *topic, int session, RtText path, RtText args)
{
	uint32		hash = hash_combine(topic->node.hash, murmurhash32(session));

	hash = hash_combine(hash, hash_bytes((const unsigned char *) path.ptr, path.len));
	return hash_combine(hash, hash_bytes_extended((const unsigned char *) args.ptr,
												  args.len, topic->node.hash));
}

static RtGroup *
find_group(const RtTopic *topic, int session, RtText path, RtText args, uint32 hash)
{
	RtHashNode *node = rt_hash_first(&groups, hash);

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtGroup    *group = rt_hash_container(RtGroup, node, node);

		if (group->indexed.topic == topic && group->session == session &&
			rt_texts_are_equal(group->indexed.path, path) &&
			rt_texts_are_equal(group->args, args))
			return group;
	}
	return NULL;
}

static RtGroup *
make_group(RtTopic *topic, int session, RtText path, RtText args, uint32 hash)
{
	RtGroup    *group = calloc(1, offsetof(RtGroup, text) + path.len + args.len);

	if (group == NULL)
		return NULL;
	memcpy(group->text, path.ptr, path.len);
	if (args.len > 0)
		memcpy(group->text + path.len, args.ptr, args.len);
	group->indexed.topic = topic;
	group->indexed.path = (RtText) {group->text, path.len};
	group->args = (RtText) {group->text + path.len, args.len};
	if (!rt_group_index_add(&group->indexed))
	{
		free(group);
		return NULL;
	}
	group->session = session;
	rt_session_acquire(session, RT_SESSION_GATEWAY);
	dlist_init(&group->subscriptions);
	rt_hash_add(&groups, &group->node, hash);
	return group;
}

static RtSubscription *
first_of(RtGroup *group)
{
	return dlist_head_element(RtSubscription, group_node, &group->subscriptions);
}

static void
set_idle(RtGroup *group)
{
	if (group->state == WAITING)
		rt_turns_remove(&group->taker->reloads, &group->waiting_node);
	else if (group->state == ASKED)
		rt_ticket_remove(&asked, &group->ticket);
	group->state = IDLE;
}

static void
set_waiting(RtGroup *group)
{
	group->state = WAITING;
	group->taker = first_of(group)->connection;
	rt_turns_add(&waiting, &group->taker->reloads, &group->waiting_node);
}

/* It was the first one of who had the turn. */
static void
set_asked(RtGroup *group)
{
	rt_turns_take(&waiting, &group->taker->reloads);
	group->state = ASKED;
	rt_ticket_add(&asked, &group->ticket, ++last_ticket);
}

static void
set_stale(RtGroup *group, int64 stale_ms)
{
	if (group->stale_ms > 0)
		dlist_delete(&group->watched_node);
	group->stale_ms = stale_ms;
	if (stale_ms > 0)
		dlist_push_tail(&watched, &group->watched_node);
}

/* The earliest comes first. */
static int
compare_due(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64		one = pairingheap_const_container(RtGroup, delayed_node, a)->due_ms;
	int64		other = pairingheap_const_container(RtGroup, delayed_node, b)->due_ms;

	return (other > one) - (other < one);
}

static void
end_delay(RtGroup *group)
{
	if (group->due_ms > 0)
		pairingheap_remove(&delayed, &group->delayed_node);
	group->due_ms = 0;
}

static void
begin_delay(RtGroup *group)
{
	end_delay(group);
	group->due_ms = rt_gateway.now_ms + group->debounce_ms;
	pairingheap_add(&delayed, &group->delayed_node);
}

static void
free_group(RtGroup *group)
{
	set_idle(group);
	end_delay(group);
	set_stale(group, 0);
	if (group->holds)
		rt_query_let_go(group->indexed.topic);
	rt_group_index_remove(&group->indexed);
	rt_hash_remove(&groups, &group->node);
	rt_session_release(group->session, RT_SESSION_GATEWAY);
	free(group);
}

/* As if the subscription were the only one. */
static size_t
charge_for(RtText path, RtText args)
{
	return sizeof(RtGroup) + sizeof(RtGroupTopic) + path.len + args.len;
}

static void
note_query(RtSubscription *subscription)
{
	if (subscription->query_node.next == NULL)
		dlist_push_tail(&subscription->connection->round.queries,
						&subscription->query_node);
}

static void
forget_query(RtSubscription *subscription)
{
	if (subscription->query_node.next == NULL)
		return;
	dlist_delete(&subscription->query_node);
	memset(&subscription->query_node, 0, sizeof(subscription->query_node));
}

/*
 * Executors keep a live query true as long as it is held.  If they know nothing
 * of it any more, or have made it anew, because the answer took too long, it is
 * loaded again.
 */
static void
hold_query(RtGroup *group, uint16 flags, uint64 serial)
{
	dlist_iter	iter;
	uint64		held;

	if ((flags & RT_TOPIC_QUERY) == 0)
		return;
	held = group->holds ? rt_query_hold_again(group->indexed.topic) :
		rt_query_hold(group->indexed.topic);
	if (held == 0 || held != serial)
		want(group);
	if (!group->holds)
	{
		dlist_foreach(iter, &group->subscriptions)
			note_query(dlist_container(RtSubscription, group_node, iter.cur));
	}
	group->holds = true;
}

/* It stays so for all until there is an answer for all. */
static void
take_provisional(RtGroup *group, const RtStreamAnswer *answer)
{
	if ((answer->flags & RT_TOPIC_PROVISIONAL) == 0 || group->provisional)
		return;
	group->provisional = true;
	set_stale(group, answer->stale_ms);
	group->loaded_ms = rt_gateway.now_ms;
}

RtBudgetVerdict
rt_group_enter(RtSubscription *subscription, const RtStreamAnswer *answer)
{
	RtText		path = answer->path;
	RtText		args = answer->args;
	RtConnection *connection = subscription->connection;
	RtTopic    *topic = subscription->topic;
	int			session = (answer->flags & RT_TOPIC_SHARED) != 0 ? RT_SESSION_NONE :
		connection->session;
	uint32		hash = key_hash(topic, session, path, args);
	RtGroup    *group = find_group(topic, session, path, args, hash);
	RtBudgetVerdict verdict;

	if (group != NULL && group == subscription->group)
	{
		take_provisional(group, answer);
		hold_query(group, answer->flags, answer->query);
		if (rt_reload_wished_since(&group->indexed, answer->position))
			want(group);
		return RT_BUDGET_GRANTED;
	}
	verdict = rt_budget_charge(&connection->budget, charge_for(path, args));
	if (verdict != RT_BUDGET_GRANTED)
		return verdict;
	if (group == NULL)
		group = make_group(topic, session, path, args, hash);
	if (group == NULL)
	{
		rt_budget_refund(&connection->budget, charge_for(path, args));
		return RT_BUDGET_SCARCE;
	}
	rt_group_exit(subscription);
	subscription->group = group;
	dlist_push_tail(&group->subscriptions, &subscription->group_node);
	group->count++;
	group->debounce_ms = answer->debounce_ms;
	if (group->holds)
		note_query(subscription);
	if (!group->provisional)
	{
		set_stale(group, answer->stale_ms);
		group->loaded_ms = rt_gateway.now_ms;
	}
	take_provisional(group, answer);
	hold_query(group, answer->flags, answer->query);
	if (rt_reload_wished_since(&group->indexed, answer->position))
		want(group);
	return RT_BUDGET_GRANTED;
}

void
rt_group_exit(RtSubscription *subscription)
{
	RtGroup    *group = subscription->group;

	if (group == NULL)
		return;
	subscription->group = NULL;
	forget_query(subscription);
	dlist_delete(&subscription->group_node);
	rt_budget_refund(&subscription->connection->budget,
					 charge_for(group->indexed.path, group->args));
	if (--group->count == 0)
		free_group(group);
	else if (group->state == WAITING && group->taker == subscription->connection)
	{
		set_idle(group);
		set_waiting(group);		/* for another one's turn */
	}
}

/* ---- what is to be loaded anew ---- */

static void
want(RtGroup *group)
{
	if (group->state == ASKED)
		group->again = true;
	else if (group->state == IDLE)
		set_waiting(group);
}

/* What happens again and again begins the silence anew. */
static void
want_indexed(RtIndexedGroup *indexed)
{
	RtGroup    *group = (RtGroup *) indexed;

	if (group->debounce_ms == 0)
		want(group);
	else
		begin_delay(group);
}

/* NULL if none waits. */
static RtGroup *
first_delayed(void)
{
	return pairingheap_is_empty(&delayed) ? NULL :
		pairingheap_container(RtGroup, delayed_node, pairingheap_first(&delayed));
}

/* Of those that have had their silence. */
static void
end_delays(void)
{
	RtGroup    *group;

	while ((group = first_delayed()) != NULL && group->due_ms <= rt_gateway.now_ms)
	{
		end_delay(group);
		want(group);
	}
}

long
rt_groups_timeout(void)
{
	const RtGroup *first = first_delayed();

	return first == NULL ? -1 : (long) Max(1, first->due_ms - rt_gateway.now_ms);
}

void
rt_groups_reload_topics(const char *pattern, size_t len, uint64 position)
{
	rt_reload_wish_note(false, (RtText) {pattern, len}, position);
	rt_group_index_visit_topics((RtText) {pattern, len}, want_indexed);
}

void
rt_groups_reload_path(const char *path, size_t len, uint64 position)
{
	rt_reload_wish_note(true, (RtText) {path, len}, position);
	rt_group_index_visit_path((RtText) {path, len}, want_indexed);
}

void
rt_groups_sweep(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &watched)
	{
		RtGroup    *group = dlist_container(RtGroup, watched_node, iter.cur);
		int64		since = group->loaded_ms;

		/* events do not make up for it */
		if (!group->provisional)
			since = Max(since, group->indexed.topic->last_event_ms);
		if (rt_gateway.now_ms - since >= group->stale_ms)
			want(group);
	}
}

/* ---- asking ---- */

static bool
ask_for(RtGroup *group)
{
	char		quoted[RT_TOPIC_MAX + 2];
	RtQuestionTexts texts = {
		.path = group->indexed.path,
		.id = rt_topic_quote(quoted, group->indexed.topic->name,
							 group->indexed.topic->name_len),
		.args = group->args
	};
	RtQuestion	question;

	rt_question_init(&question, first_of(group)->connection, RT_REQUEST_RELOAD);
	question.connection = 0;
	question.connection_serial = 0;
	question.ticket = last_ticket + 1;
	question.limit = RT_FRAME_PAYLOAD_MAX;
	if (!rt_service_takes_requests() || !rt_ask_for_nobody(NULL, &question, &texts))
		return false;
	group->again = false;
	set_asked(group);
	in_flight++;
	return true;
}

void
rt_groups_begin(void)
{
	RtTaker    *taker;

	end_delays();
	while ((taker = rt_turns_first(&waiting)) != NULL && rt_ask_has_part(in_flight))
	{
		if (!ask_for(dlist_head_element(RtGroup, waiting_node, &taker->things)))
			break;
	}
}

bool
rt_groups_waiting(void)
{
	return rt_turns_first(&waiting) != NULL;
}

/* ---- answers ---- */

static RtGroup *
find_asked(uint64 number)
{
	RtTicket   *ticket = rt_ticket_find(&asked, number);

	return ticket == NULL ? NULL :
		(RtGroup *) ((char *) ticket - offsetof(RtGroup, ticket));
}

static void
send_to_all(RtGroup *group, RtText text)
{
	RtEventFrame frame = {.plain = text};
	dlist_iter	iter;

	dlist_foreach(iter, &group->subscriptions)
	{
		RtSubscription *subscription = dlist_container(RtSubscription, group_node, iter.cur);

		(void) rt_connection_deliver(subscription->connection, &frame);
	}
}

/* What stands beside others' rows has to be what these are, too. */
static void
end_rounds(RtGroup *group)
{
	dlist_iter	iter;

	dlist_foreach(iter, &group->subscriptions)
		rt_round_frame_follow(dlist_container(RtSubscription, group_node,
											  iter.cur)->connection);
}

/* Of all that have not lost events: these load anew by themselves. */
static void
refresh_all(RtGroup *group, const RtRequest *request, int64 seq, RtText text)
{
	RtEventFrame frame = {.plain = text};
	RtSubscription **late = malloc(sizeof(RtSubscription *) * group->count);
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &group->subscriptions)
	{
		RtSubscription *subscription = dlist_container(RtSubscription, group_node, iter.cur);

		if (subscription->lost || subscription->state != RT_SUBSCRIPTION_ACTIVE)
			continue;
		/* in the value, or it comes again behind it */
		rt_conflate_forget(subscription);
		if (late == NULL ||
			!rt_connection_deliver(subscription->connection, &frame))
		{
			rt_subscription_lose_for_good(subscription);
			continue;
		}
		rt_subscription_go_on(subscription, request->answer_position, seq);
		late[count++] = subscription;
	}
	if (count > 0)
		rt_fanout_catch_up(late, count);
	free(late);
	if (group->holds)
		end_rounds(group);
}

/* A value that is too long for an event is asked for by who takes it in parts. */
static void
tell_failure(RtGroup *group, RtRequest *request)
{
	RtText		text = {rt_shared_text_get(&request->answer), request->answer.len};
	RtEventFrame frame = {.plain = text};
	dlist_iter	iter;

	dlist_foreach(iter, &group->subscriptions)
	{
		RtSubscription *subscription = dlist_container(RtSubscription, group_node, iter.cur);

		if (request->answer_too_large && subscription->connection->caps_parts &&
			subscription->state == RT_SUBSCRIPTION_ACTIVE)
			rt_subscription_lose_for_good(subscription);
		else
			(void) rt_connection_deliver(subscription->connection, &frame);
	}
}

static void
tell_recovered(RtGroup *group)
{
	char		topic[sizeof(RT_SYSTEM_OF_TOPIC) + RT_TOPIC_MAX];
	size_t		cap = sizeof(topic) + RT_FRAME_OVERHEAD;
	char	   *buffer = rt_frame_buffer(cap);
	size_t		topic_len;
	size_t		len;
	char	   *frame;

	if (!group->failing)
		return;
	group->failing = false;
	topic_len = snprintf(topic, sizeof(topic), RT_SYSTEM_OF_TOPIC "%s",
						 group->indexed.topic->name);
	len = rt_payload_event(buffer, cap, (RtText) {topic, topic_len},
						   RT_TEXT("recovered"), RT_TEXT("null"), -1);
	frame = rt_frame_seal(buffer - RT_FRAME_HEADROOM, len, RT_OPCODE_TEXT, &len);
	send_to_all(group, (RtText) {frame, len});
}

static void
take_value(RtGroup *group, RtRequest *request)
{
	const char *answer = rt_shared_text_get(&request->answer);
	RtAnsweredTopic answered;

	memcpy(&answered, answer, sizeof(answered));
	group->failures = 0;
	group->provisional = false;
	set_stale(group, request->answer_stale_ms);
	group->debounce_ms = request->answer_debounce_ms;
	hold_query(group, answered.flags, request->answer_query);
	tell_recovered(group);
	refresh_all(group, request, answered.seq,
				(RtText) {answer + request->answer_topics_len,
				request->answer.len - request->answer_topics_len});
}

void
rt_group_answer(RtRequest *request)
{
	RtGroup    *group = find_asked(request->asked.ticket);

	in_flight--;
	if (group == NULL)
		return;					/* nobody follows it any more */
	set_idle(group);
	group->loaded_ms = rt_gateway.now_ms;
	if (group->again)
		want(group);
	switch (request->answer_kind)
	{
		case RT_ANSWER_STREAM:
			take_value(group, request);
			break;
		case RT_ANSWER_FRAME:
			group->failing = true;
			tell_failure(group, request);
			break;
		case RT_ANSWER_FAILED:
			if (group->failures++ < FAILURES_MAX)
				want(group);
			break;
		default:
			break;
	}
}

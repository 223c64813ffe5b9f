/*
 * flight.c
 *		Many connections that ask for the same stream are served by one request.
 *
 * Same means: path, arguments and session, and whatever says what the client
 * has already.  If the answer turns out not to be the same for all (unlike.h),
 * each asks for itself.
 *
 * Others join only who has nothing else in flight, so that nobody waits for what
 * somebody else has asked before.
 *
 * An exact handoff needs nothing new.  The answer brings the position in the
 * ring up to which the value has everything; each goes on from there, whenever
 * it has joined.  If that is out of the ring's reach it is a loss, which is
 * repaired or told.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/ask.h"
#include "src/gateway/asker.h"
#include "src/gateway/dispatch.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/ticket.h"
#include "src/gateway/topic/crowd.h"
#include "src/gateway/topic/fanout.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/hash_table.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/unlike.h"
#include "src/guc.h"
#include "src/protocol/envelope.h"

#define TEXTS_MAX 4096			/* of a question that can be shared */

typedef struct Flight
{
	RtHashNode	key_node;		/* while it may be joined */
	RtTicket	ticket;
	bool		joinable;
	uint32		limit;			/* of bytes of events in the answer; 0 = there are
								 * none */
	dlist_head	followers;
	RtQuestion	question;		/* of who has asked */
	RtQuestionTexts texts;		/* in text */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} Flight;

typedef struct Follower
{
	Flight	   *flight;
	RtConnection *connection;
	dlist_node	flight_node;
	dlist_node	connection_node;
	RtQuestion	question;
	uint32		reserved;
	uint32		id_len;
	char		id[FLEXIBLE_ARRAY_MEMBER];
} Follower;

static RtHashTable by_key;
static RtHashTable by_ticket;
static int	flight_count = 0;
static uint64 last_ticket = 0;	/* also orders what is told */

void
rt_flights_init(void)
{
	rt_hash_init(&by_key);
	rt_hash_init(&by_ticket);
}

/* ---- who can share ---- */

static uint32
hash_text(RtText text)
{
	return text.len == 0 ? 0 : hash_bytes((const unsigned char *) text.ptr, text.len);
}

/* Not in a sequence, whose next call waits for this one's answer. */
static bool
can_be_shared(const RtQuestion *question, const RtQuestionTexts *texts)
{
	return question->kind == RT_REQUEST_STREAM && question->subject == 0 &&
		texts->id.len > 0 && texts->cursor.len == 0 &&
		rt_texts_len(texts) <= TEXTS_MAX && !rt_path_is_unlike(texts->path);
}

static uint32
key_hash(const RtQuestion *question, const RtQuestionTexts *texts)
{
	uint32		hash = hash_combine(hash_text(texts->path), hash_text(texts->args));

	hash = hash_combine(hash, murmurhash32(question->session));
	hash = hash_combine(hash, murmurhash32((uint32) question->since));
	return hash_combine(hash, hash_text(texts->version));
}

static bool
is_same(const Flight *flight, const RtQuestion *question,
		const RtQuestionTexts *texts)
{
	return flight->question.session == question->session &&
		flight->question.since == question->since &&
		flight->question.schema_version == question->schema_version &&
		flight->question.parts == question->parts &&
		flight->question.positions == question->positions &&
		rt_texts_are_equal(flight->texts.path, texts->path) &&
		rt_texts_are_equal(flight->texts.args, texts->args) &&
		rt_texts_are_equal(flight->texts.version, texts->version);
}

static Flight *
find_joinable(const RtQuestion *question, const RtQuestionTexts *texts)
{
	RtHashNode *node = rt_hash_first(&by_key, key_hash(question, texts));

	for (; node != NULL; node = rt_hash_next(node))
	{
		Flight	   *flight = rt_hash_container(Flight, key_node, node);

		if (is_same(flight, question, texts))
			return flight;
	}
	return NULL;
}

static Flight *
find_by_ticket(uint64 number)
{
	RtTicket   *ticket = rt_ticket_find(&by_ticket, number);

	return ticket == NULL ? NULL :
		(Flight *) ((char *) ticket - offsetof(Flight, ticket));
}

/* ---- flights ---- */

static Flight *
make_flight(const RtQuestion *question, const RtQuestionTexts *texts)
{
	Flight	   *flight;

	if (flight_count >= realtime_queue_depth)
		return NULL;
	flight = calloc(1, offsetof(Flight, text) + rt_texts_len(texts));
	if (flight == NULL)
		return NULL;
	flight->question = *question;
	rt_texts_write(flight->text, texts, &flight->question);
	flight->texts = rt_texts_in(flight->text, &flight->question);
	rt_ticket_add(&by_ticket, &flight->ticket, ++last_ticket);
	dlist_init(&flight->followers);
	flight_count++;
	return flight;
}

static void
close_flight(Flight *flight)
{
	if (flight->joinable)
		rt_hash_remove(&by_key, &flight->key_node);
	flight->joinable = false;
}

/* In the place of an earlier one, which goes on with those it has. */
static void
open_flight(Flight *flight)
{
	Flight	   *earlier = find_joinable(&flight->question, &flight->texts);

	if (earlier != NULL)
		close_flight(earlier);
	rt_hash_add(&by_key, &flight->key_node,
				key_hash(&flight->question, &flight->texts));
	flight->joinable = true;
}

static void
free_flight(Flight *flight)
{
	Assert(dlist_is_empty(&flight->followers));
	close_flight(flight);
	rt_ticket_remove(&by_ticket, &flight->ticket);
	flight_count--;
	free(flight);
}

/* ---- joining ---- */

static size_t
size_of_follower(size_t id_len)
{
	return offsetof(Follower, id) + id_len;
}

static bool
join_flight(Flight *flight, RtConnection *connection, const RtQuestion *question,
			const RtQuestionTexts *texts)
{
	RtBudgetVerdict verdict;
	Follower   *follower;

	/* who asks again for what it has asked itself wants it anew */
	if (flight->ticket.number <= connection->told ||
		flight->question.connection_serial == connection->serial ||
		(flight->limit > 0 && flight->limit > rt_ask_events_limit(connection)))
		return false;
	follower = rt_budget_alloc(&connection->budget, size_of_follower(texts->id.len),
							   &verdict);
	if (follower == NULL)
		return false;
	follower->flight = flight;
	follower->connection = connection;
	follower->question = *question;
	follower->reserved = flight->limit;
	connection->reserved += follower->reserved;
	follower->id_len = texts->id.len;
	memcpy(follower->id, texts->id.ptr, texts->id.len);
	dlist_push_tail(&flight->followers, &follower->flight_node);
	dlist_push_tail(&connection->follows, &follower->connection_node);
	return true;
}

static void
free_follower(Follower *follower)
{
	dlist_delete(&follower->flight_node);
	dlist_delete(&follower->connection_node);
	follower->connection->reserved -= follower->reserved;
	rt_budget_free(&follower->connection->budget, follower,
				   size_of_follower(follower->id_len));
}

/* Its question is next, as soon as it is its turn. */
static bool
has_nothing_in_flight(const RtConnection *connection)
{
	return connection->in_flight == 0 && connection->backlog.first == NULL;
}

static bool
begin_flight(RtConnection *connection, RtQuestion *question,
			 const RtQuestionTexts *texts)
{
	Flight	   *flight = NULL;

	if (has_nothing_in_flight(connection))
		flight = make_flight(question, texts);

	if (flight != NULL && question->since >= 0)
		flight->limit = rt_ask_events_limit(connection);
	question->flight = flight != NULL ? flight->ticket.number : 0;
	if (!rt_ask(connection, question, texts))
	{
		if (flight != NULL)
			free_flight(flight);
		return false;
	}
	if (flight != NULL)
		open_flight(flight);
	return true;
}

bool
rt_flight_ask(RtConnection *connection, RtQuestion *question,
			  const RtQuestionTexts *texts)
{
	Flight	   *flight;

	question->flight = 0;
	if (!can_be_shared(question, texts))
		return rt_ask(connection, question, texts);
	flight = find_joinable(question, texts);
	if (flight != NULL && join_flight(flight, connection, question, texts))
		return true;
	return begin_flight(connection, question, texts);
}

void
rt_flight_note_told(RtConnection *connection)
{
	connection->told = last_ticket;
}

bool
rt_flight_is_followed(const RtRequest *request)
{
	Flight	   *flight = find_by_ticket(request->asked.flight);

	return flight != NULL && !dlist_is_empty(&flight->followers);
}

/* ---- landing ---- */

/* Who has output waiting may have to ask for less. */
static bool
has_room(const RtConnection *connection, const RtRequest *request)
{
	size_t		pending = rt_outbox_pending(connection);

	return pending == 0 ||
		pending + Min(request->answer.len, RT_FRAME_PAYLOAD_MAX) <=
		(size_t) realtime_max_backpressure / 2;
}

/* Others' events would be behind it, or come again. */
static bool
comes_too_early(RtConnection *connection, RtRequest *request)
{
	return request->answer_position > rt_fanout_position() &&
		rt_stream_waits_for_events(connection, request);
}

/* Asks for itself, or joins those who do. */
static void
ask_again(RtConnection *connection, RtQuestion *question, RtQuestionTexts texts,
		  RtText id_json)
{
	RtSpan		id = {0, id_json.len};

	texts.id = id_json;
	if (rt_flight_ask(connection, question, &texts))
		return;
	rt_send_failure(connection, id_json.ptr, id, RT_CODE_OVERLOADED,
					rt_code_message(RT_CODE_OVERLOADED));
	rt_stream_ended(connection);
}

/* What a follower was is a copy by now: telling may free what it knew. */
static void
settle_follower(Flight *flight, RtRequest *request, bool shares)
{
	Follower   *follower = dlist_head_element(Follower, flight_node,
											  &flight->followers);
	RtConnection *connection = follower->connection;
	RtQuestion	question = follower->question;
	char		id[RT_ID_MAX];
	RtText		id_json = {id, follower->id_len};
	RtAsker		asker = {id_json, question.ticket, question.position};

	memcpy(id, follower->id, follower->id_len);
	free_follower(follower);
	if (connection->state != RT_CONNECTION_OPEN)
		rt_stream_ended(connection);
	else if (shares && has_room(connection, request) &&
			 !comes_too_early(connection, request) &&
			 rt_tell_answer(connection, request, &asker))
		rt_stream_ended(connection);
	else
		ask_again(connection, &question, flight->texts, id_json);
	if (rt_sockets_overflow())
		rt_sockets_flush();
}

void
rt_flight_land(RtRequest *request, bool asker_is_gone)
{
	Flight	   *flight = find_by_ticket(request->asked.flight);
	bool		shares = rt_answer_is_alike(request);

	if (flight == NULL)
		return;
	close_flight(flight);
	if (!shares && !asker_is_gone)
		rt_path_note_unlike(flight->texts.path);
	rt_crowd_begin();
	while (!dlist_is_empty(&flight->followers))
		settle_follower(flight, request, shares);
	rt_crowd_end();
	free_flight(flight);
}

void
rt_flight_tell_overdue(RtRequest *request)
{
	Flight	   *flight = find_by_ticket(request->asked.flight);

	if (flight == NULL)
		return;
	close_flight(flight);
	while (!dlist_is_empty(&flight->followers))
	{
		Follower   *follower = dlist_head_element(Follower, flight_node,
												  &flight->followers);
		RtConnection *connection = follower->connection;
		RtSpan		id = {0, follower->id_len};

		rt_send_failure(connection, follower->id, id, RT_CODE_TIMEOUT,
						rt_code_message(RT_CODE_TIMEOUT));
		free_follower(follower);
		rt_stream_ended(connection);
	}
}

void
rt_flight_give_up(uint64 ticket)
{
	Flight	   *flight = find_by_ticket(ticket);

	if (flight == NULL)
		return;
	close_flight(flight);
	while (!dlist_is_empty(&flight->followers))
		settle_follower(flight, NULL, false);
	free_flight(flight);
}

void
rt_flights_forget(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->follows))
	{
		free_follower(dlist_head_element(Follower, connection_node,
										 &connection->follows));
		rt_stream_ended(NULL);
	}
}

/*
 * ask.c
 *		Asks executors on behalf of connections.
 *
 * A question becomes a request slot that holds its texts one behind the other.
 * What a turn asks is handed over together.  Who has its share in flight already
 * waits in the backlog; one of its answers brings it on.  So does who finds no
 * slot or memory left, but that must be looked at now and then, because others'
 * answers free it.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/ask.h"
#include "src/gateway/departure.h"
#include "src/gateway/door/address.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/spin.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/client_order.h"
#include "src/ipc/limit.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/ipc/user_calls.h"

#define TURN_MAX 256			/* requests handed over at once */
#define RESERVE_MIN 4096		/* bytes of events in an answer */
#define RESERVE_MAX (RT_FRAME_PAYLOAD_MAX - 16 * 1024)	/* with what is around
														 * them, one frame */
#define PAYLOAD_PART 16			/* this part of the payload memory at most, for
								 * an answer's events or for what a connection
								 * has in flight */
#define WAITING_PART 4			/* this part for a question that waits */
#define RESERVED_PART 8			/* this part of the slots for newcomers */
#define OWN_PART 8				/* this part for each kind of the gateway's own */
#define MISSES_MAX 64			/* connections tried in a turn, in vain */
#define FLOW_OF_NOBODY (UINT64CONST(1) << 55)	/* serials are below that */

static RtRequest *queued[TURN_MAX];
static int	queued_count = 0;

bool
rt_service_is_there(void)
{
	RtServiceState service = rt_service_state();

	return service == RT_SERVICE_READY || service == RT_SERVICE_STARTING ||
		service == RT_SERVICE_VACATED;
}

bool
rt_service_takes_requests(void)
{
	return !rt_gateway.stopping && rt_service_is_there();
}

void
rt_question_init(RtQuestion *question, const RtConnection *connection,
				 RtRequestKind kind)
{
	memset(question, 0, sizeof(*question));
	question->kind = kind;
	question->connection = connection->index;
	question->connection_serial = connection->serial;
	question->session = connection->session;
	question->orders = rt_orders_number();
	question->since = RT_SINCE_NONE;
	question->address = rt_address_hash(connection->address);
	memcpy(question->connection_id, connection->id, sizeof(connection->id));
}

/* ---- shares ---- */

static size_t
payload_share(void)
{
	return (size_t) realtime_payload_memory * 1024 / PAYLOAD_PART;
}

static int
most_in_flight(void)
{
	return Min(realtime_max_calls_in_flight, realtime_queue_depth / 2);
}

/* Whether a connection's own share has room for so many bytes more. */
static bool
share_has_room(const RtConnection *connection, size_t len)
{
	if (connection->in_flight == 0)
		return true;
	return connection->in_flight < most_in_flight() &&
		connection->in_flight_bytes + len <= payload_share();
}

/*
 * Whether there is room for all: the last slots, and the last memory, are for
 * those that have nothing in flight yet.
 */
static bool
all_have_room(const RtConnection *connection)
{
	return connection->in_flight == 0 ||
		(rt_requests_in_use() < realtime_queue_depth - realtime_queue_depth / RESERVED_PART &&
		 !rt_payload_is_scarce());
}

/* ---- what an answer may bring ---- */

static bool
brings_events(RtRequestKind kind)
{
	return kind == RT_REQUEST_STREAM || kind == RT_REQUEST_REPLAY ||
		kind == RT_REQUEST_RESUME || kind == RT_REQUEST_REPAIR;
}

/*
 * How many bytes of events an answer may bring, so that the answers of a
 * connection cannot be more than it can take: half of what is left each time.
 * What does not fit follows once the connection has drained (repair.c).
 */
uint32
rt_ask_events_limit(const RtConnection *connection)
{
	size_t		room = realtime_max_backpressure;
	size_t		taken = rt_outbox_pending(connection) + connection->reserved;
	size_t		left = taken < room ? room - taken : 0;

	left = Min(left / 2, RESERVE_MAX);
	left = Min(left, payload_share());
	return Max(left, RESERVE_MIN);
}

/* ---- filling a slot ---- */

/* Returns false if the payload memory is used up. */
static bool
fill_texts(RtRequest *request, const RtQuestionTexts *texts)
{
	char	   *to = rt_shared_text_reserve(&request->text, rt_texts_len(texts));

	if (to == NULL)
		return false;
	rt_texts_write(to, texts, &request->asked);
	return true;
}

/* Paths have times of their own, other requests have one for each kind. */
static uint32
time_key(const RtQuestion *question, const RtQuestionTexts *texts)
{
	if (question->kind != RT_REQUEST_CALL && question->kind != RT_REQUEST_STREAM &&
		question->kind != RT_REQUEST_LOAD && question->kind != RT_REQUEST_UPLOAD &&
		question->kind != RT_REQUEST_WEBHOOK)
		return question->kind;
	return hash_bytes((const unsigned char *) texts->path.ptr, texts->path.len);
}

/* NULL if there is no slot or no memory for it. */
static RtRequest *
fill_request(const RtQuestion *question, const RtQuestionTexts *texts)
{
	RtRequest  *request = rt_request_begin(rt_gateway.index, rt_gateway.generation);

	if (request == NULL)
	{
		/* what this turn has queued may be all there is: let it run */
		rt_ask_submit();
		return NULL;
	}
	request->asked = *question;
	rt_session_acquire(question->session, RT_SESSION_REQUEST);
	if (!fill_texts(request, texts))
	{
		rt_request_cancel(request);
		return NULL;
	}
	return request;
}

static void
put_in_line(RtRequest *request)
{
	if (queued_count == TURN_MAX)
		rt_ask_submit();
	queued[queued_count++] = request;
}

void
rt_flow_init(RtFlow *flow)
{
	static uint64 last_number = 0;

	flow->number = ++last_number | FLOW_OF_NOBODY;
	flow->last_request = RT_REQUEST_NONE;
	flow->in_flight = 0;
}

static void
put_in_flow(RtRequest *request, RtFlow *flow)
{
	request->alone = flow == NULL || flow->in_flight == 0;
	request->behind = flow == NULL ? RT_REQUEST_NONE : flow->last_request;
	if (flow == NULL)
		return;
	request->flow = flow->number;
	flow->last_request = rt_request_number(request);
	flow->in_flight++;
}

bool
rt_ask_for_nobody(RtFlow *flow, const RtQuestion *question,
				  const RtQuestionTexts *texts)
{
	RtRequest  *request = fill_request(question, texts);

	if (request == NULL)
		return false;
	rt_spin_note_queued(request);
	request->asked.time_key = time_key(question, texts);
	put_in_flow(request, flow);
	put_in_line(request);
	return true;
}

/* Whose calls it counts among; 0 = nobody's. */
static uint64
user_of(const RtConnection *connection, const RtQuestion *question)
{
	if (question->kind != RT_REQUEST_CALL && question->kind != RT_REQUEST_STREAM)
		return 0;
	return rt_client_user(rt_gateway.index, connection->index);
}

/*
 * Makes a request of it and counts it; the caller queues it, or answers it
 * himself.
 */
static RtRequest *
make_request(RtConnection *connection, const RtQuestion *question,
			 const RtQuestionTexts *texts)
{
	RtRequest  *request = fill_request(question, texts);

	if (request == NULL)
		return NULL;
	request->asked.time_key = time_key(question, texts);
	request->flow = connection->serial;
	request->behind = connection->last_request;
	request->alone = connection->in_flight == 0;
	request->user = user_of(connection, question);
	rt_user_calls_add(rt_gateway.index, request->user, 1);
	connection->last_request = rt_request_number(request);
	rt_limit_note(RT_LIMIT_CALLS_IN_FLIGHT, ++connection->in_flight);
	connection->in_flight_bytes += request->text.len;
	if (brings_events(question->kind))
		request->asked.limit = rt_ask_events_limit(connection);
	connection->reserved += request->asked.limit;
	rt_spin_note_queued(request);
	return request;
}

/* ---- asking ---- */

/* Returns false if there is no room for it among those of all. */
static bool
ask_now(RtConnection *connection, const RtQuestion *question,
		const RtQuestionTexts *texts)
{
	RtRequest  *request = NULL;

	if (all_have_room(connection))
		request = make_request(connection, question, texts);
	if (request == NULL)
	{
		rt_limit_hit(rt_payload_is_scarce() ? RT_LIMIT_PAYLOAD_MEMORY : RT_LIMIT_QUEUE_DEPTH);
		return false;
	}
	put_in_line(request);
	return true;
}

/*
 * Puts it behind what its connection has waiting already.  What is so long
 * that the memory might never have room for it does not wait.
 */
static bool
ask_later(RtConnection *connection, const RtQuestion *question,
		  const RtQuestionTexts *texts)
{
	if (rt_texts_len(texts) > (size_t) realtime_payload_memory * 1024 / WAITING_PART ||
		!rt_backlog_keep(&connection->backlog, &connection->budget, question, texts))
	{
		rt_count(overloaded);
		return false;
	}
	/* otherwise an answer of its own brings it there */
	if (share_has_room(connection, connection->backlog.first->len))
		rt_row_enter(&connection->backlog);
	else
		rt_limit_hit(RT_LIMIT_CALLS_IN_FLIGHT);
	return true;
}

static bool
ask(RtConnection *connection, const RtQuestion *question,
	const RtQuestionTexts *texts)
{
	/* who has something in flight does not pass those in the row */
	if (connection->backlog.first == NULL &&
		share_has_room(connection, rt_texts_len(texts)) &&
		(connection->in_flight == 0 || rt_row_first() == NULL) &&
		ask_now(connection, question, texts))
		return true;
	return ask_later(connection, question, texts);
}

bool
rt_ask(RtConnection *connection, const RtQuestion *question,
	   const RtQuestionTexts *texts)
{
	RtQuestionTexts traced;

	if (connection->request_id[0] == '\0')
		return ask(connection, question, texts);
	traced = *texts;
	traced.trace = RT_TEXT(connection->request_id);
	return ask(connection, question, &traced);
}

bool
rt_ask_has_part(int in_flight)
{
	return in_flight < Max(1, realtime_queue_depth / OWN_PART);
}

void
rt_ask_submit(void)
{
	if (queued_count > 0)
		rt_requests_submit(queued, queued_count);
	queued_count = 0;
}

/* ---- what waits ---- */

static RtConnection *
connection_of(RtBacklog *backlog)
{
	return (RtConnection *) ((char *) backlog - offsetof(RtConnection, backlog));
}

/* The next connection in the row that may ask; NULL if there is none. */
static RtConnection *
next_in_row(void)
{
	RtBacklog  *backlog;

	while ((backlog = rt_row_first()) != NULL)
	{
		RtConnection *connection = connection_of(backlog);

		if (connection->state == RT_CONNECTION_OPEN &&
			share_has_room(connection, backlog->first->len))
			return connection;
		rt_row_leave(backlog);
	}
	return NULL;
}

/* One of each connection, again and again, until nobody in reach finds room. */
void
rt_ask_waiting(void)
{
	RtConnection *connection;
	int			misses = 0;

	while (misses < MISSES_MAX && (connection = next_in_row()) != NULL)
	{
		RtBacklog  *backlog = &connection->backlog;

		rt_row_leave(backlog);
		if (ask_now(connection, &backlog->first->question, &backlog->first->texts))
		{
			misses = 0;
			rt_backlog_drop_first(backlog, &connection->budget);
		}
		else
			misses++;
		if (backlog->first != NULL)
			rt_row_enter(backlog);
	}
}

bool
rt_ask_is_starved(void)
{
	return rt_row_first() != NULL;
}

RtRequest *
rt_ask_take_waiting(void)
{
	RtConnection *connection = next_in_row();
	RtWaitingQuestion *first;
	RtRequest  *request;

	if (connection == NULL)
		return NULL;
	first = connection->backlog.first;
	request = make_request(connection, &first->question, &first->texts);
	if (request != NULL)
		rt_backlog_drop_first(&connection->backlog, &connection->budget);
	return request;
}

void
rt_ask_forget(RtConnection *connection,
			  void (*forgotten) (const RtQuestion *question))
{
	RtBacklog  *backlog = &connection->backlog;

	while (backlog->first != NULL)
	{
		RtQuestion	question = backlog->first->question;

		rt_backlog_drop_first(backlog, &connection->budget);
		forgotten(&question);
	}
}

/* ---- answers ---- */

/* What has been counted is counted back, even if nobody is there any more. */
RtConnection *
rt_ask_settle(RtRequest *request)
{
	RtConnection *connection = rt_connection_find(request->asked.connection,
												  request->asked.connection_serial);

	rt_spin_note_answered(request);
	rt_user_calls_add(rt_gateway.index, request->user, -1);
	request->user = 0;
	if (connection != NULL)
	{
		connection->in_flight--;
		connection->in_flight_bytes -= request->text.len;
		connection->reserved -= request->asked.limit;
		if (connection->backlog.first != NULL)
			rt_row_enter(&connection->backlog);
	}
	else
		rt_departure_settle(request->asked.connection_serial);
	return connection;
}

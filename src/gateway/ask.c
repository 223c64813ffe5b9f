/*
 * ask.c
 *		Asks executors on behalf of connections.
 *
 * A question becomes a request slot that holds its texts one behind the other.
 * What a turn asks is handed over together.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/ask.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/spin.h"
#include "src/guc.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/session.h"

#define TURN_MAX 256			/* requests handed over at once */
#define RESERVE_MIN 4096		/* bytes of events in an answer */
#define RESERVE_MAX (RT_FRAME_PAYLOAD_MAX - 16 * 1024)	/* with what is around
														 * them, one frame */
#define PAYLOAD_PART 16			/* this part of the payload memory at most */

static RtRequest *queued[TURN_MAX];
static int	queued_count = 0;

bool
rt_service_takes_requests(void)
{
	RtServiceState service = rt_service_state();

	return !rt_gateway.stopping &&
		(service == RT_SERVICE_READY || service == RT_SERVICE_STARTING ||
		 service == RT_SERVICE_VACATED);
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
	question->since = RT_SINCE_NONE;
	memcpy(question->connection_id, connection->id, sizeof(connection->id));
}

/* One connection cannot take every slot. */
bool
rt_ask_is_full(const RtConnection *connection)
{
	return connection->in_flight >= realtime_queue_depth / 2;
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
static uint32
events_limit(const RtConnection *connection)
{
	size_t		room = realtime_max_backpressure;
	size_t		taken = rt_outbox_pending(connection) + connection->reserved;
	size_t		left = taken < room ? room - taken : 0;

	left = Min(left / 2, RESERVE_MAX);
	left = Min(left, (size_t) realtime_payload_memory * 1024 / PAYLOAD_PART);
	return Max(left, RESERVE_MIN);
}

/* ---- filling a slot ---- */

static RtRequestSpan
append_text(char **p, const char *start, RtText text)
{
	RtRequestSpan result = {*p - start, text.len};

	if (text.len > 0)
		memcpy(*p, text.ptr, text.len);
	*p += text.len;
	return result;
}

/* Returns false if the payload memory is used up. */
static bool
fill_texts(RtRequest *request, const RtQuestionTexts *texts)
{
	char	   *start = rt_shared_text_reserve(&request->text,
											   texts->path.len + texts->id.len +
											   texts->args.len +
											   texts->idempotency_key.len +
											   texts->version.len +
											   texts->cursor.len);
	char	   *p = start;

	if (start == NULL)
		return false;
	request->asked.path = append_text(&p, start, texts->path);
	request->asked.id = append_text(&p, start, texts->id);
	request->asked.args = append_text(&p, start, texts->args);
	request->asked.idempotency_key = append_text(&p, start, texts->idempotency_key);
	request->asked.version = append_text(&p, start, texts->version);
	request->asked.cursor = append_text(&p, start, texts->cursor);
	return true;
}

/* Paths have times of their own, other requests have one for each kind. */
static uint32
time_key(const RtQuestion *question, const RtQuestionTexts *texts)
{
	if (question->kind != RT_REQUEST_CALL && question->kind != RT_REQUEST_STREAM)
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
		rt_count(overloaded);
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

bool
rt_ask_for_nobody(const RtQuestion *question, const RtQuestionTexts *texts)
{
	RtRequest  *request = fill_request(question, texts);

	if (request == NULL)
		return false;
	rt_spin_note_queued(request);
	request->asked.time_key = time_key(question, texts);
	request->behind = RT_REQUEST_NONE;
	request->alone = true;
	put_in_line(request);
	return true;
}

bool
rt_ask(RtConnection *connection, const RtQuestion *question,
	   const RtQuestionTexts *texts)
{
	RtRequest  *request;

	if (rt_ask_is_full(connection))
		return false;
	request = fill_request(question, texts);
	if (request == NULL)
		return false;

	rt_spin_note_queued(request);
	request->asked.time_key = time_key(question, texts);
	request->behind = connection->last_request;
	request->alone = connection->in_flight == 0;
	connection->last_request = rt_request_number(request);
	connection->in_flight++;
	if (brings_events(question->kind))
		request->asked.limit = events_limit(connection);
	connection->reserved += request->asked.limit;
	put_in_line(request);
	return true;
}

void
rt_ask_submit(void)
{
	if (queued_count > 0)
		rt_requests_submit(queued, queued_count);
	queued_count = 0;
}

/* ---- answers ---- */

/* What has been counted is counted back, even if nobody is there any more. */
RtConnection *
rt_ask_settle(RtRequest *request)
{
	RtConnection *connection = rt_connection_find(request->asked.connection,
												  request->asked.connection_serial);

	rt_spin_note_answered(request);
	if (connection != NULL)
	{
		connection->in_flight--;
		connection->reserved -= request->asked.limit;
	}
	return connection;
}

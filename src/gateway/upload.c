/*
 * upload.c
 *		Uploads of connections.
 *
 * The first chunk opens an upload: it takes a place in shared memory
 * (ipc/upload.h) and asks an executor to run the handler.  Chunks go there in
 * pieces.  If there is no room the rest of the chunk is kept here, and nothing
 * more is handled of that connection, nor soon read from its socket, until the
 * handler has read on.  So an upload costs a ring, and a frame at most.
 *
 * What goes wrong here is told at once, if the handler can still be kept from
 * committing; else the answer tells what has become of it.  Either way a client
 * is told once, and what it sends later of that upload is dropped.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/dispatch.h"
#include "src/gateway/gateway.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/upload.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/upload.h"
#include "src/protocol/frame.h"

#define REST_PART 4				/* of the memory that a gateway has left */

typedef struct RtUpload
{
	dlist_node	node;			/* of its connection */
	dlist_node	all_node;
	RtConnection *connection;
	uint32		stream;			/* the client's number */
	uint32		next;			/* chunk */
	int			place;
	uint64		serial;			/* of what is in that place */
	bool		whole;			/* the last chunk has come */
	bool		waits;			/* it has a rest */
	int64		moved_ms;		/* when something has come */
	uint64		received;		/* bytes */
	uint64		rechecked;		/* of these, when guards were asked again */
	bool		rechecking;
	RtBuffer	rest;			/* of the last chunk */
	size_t		size;			/* of this */
	uint32		path_len;
	uint32		args_len;
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* path, arguments */
} RtUpload;

static dlist_head all = DLIST_STATIC_INIT(all);
static int	waiting = 0;

/* ---- what clients are told ---- */

/* The first time with how long its frames may be. */
static void
tell(RtConnection *connection, uint32 stream, RtText result)
{
	size_t		cap = RT_FRAME_OVERHEAD + result.len;
	size_t		frame_max = connection->cap_told ? 0 : realtime_max_payload;

	connection->cap_told = true;
	rt_connection_send_payload(connection,
							   rt_payload_upload(rt_frame_buffer(cap), cap, stream,
												 frame_max, result));
}

static void
tell_failure(RtConnection *connection, uint32 stream, RtCode code, const char *message)
{
	char		result[512];
	RtFailureText failure = {.code = RT_TEXT(rt_code_wire(code))};

	if (message == NULL)
		message = rt_code_message(code);
	failure.message = RT_TEXT(message);
	tell(connection, stream,
		 (RtText) {result, rt_content_upload_failure(result, sizeof(result), &failure)});
}

/* ---- life ---- */

static RtUpload *
find_stream(const RtConnection *connection, uint32 stream)
{
	dlist_iter	iter;

	dlist_foreach(iter, &unconstify(RtConnection *, connection)->uploads)
	{
		RtUpload   *upload = dlist_container(RtUpload, node, iter.cur);

		if (upload->stream == stream)
			return upload;
	}
	return NULL;
}

static RtUpload *
find_serial(RtConnection *connection, uint64 serial)
{
	dlist_iter	iter;

	dlist_foreach(iter, &connection->uploads)
	{
		RtUpload   *upload = dlist_container(RtUpload, node, iter.cur);

		if (upload->serial == serial)
			return upload;
	}
	return NULL;
}

static void
stop_waiting(RtUpload *upload)
{
	RtConnection *connection = upload->connection;

	if (!upload->waits)
		return;
	upload->waits = false;
	waiting--;
	rt_buffer_release(&upload->rest, &connection->budget);
	if (connection->state == RT_CONNECTION_OPEN)
		rt_inbox_release(connection, RT_HOLD_UPLOAD);
}

static void
forget(RtUpload *upload)
{
	RtConnection *connection = upload->connection;

	stop_waiting(upload);
	rt_upload_leave(upload->place);
	dlist_delete(&upload->node);
	dlist_delete(&upload->all_node);
	connection->upload_count--;
	rt_budget_free(&connection->budget, upload, upload->size);
}

/* It is over before its client is told: that may end the connection. */
static void
end(RtUpload *upload, RtText result)
{
	RtConnection *connection = upload->connection;
	uint32		stream = upload->stream;

	forget(upload);
	tell(connection, stream, result);
}

static void
end_with(RtUpload *upload, RtCode code, const char *message)
{
	RtConnection *connection = upload->connection;
	uint32		stream = upload->stream;

	forget(upload);
	tell_failure(connection, stream, code, message);
}

/* Unless its handler commits already: then the answer is to come. */
static void
fail(RtUpload *upload, RtCode code, const char *message)
{
	if (rt_upload_abort(upload->place))
		end_with(upload, code, message);
}

void
rt_uploads_forget(RtConnection *connection)
{
	while (!dlist_is_empty(&connection->uploads))
	{
		RtUpload   *upload = dlist_head_element(RtUpload, node, &connection->uploads);

		(void) rt_upload_abort(upload->place);
		forget(upload);
	}
}

/* ---- asking ---- */

/* Its name for the client is what logs call it. */
static bool
ask(RtUpload *upload, RtRequestKind kind)
{
	RtConnection *connection = upload->connection;
	char		name[RT_UPLOAD_STREAM_SIZE];
	char		id[RT_UPLOAD_STREAM_SIZE + 2];
	RtQuestionTexts texts = {
		.path = {upload->text, upload->path_len},
		.args = {upload->text + upload->path_len, upload->args_len}
	};
	RtQuestion	question;

	rt_upload_stream_text(upload->stream, name);
	snprintf(id, sizeof(id), "\"%s\"", name);
	texts.id = RT_TEXT(id);
	rt_question_init(&question, connection, kind);
	question.subject = upload->serial;
	return rt_ask(connection, &question, &texts);
}

/* Once at a time; what comes meanwhile counts for the next time. */
static void
recheck_if_due(RtUpload *upload)
{
	int64		every = rt_upload_recheck_bytes(upload->place);

	if (every == 0 || upload->rechecking ||
		upload->received - upload->rechecked < (uint64) every)
		return;
	upload->rechecked = upload->received;
	upload->rechecking = true;
	if (!ask(upload, RT_REQUEST_REAUTH))
		fail(upload, RT_CODE_OVERLOADED, NULL);
}

/* ---- the first chunk ---- */

/* NULL if there is no memory for it. */
static RtUpload *
make_upload(RtConnection *connection, const RtBinary *chunk, const RtCall *call, int place)
{
	size_t		size = offsetof(RtUpload, text) + call->path_len + call->args.len;
	RtBudgetVerdict verdict;
	RtUpload   *upload = rt_budget_alloc(&connection->budget, size, &verdict);

	if (upload == NULL)
		return NULL;
	memset(upload, 0, offsetof(RtUpload, text));
	upload->connection = connection;
	upload->stream = chunk->stream;
	upload->place = place;
	upload->serial = rt_upload_serial(place);
	upload->moved_ms = rt_gateway.now_ms;
	upload->size = size;
	upload->path_len = call->path_len;
	upload->args_len = call->args.len;
	memcpy(upload->text, call->path, call->path_len);
	memcpy(upload->text + call->path_len, chunk->header.ptr + call->args.off,
		   call->args.len);
	dlist_push_tail(&connection->uploads, &upload->node);
	dlist_push_tail(&all, &upload->all_node);
	rt_limit_note(RT_LIMIT_UPLOADS_PER_CONNECTION, ++connection->upload_count);
	return upload;
}

/* RT_UPLOAD_NONE if there are too many. */
static int
take_place(const RtConnection *connection)
{
	int			place;

	if (connection->upload_count >= realtime_max_uploads_per_connection)
	{
		rt_limit_hit(RT_LIMIT_UPLOADS_PER_CONNECTION);
		return RT_UPLOAD_NONE;
	}
	place = rt_upload_begin(rt_gateway.index, connection->serial);
	if (place == RT_UPLOAD_NONE)
		rt_limit_hit(RT_LIMIT_UPLOADS);
	return place;
}

/* Returns NULL if it is refused, which its client has been told. */
static RtUpload *
begin(RtConnection *connection, const RtBinary *chunk, const RtCall *call)
{
	int			place = take_place(connection);
	RtUpload   *upload;

	if (place == RT_UPLOAD_NONE)
	{
		tell_failure(connection, chunk->stream, RT_CODE_TOO_MANY_UPLOADS, NULL);
		return NULL;
	}
	upload = make_upload(connection, chunk, call, place);
	if (upload == NULL)
	{
		rt_upload_leave(place);
		tell_failure(connection, chunk->stream, RT_CODE_OVERLOADED, NULL);
		return NULL;
	}
	if (ask(upload, RT_REQUEST_UPLOAD))
	{
		rt_count(calls);
		return upload;
	}
	fail(upload, RT_CODE_OVERLOADED, NULL);
	return NULL;
}

/* The same. */
static RtUpload *
open_upload(RtConnection *connection, const RtBinary *chunk)
{
	const char *message = "missing rpc path";
	RtCode		code = RT_CODE_INVALID_REQUEST;
	RtCall		call;

	if (rt_binary_read_header(chunk->header, realtime_max_depth, &call))
		code = rt_dispatch_check_call(&call, &message);
	if (code == RT_CODE_CUSTOM)
		return begin(connection, chunk, &call);
	tell_failure(connection, chunk->stream, code, message);
	return NULL;
}

/* ---- chunks ---- */

/* Returns how many bytes there was room for. */
static size_t
put(RtUpload *upload, const char *bytes, size_t len)
{
	size_t		done = 0;

	while (done < len)
	{
		uint32		piece = Min(len - done, RT_UPLOAD_PIECE_MAX);

		if (!rt_upload_put(upload->place, bytes + done, piece))
			break;
		done += piece;
	}
	return done;
}

/* Returns false if there is no memory for it. */
static bool
keep_rest(RtUpload *upload, RtText rest)
{
	RtConnection *connection = upload->connection;

	if (!rt_buffer_reserve(&upload->rest, &connection->budget, rest.len, REST_PART))
		return false;
	memcpy(upload->rest.data + upload->rest.end, rest.ptr, rest.len);
	upload->rest.end += rest.len;
	upload->waits = true;
	waiting++;
	rt_inbox_hold(connection, RT_HOLD_UPLOAD);
	return true;
}

static void
take_chunk(RtUpload *upload, const RtBinary *chunk)
{
	RtText		payload = chunk->payload;
	size_t		done = put(upload, payload.ptr, payload.len);

	upload->next++;
	upload->whole = chunk->last;
	upload->received += payload.len;
	if (payload.len > 0)
		upload->moved_ms = rt_gateway.now_ms;
	if (done < payload.len &&
		!keep_rest(upload, (RtText) {payload.ptr + done, payload.len - done}))
	{
		fail(upload, RT_CODE_OVERLOADED, NULL);
		return;
	}
	if (upload->whole && !upload->waits)
		rt_upload_end(upload->place);
	recheck_if_due(upload);
}

void
rt_upload_chunk(RtConnection *connection, const RtBinary *chunk)
{
	RtUpload   *upload = find_stream(connection, chunk->stream);

	if (upload == NULL && chunk->number == 0)
		upload = open_upload(connection, chunk);
	else if (upload == NULL)
		rt_count(frames_ignored);	/* of one that is over */
	else if (chunk->number != upload->next || upload->whole)
	{
		fail(upload, RT_CODE_INVALID_REQUEST,
			 chunk->number == 0 ? "streamId already active" : "Chunk out of order");
		return;
	}
	if (upload != NULL)
		take_chunk(upload, chunk);
}

void
rt_upload_cancel(RtConnection *connection, uint32 stream)
{
	RtUpload   *upload = find_stream(connection, stream);

	if (upload != NULL)
		fail(upload, RT_CODE_CANCELLED, "upload cancelled by client");
	else
		rt_count(frames_ignored);
}

/* ---- those that wait for room ---- */

static void
go_on(RtUpload *upload)
{
	RtBuffer   *rest = &upload->rest;

	rest->start += put(upload, rest->data + rest->start, rt_buffer_used(rest));
	if (rt_buffer_used(rest) > 0)
		return;
	upload->moved_ms = rt_gateway.now_ms;
	stop_waiting(upload);
	if (upload->whole)
		rt_upload_end(upload->place);
}

void
rt_uploads_continue(void)
{
	dlist_iter	iter;

	if (waiting == 0)
		return;
	dlist_foreach(iter, &all)
	{
		RtUpload   *upload = dlist_container(RtUpload, all_node, iter.cur);

		if (upload->waits)
			go_on(upload);
	}
}

/* One of which nothing has come for too long, though we would read it. */
static bool
is_idle(RtUpload *upload)
{
	if (upload->connection->held != 0)
		upload->moved_ms = rt_gateway.now_ms;
	return realtime_upload_idle_timeout > 0 && !upload->whole &&
		rt_gateway.now_ms - upload->moved_ms > realtime_upload_idle_timeout;
}

/* Its socket is not read, so nobody would notice. */
static bool
is_left(RtUpload *upload)
{
	RtSocket   *socket = upload->connection->socket;

	return upload->waits && socket != NULL && !socket->dropped &&
		rt_tcp_is_ended(rt_event_loop_descriptor(socket->wsi));
}

static RtUpload *
find(bool (*is_wanted) (RtUpload *upload))
{
	dlist_iter	iter;

	dlist_foreach(iter, &all)
	{
		RtUpload   *upload = dlist_container(RtUpload, all_node, iter.cur);

		if (is_wanted(upload))
			return upload;
	}
	return NULL;
}

/* What is done about one may end others. */
void
rt_uploads_sweep(void)
{
	RtUpload   *upload;

	while ((upload = find(is_left)) != NULL)
		rt_connection_kill(upload->connection);
	while ((upload = find(is_idle)) != NULL)
	{
		upload->moved_ms = rt_gateway.now_ms;
		rt_limit_hit(RT_LIMIT_UPLOAD_IDLE_TIMEOUT);
		fail(upload, RT_CODE_TIMEOUT, "Nothing more of the upload has come");
	}
}

/* ---- answers ---- */

static RtCode
code_of(const RtRequest *request)
{
	return request->answer_kind == RT_ANSWER_UNAVAILABLE ? RT_CODE_SERVICE_UNAVAILABLE :
		RT_CODE_INTERNAL_ERROR;
}

static RtText
content_of(RtRequest *request)
{
	return (RtText) {rt_shared_text_get(&request->answer), request->answer.len};
}

/* Who is refused now has not been before, and nothing of it is kept. */
static void
take_recheck(RtUpload *upload, RtRequest *request)
{
	upload->rechecking = false;
	if (request->answer_kind == RT_ANSWER_NONE)
	{
		recheck_if_due(upload);
		return;
	}
	if (request->answer_kind != RT_ANSWER_CONTENT)
	{
		fail(upload, code_of(request), NULL);
		return;
	}
	if (rt_upload_abort(upload->place))
		end(upload, content_of(request));
}

static void
take_result(RtUpload *upload, RtRequest *request)
{
	if (request->answer_kind == RT_ANSWER_CONTENT)
		end(upload, content_of(request));
	else
		end_with(upload, code_of(request), NULL);
}

void
rt_upload_answer(RtConnection *connection, RtRequest *request)
{
	RtUpload   *upload;

	/* its own events are told before it */
	if (request->answer_position > 0)
		rt_conflate_send_all(connection);
	upload = find_serial(connection, request->asked.subject);
	if (upload == NULL)
		return;
	if (request->asked.kind == RT_REQUEST_REAUTH)
		take_recheck(upload, request);
	else
		take_result(upload, request);
}

/* It does not commit, whatever it does. */
void
rt_upload_overdue(RtConnection *connection, RtRequest *request)
{
	RtUpload   *upload = find_serial(connection, request->asked.subject);

	if (upload == NULL)
		return;
	(void) rt_upload_abort(upload->place);
	end_with(upload, RT_CODE_TIMEOUT, NULL);
}

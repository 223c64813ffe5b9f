/*
 * http.c
 *		Reading requests and writing answers.
 *
 * Bytes are collected in callbacks and read in the loop.  A socket has one
 * request at a time: what comes behind it waits, in the inbox and then in the
 * kernel, until the answer is on its way.  A body stands behind its head in the
 * inbox if the route takes it.  Others are read and dropped, if they are short,
 * so that the connection is good for another request.
 *
 * A source that has nothing yet leaves its answer waiting, for as long as it
 * likes.  The socket is read meanwhile, up to a bound, because that is how it is
 * noticed that the client has gone.
 *
 * Where reading went wrong nobody knows where the next request begins: the
 * answer is the last.  The socket is not just closed then, because the kernel
 * throws an answer away that has not been read when there is unread input.
 */
#include "postgres.h"

#include <unistd.h>

#include "src/gateway/door/answer.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/http.h"
#include "src/gateway/door/route.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/limit.h"

#define KEEP_ALIVE_MS 15000		/* between two requests */
#define PROGRESS_MS 30000		/* for the client to take a piece of an answer */
#define ENDS_MAX 256			/* of those that take too long, in a turn */
#define LINGER_SECS 2			/* for the client to read the last answer */
#define SKIP_MAX (64 * 1024)	/* bytes of a body that nobody wants */
#define PIECE_SIZE (64 * 1024)	/* bytes of a source that are sent at once */
#define UNREAD_MAX (64 * 1024)	/* bytes of answers that wait before requests do */
#define WAITING_MAX (16 * 1024) /* bytes of requests behind an answer that waits */
#define INBOX_PART 4			/* of the memory that a gateway has left */

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define TOO_LONG "The body is longer than what is taken here."

static dlist_head all = DLIST_STATIC_INIT(all);
static dlist_head ready = DLIST_STATIC_INIT(ready);
static dlist_head asked = DLIST_STATIC_INIT(asked);
static RtHttp *current = NULL;	/* whose requests are being handled */

static void on_receive(void *user, char *bytes, size_t len);
static bool on_drained(void *user);
static void on_dropped(void *user);
static void on_gone(void *user);

static const RtSocketCalls calls = {
	.receive = on_receive,
	.drained = on_drained,
	.dropped = on_dropped,
	.gone = on_gone
};

/* ---- life ---- */

/* What has come behind the request. */
static uint32
bytes_behind(const RtHttp *http)
{
	return rt_buffer_used(&http->inbox) - http->next_at;
}

/* For somebody else, and its client may go meanwhile. */
static bool
is_waiting(const RtHttp *http)
{
	return http->state == RT_HTTP_WAITING || http->state == RT_HTTP_ASKED;
}

void
rt_http_accept(int fd)
{
	RtHttp	   *http = calloc(1, sizeof(RtHttp));

	if (http != NULL)
		http->socket = rt_socket_create(&calls, http);
	if (http == NULL || http->socket == NULL)
	{
		free(http);
		close(fd);
		return;
	}
	http->deadline_ms = rt_gateway.now_ms + realtime_handshake_timeout;
	if (!rt_event_loop_adopt(fd, http->socket))
	{
		free(http->socket);
		free(http);
		return;
	}
	dlist_push_tail(&all, &http->node);
}

static void
close_source(RtHttp *http)
{
	if (http->source.next != NULL)
		http->source.close(&http->source);
	http->source.next = NULL;
}

/* Nobody answers it any more. */
static void
forget_asked(RtHttp *http)
{
	if (http->state == RT_HTTP_ASKED)
		dlist_delete(&http->asked_node);
}

static void
free_http(RtHttp *http)
{
	if (http == current)
		current = NULL;
	forget_asked(http);
	close_source(http);
	if (http->in_ready)
		dlist_delete(&http->ready_node);
	dlist_delete(&http->node);
	rt_buffer_release(&http->inbox, &http->socket->budget);
	free(http);
}

static void
on_gone(void *user)
{
	free_http(user);
}

static void
on_dropped(void *user)
{
	RtHttp	   *http = user;

	forget_asked(http);
	http->state = RT_HTTP_OVER;
}

/* No more requests; what was answered is still written. */
static void
finish(RtHttp *http)
{
	forget_asked(http);
	close_source(http);
	http->state = RT_HTTP_OVER;
	rt_socket_finish(http->socket, LINGER_SECS);
}

void
rt_http_end(RtHttp *http)
{
	http->keep_alive = false;
}

void
rt_http_leave(RtHttp *http, void (*take) (void *user, char *bytes, size_t len),
			  void *user)
{
	RtBuffer   *inbox = &http->inbox;
	uint32		behind = bytes_behind(http);

	if (behind > 0)
		take(user, inbox->data + inbox->start + http->next_at, behind);
	free_http(http);
}

/* ---- input ---- */

static void
mark_ready(RtHttp *http)
{
	if (http->in_ready)
		return;
	dlist_push_tail(&ready, &http->ready_node);
	http->in_ready = true;
}

static void
on_receive(void *user, char *bytes, size_t len)
{
	RtHttp	   *http = user;
	RtBuffer   *inbox = &http->inbox;

	if (http->state == RT_HTTP_OVER)
		return;
	if (!rt_buffer_reserve(inbox, &http->socket->budget, len, INBOX_PART))
	{
		rt_socket_drop(http->socket);
		return;
	}
	memcpy(inbox->data + inbox->end, bytes, len);
	inbox->end += len;
	if (is_waiting(http) && bytes_behind(http) > WAITING_MAX)
		rt_socket_pause(http->socket, RT_SOCKET_BUSY);
	mark_ready(http);
}

static void
hold(RtHttp *http)
{
	http->held = true;
	rt_socket_pause(http->socket, RT_SOCKET_BUSY);
}

static void
unhold(RtHttp *http)
{
	if (!http->held)
		return;
	http->held = false;
	rt_socket_resume(http->socket, RT_SOCKET_BUSY);
	mark_ready(http);
}

/* ---- answers ---- */

/* What begins a request after a pause begins its time. */
static void
note_begin(RtHttp *http)
{
	if (!http->is_idle)
		return;
	http->is_idle = false;
	http->deadline_ms = rt_gateway.now_ms + realtime_handshake_timeout;
}

/* Makes place for the next request. */
static void
forget_request(RtHttp *http)
{
	RtBuffer   *inbox = &http->inbox;

	inbox->start += http->next_at;
	if (rt_buffer_used(inbox) == 0)
		rt_buffer_release(inbox, &http->socket->budget);
	http->next_at = 0;
	memset(&http->head, 0, RT_HTTP_HEAD_INIT_SIZE);
	http->is_idle = true;
	http->deadline_ms = rt_gateway.now_ms + KEEP_ALIVE_MS;
	if (rt_buffer_used(inbox) > 0)
		note_begin(http);
	http->state = RT_HTTP_READING;
}

static void
finish_answer(RtHttp *http)
{
	close_source(http);
	if (http->keep_alive)
		forget_request(http);
	else
		finish(http);
}

uint64
rt_http_defer(RtHttp *http)
{
	static uint64 last_serial = 0;

	http->serial = ++last_serial;
	http->state = RT_HTTP_ASKED;
	dlist_push_tail(&asked, &http->asked_node);
	return http->serial;
}

/* There are few: so many as requests may be in flight for them. */
RtHttp *
rt_http_find(uint64 serial)
{
	dlist_iter	iterator;

	dlist_foreach(iterator, &asked)
	{
		RtHttp	   *http = dlist_container(RtHttp, asked_node, iterator.cur);

		if (http->serial != serial)
			continue;
		http->head.bytes = http->inbox.data + http->inbox.start;
		return http;
	}
	return NULL;
}

/* What came behind the request can be looked at, in a turn of its own. */
void
rt_http_end_asking(RtHttp *http)
{
	if (http->state != RT_HTTP_ASKED)
		return;
	dlist_delete(&http->asked_node);
	http->state = RT_HTTP_READING;
	rt_socket_resume(http->socket, RT_SOCKET_BUSY);
	if (bytes_behind(http) == 0)
		return;
	mark_ready(http);
	rt_event_loop_ask_writable(http->socket->wsi);
}

void
rt_http_answer(RtHttp *http, const RtHttpAnswer *answer)
{
	static char head[RT_ANSWER_HEAD_MAX];
	RtHttpEnd	end = rt_answer_end(answer, http->head.minor);
	size_t		len = rt_answer_head(head, answer, end, http->keep_alive);
	bool		has_content = answer->type != NULL && http->head.method != RT_HTTP_HEAD;

	rt_http_end_asking(http);
	Assert(answer->text == NULL || end == RT_HTTP_END_LENGTH);
	Assert(end != RT_HTTP_END_CLOSE || !http->keep_alive);
	rt_socket_append(http->socket, head, len);
	http->source = answer->source;
	http->end = end;
	if (has_content && answer->text != NULL)
		rt_socket_append(http->socket, answer->text, answer->length);
	if (!has_content || http->source.next == NULL || answer->length == 0)
	{
		finish_answer(http);
		return;
	}
	http->state = RT_HTTP_ANSWERING;
	http->left = answer->length;
	http->deadline_ms = rt_gateway.now_ms + PROGRESS_MS;
	hold(http);
}

void
rt_http_answer_text(RtHttp *http, int status, const char *text, const char *headers)
{
	char		line[256];
	RtHttpAnswer answer = {
		.status = status,.type = "text/plain; charset=utf-8",.headers = headers,
		.text = line
	};

	answer.length = Min(snprintf(line, sizeof(line), "%s\n", text), sizeof(line) - 1);
	rt_http_answer(http, &answer);
}

/* In the room for a chunk around it. */
static void
append_piece(RtHttp *http, char *piece, size_t len)
{
	if (http->end == RT_HTTP_END_CHUNK)
		piece = rt_answer_chunk(piece, len, &len);
	rt_socket_append(http->socket, piece, len);
	http->deadline_ms = rt_gateway.now_ms + PROGRESS_MS;
}

/* The source has given all. */
static void
end_content(RtHttp *http)
{
	if (http->end == RT_HTTP_END_CHUNK)
		rt_socket_append(http->socket, RT_CHUNK_LAST, strlen(RT_CHUNK_LAST));
	finish_answer(http);
}

static void
wait_for_source(RtHttp *http)
{
	http->state = RT_HTTP_WAITING;
	if (bytes_behind(http) <= WAITING_MAX)
		rt_socket_resume(http->socket, RT_SOCKET_BUSY);
}

void
rt_http_continue(RtHttp *http)
{
	if (http->state != RT_HTTP_WAITING)
		return;
	http->state = RT_HTTP_ANSWERING;
	http->deadline_ms = rt_gateway.now_ms + PROGRESS_MS;
	rt_socket_pause(http->socket, RT_SOCKET_BUSY);
	rt_socket_mark_dirty(http->socket);
}

/* Appends the next piece of an answer; returns whether anything was. */
static bool
send_piece(RtHttp *http)
{
	static char room[RT_CHUNK_BEFORE + PIECE_SIZE + RT_CHUNK_BEHIND];
	char	   *piece = room + RT_CHUNK_BEFORE;
	ssize_t		n = http->source.next(&http->source, piece, Min(http->left, PIECE_SIZE));

	if (n == RT_HTTP_LATER)
	{
		wait_for_source(http);
		return false;
	}
	if (n < 0 || (n == 0 && http->end == RT_HTTP_END_LENGTH))
	{
		rt_socket_drop(http->socket);
		return false;
	}
	if (n > 0)
		append_piece(http, piece, n);
	if (http->end == RT_HTTP_END_LENGTH)
		http->left -= n;
	if (n == 0 || http->left == 0)
		end_content(http);
	return true;
}

static bool
on_drained(void *user)
{
	RtHttp	   *http = user;

	if (http->state == RT_HTTP_ANSWERING)
		return send_piece(http);
	if (http->held && http->state != RT_HTTP_WAITING)
	{
		unhold(http);
		/* so that there is a turn in which it is handled */
		rt_event_loop_ask_writable(http->socket->wsi);
	}
	return false;
}

/* ---- requests ---- */

static void
refuse(RtHttp *http, int status, const char *reason)
{
	if (status == 414 || status == 431)
		rt_limit_hit(RT_LIMIT_HEAD);
	rt_http_end(http);
	http->next_at = 0;
	rt_http_answer_text(http, status, reason, NULL);
}

static void
route(RtHttp *http)
{
	/* the inbox may have moved since the head was read */
	http->head.bytes = http->inbox.data + http->inbox.start;
	rt_route_request(http);
}

/* The body is too long to be read for nothing. */
static void
route_last(RtHttp *http)
{
	rt_http_end(http);
	route(http);
}

/*
 * A body that the route takes: one that is too long is refused before it comes,
 * and who waits for a word before it is sent gets that.
 */
static void
begin_wanted_body(RtHttp *http)
{
	RtHttpHead *head = &http->head;

	if (head->framing == RT_HTTP_LENGTH && head->content_length > http->body_max)
		refuse(http, 413, TOO_LONG);
	else if (head->expects_continue)
		rt_socket_append(http->socket, CONTINUE, strlen(CONTINUE));
}

/*
 * One that nobody wants is read, unless it is long or its client waits for a
 * word before it sends it: that word is the answer.
 */
static void
begin_unwanted_body(RtHttp *http)
{
	RtHttpHead *head = &http->head;

	if (head->expects_continue ||
		(head->framing == RT_HTTP_LENGTH && head->content_length > SKIP_MAX))
		route_last(http);
}

static void
take_head(RtHttp *http)
{
	RtHttpHead *head = &http->head;
	bool		has_body = head->framing != RT_HTTP_NO_BODY;

	if (has_body && (head->method & (RT_HTTP_GET | RT_HTTP_HEAD)) != 0)
	{
		refuse(http, 400, "A request with GET or HEAD has no body.");
		return;
	}
	http->keep_alive = head->keep_alive;
	http->next_at = head->length;
	http->body_max = has_body ? rt_route_body_max(http) : 0;
	rt_http_body_begin(&http->body, head);
	http->state = RT_HTTP_IN_BODY;
	if (http->body_max > 0)
		begin_wanted_body(http);
	else
		begin_unwanted_body(http);
}

/* Returns whether there may be more to be read. */
static bool
read_head(RtHttp *http)
{
	RtBuffer   *inbox = &http->inbox;

	switch (rt_http_head_read(&http->head, inbox->data + inbox->start,
							  rt_buffer_used(inbox)))
	{
		case RT_HTTP_MORE:
			return false;
		case RT_HTTP_WHOLE:
			take_head(http);
			break;
		case RT_HTTP_REFUSED:
			refuse(http, http->head.status, http->head.reason);
			break;
	}
	return true;
}

/* The body has become longer than anybody takes. */
static void
end_long_body(RtHttp *http)
{
	if (http->body_max > 0)
		refuse(http, 413, TOO_LONG);
	else
		route_last(http);
}

/* The same. */
static bool
read_body(RtHttp *http)
{
	RtBuffer   *inbox = &http->inbox;
	uint32		head_len = http->head.length;
	size_t		len = rt_buffer_used(inbox) - head_len;
	size_t		kept = http->next_at - head_len;
	RtHttpResult result = rt_http_body_gather(&http->body,
											  inbox->data + inbox->start + head_len,
											  &len, &kept, http->body_max > 0);

	inbox->end = inbox->start + head_len + len;
	http->next_at = head_len + kept;
	if (result == RT_HTTP_REFUSED)
		refuse(http, 400, http->body.reason);
	else if (http->body.length > (http->body_max > 0 ? http->body_max : SKIP_MAX))
		end_long_body(http);
	else if (result == RT_HTTP_WHOLE)
		route(http);
	else
		return false;
	return true;
}

/* Returns whether there may be more to be read. */
static bool
read_on(RtHttp *http)
{
	if (http->held)
		return false;
	if (rt_socket_pending(http->socket) > UNREAD_MAX)
	{
		hold(http);
		return false;
	}
	switch (http->state)
	{
		case RT_HTTP_READING:
			return rt_buffer_used(&http->inbox) > 0 && read_head(http);
		case RT_HTTP_IN_BODY:
			return read_body(http);
		default:
			return false;
	}
}

void
rt_http_handle_requests(void)
{
	while (!dlist_is_empty(&ready))
	{
		dlist_node *node = dlist_pop_head_node(&ready);
		RtHttp	   *http = dlist_container(RtHttp, ready_node, node);

		http->in_ready = false;
		note_begin(http);
		current = http;
		while (current != NULL && read_on(http))
			;
		current = NULL;
	}
}

/* ---- time ---- */

/* Returns whether there was something to end. */
static bool
end_slow(RtHttp *http)
{
	if ((http->state == RT_HTTP_READING && !http->is_idle) ||
		http->state == RT_HTTP_IN_BODY)
		rt_limit_hit(RT_LIMIT_HANDSHAKE_TIMEOUT);
	switch (http->state)
	{
		case RT_HTTP_READING:
			if (rt_buffer_used(&http->inbox) == 0)
			{
				finish(http);	/* it has asked for nothing */
				break;
			}
			/* fall through */
		case RT_HTTP_IN_BODY:
			refuse(http, 408, "The request did not come in time.");
			break;
		case RT_HTTP_ANSWERING:
			rt_socket_drop(http->socket);
			break;
		case RT_HTTP_ASKED:
		case RT_HTTP_WAITING:
			return false;		/* as long as others like */
		case RT_HTTP_OVER:
			return false;		/* its socket has a time of its own */
	}
	return true;
}

bool
rt_http_sweep(void)
{
	dlist_mutable_iter iterator;
	int			count = 0;

	dlist_foreach_modify(iterator, &all)
	{
		RtHttp	   *http = dlist_container(RtHttp, node, iterator.cur);

		if (rt_gateway.now_ms >= http->deadline_ms && end_slow(http) &&
			++count == ENDS_MAX)
			return true;
	}
	return false;
}

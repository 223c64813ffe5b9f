/*
 * test_http_door.c
 *		src/gateway/door/http.c and answer.c: the bodies of requests for routes
 *		that take one, and answers in pieces, of known length and of unknown.
 *
 * The socket, the loop and the routes are played here.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/gateway/budget.c"
#include "src/gateway/door/answer.c"
#include "src/gateway/door/buffer.c"
#include "src/gateway/door/http.c"
#include "test/unit/unit.h"

/* Books are in order, but where a test breaks them. */
static int	violations = 0;

void
rt_assertion_violated(RtAssertion category, const char *detail)
{
	violations++;
}

/* Nobody looks at how often limits have acted, nor how near they came to it. */
void
rt_limit_hit(RtLimitKind limit)
{
}

void
rt_limit_note(RtLimitKind limit, uint64 size)
{
}

#define BODY_MAX 1000			/* that the route takes */
#define OUT_MAX (1024 * 1024)
#define HOST "Host: localhost\r\n"
#define LAST "Connection: close\r\n"

int			realtime_connection_memory = 1024;
int			realtime_gateway_memory = 4 * 1024;
int			realtime_handshake_timeout = 10000;
RtGateway	rt_gateway;

/* ---- the socket ---- */

static RtSocket *peer = NULL;	/* NULL = it is gone */
static char out[OUT_MAX];		/* all that was written */
static size_t out_len = 0;
static bool finished = false;
static bool was_dropped = false;

RtSocket *
rt_socket_create(const RtSocketCalls *socket_calls, void *user)
{
	peer = calloc(1, sizeof(RtSocket));
	peer->calls = socket_calls;
	peer->user = user;
	return peer;
}

void
rt_socket_append(RtSocket *socket, const char *bytes, size_t len)
{
	if (finished || was_dropped)
		return;
	if (out_len + len >= OUT_MAX)
		abort();
	memcpy(out + out_len, bytes, len);
	out_len += len;
	out[out_len] = '\0';
	rt_socket_mark_dirty(socket);
}

void
rt_socket_mark_dirty(RtSocket *socket)
{
	socket->in_dirty = true;
}

void
rt_socket_pause(RtSocket *socket, RtSocketPause reason)
{
	socket->paused |= reason;
}

void
rt_socket_resume(RtSocket *socket, RtSocketPause reason)
{
	socket->paused &= ~reason;
}

void
rt_socket_finish(RtSocket *socket, int seconds)
{
	finished = true;
}

void
rt_socket_drop(RtSocket *socket)
{
	was_dropped = true;
	socket->calls->dropped(socket->user);
}

bool
rt_event_loop_adopt(int fd, struct RtSocket *socket)
{
	return true;
}

void
rt_event_loop_ask_writable(struct lws *wsi)
{
	peer->in_dirty = true;
}

/* ---- the client ---- */

/* A client that has just connected. */
static RtHttp *
begin(void)
{
	static RtGatewayCounters counters;

	rt_gateway.counters = &counters;
	out_len = 0;
	out[0] = '\0';
	finished = was_dropped = false;
	rt_http_accept(-1);
	return peer->user;
}

/* It goes, whatever was to be sent or read. */
static void
leave(void)
{
	RtSocket   *socket = peer;

	socket->calls->gone(socket->user);
	CHECK(socket->budget.buffered == 0);
	free(socket);
	peer = NULL;
}

/* Sends bytes, as one packet; they are handled. */
static void
send_bytes(const char *bytes, size_t len)
{
	char	   *copy = unit_copy(bytes, len);

	peer->calls->receive(peer->user, copy, len);
	free(copy);
	rt_http_handle_requests();
}

static void
ask(const char *text)
{
	send_bytes(text, strlen(text));
}

static void
ask_byte_by_byte(const char *text)
{
	for (; *text != '\0'; text++)
		send_bytes(text, 1);
}

/* Takes what is written, once. */
static bool
read_once(void)
{
	bool		more;

	peer->in_dirty = false;
	more = !was_dropped && !finished && peer->calls->drained(peer->user);
	rt_http_handle_requests();
	return more || peer->in_dirty;
}

static void
read_all(void)
{
	while (read_once())
		;
}

/*
 * The content of the answer at *at, whose head begins with a text; moves *at
 * behind the head.  NULL if it is another one.
 */
static const char *
content(const char **at, const char *first_line)
{
	const char *end = strstr(*at, "\r\n\r\n");

	if (end == NULL || strncmp(*at, first_line, strlen(first_line)) != 0)
	{
		printf("# got: %s\n", *at);
		return NULL;
	}
	return *at = end + 4;
}

static bool
has_header(const char *text)
{
	const char *found = strstr(out, text);

	return found != NULL && found < strstr(out, "\r\n\r\n");
}

/* ---- the route ---- */

static const int *script;		/* lengths of pieces, or what next returns */
static int	next_asked = 0;
static int	closed = 0;
static uint64 told_length = 0;

/* Pieces of one letter each, 'a' for the first. */
static ssize_t
next_piece(RtHttpSource *source, char *piece, size_t size)
{
	int			n = script[next_asked++];

	if (n > 0)
	{
		if (n > (int) size)
			abort();
		memset(piece, 'a' + source->at++, n);
	}
	return n;
}

static void
close_pieces(RtHttpSource *source)
{
	closed++;
}

uint32
rt_route_body_max(const RtHttp *http)
{
	return http->head.method == RT_HTTP_POST ? BODY_MAX : 0;
}

/* POST is answered with its body, GET by the script. */
void
rt_route_request(RtHttp *http)
{
	RtText		body = rt_http_request_body(http);
	RtHttpAnswer answer = {.status = 200,.type = "text/plain"};

	if (http->head.method == RT_HTTP_POST)
	{
		answer.text = body.ptr;
		answer.length = body.len;
	}
	else
	{
		answer.source.next = next_piece;
		answer.source.close = close_pieces;
		answer.length = told_length;
	}
	rt_http_answer(http, &answer);
}

static void
serve(const int *pieces, uint64 length)
{
	script = pieces;
	told_length = length;
	next_asked = closed = 0;
}

/* ---- bodies ---- */

static void
bodies_are_taken(void)
{
	static const char *const requests =
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nfirst"
		"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
		"3\r\nsec\r\n3;x=y\r\nond\r\n0\r\nTrailer: z\r\n\r\n"
		"POST / HTTP/1.1\r\n" HOST LAST "Content-Length: 4\r\n\r\nlast";

	for (int way = 0; way < 2; way++)
	{
		const char *at = out;

		begin();
		if (way == 0)
			ask(requests);
		else
			ask_byte_by_byte(requests);
		read_all();
		for (int i = 0; i < 3; i++)
		{
			static const char *const wanted[] = {"first", "second", "last"};

			if (!CHECK(content(&at, "HTTP/1.1 200 ") != NULL))
				break;
			CHECK(strncmp(at, wanted[i], strlen(wanted[i])) == 0);
			at += strlen(wanted[i]);
		}
		CHECK(*at == '\0');
		CHECK(finished);
		leave();
	}
}

static void
body_of_nothing(void)
{
	const char *at = out;

	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && *at == '\0');
	CHECK(has_header("Content-Length: 0\r\n"));
	leave();
}

static void
long_body_is_refused_before_it_comes(void)
{
	const char *at = out;

	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
	CHECK(content(&at, "HTTP/1.1 413 ") != NULL);
	CHECK(has_header("Connection: close\r\n"));
	CHECK(finished);
	leave();
}

static void
long_body_is_refused_at_the_byte_too_many(void)
{
	char		chunk[600];
	const char *at = out;

	memset(chunk, 'x', sizeof(chunk));
	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n258\r\n");
	send_bytes(chunk, 600);
	ask("\r\n191\r\n");
	send_bytes(chunk, 400);
	CHECK(out_len == 0);
	send_bytes(chunk, 1);
	CHECK(content(&at, "HTTP/1.1 413 ") != NULL);
	CHECK(finished);
	leave();
}

static void
who_waits_for_a_word_gets_it(void)
{
	const char *at = out;

	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	CHECK(strcmp(out, "HTTP/1.1 100 Continue\r\n\r\n") == 0);
	ask("body");
	CHECK(content(&at, "HTTP/1.1 100 ") != NULL);
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && strcmp(at, "body") == 0);
	leave();
}

static void
wrong_chunks_are_refused(void)
{
	const char *at = out;

	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
	CHECK(content(&at, "HTTP/1.1 400 ") != NULL);
	CHECK(finished);
	leave();
}

static void
body_that_does_not_come_is_not_waited_for(void)
{
	const char *at = out;

	begin();
	ask("POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbod");
	rt_gateway.now_ms += realtime_handshake_timeout;
	rt_http_sweep();
	CHECK(content(&at, "HTTP/1.1 408 ") != NULL);
	CHECK(finished);
	leave();
}

/* ---- answers in pieces ---- */

static void
answer_of_known_length(void)
{
	const char *at = out;

	serve((int[]) {3, 2}, 5);
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	CHECK(next_asked == 0);
	read_all();
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && strcmp(at, "aaabb") == 0);
	CHECK(has_header("Content-Length: 5\r\n"));
	CHECK(!has_header("Transfer-Encoding"));
	CHECK(closed == 1);
	CHECK(!finished);
	leave();
	CHECK(closed == 1);
}

static void
answer_of_unknown_length(void)
{
	static const char *const first = "3\r\naaa\r\n14\r\nbbbbbbbbbbbbbbbbbbbb\r\n0\r\n\r\n";
	const char *at = out;

	serve((int[]) {3, 20, 0, 1, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST LAST "\r\n");
	read_all();
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL);
	CHECK(has_header("Transfer-Encoding: chunked\r\n"));
	CHECK(!has_header("Content-Length"));
	CHECK(strncmp(at, first, strlen(first)) == 0);
	at += strlen(first);
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL);
	CHECK(strcmp(at, "1\r\na\r\n0\r\n\r\n") == 0);
	CHECK(closed == 2);
	CHECK(finished);
	leave();
}

static void
answer_of_unknown_length_to_an_old_client(void)
{
	const char *at = out;

	serve((int[]) {3, 20, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET / HTTP/1.0\r\n" HOST "\r\n");
	read_all();
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL);
	CHECK(!has_header("Transfer-Encoding"));
	CHECK(!has_header("Content-Length"));
	CHECK(has_header("Connection: close\r\n"));
	CHECK(strcmp(at, "aaabbbbbbbbbbbbbbbbbbbb") == 0);
	CHECK(closed == 1);
	CHECK(finished);
	leave();
}

static void
head_alone_has_no_chunks(void)
{
	const char *at = out;

	serve((int[]) {3, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("HEAD / HTTP/1.1\r\n" HOST "\r\n");
	read_all();
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && *at == '\0');
	CHECK(has_header("Transfer-Encoding: chunked\r\n"));
	CHECK(next_asked == 0);
	CHECK(closed == 1);
	CHECK(!finished);
	leave();
}

static void
largest_piece(void)
{
	const char *at = out;

	serve((int[]) {PIECE_SIZE, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	read_all();
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && strncmp(at, "10000\r\naaa", 10) == 0);
	CHECK(strcmp(at + 7 + PIECE_SIZE, "\r\n0\r\n\r\n") == 0);
	leave();
}

static void
chunk_of_any_length(void)
{
	char		room[RT_CHUNK_BEFORE + 1 + RT_CHUNK_BEHIND];
	size_t		len;
	char	   *chunk;

	room[RT_CHUNK_BEFORE] = 'x';
	chunk = rt_answer_chunk(room + RT_CHUNK_BEFORE, 1, &len);
	CHECK(len == 6 && memcmp(chunk, "1\r\nx\r\n", 6) == 0);
}

static void
pieces_come_as_they_are_read(void)
{
	serve((int[]) {3, 3, 3, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	for (int i = 1; i <= 3; i++)
	{
		read_once();
		CHECK(next_asked == i);
	}
	leave();
	CHECK(closed == 1);
}

/* ---- sources that fail, or take their time ---- */

static void
source_that_fails_ends_without_an_end(void)
{
	static const int early[] = {3, 0};
	static const int fails[] = {3, -1};

	for (int i = 0; i < 3; i++)
	{
		serve(i == 0 ? early : fails, i == 2 ? RT_HTTP_LENGTH_UNKNOWN : 5);
		begin();
		ask("GET / HTTP/1.1\r\n" HOST "\r\n");
		read_all();
		CHECK(was_dropped);
		CHECK(strstr(out, "0\r\n\r\n") == NULL);
		leave();
		CHECK(closed == 1);
	}
}

static void
source_that_has_nothing_yet(void)
{
	RtHttp	   *http = begin();
	const char *at = out;

	serve((int[]) {RT_HTTP_LATER, 2, RT_HTTP_LATER, 1, 0}, RT_HTTP_LENGTH_UNKNOWN);
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	read_all();
	CHECK(next_asked == 1);
	CHECK(peer->paused == 0);
	read_all();
	rt_gateway.now_ms += 1000 * PROGRESS_MS;
	rt_http_sweep();
	CHECK(!was_dropped && next_asked == 1);

	rt_http_continue(http);
	CHECK(peer->paused != 0);
	read_all();
	CHECK(next_asked == 3);
	CHECK(content(&at, "HTTP/1.1 200 ") != NULL && strcmp(at, "2\r\naa\r\n") == 0);
	rt_http_continue(http);
	rt_http_continue(http);
	read_all();
	CHECK(strcmp(at, "2\r\naa\r\n1\r\nb\r\n0\r\n\r\n") == 0);
	CHECK(closed == 1);
	CHECK(peer->paused == 0);
	rt_http_continue(http);
	CHECK(next_asked == 5);
	leave();
}

static void
client_that_goes_meanwhile(void)
{
	serve((int[]) {RT_HTTP_LATER}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	read_all();
	CHECK(closed == 0);
	leave();
	CHECK(closed == 1);
}

static void
requests_behind_one_that_waits(void)
{
	static const char *const request =
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody";
	RtHttp	   *http = begin();
	int			answers = 0;

	serve((int[]) {RT_HTTP_LATER, 1, 0}, RT_HTTP_LENGTH_UNKNOWN);
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	read_all();
	for (int i = 0; i < 1000 && peer->paused == 0; i++)
		ask(request);
	CHECK(peer->paused != 0);
	CHECK(http->inbox.size <= 2 * WAITING_MAX);
	CHECK(strstr(out, "body") == NULL);
	rt_http_continue(http);
	read_all();
	for (const char *at = out; (at = strstr(at, "body")) != NULL; at++)
		answers++;
	CHECK(answers == WAITING_MAX / (int) strlen(request) + 1);
	CHECK(peer->paused == 0);
	leave();
}

static void
reader_that_takes_nothing(void)
{
	serve((int[]) {3, 3, 0}, RT_HTTP_LENGTH_UNKNOWN);
	begin();
	ask("GET / HTTP/1.1\r\n" HOST "\r\n");
	read_once();
	rt_gateway.now_ms += PROGRESS_MS;
	rt_http_sweep();
	CHECK(was_dropped);
	leave();
	CHECK(closed == 1);
}

int
main(void)
{
	RUN(bodies_are_taken);
	RUN(body_of_nothing);
	RUN(long_body_is_refused_before_it_comes);
	RUN(long_body_is_refused_at_the_byte_too_many);
	RUN(who_waits_for_a_word_gets_it);
	RUN(wrong_chunks_are_refused);
	RUN(body_that_does_not_come_is_not_waited_for);
	RUN(answer_of_known_length);
	RUN(answer_of_unknown_length);
	RUN(answer_of_unknown_length_to_an_old_client);
	RUN(head_alone_has_no_chunks);
	RUN(largest_piece);
	RUN(chunk_of_any_length);
	RUN(pieces_come_as_they_are_read);
	RUN(source_that_fails_ends_without_an_end);
	RUN(source_that_has_nothing_yet);
	RUN(client_that_goes_meanwhile);
	RUN(requests_behind_one_that_waits);
	RUN(reader_that_takes_nothing);
	return unit_done();
}

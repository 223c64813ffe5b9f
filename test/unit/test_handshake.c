/*
 * test_handshake.c
 *		src/protocol/handshake.c: who may open a WebSocket, and with what.
 */
#include "src/protocol/handshake.h"
#include "test/unit/unit.h"

#define BEGIN "GET /ws HTTP/1.1\r\nHost: a\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GOOD BEGIN UPGRADE CONNECTION VERSION KEY

static RtHttpHead head;
static RtHandshake handshake;
static char *head_text;

/* Reads lines and the empty one behind them. */
static void
read_lines(const char *lines)
{
	char		text[4096];
	int			len = snprintf(text, sizeof(text), "%s\r\n", lines);

	free(head_text);
	head_text = unit_copy(text, (size_t) len);
	memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
	CHECK_CASE(rt_http_head_read(&head, head_text, (size_t) len) == RT_HTTP_WHOLE, lines);
	rt_handshake_read(&head, &handshake);
}

static bool
is_wanted(const char *lines)
{
	read_lines(lines);
	return rt_handshake_is_wanted(&head);
}

static bool
is_accepted(const char *lines)
{
	bool		wanted = is_wanted(lines);

	if (handshake.status != 101)
		printf("# %d %s\n", handshake.status, handshake.reason);
	return wanted && handshake.status == 101;
}

static bool
is_refused(int status, const char *lines)
{
	return is_wanted(lines) && handshake.status == status &&
		handshake.reason[strlen(handshake.reason) - 1] == '.';
}

static void
accepts(void)
{
	CHECK(is_accepted(GOOD));
	CHECK(handshake.key.len == RT_HANDSHAKE_KEY_LENGTH && !handshake.deflate);
	CHECK(is_accepted(BEGIN "upgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n" VERSION KEY));
	CHECK(is_accepted(BEGIN "Upgrade:\t, h2c ,websocket ,\r\nConnection: , Upgrade , ,\r\n" VERSION KEY));
	CHECK(is_accepted(BEGIN "Upgrade: h2c\r\n" UPGRADE "Connection: keep-alive\r\n" CONNECTION VERSION KEY));
	CHECK(is_accepted(GOOD "Content-Length: 0\r\n"));
	CHECK(is_accepted("GET /ws HTTP/1.2\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY));
	CHECK(is_accepted(GOOD "Origin: http://a\r\nSec-WebSocket-Protocol: chat, v2.chat\r\n"));
}

static void
tells_what_is_no_attempt(void)
{
	CHECK(!is_wanted(BEGIN));
	CHECK(!is_wanted(BEGIN "Upgrade: h2c\r\n" CONNECTION));
	CHECK(!is_wanted(BEGIN "Upgrade: websocketx\r\n" CONNECTION));
	CHECK(!is_wanted(BEGIN "Upgrade: websocket/13\r\n" CONNECTION));
	CHECK(!is_wanted(BEGIN "Upgrade: web socket\r\n" CONNECTION));
	CHECK(!is_wanted(BEGIN "Upgrade:\r\n" CONNECTION VERSION KEY));
	CHECK(!is_wanted("GET /ws HTTP/1.0\r\n" UPGRADE CONNECTION VERSION KEY));
}

static void
refuses(void)
{
	CHECK(is_refused(400, "POST /ws HTTP/1.1\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY));
	CHECK(is_refused(400, "HEAD /ws HTTP/1.1\r\nHost: a\r\n" UPGRADE CONNECTION VERSION KEY));
	CHECK(is_refused(400, GOOD "Content-Length: 1\r\n"));
	CHECK(is_refused(400, GOOD "Transfer-Encoding: chunked\r\n"));
	CHECK(is_refused(400, BEGIN UPGRADE VERSION KEY));
	CHECK(is_refused(400, BEGIN UPGRADE "Connection: keep-alive\r\n" VERSION KEY));
	CHECK(is_refused(400, BEGIN UPGRADE "Connection: Upgrades\r\n" VERSION KEY));
}

static void
wants_version_13(void)
{
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY));
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n"));
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 013\r\n"));
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n"));
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY "Sec-WebSocket-Version:\r\n"));
	CHECK(is_refused(426, BEGIN UPGRADE CONNECTION KEY VERSION VERSION));
}

static void
wants_a_key(void)
{
	static const char *const bad[] = {
		"", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===",
		"dGhlIHNhbXBsZSBub25jZQ= ", "dGhlIHNhbXBsZSBub25jZQQ=", "dGhlIHNhbXBsZSBub25jZQQQ",
		"dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub2=jZQ==", "dGhlIHNhbXBsZSBub25jZQ==, x",
		"dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="
	};
	char		lines[1024];

	for (size_t i = 0; i < COUNT_OF(bad); i++)
	{
		snprintf(lines, sizeof(lines), BEGIN UPGRADE CONNECTION VERSION
				 "Sec-WebSocket-Key: %s\r\n", bad[i]);
		CHECK_CASE(is_refused(400, lines), bad[i]);
	}
	CHECK(is_refused(400, BEGIN UPGRADE CONNECTION VERSION));
	CHECK(is_refused(400, GOOD KEY));
	CHECK(is_accepted(BEGIN UPGRADE CONNECTION VERSION "Sec-WebSocket-Key:  +/09azAZ+/09azAZ+/09aw== \r\n"));
}

static void
checks_subprotocols(void)
{
	CHECK(is_refused(400, GOOD "Sec-WebSocket-Protocol: a b\r\n"));
	CHECK(is_refused(400, GOOD "Sec-WebSocket-Protocol: a, \"b\"\r\n"));
	CHECK(is_accepted(GOOD "Sec-WebSocket-Protocol:\r\n"));
}

static bool
offers_deflate_at_all(const char *extensions)
{
	char		lines[1024];

	snprintf(lines, sizeof(lines), GOOD "Sec-WebSocket-Extensions: %s\r\n", extensions);
	CHECK_CASE(is_accepted(lines), extensions);
	return handshake.deflate != RT_DEFLATE_NONE;
}

static bool
offers_deflate(const char *extensions)
{
	return offers_deflate_at_all(extensions) &&
		handshake.deflate == RT_DEFLATE_AGREED;
}

static bool
offer_is_malformed(const char *extensions)
{
	char		lines[1024];

	snprintf(lines, sizeof(lines), GOOD "Sec-WebSocket-Extensions: %s\r\n", extensions);
	return is_refused(400, lines);
}

static void
takes_deflate(void)
{
	CHECK(offers_deflate("permessage-deflate"));
	CHECK(offers_deflate("Permessage-Deflate ; client_max_window_bits"));
	CHECK(offers_deflate("permessage-deflate; client_max_window_bits=8"));
	CHECK(offers_deflate("permessage-deflate; client_max_window_bits = \"15\""));
	CHECK(offers_deflate("permessage-deflate;server_no_context_takeover;client_no_context_takeover"));
	CHECK(offers_deflate("x-other; a=b; c, permessage-deflate"));
	CHECK(offers_deflate("permessage-deflate; server_max_window_bits=10, permessage-deflate"));
	CHECK(offers_deflate("permessage-deflate\r\nSec-WebSocket-Extensions: x-other"));
}

/* Who limits our window must be told what it will be; the first offer counts. */
static void
answers_a_window(void)
{
	CHECK(offers_deflate_at_all("permessage-deflate; server_max_window_bits=15"));
	CHECK(handshake.deflate == RT_DEFLATE_AGREED_WINDOW);
	CHECK(offers_deflate_at_all("permessage-deflate; server_max_window_bits=15, permessage-deflate"));
	CHECK(handshake.deflate == RT_DEFLATE_AGREED_WINDOW);
	CHECK(offers_deflate("permessage-deflate, permessage-deflate; server_max_window_bits=15"));
}

static void
declines_deflate(void)
{
	CHECK(!offers_deflate_at_all("x-webkit-deflate-frame"));
	CHECK(!offers_deflate_at_all(""));
	CHECK(!offers_deflate_at_all("permessage-deflate; server_max_window_bits=14"));
	CHECK(!offers_deflate_at_all("permessage-deflate; server_max_window_bits"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_max_window_bits=7"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_max_window_bits=16"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_max_window_bits=08"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_max_window_bits=150"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_max_window_bits; client_max_window_bits"));
	CHECK(!offers_deflate_at_all("permessage-deflate; server_no_context_takeover=1"));
	CHECK(!offers_deflate_at_all("permessage-deflate; client_no_context_takeover; client_no_context_takeover"));
	CHECK(!offers_deflate_at_all("permessage-deflate; unknown"));
	CHECK(!offers_deflate_at_all("permessage-deflate; unknown=1"));
}

/* RFC 6455, 9.1 */
static void
refuses_malformed_offers(void)
{
	CHECK(offer_is_malformed("permessage-deflate;"));
	CHECK(offer_is_malformed(";a"));
	CHECK(offer_is_malformed("a b"));
	CHECK(offer_is_malformed("a; b c"));
	CHECK(offer_is_malformed("a; ;b"));
	CHECK(offer_is_malformed("a; b="));
	CHECK(offer_is_malformed("a; =b"));
	CHECK(offer_is_malformed("a; b=\"c d\""));
	CHECK(offer_is_malformed("a; b=\""));
	CHECK(offer_is_malformed("a; b=\"\""));
	CHECK(offer_is_malformed("a; b=\"c;d\""));
	CHECK(offer_is_malformed("a; b=c=d"));
	CHECK(offer_is_malformed("permessage-deflate, \"b\""));
}

static void
writes_the_answer(void)
{
	char	   *answer = malloc(RT_HANDSHAKE_ANSWER_MAX);
	const char *accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
	size_t		len = rt_handshake_accept(answer, accept, false, RT_DEFLATE_NONE, RT_TEXT("id-1"));

	CHECK(len == strlen(answer));
	CHECK(strcmp(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				 "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
				 "X-Request-ID: id-1\r\n\r\n") == 0);
	len = rt_handshake_accept(answer, accept, true, RT_DEFLATE_NONE, RT_TEXT("id-1"));
	CHECK(len == strlen(answer));
	CHECK(strstr(answer, "\r\nSec-WebSocket-Protocol: realtime\r\n\r\n") != NULL);
	len = rt_handshake_accept(answer, accept, false, RT_DEFLATE_AGREED, RT_TEXT("id-1"));
	CHECK(len == strlen(answer));
	CHECK(strstr(answer, "\r\nSec-WebSocket-Extensions: permessage-deflate; "
				 "server_no_context_takeover; client_no_context_takeover\r\n\r\n") != NULL);
	len = rt_handshake_accept(answer, accept, false, RT_DEFLATE_AGREED_WINDOW, RT_TEXT("id-1"));
	CHECK(len == strlen(answer));
	CHECK(strstr(answer, "client_no_context_takeover; server_max_window_bits=15\r\n\r\n") != NULL);
	free(answer);
}

int
main(void)
{
	RUN(accepts);
	RUN(tells_what_is_no_attempt);
	RUN(refuses);
	RUN(wants_version_13);
	RUN(wants_a_key);
	RUN(checks_subprotocols);
	RUN(takes_deflate);
	RUN(answers_a_window);
	RUN(declines_deflate);
	RUN(refuses_malformed_offers);
	RUN(writes_the_answer);
	free(head_text);
	return unit_done();
}

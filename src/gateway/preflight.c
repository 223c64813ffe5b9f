/*
 * preflight.c
 *		Who somebody is, asked over HTTP before a WebSocket is opened.
 *
 * The same question as when a connection opens (login.c), but the session that
 * comes with the answer is nobody's: only the verdict counts, and the cookies
 * with which the hook lets the client come back.
 *
 * Pages of other origins ask only if they may: a browser tells their origin.  A
 * request without one is no browser's, unless it says where it comes from.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/door/origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/gateway/login.h"
#include "src/gateway/preflight.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"

#define ORIGIN_MAX 512			/* bytes of an origin */
#define HEADERS_MAX (ORIGIN_MAX + 256)

static int	in_flight = 0;

/* ---- answers ---- */

/* What lets a page of an allowed origin read the answer. */
static void
write_cors(const RtHttpHead *head, char dst[HEADERS_MAX])
{
	RtText		origin;

	dst[0] = '\0';
	if (rt_http_field(head, "origin", &origin) == 1 && origin.len <= ORIGIN_MAX)
		snprintf(dst, HEADERS_MAX,
				 "Access-Control-Allow-Origin: %.*s\r\n"
				 "Access-Control-Allow-Credentials: true\r\n"
				 "Vary: Origin\r\n", (int) origin.len, origin.ptr);
}

/* Of those who may read it; more are headers of the answer. */
static void
answer(RtHttp *http, int status, const char *text, RtText more)
{
	static char headers[HEADERS_MAX + RT_LOGIN_HEADERS_MAX];
	char		line[256];
	RtHttpAnswer http_answer = {
		.status = status,.headers = headers
	};
	size_t		len;

	write_cors(&http->head, headers);
	strlcat(headers, "Cache-Control: no-store\r\n", sizeof(headers));
	len = strlen(headers);
	more.len = Min(more.len, sizeof(headers) - 1 - len);
	if (more.len > 0)
		memcpy(headers + len, more.ptr, more.len);
	headers[len + more.len] = '\0';
	if (text != NULL)
	{
		http_answer.type = "text/plain; charset=utf-8";
		http_answer.text = line;
		http_answer.length = Min(snprintf(line, sizeof(line), "%s\n", text),
								 sizeof(line) - 1);
	}
	rt_http_answer(http, &http_answer);
}

static void
answer_unknown(RtHttp *http)
{
	answer(http, 503, "Nobody can say who you are at the moment.",
		   RT_TEXT("Retry-After: 1\r\n"));
}

static int
status_of(const RtLoginAnswer *login)
{
	switch (login->close_code)
	{
		case 0:
			return 204;
		case RT_CLOSE_UNAUTHENTICATED:
			return 401;
		case RT_CLOSE_FORBIDDEN:
			return 403;
		case RT_CLOSE_TOO_FAST:
			return 429;
		default:
			return 503;
	}
}

void
rt_preflight_answer(RtRequest *request)
{
	RtHttp	   *http = rt_http_find(request->asked.subject);
	const RtLoginAnswer *login;
	RtText		headers;

	in_flight--;
	if (http == NULL)
		return;
	if (request->answer_kind != RT_ANSWER_LOGIN)
	{
		answer_unknown(http);
		return;
	}
	login = (const RtLoginAnswer *) rt_shared_text_get(&request->answer);
	headers.ptr = (const char *) (login + 1);
	headers.len = request->answer.len - sizeof(*login);
	answer(http, status_of(login), login->close_code != 0 ? login->reason : NULL, headers);
}

/* ---- asking ---- */

/* Where the request comes from, if it says so (the standard Fetch Metadata). */
static bool
is_cross_site(const RtHttpHead *head)
{
	RtText		site;

	return rt_http_field(head, "sec-fetch-site", &site) > 0 &&
		!rt_http_is(site, "same-origin") && !rt_http_is(site, "none");
}

static bool
may_ask(const RtHttpHead *head)
{
	RtText		origin;

	if (rt_http_field(head, "origin", &origin) == 0)
		return !is_cross_site(head);
	return rt_origin_is_allowed(head);
}

static void
answer_options(RtHttp *http)
{
	answer(http, 204, NULL, RT_TEXT("Access-Control-Allow-Methods: POST\r\n"
									"Access-Control-Allow-Headers: authorization, content-type, x-requested-with\r\n"
									"Access-Control-Max-Age: 600\r\n"));
}

/* Returns false if there is no room for it; what little is left is for others. */
static bool
ask(RtHttp *http, const unsigned char *from)
{
	char		address[RT_ADDRESS_TEXT_MAX];
	RtQuestion	question = {.kind = RT_REQUEST_LOGIN,.since = RT_SINCE_NONE};
	RtQuestionTexts texts = {
		.path = {address, 0},
		.args = {http->head.bytes, http->head.length},
		.version = rt_http_request_body(http)
	};

	if (!rt_service_takes_requests() || !rt_ask_has_part(in_flight) ||
		rt_payload_is_scarce())
		return false;
	rt_address_write(from, address);
	texts.path.len = strlen(address);
	question.session = RT_SESSION_ANONYMOUS;
	if (!rt_connection_make_id(question.connection_id))
		return false;
	question.subject = rt_http_defer(http);
	if (!rt_ask_for_nobody(&question, &texts))
		return false;
	in_flight++;
	return true;
}

void
rt_preflight(RtHttp *http, const char *path)
{
	const RtHttpHead *head = &http->head;
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (!may_ask(head))
		rt_http_answer_text(http, 403, "Origin not allowed, see realtime.allowed_origins.", NULL);
	else if (head->method == RT_HTTP_OPTIONS)
		answer_options(http);
	else if (!rt_rate_allows(address, RT_RATE_LOGIN))
		answer(http, 429, "This address asks too fast.", RT_TEXT("Retry-After: 10\r\n"));
	else if (!rt_login_is_worth_asking(head))
		answer(http, 204, NULL, RT_TEXT_NONE);
	else if (!ask(http, address))
		answer_unknown(http);
}

/*
 * http_ask.c
 *		Requests over HTTP that an executor answers.
 *
 * A request is known by its number (rt_http_defer), which is the subject of what
 * is asked for it, and is found again if its client is still there.  What is
 * kept here for it lasts until it is answered, and as long as an executor has
 * what was asked: so whoever asks and goes has his share in flight as well.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/door/origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/login.h"
#include "src/gateway/turns.h"
#include "src/guc.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"
#include "src/protocol/frame.h"

#define ORIGIN_MAX 512			/* bytes of an origin */
#define HEADERS_MAX (ORIGIN_MAX + 256)
#define WAITING_MAX 512			/* requests that are not asked yet */
#define WAITING_PART 2			/* this part of them for one address */

/* An address with requests under way. */
typedef struct Visitor
{
	dlist_node	node;
	uint64		address;		/* hash of it */
	RtTaker		taker;			/* of turns: requests that wait */
	int			waiting;
	RtFlow		flow;			/* of those that are asked */
} Visitor;

typedef struct HttpAsk
{
	dlist_node	node;			/* in flight, or of its visitor's taker */
	uint64		serial;			/* of the request */
	const RtHttpService *service;
	Visitor    *visitor;
	bool		is_known;		/* who asks */
	int			session;		/* that is, referenced */
	int64		begun_ms;
	char		id[RT_CONNECTION_ID_SIZE];	/* as of a connection */
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	char	   *headers;		/* of the answer, malloc'd; NULL = none */
	size_t		headers_len;
} HttpAsk;

static RtTurns turns;
static dlist_head visitors = DLIST_STATIC_INIT(visitors);
static dlist_head asked = DLIST_STATIC_INIT(asked);
static int	in_flight = 0;
static int	waiting = 0;

/* ---- answers ---- */

/* What lets a page of an allowed origin read the answer. */
static void
write_cors(const RtHttpHead *head, char dst[HEADERS_MAX])
{
	RtText		origin;

	dst[0] = '\0';
	if (rt_http_field(head, "origin", &origin) == 1 && origin.len <= ORIGIN_MAX &&
		rt_origin_is_allowed(head))
		snprintf(dst, HEADERS_MAX,
				 "Access-Control-Allow-Origin: %.*s\r\n"
				 "Access-Control-Allow-Credentials: true\r\n"
				 "Vary: Origin\r\n", (int) origin.len, origin.ptr);
}

static const char *
header_of_status(int status)
{
	return status == 401 ? "WWW-Authenticate: Bearer\r\n" :
		status == 503 ? "Retry-After: 1\r\n" : "";
}

void
rt_http_ask_answer(RtHttp *http, int status, const char *type, RtText content,
				   RtText more)
{
	static char headers[HEADERS_MAX + RT_LOGIN_HEADERS_MAX];
	RtHttpAnswer answer = {
		.status = status,.headers = headers,.type = type,
		.text = type != NULL ? content.ptr : NULL,
		.length = type != NULL ? content.len : 0
	};
	size_t		len;

	write_cors(&http->head, headers);
	strlcat(headers, "Cache-Control: no-store\r\n", sizeof(headers));
	strlcat(headers, header_of_status(status), sizeof(headers));
	len = strlen(headers);
	more.len = Min(more.len, sizeof(headers) - 1 - len);
	if (more.len > 0)
		memcpy(headers + len, more.ptr, more.len);
	headers[len + more.len] = '\0';
	rt_http_answer(http, &answer);
}

void
rt_http_ask_refuse(RtHttp *http, int status, RtText code, RtText message, RtText more)
{
	char		content[512];
	size_t		len = rt_content_failure(content, sizeof(content), code, message,
										 RT_TEXT_NONE);

	rt_http_ask_answer(http, status, "application/json", (RtText) {content, len}, more);
}

static void
refuse_as(RtHttp *http, const RtHttpService *service, RtCode code)
{
	service->refuse(http, rt_code_status(code), RT_TEXT(rt_code_wire(code)),
					RT_TEXT(rt_code_message(code)), RT_TEXT_NONE);
}

/* ---- who may ---- */

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
answer_options(RtHttp *http, const RtHttpService *service)
{
	char		headers[256];
	int			len = snprintf(headers, sizeof(headers),
							   "Access-Control-Allow-Methods: %s\r\n"
							   "Access-Control-Allow-Headers: authorization, content-type, x-requested-with\r\n"
							   "Access-Control-Max-Age: 600\r\n", service->methods);

	rt_http_ask_answer(http, 204, NULL, RT_TEXT_NONE, (RtText) {headers, len});
}

/* ---- visitors ---- */

/* There are few: each has something under way. */
static Visitor *
find_visitor(uint64 address)
{
	dlist_iter	iter;

	dlist_foreach(iter, &visitors)
	{
		Visitor    *visitor = dlist_container(Visitor, node, iter.cur);

		if (visitor->address == address)
			return visitor;
	}
	return NULL;
}

static Visitor *
visitor_of(uint64 address)
{
	Visitor    *visitor = find_visitor(address);

	if (visitor != NULL)
		return visitor;
	visitor = calloc(1, sizeof(Visitor));
	if (visitor == NULL)
		return NULL;
	visitor->address = address;
	rt_flow_init(&visitor->flow);
	dlist_push_tail(&visitors, &visitor->node);
	return visitor;
}

static void
leave(Visitor *visitor)
{
	if (visitor->waiting > 0 || visitor->flow.in_flight > 0)
		return;
	dlist_delete(&visitor->node);
	free(visitor);
}

/* ---- what waits ---- */

static void
wait_for_turn(HttpAsk *ask)
{
	rt_turns_add(&turns, &ask->visitor->taker, &ask->node);
	ask->visitor->waiting++;
	waiting++;
}

static void
stop_waiting(HttpAsk *ask)
{
	ask->visitor->waiting--;
	waiting--;
}

/* What is neither waiting nor asked. */
static void
end(HttpAsk *ask)
{
	leave(ask->visitor);
	rt_session_release(ask->session, RT_SESSION_GATEWAY);
	free(ask->headers);
	free(ask);
}

/* Returns false if there is no room for it. */
static bool
begin(RtHttp *http, const RtHttpService *service, const unsigned char *address)
{
	Visitor    *visitor = waiting < WAITING_MAX ? visitor_of(rt_address_hash(address)) : NULL;
	HttpAsk    *ask;

	if (visitor == NULL)
		return false;
	ask = visitor->waiting < WAITING_MAX / WAITING_PART ?
		calloc(1, sizeof(HttpAsk)) : NULL;
	if (ask == NULL || !rt_connection_make_id(ask->id))
	{
		free(ask);
		leave(visitor);
		return false;
	}
	memcpy(ask->address, address, sizeof(ask->address));
	ask->visitor = visitor;
	ask->service = service;
	ask->session = RT_SESSION_ANONYMOUS;
	ask->begun_ms = rt_gateway.now_ms;
	ask->is_known = !rt_login_is_worth_asking(&http->head);
	ask->serial = rt_http_defer(http);
	wait_for_turn(ask);
	return true;
}

void
rt_http_ask(RtHttp *http, const RtHttpService *service)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (!may_ask(&http->head))
		service->refuse(http, 403, RT_TEXT("FORBIDDEN"),
						RT_TEXT("Origin not allowed, see realtime.allowed_origins."),
						RT_TEXT_NONE);
	else if (http->head.method == RT_HTTP_OPTIONS)
		answer_options(http, service);
	else if (service->is_rated && !rt_rate_allows(address, RT_RATE_LOGIN))
		service->refuse(http, 429, RT_TEXT(rt_code_wire(RT_CODE_RATE_LIMITED)),
						RT_TEXT("This address asks too fast."),
						RT_TEXT("Retry-After: 10\r\n"));
	else if (!rt_service_takes_requests())
		refuse_as(http, service, RT_CODE_SERVICE_UNAVAILABLE);
	else if (!begin(http, service, address))
		refuse_as(http, service, RT_CODE_OVERLOADED);
}

/* ---- asking ---- */

static void
fill_login(const HttpAsk *ask, const RtHttp *http, RtQuestion *question,
		   RtQuestionTexts *texts)
{
	static char address[RT_ADDRESS_TEXT_MAX];

	rt_address_write(ask->address, address);
	question->kind = RT_REQUEST_LOGIN;
	texts->path = RT_TEXT(address);
	texts->args = (RtText) {http->head.bytes, http->head.length};
	texts->version = rt_http_request_body(http);
}

/* Returns false if there is no room for it. */
static bool
ask_now(HttpAsk *ask, const RtHttp *http)
{
	RtQuestion	question = {.since = RT_SINCE_NONE,.subject = ask->serial};
	RtQuestionTexts texts = {.path = RT_TEXT_NONE};

	if (ask->is_known)
		ask->service->fill(http, &question, &texts);
	else
		fill_login(ask, http, &question, &texts);
	question.session = ask->session;
	memcpy(question.connection_id, ask->id, sizeof(ask->id));
	if (!rt_ask_for_nobody(&ask->visitor->flow, &question, &texts))
		return false;
	dlist_push_tail(&asked, &ask->node);
	in_flight++;
	if (ask->visitor->flow.in_flight >= realtime_max_calls_in_flight)
		rt_turns_pause(&ask->visitor->taker);
	return true;
}

/* Whether it is clear already what becomes of it. */
static bool
is_over(HttpAsk *ask, RtHttp *http)
{
	if (http == NULL)
		return true;
	if (!rt_service_takes_requests())
		refuse_as(http, ask->service, RT_CODE_SERVICE_UNAVAILABLE);
	else if (ask->is_known && ask->service->fill == NULL)
		rt_http_ask_answer(http, 204, NULL, RT_TEXT_NONE,
						   (RtText) {ask->headers, ask->headers_len});
	else
		return false;
	return true;
}

/* What little memory is left is for others. */
static bool
may_ask_more(void)
{
	return rt_ask_has_part(in_flight) && !rt_payload_is_scarce();
}

/* Returns false if nothing more can be asked now. */
static bool
take_turn(Visitor *visitor)
{
	HttpAsk    *ask = dlist_head_element(HttpAsk, node, &visitor->taker.things);
	RtHttp	   *http = rt_http_find(ask->serial);
	bool		over = is_over(ask, http);

	if (!over && !may_ask_more())
		return false;
	rt_turns_take(&turns, &visitor->taker);
	stop_waiting(ask);
	if (over)
		end(ask);
	else if (!ask_now(ask, http))
	{
		wait_for_turn(ask);
		return false;
	}
	return true;
}

void
rt_http_ask_waiting(void)
{
	RtTaker    *taker;

	while ((taker = rt_turns_first(&turns)) != NULL &&
		   take_turn((Visitor *) ((char *) taker - offsetof(Visitor, taker))))
		;
}

bool
rt_http_ask_is_starved(void)
{
	return rt_turns_first(&turns) != NULL;
}

/* The client may have gone, or has waited for too long. */
static void
end_if_late(HttpAsk *ask)
{
	RtHttp	   *http = rt_http_find(ask->serial);
	bool		late = realtime_handler_timeout > 0 &&
		rt_gateway.now_ms - ask->begun_ms > realtime_handler_timeout;

	if (http != NULL && !late)
		return;
	if (http != NULL)
		refuse_as(http, ask->service, RT_CODE_OVERLOADED);
	rt_turns_remove(&ask->visitor->taker, &ask->node);
	stop_waiting(ask);
	end(ask);
}

void
rt_http_ask_sweep(void)
{
	dlist_mutable_iter visitor_iter;
	dlist_mutable_iter iter;

	dlist_foreach_modify(visitor_iter, &visitors)
	{
		Visitor    *visitor = dlist_container(Visitor, node, visitor_iter.cur);

		visitor->waiting++;		/* so that it stays */
		dlist_foreach_modify(iter, &visitor->taker.things)
			end_if_late(dlist_container(HttpAsk, node, iter.cur));
		visitor->waiting--;
		leave(visitor);
	}
}

/* ---- answers of executors ---- */

bool
rt_http_is_asked_by(const RtRequest *request)
{
	return request->asked.kind == RT_REQUEST_LOAD ||
		(request->asked.kind == RT_REQUEST_LOGIN && request->asked.subject != 0);
}

static HttpAsk *
find_asked(uint64 serial)
{
	dlist_iter	iter;

	dlist_foreach(iter, &asked)
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node, iter.cur);

		if (ask->serial == serial)
			return ask;
	}
	return NULL;
}

static int
status_of(const RtLoginAnswer *login)
{
	switch (login->close_code)
	{
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

static void
keep_headers(HttpAsk *ask, RtText headers)
{
	ask->headers = headers.len > 0 ? malloc(headers.len) : NULL;
	if (ask->headers == NULL)
		return;
	memcpy(ask->headers, headers.ptr, headers.len);
	ask->headers_len = headers.len;
}

/* Who it is is known, or the request is over; returns whether it goes on. */
static bool
take_login(HttpAsk *ask, RtHttp *http, RtRequest *request)
{
	const RtLoginAnswer *login;
	RtText		headers;

	if (request->answer_kind != RT_ANSWER_LOGIN)
	{
		ask->service->refuse(http, 503, RT_TEXT(rt_code_wire(RT_CODE_SERVICE_UNAVAILABLE)),
							 RT_TEXT("Nobody can say who you are at the moment."),
							 RT_TEXT_NONE);
		return false;
	}
	login = (const RtLoginAnswer *) rt_shared_text_get(&request->answer);
	headers = (RtText) {(const char *) (login + 1), request->answer.len - sizeof(*login)};
	if (login->close_code != 0)
	{
		ask->service->refuse(http, status_of(login), RT_TEXT(login->code),
							 RT_TEXT(login->reason), headers);
		return false;
	}
	ask->is_known = true;
	ask->session = request->answer_session;
	rt_session_acquire(ask->session, RT_SESSION_GATEWAY);
	keep_headers(ask, headers);
	return !is_over(ask, http);
}

static void
take_content(const HttpAsk *ask, RtHttp *http, RtRequest *request)
{
	RtText		headers = {ask->headers, ask->headers_len};

	if (request->answer_kind == RT_ANSWER_CONTENT)
		rt_http_ask_answer(http, request->answer_status, "application/json",
						   (RtText) {rt_shared_text_get(&request->answer),
						   request->answer.len}, headers);
	else
		refuse_as(http, ask->service, request->answer_kind == RT_ANSWER_FAILED ?
				  RT_CODE_INTERNAL_ERROR : RT_CODE_SERVICE_UNAVAILABLE);
}

static bool
goes_on(HttpAsk *ask, RtRequest *request)
{
	RtHttp	   *http = rt_http_find(ask->serial);

	if (http == NULL)
		return false;
	if (request->asked.kind == RT_REQUEST_LOGIN)
		return take_login(ask, http, request);
	take_content(ask, http, request);
	return false;
}

void
rt_http_ask_take(RtRequest *request)
{
	HttpAsk    *ask = find_asked(request->asked.subject);

	Assert(ask != NULL);
	dlist_delete(&ask->node);
	in_flight--;
	ask->visitor->flow.in_flight--;
	rt_turns_go_on(&turns, &ask->visitor->taker);
	if (goes_on(ask, request))
		wait_for_turn(ask);
	else
		end(ask);
}

void
rt_http_ask_overdue(RtRequest *request)
{
	HttpAsk    *ask = find_asked(request->asked.subject);
	RtHttp	   *http = rt_http_find(request->asked.subject);

	if (ask != NULL && http != NULL)
		refuse_as(http, ask->service, RT_CODE_TIMEOUT);
}

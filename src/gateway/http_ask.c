/*
 * http_ask.c
 *		Requests over HTTP that an executor answers.
 *
 * A request is known by its number (rt_http_defer), which is the subject of what
 * is asked for it, and is found again if its client is still there.  What is
 * kept here for it lasts until it is answered, and as long as an executor has
 * what was asked: so whoever asks and goes has his share in flight as well.
 *
 * Who finds, when it is its turn, that the same is asked already waits for that.
 * If it had come before that was asked, it shares the answer.  Else an executor
 * may have begun before, with a value that is older than what its client knows:
 * then it goes back, and the first of those whose turn it is then is asked for
 * all of them.  Nobody waits for what another address has asked before, so what
 * stands behind that in the queue is shared with the same address only.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/ask.h"
#include "src/gateway/cross_origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/login.h"
#include "src/gateway/ticket.h"
#include "src/gateway/unlike.h"
#include "src/gateway/turns.h"
#include "src/gateway/visitor.h"
#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/frame.h"

#define WAITING_PART 2			/* this part of RT_HTTP_WAITING_MAX for one address */

typedef struct HttpAsk
{
	dlist_node	node;			/* in flight, of its visitor's taker, or with one
								 * that has asked the same */
	RtTicket	ticket;			/* asked: the number is that of the request */
	uint64		serial;			/* of the request */
	const RtHttpService *service;
	RtVisitor  *visitor;
	bool		is_known;		/* who asks */
	int			session;		/* that is, referenced */
	int64		begun_ms;
	char		id[RT_CONNECTION_ID_SIZE];	/* as of a connection */
	char		address[RT_ADDRESS_TEXT_MAX];
	char	   *headers;		/* of the answer, malloc'd; NULL = none */
	size_t		headers_len;

	/* asked: those who wait for it, and are still counted as waiting */
	bool		joinable;
	bool		is_first;		/* nothing of its visitor was in flight */
	uint64		last_serial;	/* of those who had come by then */
	RtHashNode	key_node;
	dlist_head	sharers;
	dlist_head	latecomers;

	RtQuestion	question;		/* where the texts are */
	char		text[FLEXIBLE_ARRAY_MEMBER];
} HttpAsk;

static RtTurns turns;
static dlist_head asked = DLIST_STATIC_INIT(asked);
static RtHashTable by_ticket;	/* the same */
static RtHashTable joinable;	/* of these, by what is asked */
static uint64 last_serial = 0;
static int	in_flight = 0;
static int	waiting = 0;

void
rt_http_asks_init(void)
{
	rt_hash_init(&by_ticket);
	rt_hash_init(&joinable);
}

static void
refuse_as(RtHttp *http, const RtHttpService *service, RtCode code)
{
	service->refuse(http, rt_code_status(code), RT_TEXT(rt_code_wire(code)),
					RT_TEXT(rt_code_message(code)), RT_TEXT_NONE);
}

/* ---- what waits ---- */

static void
wait_for_turn(HttpAsk *ask)
{
	rt_turns_add(&turns, &ask->visitor->taker, &ask->node);
	ask->visitor->waiting++;
	rt_show(http_waiting, ++waiting);
	rt_limit_note(RT_LIMIT_HTTP_WAITING, waiting);
}

static void
stop_waiting(HttpAsk *ask)
{
	ask->visitor->waiting--;
	rt_show(http_waiting, --waiting);
}

/* What is neither waiting nor asked. */
static void
end(HttpAsk *ask)
{
	rt_visitor_leave(ask->visitor);
	rt_session_release(ask->session, RT_SESSION_GATEWAY);
	free(ask->headers);
	free(ask);
}

/* NULL if there is no room for it. */
static HttpAsk *
make_ask(const RtHttpService *service, const RtQuestionTexts *texts)
{
	HttpAsk    *ask = calloc(1, offsetof(HttpAsk, text) +
							 (texts != NULL ? rt_texts_len(texts) : 0));

	if (ask == NULL || !rt_connection_make_id(ask->id))
	{
		free(ask);
		return NULL;
	}
	ask->service = service;
	ask->session = RT_SESSION_ANONYMOUS;
	ask->begun_ms = rt_gateway.now_ms;
	dlist_init(&ask->sharers);
	dlist_init(&ask->latecomers);
	if (texts != NULL)
		rt_texts_write(ask->text, texts, &ask->question);
	return ask;
}

/* Returns false if there is no room for it. */
static bool
begin(RtHttp *http, const RtHttpService *service, const RtQuestionTexts *texts,
	  const unsigned char *address)
{
	RtVisitor  *visitor = waiting < RT_HTTP_WAITING_MAX ? rt_visitor_of(rt_address_hash(address)) : NULL;
	HttpAsk    *ask;

	if (visitor == NULL)
		return false;
	ask = visitor->waiting < RT_HTTP_WAITING_MAX / WAITING_PART ? make_ask(service, texts) : NULL;
	if (ask == NULL)
	{
		rt_visitor_leave(visitor);
		return false;
	}
	rt_address_write(address, ask->address);
	ask->visitor = visitor;
	ask->is_known = service->as_nobody ||
		(service->accept == NULL && !rt_login_is_worth_asking(&http->head));
	ask->serial = last_serial = rt_http_defer(http);
	wait_for_turn(ask);
	return true;
}

void
rt_http_ask(RtHttp *http, const RtHttpService *service,
			const RtQuestionTexts *texts)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (!rt_cross_origin_may_ask(&http->head))
		service->refuse(http, 403, RT_TEXT("FORBIDDEN"),
						RT_TEXT("Origin not allowed, see realtime.allowed_origins."),
						RT_TEXT_NONE);
	else if (http->head.method == RT_HTTP_OPTIONS)
		rt_cross_origin_answer_options(http, service->methods);
	else if (service->is_rated && !rt_rate_allows(address, RT_RATE_LOGIN))
		service->refuse(http, 429, RT_TEXT(rt_code_wire(RT_CODE_RATE_LIMITED)),
						RT_TEXT("This address asks too fast."),
						RT_TEXT("Retry-After: 10\r\n"));
	else
		rt_http_ask_from(http, service, texts, address);
}

void
rt_http_ask_from(RtHttp *http, const RtHttpService *service,
				 const RtQuestionTexts *texts,
				 const unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	if (!rt_service_takes_requests())
		refuse_as(http, service, RT_CODE_SERVICE_UNAVAILABLE);
	else if (!begin(http, service, texts, address))
	{
		rt_limit_hit(RT_LIMIT_HTTP_WAITING);
		refuse_as(http, service, RT_CODE_OVERLOADED);
	}
}

/* ---- what is shared ---- */

static HttpAsk *
ask_of_key(RtHashNode *node)
{
	return rt_hash_container(HttpAsk, key_node, node);
}

static uint32
key_hash(const HttpAsk *ask)
{
	RtQuestionTexts texts = rt_texts_in(ask->text, &ask->question);
	uint32		hash = hash_bytes((const unsigned char *) texts.path.ptr, texts.path.len);

	hash = hash_combine(hash, murmurhash32(ask->session));
	if (texts.args.len > 0)
		hash = hash_combine(hash, hash_bytes((const unsigned char *) texts.args.ptr,
											 texts.args.len));
	return hash;
}

static bool
is_same(const HttpAsk *a, const HttpAsk *b)
{
	RtQuestionTexts of_a = rt_texts_in(a->text, &a->question);
	RtQuestionTexts of_b = rt_texts_in(b->text, &b->question);

	return a->service == b->service && a->session == b->session &&
		rt_texts_are_equal(of_a.path, of_b.path) &&
		rt_texts_are_equal(of_a.args, of_b.args);
}

/* What is asked already, and can be waited for; NULL = nothing. */
static HttpAsk *
find_same(const HttpAsk *ask)
{
	RtHashNode *node;

	if (!ask->is_known || !ask->service->asks || ask->service->carries)
		return NULL;
	for (node = rt_hash_first(&joinable, key_hash(ask)); node != NULL; node = rt_hash_next(node))
	{
		HttpAsk    *same = ask_of_key(node);

		if (is_same(same, ask) && (same->is_first || same->visitor == ask->visitor))
			return same;
	}
	return NULL;
}

static void
join(HttpAsk *same, HttpAsk *ask)
{
	dlist_push_tail(ask->serial <= same->last_serial ? &same->sharers : &same->latecomers,
					&ask->node);
}

static void
open_to_others(HttpAsk *ask)
{
	RtQuestionTexts texts = rt_texts_in(ask->text, &ask->question);

	ask->is_first = ask->visitor->flow.in_flight == 1;
	ask->last_serial = last_serial;
	ask->joinable = ask->is_known && !ask->service->carries && !rt_path_is_unlike(texts.path);
	if (ask->joinable)
		rt_hash_add(&joinable, &ask->key_node, key_hash(ask));
}

static void
close_to_others(HttpAsk *ask)
{
	if (ask->joinable)
		rt_hash_remove(&joinable, &ask->key_node);
	ask->joinable = false;
}

/* They have their turns once more. */
static void
send_back(dlist_head *asks)
{
	while (!dlist_is_empty(asks))
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node, dlist_pop_head_node(asks));

		rt_turns_add(&turns, &ask->visitor->taker, &ask->node);
	}
}

/* ---- asking ---- */

static void
fill_login(const HttpAsk *ask, const RtHttp *http, RtQuestion *question,
		   RtQuestionTexts *texts)
{
	question->kind = ask->service->accept != NULL ? RT_REQUEST_UPGRADE : RT_REQUEST_LOGIN;
	texts->path = RT_TEXT(ask->address);
	texts->args = (RtText) {http->head.bytes, http->head.length};
	texts->version = rt_http_request_body(http);
}

static void
fill_question(HttpAsk *ask, const RtHttp *http, RtQuestion *question,
			  RtQuestionTexts *texts)
{
	if (!ask->is_known)
	{
		fill_login(ask, http, question, texts);
		return;
	}
	question->kind = ask->service->kind;
	*texts = rt_texts_in(ask->text, &ask->question);
	texts->idempotency_key = RT_TEXT(ask->address);
	if (ask->service->carries)
	{
		texts->args = (RtText) {http->head.bytes, http->head.length};
		texts->version = rt_http_request_body(http);
	}
	rt_count(calls);
}

/* Returns false if there is no room for it. */
static bool
ask_now(HttpAsk *ask, const RtHttp *http)
{
	RtQuestion	question = {.since = RT_SINCE_NONE,.subject = ask->serial,.address = ask->visitor->address};
	RtQuestionTexts texts = {.path = RT_TEXT_NONE};

	fill_question(ask, http, &question, &texts);
	texts.trace = rt_http_request_id(http);
	question.session = ask->session;
	memcpy(question.connection_id, ask->id, sizeof(ask->id));
	if (!rt_ask_for_nobody(&ask->visitor->flow, &question, &texts))
		return false;
	dlist_push_tail(&asked, &ask->node);
	rt_ticket_add(&by_ticket, &ask->ticket, ask->serial);
	in_flight++;
	if (ask->visitor->flow.in_flight >= realtime_max_calls_in_flight)
		rt_turns_pause(&ask->visitor->taker);
	open_to_others(ask);
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
	else if (ask->is_known && ask->service->accept != NULL)
		ask->service->accept(http);
	else if (ask->is_known && !ask->service->asks)
		rt_cross_origin_answer(http, 204, NULL, RT_TEXT_NONE,
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
take_turn(RtVisitor *visitor)
{
	HttpAsk    *ask = dlist_head_element(HttpAsk, node, &visitor->taker.things);
	RtHttp	   *http = rt_http_find(ask->serial);
	bool		over = is_over(ask, http);
	HttpAsk    *same = over ? NULL : find_same(ask);

	if (!over && same == NULL && !may_ask_more())
		return false;
	rt_turns_take(&turns, &visitor->taker);
	if (same != NULL)
	{
		join(same, ask);
		return true;
	}
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
		   take_turn((RtVisitor *) ((char *) taker - offsetof(RtVisitor, taker))))
		;
}

bool
rt_http_ask_is_starved(void)
{
	return rt_turns_first(&turns) != NULL;
}

/* The client may have gone, or has waited for too long. */
static bool
is_late(HttpAsk *ask)
{
	RtHttp	   *http = rt_http_find(ask->serial);
	bool		late = realtime_handler_timeout > 0 &&
		rt_gateway.now_ms - ask->begun_ms > realtime_handler_timeout;

	if (http != NULL && late)
		refuse_as(http, ask->service, RT_CODE_OVERLOADED);
	return http == NULL || late;
}

static void
end_waiting(HttpAsk *ask)
{
	stop_waiting(ask);
	end(ask);
}

static void
sweep_visitor(RtVisitor *visitor)
{
	dlist_mutable_iter iter;

	visitor->waiting++;			/* so that it stays */
	dlist_foreach_modify(iter, &visitor->taker.things)
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node, iter.cur);

		if (!is_late(ask))
			continue;
		rt_turns_remove(&visitor->taker, &ask->node);
		end_waiting(ask);
	}
	visitor->waiting--;
	rt_visitor_leave(visitor);
}

static void
sweep_joined(dlist_head *asks)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, asks)
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node, iter.cur);

		if (!is_late(ask))
			continue;
		dlist_delete(&ask->node);
		end_waiting(ask);
	}
}

void
rt_http_ask_sweep(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &asked)
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node, iter.cur);

		sweep_joined(&ask->sharers);
		sweep_joined(&ask->latecomers);
	}
	rt_visitors_each(sweep_visitor);
}

/* ---- answers of executors ---- */

bool
rt_http_is_asked_by(const RtRequest *request)
{
	return rt_request_is_for_http(request->asked.kind) ||
		request->asked.kind == RT_REQUEST_UPGRADE ||
		(request->asked.kind == RT_REQUEST_LOGIN && request->asked.subject != 0);
}

static HttpAsk *
find_asked(uint64 serial)
{
	RtTicket   *ticket = rt_ticket_find(&by_ticket, serial);

	return ticket == NULL ? NULL :
		(HttpAsk *) ((char *) ticket - offsetof(HttpAsk, ticket));
}

bool
rt_http_is_awaited(const RtRequest *request)
{
	HttpAsk    *ask = find_asked(request->asked.subject);

	return rt_http_find(request->asked.subject) != NULL ||
		(ask != NULL && !dlist_is_empty(&ask->sharers));
}

/* What has gone wrong may go well when it is tried again. */
static int
status_of(const RtLoginAnswer *login)
{
	int			status = rt_code_status(rt_code_from_wire(login->code));

	return status == 500 ? 503 : status;
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
		ask->service->answer(http, request->answer_status,
							 (RtText) {rt_shared_text_get(&request->answer),
							 request->answer.len}, headers);
	else
		refuse_as(http, ask->service, request->answer_kind == RT_ANSWER_FAILED ?
				  RT_CODE_INTERNAL_ERROR : RT_CODE_SERVICE_UNAVAILABLE);
}

/* With the same, or each for itself. */
static void
settle_sharers(HttpAsk *asker, RtRequest *request)
{
	if (!rt_answer_is_alike(request))
	{
		rt_path_note_unlike(rt_texts_in(asker->text, &asker->question).path);
		send_back(&asker->sharers);
	}
	while (!dlist_is_empty(&asker->sharers))
	{
		HttpAsk    *ask = dlist_container(HttpAsk, node,
										  dlist_pop_head_node(&asker->sharers));
		RtHttp	   *http = rt_http_find(ask->serial);

		if (http != NULL)
		{
			rt_count(calls);
			take_content(ask, http, request);
		}
		end_waiting(ask);
	}
	send_back(&asker->latecomers);
}

static bool
goes_on(HttpAsk *ask, RtRequest *request)
{
	RtHttp	   *http = rt_http_find(ask->serial);

	if (!rt_request_is_for_http(request->asked.kind))
		return http != NULL && take_login(ask, http, request);
	if (http != NULL)
		take_content(ask, http, request);
	settle_sharers(ask, request);
	return false;
}

void
rt_http_ask_take(RtRequest *request)
{
	HttpAsk    *ask = find_asked(request->asked.subject);

	if (!rt_holds(ask != NULL, RT_ASSERTION_ASKED, "Nobody has asked this over HTTP."))
		return;
	dlist_delete(&ask->node);
	rt_ticket_remove(&by_ticket, &ask->ticket);
	close_to_others(ask);
	in_flight--;
	ask->visitor->flow.in_flight--;
	rt_turns_go_on(&turns, &ask->visitor->taker);
	if (goes_on(ask, request))
		wait_for_turn(ask);
	else
		end(ask);
}

/* Who shares it has had as much time; who has come later asks anew. */
void
rt_http_ask_overdue(RtRequest *request)
{
	HttpAsk    *ask = find_asked(request->asked.subject);
	RtHttp	   *http = rt_http_find(request->asked.subject);

	if (ask == NULL)
		return;
	if (http != NULL)
		refuse_as(http, ask->service, RT_CODE_TIMEOUT);
	close_to_others(ask);
	while (!dlist_is_empty(&ask->sharers))
	{
		HttpAsk    *sharer = dlist_container(HttpAsk, node,
											 dlist_pop_head_node(&ask->sharers));

		http = rt_http_find(sharer->serial);
		if (http != NULL)
			refuse_as(http, sharer->service, RT_CODE_TIMEOUT);
		end_waiting(sharer);
	}
	send_back(&ask->latecomers);
}

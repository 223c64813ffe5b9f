/*
 * login.c
 *		Who is on a connection.
 *
 * A gateway checks no signature and runs no function: an executor does, asked
 * with the head of the opening request or with a token.  Until its answer is
 * here the connection is not read, so what a client sends behind its token is
 * done as who it then is, and what it sends is held by the kernel.
 *
 * A connection has one login under way.  A browser cannot tell why an upgrade
 * failed and tries again, so who is refused has been let in, and is closed with
 * a code that is final.
 */
#include "postgres.h"

#include "src/errcodes.h"
#include "src/gateway/ask.h"
#include "src/gateway/cursor.h"
#include "src/gateway/departure.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/login.h"
#include "src/gateway/order.h"
#include "src/gateway/presence.h"
#include "src/gateway/topic/recheck.h"
#include "src/gateway/topic/recipient.h"
#include "src/guc.h"
#include "src/identity/limits.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"
#include "src/protocol/frame.h"
#include "src/protocol/http_token.h"

#define ANNOUNCED_S 60			/* ahead of an identity's end */

static bool
keys_are_set(void)
{
	return realtime_jwt_secret[0] != '\0' || realtime_jwt_key_file[0] != '\0' ||
		realtime_jwks_file[0] != '\0';
}

bool
rt_login_is_worth_asking(const RtHttpHead *head)
{
	char		token[RT_TOKEN_MAX];

	return rt_service_may_have_hook(RT_HOOK_AUTHENTICATE) ||
		(keys_are_set() &&
		 rt_http_find_token(head, realtime_jwt_cookie, token, sizeof(token)) != 0);
}

/* Whoever it is on the connection until now, who asks is nobody yet. */
static bool
ask(RtConnection *connection, RtQuestionTexts *texts)
{
	char		address[RT_ADDRESS_TEXT_MAX];
	RtQuestion	question;

	rt_question_init(&question, connection, RT_REQUEST_LOGIN);
	question.session = RT_SESSION_ANONYMOUS;
	question.ticket = connection->session != RT_SESSION_ANONYMOUS;
	rt_address_write(connection->address, address);
	texts->path = RT_TEXT(address);
	if (!rt_service_takes_requests() || !rt_ask(connection, &question, texts))
		return false;
	rt_inbox_hold(connection, RT_HOLD_LOGIN);
	return true;
}

/* It comes back, as from any restart, if there is nobody to ask. */
static void
close_unknown(RtConnection *connection, bool service_is_there)
{
	rt_connection_close(connection, service_is_there ? RT_CLOSE_TRY_AGAIN : RT_CLOSE_RESTART,
						"Nobody can say who you are at the moment");
}

void
rt_login_begin(RtConnection *connection, const RtHttpHead *head)
{
	RtQuestionTexts texts = {.args = {head->bytes, head->length}};
	bool		may_close = rt_service_may_have_hook(RT_HOOK_CLOSE);

	if (!may_close && !rt_service_may_have_hook(RT_HOOK_OPEN) &&
		!rt_login_is_worth_asking(head))
		return;
	if ((may_close && !rt_departure_expect(connection)) || !ask(connection, &texts))
		close_unknown(connection, rt_service_takes_requests());
}

/* ---- answers to frames ---- */

static void
tell_failure(RtConnection *connection, RtText code, RtText reason)
{
	size_t		cap = RT_FRAME_OVERHEAD + 6 * (code.len + reason.len);

	rt_connection_send_payload(connection,
							   rt_payload_auth_failed(rt_frame_buffer(cap), cap, code, reason));
}

static void
tell_code(RtConnection *connection, RtCode code)
{
	tell_failure(connection, RT_TEXT(rt_code_wire(code)), RT_TEXT(rt_code_message(code)));
}

void
rt_login_frame(RtConnection *connection, const char *text, const RtEnvelope *envelope)
{
	char		token[RT_TOKEN_MAX];
	int			len = rt_json_string_decode(text, envelope->token, token, sizeof(token));
	RtQuestionTexts texts = {.id = {token, Max(len, 0)}};

	if (len <= 0)
		tell_code(connection, RT_CODE_UNAUTHENTICATED);
	else if (!ask(connection, &texts))
		tell_code(connection, rt_service_takes_requests() ? RT_CODE_OVERLOADED :
				  RT_CODE_SERVICE_UNAVAILABLE);
}

/* ---- answers ---- */

static bool
is_of_frame(const RtRequest *request)
{
	return request->asked.id.len > 0;
}

/* Nobody could say. */
static void
end_unknown(RtConnection *connection, const RtRequest *request)
{
	if (!is_of_frame(request))
		close_unknown(connection, false);
	else
		tell_code(connection, request->answer_kind == RT_ANSWER_FAILED ?
				  RT_CODE_INTERNAL_ERROR : RT_CODE_SERVICE_UNAVAILABLE);
}

static void
refuse(RtConnection *connection, const RtRequest *request, const RtLoginAnswer *answer)
{
	if (is_of_frame(request))
		tell_failure(connection, RT_TEXT(answer->code), RT_TEXT(answer->reason));
	else
		rt_connection_close(connection, answer->close_code, answer->reason);
}

/* Somebody who was known cannot become somebody else. */
static bool
is_another(const RtConnection *connection, const RtSession *now)
{
	const RtSession *before = rt_session_get(connection->session);

	return before->user_id_len > 0 &&
		(before->user_id_len != now->user_id_len ||
		 memcmp(before->user_id, now->user_id, now->user_id_len) != 0);
}

static void
become(RtConnection *connection, int session)
{
	int			before = connection->session;

	rt_session_acquire(session, RT_SESSION_GATEWAY);
	connection->session = session;
	rt_client_note_session(rt_gateway.index, connection->index, session);
	connection->expires = rt_session_get(session)->expires;
	connection->expiry_told = false;
	if (!rt_sessions_are_alike(before, session))
		rt_recheck_connection(connection);
	rt_session_release(before, RT_SESSION_GATEWAY);
	rt_presence_rename(connection);
	rt_cursor_rename(connection);
	if (!rt_recipient_enroll(connection))
		rt_connection_close(connection, RT_CLOSE_TRY_AGAIN, "Please try again");
}

/* Whether it would be one connection too many of its user. */
static bool
is_one_too_many(const RtConnection *connection, const RtSession *now)
{
	const RtSession *before = rt_session_get(connection->session);
	int			count;

	if (realtime_max_connections_per_user == 0 || now->user_id_len == 0 ||
		before->user_id_len > 0)
		return false;
	count = rt_clients_of_user(now->user_id, now->user_id_len);
	if (count >= realtime_max_connections_per_user)
		return true;
	rt_limit_note(RT_LIMIT_CONNECTIONS_PER_USER, count + 1);
	return false;
}

/* Returns false if the connection may not be who it would be. */
static bool
may_become(RtConnection *connection, const RtSession *now)
{
	if (is_another(connection, now))
		rt_connection_close(connection, RT_CLOSE_FORBIDDEN, "The token is another user's");
	else if (is_one_too_many(connection, now))
	{
		rt_limit_hit(RT_LIMIT_CONNECTIONS_PER_USER);
		rt_connection_close(connection, RT_CLOSE_TOO_FAST,
							"This user has too many connections");
	}
	return connection->state == RT_CONNECTION_OPEN;
}

static void
welcome(RtConnection *connection, const RtRequest *request)
{
	if (!may_become(connection, rt_session_get(request->answer_session)))
		return;
	become(connection, request->answer_session);
	if (rt_order_reaches(connection, request->asked.orders))
		return;
	if (is_of_frame(request))
		rt_connection_send_payload(connection,
								   rt_payload_auth(rt_frame_buffer(128), 128,
												   connection->expires));
}

void
rt_login_answer(RtConnection *connection, RtRequest *request)
{
	const RtLoginAnswer *answer;

	rt_inbox_release(connection, RT_HOLD_LOGIN);
	if (request->answer_kind != RT_ANSWER_LOGIN)
	{
		end_unknown(connection, request);
		return;
	}
	answer = (const RtLoginAnswer *) rt_shared_text_get(&request->answer);
	if (answer->close_code != 0)
		refuse(connection, request, answer);
	else
		welcome(connection, request);
}

/* ---- the end of an identity ---- */

void
rt_login_sweep(RtConnection *connection, int64 now)
{
	if (connection->expires == 0 || now < connection->expires - ANNOUNCED_S)
		return;
	if (now >= connection->expires)
		rt_connection_close(connection, RT_CLOSE_EXPIRED, "The token has expired");
	else if (!connection->expiry_told)
	{
		connection->expiry_told = true;
		rt_connection_send_payload(connection,
								   rt_payload_auth_expiring(rt_frame_buffer(128), 128,
															connection->expires));
	}
}

/*
 * login.c
 *		Finds out who is on a connection: by its token, and by whom the database
 *		asks.
 *
 * A token that is there and not good ends the login, wherever else there might
 * be a better one.  The authenticate hook says who it is, or, if there is none,
 * the token's claims do; the role that they name must be one that executors can
 * become.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/reply.h"
#include "src/executor/request/login.h"
#include "src/executor/request/login_request.h"
#include "src/executor/request/opening.h"
#include "src/executor/request/set_cookie.h"
#include "src/executor/token_keys.h"
#include "src/executor/user_data.h"
#include "src/guc.h"
#include "src/ipc/session.h"
#include "src/protocol/close_code.h"
#include "src/protocol/http_token.h"


typedef struct Login
{
	RtWork		work;			/* first */
	bool		is_upgrade;		/* whether it may open is asked, not who it is */
	RtLoginAnswer answer;
	RtHttpHead	head;			/* field_count 0 = there is none */
	char		token[RT_TOKEN_MAX];
	int			token_len;		/* 0 = none, -1 = not readable */
	Jsonb	   *user_data;		/* NULL = nobody is known */
	int64		expires;
	bool		token_expired;	/* the hook may know better */
	RtFunction *hook;			/* NULL = nobody else is asked */
} Login;

static void
refuse(Login *login, int close_code, RtCode code, const char *reason)
{
	login->answer.close_code = close_code;
	strlcpy(login->answer.code, rt_code_wire(code), sizeof(login->answer.code));
	strlcpy(login->answer.reason, reason,
			1 + pg_mbcliplen(reason, (int) strlen(reason), sizeof(login->answer.reason) - 1));
}

static bool
is_refused(const Login *login)
{
	return login->answer.close_code != 0;
}

/* ---- the token ---- */

static void
find_token(Login *login)
{
	const RtQuestion *asked = &login->work.request->asked;
	const char *text = rt_shared_text_get(&login->work.request->text);
	RtHttpHead *head = &login->head;

	memset(head, 0, RT_HTTP_HEAD_INIT_SIZE);
	if (asked->id.len > 0)
	{
		login->token_len = Min(asked->id.len, RT_TOKEN_MAX);
		memcpy(login->token, text + asked->id.off, login->token_len);
		return;
	}
	if (rt_http_head_read(head, text + asked->args.off, asked->args.len) == RT_HTTP_WHOLE)
		login->token_len = rt_http_find_token(head, realtime_jwt_cookie,
											  login->token, sizeof(login->token));
	else
		login->token_len = -1;
}

static Jsonb *
read_claims(const RtToken *token)
{
	char	   *text = pnstrdup(token->claims, token->claims_len);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
note_refusal(RtTokenVerdict verdict)
{
	ereport(DEBUG1,
			(errmsg_internal("realtime refuses a token"),
			 errdetail_internal("%s", rt_token_verdict_text(verdict))));
}

/* Raises for claims that are no jsonb; the token's own memory is released. */
static void
take_claims(Login *login, RtToken *token)
{
	PG_TRY();
	{
		login->user_data = read_claims(token);
		login->expires = rt_token_end(token);
	}
	PG_CATCH();
	{
		rt_token_release(token);
		PG_RE_THROW();
	}
	PG_END_TRY();
	rt_token_release(token);
}

/*
 * Who only asks, over HTTP, may be given another one for a token that is over: the
 * hook is told of it, but not what it said.
 */
static bool
may_be_renewed(const Login *login)
{
	const RtRequest *request = login->work.request;

	return login->hook != NULL && request->asked.subject != 0 &&
		request->asked.id.len == 0 && login->head.method == RT_HTTP_POST;
}

/* Whether it may be good, and nobody can say so here and now. */
static bool
is_our_fault(RtTokenVerdict verdict)
{
	if (verdict == RT_TOKEN_NO_MEMORY)
		return true;
	return (verdict == RT_TOKEN_UNKNOWN_KEY || verdict == RT_TOKEN_FORGED) &&
		rt_token_keys_are_missing();
}

static void
take_verdict(Login *login, RtTokenVerdict verdict, RtToken *token)
{
	if (verdict == RT_TOKEN_GOOD)
	{
		take_claims(login, token);
		return;
	}
	note_refusal(verdict);
	if (verdict == RT_TOKEN_EXPIRED && may_be_renewed(login))
		login->token_expired = true;
	else if (is_our_fault(verdict))
		refuse(login, RT_CLOSE_TRY_AGAIN, RT_CODE_OVERLOADED, "The token cannot be checked at the moment");
	else
		refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, rt_token_verdict_text(verdict));
}

/* Without keys it is for the hook to look at. */
static void
check_token(Login *login)
{
	RtToken		token;

	if (login->token_len == 0)
		return;
	if (rt_token_keys_look() || rt_token_keys_are_missing())
		take_verdict(login, rt_token_verify(login->token, Max(0, login->token_len), &token), &token);
	else if (login->hook == NULL || login->token_len < 0)
		refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "No key for tokens is known");
}

/* ---- who that is ---- */

/* All but what changes whenever the same person gets a new token. */
static uint64
rights_of(Jsonb *data)
{
	static const char *const names[] = {"exp", "iat", "nbf", "jti"};
	Datum		rest = JsonbPGetDatum(data);
	Jsonb	   *compared;

	for (size_t i = 0; i < lengthof(names); i++)
		rest = DirectFunctionCall2(jsonb_delete, rest, CStringGetTextDatum(names[i]));
	compared = DatumGetJsonbP(rest);
	return hash_bytes_extended((unsigned char *) VARDATA(compared), VARSIZE(compared) - VARHDRSZ, 0);
}

/* Whether it takes the place of another one, or is over with a request over HTTP. */
static bool
is_passing(const RtRequest *request)
{
	return request->asked.subject != 0 ||
		(request->asked.id.len > 0 && request->asked.ticket != 0);
}

/* Returns RT_SESSION_NONE if there is no room for another. */
static int
make_session(Login *login, const char *user_id, const char *role)
{
	const RtRequest *request = login->work.request;
	char	   *text = JsonbToCString(NULL, &login->user_data->root, 0);

	return rt_session_create(request->owner, request->owner_generation,
							 user_id, strlen(user_id), role, text, strlen(text),
							 login->expires, rights_of(login->user_data),
							 is_passing(request));
}

static int
identify(Login *login)
{
	char	   *user_id = rt_user_data_id(login->user_data);
	char	   *role = rt_user_data_role(login->user_data);
	int			session;

	if (strlen(user_id) > RT_USER_ID_MAX)
	{
		refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "The user's id is too long");
		return RT_SESSION_NONE;
	}
	if (role != NULL && role[0] != '\0' && !rt_identity_may_become(role))
	{
		refuse(login, RT_CLOSE_FORBIDDEN, RT_CODE_FORBIDDEN, "Nobody can be of that role");
		return RT_SESSION_NONE;
	}
	session = make_session(login, user_id, role != NULL ? role : "");
	if (session == RT_SESSION_NONE)
		refuse(login, RT_CLOSE_TRY_AGAIN, RT_CODE_OVERLOADED, "There are too many identities");
	return session;
}

/* ---- the hook ---- */

static Datum
describe(const Login *login)
{
	RtRequest  *request = login->work.request;
	const char *text = rt_shared_text_get(&request->text);
	RtLoginRequest description = {
		.head = request->asked.id.len == 0 ? &login->head : NULL,
		.remote_address = {text + request->asked.path.off, request->asked.path.len},
		.body = {text + request->asked.version.off, request->asked.version.len},
		.request_id = rt_caller_request_id(),
		.token = {login->token, login->token_len},
		.token_error = login->token_expired ? RT_TEXT("expired") : RT_TEXT_NONE,
		.claims = login->user_data
	};

	return JsonbPGetDatum(rt_login_request_write(&description));
}

/* Whether it is what a hook says of somebody who must not come in. */
static bool
is_refusal(Jsonb *data)
{
	JsonbValue	value;

	return JB_ROOT_IS_SCALAR(data) && JsonbExtractScalar(&data->root, &value) &&
		(value.type == jbvNull || (value.type == jbvBool && !value.val.boolean));
}

/* Seconds since 1970, or 0 if it does not say when it ends. */
static int64
end_of(Jsonb *data)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&data->root, "exp", 3, &buffer);

	if (value == NULL || value->type != jbvNumeric)
		return 0;
	return Max(1, DatumGetInt64(DirectFunctionCall1(numeric_int8,
													DirectFunctionCall1(numeric_floor,
																		NumericGetDatum(value->val.numeric)))));
}

/* The token ends as it does, whatever the hook says; it may say less. */
static void
take_user_data(Login *login, Jsonb *data)
{
	int64		end;

	if (!JB_ROOT_IS_OBJECT(data))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("hook \"%s\" has not returned an object",
						rt_hook_name(RT_HOOK_AUTHENTICATE)),
				 errhint("It returns the data of the user, or NULL.")));
	login->user_data = data;
	end = end_of(data);
	if (end != 0 && (login->expires == 0 || end < login->expires))
		login->expires = end;
}

static void
run_hook(Login *login)
{
	RtArguments arguments = {.count = 1};
	NullableDatum result;

	arguments.values[0] = (NullableDatum) {describe(login), false};
	rt_set_cookies_begin(login->work.request->asked.subject != 0);
	result = rt_function_invoke(login->hook, &arguments);
	if (login->is_upgrade)
	{
		if (result.isnull || !DatumGetBool(result.value))
			refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "Unauthorized");
	}
	else if (result.isnull || is_refusal(DatumGetJsonbP(result.value)))
		refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "Unauthorized");
	else
		take_user_data(login, DatumGetJsonbP(result.value));
}

/* ---- the request ---- */

static void
reply(Login *login)
{
	int			session = RT_SESSION_ANONYMOUS;

	if (!is_refused(login) && login->user_data != NULL)
		session = identify(login);
	rt_reply_login(login->work.request, &login->answer, rt_set_cookies(),
				   is_refused(login) ? RT_SESSION_NONE : session);
}

/* Without a hook nothing is left to run: what has been found out is the outcome. */
static bool
prepare_login(RtWork *work)
{
	Login	   *login = (Login *) work;

	memset(&login->answer, 0, sizeof(login->answer));
	login->user_data = NULL;
	login->expires = 0;
	login->token_expired = false;
	rt_set_cookies_begin(false);
	if (!rt_work_refresh_declarations(work))
		return false;
	login->hook = NULL;
	login->hook = rt_hook_find(login->is_upgrade ? RT_HOOK_UPGRADE : RT_HOOK_AUTHENTICATE,
							   work);	/* gone: nobody comes in */
	find_token(login);
	if (!login->is_upgrade)
		check_token(login);
	if (login->hook != NULL && !is_refused(login))
		return true;
	reply(login);
	return false;
}

static void
run_login(RtWork *work)
{
	Login	   *login = (Login *) work;

	work->stage = RT_STAGE_HANDLER;
	run_hook(login);
	reply(login);
}

/* What a hook has raised, in its own words, or something has gone wrong. */
static void
refuse_by_fault(Login *login, const RtFault *fault, const char *otherwise)
{
	switch (rt_code_from_wire(fault->code))
	{
		case RT_CODE_UNAUTHENTICATED:
			refuse(login, RT_CLOSE_UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, fault->message);
			break;
		case RT_CODE_FORBIDDEN:
			refuse(login, RT_CLOSE_FORBIDDEN, RT_CODE_FORBIDDEN, fault->message);
			break;
		case RT_CODE_RATE_LIMITED:
			refuse(login, RT_CLOSE_TOO_FAST, RT_CODE_RATE_LIMITED, fault->message);
			break;
		default:
			refuse(login, RT_CLOSE_TRY_AGAIN, RT_CODE_INTERNAL_ERROR, otherwise);
			break;
	}
}

/* Who finds no service comes back when there is one. */
static void
reply_fault(Login *login, const RtFault *fault, const char *otherwise)
{
	RtWork	   *work = &login->work;

	if (work->unavailable || rt_code_from_wire(fault->code) == RT_CODE_SERVICE_UNAVAILABLE)
	{
		rt_reply_unavailable(work->request);
		return;
	}
	refuse_by_fault(login, fault, otherwise);
	rt_reply_login(work->request, &login->answer, RT_TEXT_NONE, RT_SESSION_NONE);
}

/* Whether a connection opens by it. */
static bool
opens_connection(const RtRequest *request)
{
	return request->asked.connection_serial != 0 && request->asked.id.len == 0;
}

static void
open_connection(Login *login, RtWorkResult *result)
{
	RtRequest  *request = login->work.request;
	RtFault		fault;

	if (rt_open_run(request, &fault, result))
		((RtLoginAnswer *) rt_shared_text_get(&request->answer))->opened = true;
	if (fault.code != NULL)
		reply_fault(login, &fault, "The connection cannot be opened at the moment");
}

/* Somebody has come in. */
static void
welcome(Login *login, RtWorkResult *result)
{
	RtRequest  *request = login->work.request;

	if (request->answer_kind != RT_ANSWER_LOGIN || request->asked.connection_serial == 0)
		return;
	if (opens_connection(request))
		open_connection(login, result);
	else
		rt_open_note_change(request, result);
}

RtWorkResult
rt_login_run(RtRequest *request)
{
	Login		login;
	RtWorkResult result;

	login.hook = NULL;
	login.is_upgrade = request->asked.kind == RT_REQUEST_UPGRADE;
	rt_work_begin(&login.work, request, login.is_upgrade ? "upgrade" : "log in",
				  prepare_login, run_login);
	rt_work_run(&login.work);
	rt_set_cookies_end();
	rt_hook_note_run(login.hook, &login.work);
	if (login.work.fault.code != NULL)
		reply_fault(&login, &login.work.fault, "Nobody can say who you are at the moment");
	result = rt_work_result(&login.work);
	if (!result.failed && !result.session_is_spoiled && !is_refused(&login))
		welcome(&login, &result);
	return result;
}

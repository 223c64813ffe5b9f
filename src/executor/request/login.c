/*
 * login.c
 *		Finds out who is on a connection: by its token.
 *
 * A token that is there and not good ends the login, wherever else there might
 * be a better one.  What it claims becomes the user data; the role that it names
 * must be one that executors can become.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/reply.h"
#include "src/executor/request/login.h"
#include "src/executor/token_keys.h"
#include "src/guc.h"
#include "src/ipc/session.h"
#include "src/protocol/http_token.h"

#define UNAUTHENTICATED 4401	/* how connections end; final for clients */
#define FORBIDDEN 4403
#define TRY_AGAIN 1013

typedef struct Login
{
	RtWork		work;			/* first */
	RtLoginAnswer answer;
	char		token[RT_TOKEN_MAX];
	int			token_len;		/* 0 = none, -1 = not readable */
	Jsonb	   *user_data;		/* NULL = nobody is known */
	int64		expires;
} Login;

static void
refuse(Login *login, int close_code, RtCode code, const char *reason)
{
	login->answer.close_code = close_code;
	strlcpy(login->answer.code, rt_code_wire(code), sizeof(login->answer.code));
	strlcpy(login->answer.reason, reason, sizeof(login->answer.reason));
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
	RtHttpHead	head;

	if (asked->id.len > 0)
	{
		login->token_len = Min(asked->id.len, RT_TOKEN_MAX);
		memcpy(login->token, text + asked->id.off, login->token_len);
		return;
	}
	memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
	if (rt_http_head_read(&head, text + asked->args.off, asked->args.len) == RT_HTTP_WHOLE)
		login->token_len = rt_http_find_token(&head, realtime_jwt_cookie,
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
check_token(Login *login)
{
	RtToken		token;
	RtTokenVerdict verdict;

	if (login->token_len == 0)
		return;
	if (!rt_token_keys_look())
	{
		refuse(login, UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "No key for tokens is known");
		return;
	}
	verdict = rt_token_verify(login->token, Max(0, login->token_len), &token);
	if (verdict != RT_TOKEN_GOOD)
	{
		note_refusal(verdict);
		refuse(login, UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, rt_token_verdict_text(verdict));
		return;
	}
	PG_TRY();
	{
		login->user_data = read_claims(&token);
		login->expires = rt_token_end(&token);
	}
	PG_FINALLY();
	{
		rt_token_release(&token);
	}
	PG_END_TRY();
}

/* ---- who that is ---- */

/* A string, or a number as it is written; NULL if there is none of these. */
static char *
text_member(Jsonb *data, const char *name)
{
	JsonbValue	buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&data->root, name, strlen(name), &buffer);

	if (value == NULL)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return numeric_normalize(value->val.numeric);
	return NULL;
}

static char *
user_id_of(Jsonb *data)
{
	static const char *const names[] = {"id", "user_id", "sub"};

	for (size_t i = 0; i < lengthof(names); i++)
	{
		char	   *id = text_member(data, names[i]);

		if (id != NULL)
			return id;
	}
	return pstrdup("");
}

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

/* Returns RT_SESSION_NONE if there is no room for another. */
static int
make_session(Login *login, const char *user_id, const char *role)
{
	const RtRequest *request = login->work.request;
	char	   *text = JsonbToCString(NULL, &login->user_data->root, 0);

	return rt_session_create(request->owner, request->owner_generation,
							 user_id, strlen(user_id), role, text, strlen(text),
							 login->expires, rights_of(login->user_data));
}

static int
identify(Login *login)
{
	char	   *user_id = user_id_of(login->user_data);
	char	   *role = text_member(login->user_data, realtime_jwt_role_claim);
	int			session;

	if (strlen(user_id) > RT_USER_ID_MAX)
	{
		refuse(login, UNAUTHENTICATED, RT_CODE_UNAUTHENTICATED, "The user's id is too long");
		return RT_SESSION_NONE;
	}
	if (role != NULL && role[0] != '\0' && !rt_identity_may_become(role))
	{
		refuse(login, FORBIDDEN, RT_CODE_FORBIDDEN, "Nobody can be of that role");
		return RT_SESSION_NONE;
	}
	session = make_session(login, user_id, role != NULL ? role : "");
	if (session == RT_SESSION_NONE)
		refuse(login, TRY_AGAIN, RT_CODE_OVERLOADED, "There are too many identities");
	return session;
}

/* ---- the request ---- */

/* Nothing is left to run: what has been found out is the outcome. */
static bool
prepare_login(RtWork *work)
{
	Login	   *login = (Login *) work;
	int			session = RT_SESSION_ANONYMOUS;

	memset(&login->answer, 0, sizeof(login->answer));
	login->user_data = NULL;
	find_token(login);
	check_token(login);
	if (login->user_data != NULL)
		session = identify(login);
	rt_reply_login(work->request, &login->answer, is_refused(login) ? RT_SESSION_NONE : session);
	return false;
}

RtWorkResult
rt_login_run(RtRequest *request)
{
	Login		login;

	memset(&login.work, 0, sizeof(login.work));
	login.work.request = request;
	login.work.activity = "log in";
	login.work.prepare = prepare_login;
	rt_work_run(&login.work);
	if (login.work.fault.code != NULL)
	{
		refuse(&login, TRY_AGAIN, RT_CODE_INTERNAL_ERROR, "Nobody can say who you are at the moment");
		rt_reply_login(request, &login.answer, RT_SESSION_NONE);
	}
	return rt_work_result(&login.work);
}

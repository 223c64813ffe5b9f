/*
 * once.c
 *		Calls that must happen once, however often they are sent.
 *
 * A call's effect and its answer are one transaction: the answer is a row that
 * the handler's transaction writes, so after a crash both are there or neither.
 * Twins come one after the other (call_key.h), so whoever comes later finds the
 * row, or that the first one has failed.  Those that wait when it commits are
 * answered with it, and do not run.
 *
 * The space of a key is path and user: nobody is given the answer of another
 * user.  Who is given one has passed the guards.
 *
 * Calls of a path that shares its result (share_result) are twins while they wait
 * for the same lock, whoever they are of, and their answer is not kept.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"

#include "src/catalog/answer_store.h"
#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/outgoing.h"
#include "src/executor/reply.h"
#include "src/executor/request/call_key.h"
#include "src/executor/request/once.h"
#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/publish_ring.h"
#include "src/ipc/score.h"
#include "src/protocol/json.h"

#define TWINS_MAX 16			/* answered at once */

/* What twins are answered, in the memory of the request that is run. */
static struct
{
	bool		wanted;			/* the call is to be shared ... */
	bool		done;			/* ... and has happened */
	bool		pending;
	RtCallKey	key;			/* that it holds, and its twins wait for */
	RtCallKey	twins;
	const char *data;
	int			len;
} share;

void
rt_once_reset(void)
{
	share.wanted = share.done = share.pending = false;
}

static void
want_to_share(RtCallKey key, RtCallKey twins)
{
	share.wanted = true;
	share.key = key;
	share.twins = twins;
}

/* ---- its key ---- */

pg_noreturn static void
refuse_key(const char *message)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(RT_CODE_INVALID_REQUEST)),
			 errmsg("%s", message)));
}

/* The one that the client has sent, or NULL. */
static char *
sent_key(RtGuarded *guarded)
{
	RtRequestSpan sent = guarded->work->request->asked.idempotency_key;
	char		key[RT_IDEMPOTENCY_KEY_MAX + 1];

	if (sent.len == 0)
		return NULL;
	if (rt_json_string_decode(guarded->text, (RtSpan) {sent.off, sent.len}, key,
							  sizeof(key)) < 0)
		refuse_key("Idempotency key is not a text of at most 256 bytes");
	return pstrdup(key);
}

static char *
find_key(RtGuarded *guarded, const RtRpcDeclaration *declaration)
{
	char	   *key = rt_call_key_text(guarded, &declaration->idempotency_key,
									   "idempotency key");

	if (key != NULL && strlen(key) > RT_IDEMPOTENCY_KEY_MAX)
		refuse_key("Idempotency key exceeds 256 bytes");
	return key != NULL ? key : sent_key(guarded);
}

/* Others without an id have other rights, and must not share its answers. */
static bool
has_role_of_its_own(void)
{
	return strcmp(rt_caller_role_name(), realtime_anonymous_role) != 0;
}

RtCallKey
rt_once_key(const RtOnce *once)
{
	RtKeyDigest *sum = rt_key_digest_begin(once->user != NULL ? "once" : "once anonymous");

	rt_key_digest_add(sum, once->path, strlen(once->path));
	if (once->user != NULL)
		rt_key_digest_add(sum, once->user, strlen(once->user));
	rt_key_digest_add(sum, once->key, strlen(once->key));
	return rt_key_digest_end(sum);
}

/* ---- around the handler ---- */

static bool
find_answer(const RtOnce *once, StringInfo result)
{
	char	   *answer;

	if (!rt_answer_find(once->path, once->user, once->key, &answer))
		return false;
	if (answer != NULL && result != NULL)
		appendStringInfoString(result, answer);
	return true;
}

static bool
has_key(const RtRpcDeclaration *declaration)
{
	return declaration->idempotent || declaration->idempotency_key.declared;
}

bool
rt_once_concerns(const RtRpcDeclaration *declaration)
{
	return has_key(declaration) || declaration->share_result;
}

/*
 * Whoever waits, with the same role: what it may see is a part of the answer.  What
 * middlewares have made of it is for their user alone.
 */
RtCallKey
rt_once_twins(const RtGuarded *guarded, const RtRpcDeclaration *declaration,
			  const char *lock)
{
	RtKeyDigest *sum;
	const char *role = rt_caller_role_name();
	const RtSession *session = rt_caller()->session;

	if (!declaration->share_result)
		return RT_NO_TWINS;
	sum = rt_key_digest_begin("twins");
	rt_key_digest_add(sum, declaration->path, strlen(declaration->path));
	rt_key_digest_add(sum, role, strlen(role));
	rt_key_digest_add(sum, lock, strlen(lock));
	if (guarded->middleware_count > 0 && !rt_caller()->anonymous)
		rt_key_digest_add(sum, session->user_id, session->user_id_len);
	return rt_key_digest_end(sum);
}

void
rt_once_share_lock(const RtRpcDeclaration *declaration, const RtKeyWish *wish)
{
	if (declaration->share_result)
		want_to_share(wish->key, wish->twins);
}

/* What no client calls is the database's own, under a path that none can have. */
void
rt_once_set_user(RtOnce *once)
{
	const RtCaller *caller = rt_caller();

	if (caller != NULL && !caller->anonymous)
		once->user = pnstrdup(caller->session->user_id, caller->session->user_id_len);
	else if (caller == NULL || caller->request->asked.connection_id[0] == '\0')
		once->path = psprintf("database %s", once->path);
	else if (has_role_of_its_own())
		refuse_key("Idempotency keys belong to users, and this one has no id");
}

bool
rt_once_begin(RtGuarded *guarded, const RtRpcDeclaration *declaration,
			  RtOnce *once, StringInfo result)
{
	const RtSession *session = rt_caller()->session;
	RtKeyWish	wish = {0};

	memset(once, 0, sizeof(*once));
	if (!has_key(declaration))
		return false;
	once->key = find_key(guarded, declaration);
	if (once->key == NULL)
		return false;
	if (rt_caller()->anonymous && has_role_of_its_own())
		refuse_key("Idempotency keys belong to users, and this one has no id");
	once->path = pstrdup(declaration->path);
	once->ttl_ms = declaration->idempotency_ttl_ms;
	if (!rt_caller()->anonymous)
		once->user = pnstrdup(session->user_id, session->user_id_len);

	wish.key = wish.twins = rt_once_key(once);
	rt_call_key_hold(guarded, &wish);
	want_to_share(wish.key, wish.twins);
	if (!find_answer(once, result))
	{
		rt_score(RT_SCORE_ONCE_ACQUIRED);
		return false;
	}
	rt_score(RT_SCORE_ONCE_HITS);
	return true;
}

void
rt_once_end(const RtOnce *once, const StringInfoData *result)
{
	share.done = share.wanted;
	if (once->key == NULL || once->ttl_ms == 0 || XactReadOnly)
		return;
	rt_score(RT_SCORE_ONCE_KEPT);
	rt_answer_keep(once->path, once->user, once->key,
				   result->len > 0 ? result->data : NULL,
				   rt_caller_request_id(), once->ttl_ms);
}

/*
 * What middlewares have made of it, as they were run for the twins as well.  If one
 * has caught an error behind it, the key is gone with all that was done.
 */
void
rt_once_share(const StringInfoData *result)
{
	if (!share.done || !rt_key_is_held(share.key))
		return;
	share.pending = true;
	share.data = result->data;
	share.len = result->len;
	rt_key_share(share.key);
}

/* ---- those that wait ---- */

static void
answer_twin(RtRequest *twin, const RtWorkResult *result)
{
	if (!rt_reply_try_success(twin, share.data, share.len))
	{
		RtFault		fault;

		rt_fault_set(&fault, RT_CODE_OVERLOADED, NULL);
		rt_reply_failure(twin, &fault);
	}
	rt_score(RT_SCORE_ONCE_SHARED);
	twin->answer_position = rt_ring_own_end;
	rt_reply_say_changes(twin, rt_changes_own_end);
	rt_outgoing_add(twin, result->durability, result->ended);
	if (rt_outgoing_is_due(result->ended))
		rt_outgoing_push();
}

void
rt_once_answer_twins(int executor, const RtWorkResult *result)
{
	RtRequest  *twins[TWINS_MAX];
	int			count;

	if (!share.pending)
		return;
	share.pending = false;
	do
	{
		count = rt_parking_take(share.key, share.twins, executor, twins, TWINS_MAX);
		for (int i = 0; i < count; i++)
			answer_twin(twins[i], result);
	} while (count == TWINS_MAX);
}

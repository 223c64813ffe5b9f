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
	bool		done;			/* the call has happened, and holds the key */
	bool		pending;
	RtCallKey	key;
	const char *data;
	int			len;
} share;

void
rt_once_reset(void)
{
	share.done = share.pending = false;
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

static RtCallKey
digest(const RtOnce *once)
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

bool
rt_once_concerns(const RtRpcDeclaration *declaration)
{
	return declaration->idempotent || declaration->idempotency_key.declared;
}

bool
rt_once_begin(RtGuarded *guarded, const RtRpcDeclaration *declaration,
			  RtOnce *once, StringInfo result)
{
	const RtSession *session = rt_caller()->session;

	memset(once, 0, sizeof(*once));
	if (!rt_once_concerns(declaration))
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

	share.key = digest(once);
	rt_call_key_hold(guarded, share.key, 0, RT_CODE_CONFLICT,
					 "A call with this idempotency key is still running");
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
	if (once->key == NULL)
		return;
	if (once->ttl_ms > 0 && !XactReadOnly)
		rt_score(RT_SCORE_ONCE_KEPT);
	if (once->ttl_ms > 0 && !XactReadOnly)
		rt_answer_keep(once->path, once->user, once->key,
					   result->len > 0 ? result->data : NULL,
					   rt_caller_request_id(), once->ttl_ms);
	share.done = true;
}

/* What middlewares have made of it, as they were run for the twins as well. */
void
rt_once_share(const StringInfoData *result)
{
	if (!share.done)
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
		count = rt_parking_take(share.key, executor, twins, TWINS_MAX);
		for (int i = 0; i < count; i++)
			answer_twin(twins[i], result);
	} while (count == TWINS_MAX);
}

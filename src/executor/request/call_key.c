/*
 * call_key.c
 *		What calls name so that they run one after the other, or once.
 *
 * SQL sessions (realtime.call()) wait for a key themselves, and so do executors
 * that run something else than a client's call.  That gives its executor back and
 * comes again: see src/ipc/parking.h.  Whoever catches the error that this takes
 * cannot make it go on.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/call_key.h"
#include "src/ipc/request_queue.h"
#include "src/ipc/score.h"

struct RtKeyDigest
{
	pg_cryptohash_ctx *context;
};

/* ---- what a call names ---- */

char *
rt_call_key_text(RtGuarded *guarded, const RtNamedFunction *function,
				 const char *purpose)
{
	RtFunction *key;
	RtArguments none = {0};
	NullableDatum name;

	if (!function->declared)
		return NULL;
	if (!OidIsValid(function->oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the %s of \"%s\" does not exist", purpose,
						guarded->work->activity)));
	key = rt_function_get(function->oid);
	name = rt_function_invoke(key, key->nargs == 0 ? &none : &guarded->arguments);
	if (name.isnull)
		return NULL;
	return TextDatumGetCString(name.value);
}

/* ---- digests ---- */

static void
check_digest(int result)
{
	if (result < 0)
		elog(ERROR, "could not compute the digest of a key");
}

RtKeyDigest *
rt_key_digest_begin(const char *purpose)
{
	RtKeyDigest *digest = palloc(sizeof(RtKeyDigest));

	digest->context = pg_cryptohash_create(PG_SHA256);
	check_digest(pg_cryptohash_init(digest->context));
	rt_key_digest_add(digest, purpose, strlen(purpose));
	return digest;
}

void
rt_key_digest_add(RtKeyDigest *digest, const char *text, Size len)
{
	uint64		length = len;

	check_digest(pg_cryptohash_update(digest->context, (const uint8 *) &length,
									  sizeof(length)));
	check_digest(pg_cryptohash_update(digest->context, (const uint8 *) text, len));
}

RtCallKey
rt_key_digest_end(RtKeyDigest *digest)
{
	uint8		bytes[PG_SHA256_DIGEST_LENGTH];
	RtCallKey	key;

	check_digest(pg_cryptohash_final(digest->context, bytes, sizeof(bytes)));
	pg_cryptohash_free(digest->context);
	pfree(digest);
	memcpy(&key, bytes, sizeof(key));
	return key;
}

RtCallKey
rt_lock_key(const char *name)
{
	RtKeyDigest *digest = rt_key_digest_begin("lock");

	rt_key_digest_add(digest, name, strlen(name));
	return rt_key_digest_end(digest);
}

/* ---- getting it ---- */

static char *
only_issue(const char *message)
{
	StringInfoData issues;

	initStringInfo(&issues);
	appendStringInfoString(&issues, "[{\"path\":[],\"message\":");
	escape_json(&issues, message);
	appendStringInfoString(&issues, "}]");
	return issues.data;
}

/* Its time is up: issues and fields of the error go to the client (errors.c). */
pg_noreturn static void
refuse_late(const RtKeyWish *wish, int wait_ms)
{
	RtCode		code = wish->lock != NULL ? RT_CODE_LOCK_TIMEOUT : RT_CODE_CONFLICT;
	char	   *issues = only_issue(wish->lock != NULL ? psprintf("key \"%s\"", wish->lock) :
									"A call with this idempotency key is still running");

	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 errmsg_internal("%s", rt_code_message(code)),
			 err_generic_string(PG_DIAG_DATATYPE_NAME, issues),
			 wish->lock != NULL && wish->lock[0] != '\0' ?
			 err_generic_string(PG_DIAG_SCHEMA_NAME, wish->lock) : 0,
			 wait_ms < PG_INT32_MAX ?
			 err_generic_string(PG_DIAG_TABLE_NAME, psprintf("%d", wait_ms)) : 0));
}

/* How long the call has waited for keys already, in all. */
static int
waited_ms(const RtWork *work)
{
	TimestampTz since = rt_parking_since(work->request);

	return since == 0 ? 0 :
		(int) Min((GetCurrentTimestamp() - since) / 1000, PG_INT32_MAX);
}

/* A call that needs several of them waits no longer for all than it may take. */
static void
hold_or_park(const RtKeyWish *wish, RtWork *work, int wait_ms)
{
	int			left_ms = wait_ms;

	switch (rt_key_try(wish->key, wish->twins, work->request))
	{
		case RT_KEY_HELD:
			rt_score(RT_SCORE_LOCK_ACQUIRED);
			return;
		case RT_KEY_CROWDED:
			rt_reply_refuse_overload();
		case RT_KEY_AWAITED:
			break;
	}
	if (work->timeout_ms > 0)
		left_ms = Min(left_ms, work->timeout_ms - waited_ms(work));
	if (left_ms <= 0 || rt_parking_is_over(work->request))
	{
		rt_score(RT_SCORE_LOCK_LATE);
		refuse_late(wish, wait_ms);
	}
	if (rt_parking_since(work->request) == 0)
		rt_score(RT_SCORE_LOCK_AWAITED);
	work->waits_ms = left_ms;
	rt_work_give_up();
}

static void
wait_for_lock(const RtKeyWish *wish, int wait_ms)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		rt_key_wait(wish->key, wait_ms);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		rt_score(RT_SCORE_LOCK_LATE);
		refuse_late(wish, LockTimeout > 0 ? Min(wait_ms, LockTimeout) : wait_ms);
	}
	PG_END_TRY();
}

/* An executor that waits is none meanwhile, as one that waits for a client. */
static void
hold_or_wait(const RtKeyWish *wish, int wait_ms)
{
	if (rt_key_take(wish->key))
	{
		rt_score(RT_SCORE_LOCK_ACQUIRED);
		return;
	}
	if (!rt_executor_begin_wait())
		rt_reply_refuse_overload();
	rt_score(RT_SCORE_LOCK_AWAITED);
	PG_TRY();
	{
		wait_for_lock(wish, wait_ms);
		rt_score(RT_SCORE_LOCK_ACQUIRED);
	}
	PG_FINALLY();
	{
		rt_executor_end_wait();
	}
	PG_END_TRY();
}

static void
hold_at_once(const RtKeyWish *wish)
{
	if (!rt_key_take_free(wish->key))
	{
		rt_score(RT_SCORE_LOCK_LATE);
		refuse_late(wish, 0);
	}
	rt_score(RT_SCORE_LOCK_ACQUIRED);
}

void
rt_key_hold(const RtKeyWish *wish, RtWork *work)
{
	int			wait_ms = wish->wait_ms;

	if (wait_ms <= 0)
		wait_ms = work != NULL && work->timeout_ms > 0 ? work->timeout_ms : PG_INT32_MAX;
	if (wish->at_once)
		hold_at_once(wish);
	else if (work != NULL && work->may_park)
		hold_or_park(wish, work, wait_ms);
	else
		hold_or_wait(wish, wait_ms);
}

void
rt_call_key_hold(RtGuarded *guarded, const RtKeyWish *wish)
{
	rt_key_hold(wish, guarded->work);
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

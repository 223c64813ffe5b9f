/*
 * call_key.c
 *		What calls name so that they run one after the other, or once.
 *
 * SQL sessions (realtime.call()) wait for a key themselves.  A call of a client
 * gives its executor back and comes again: see src/ipc/parking.h.  Whoever
 * catches the error that this takes cannot make it go on.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/snapmgr.h"

#include "src/errcodes.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/call_key.h"
#include "src/guc.h"
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
	RtCallKey		key;

	check_digest(pg_cryptohash_final(digest->context, bytes, sizeof(bytes)));
	pg_cryptohash_free(digest->context);
	pfree(digest);
	memcpy(&key, bytes, sizeof(key));
	return key;
}

/* ---- getting it ---- */

/* As the issues of the error, which go to the client. */
pg_noreturn static void
refuse_late(RtCode code, const char *detail)
{
	StringInfoData issues;

	initStringInfo(&issues);
	appendStringInfoString(&issues, "[{\"path\":[],\"message\":");
	escape_json(&issues, detail);
	appendStringInfoString(&issues, "}]");
	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 errmsg_internal("%s", rt_code_message(code)),
			 err_generic_string(PG_DIAG_DATATYPE_NAME, issues.data)));
}

static void
hold_or_park(RtWork *work, RtCallKey key, int wait_ms, RtCode late, const char *detail)
{
	switch (rt_key_try(key, work->request))
	{
		case RT_KEY_HELD:
			rt_score(RT_SCORE_LOCK_ACQUIRED);
			return;
		case RT_KEY_CROWDED:
			rt_reply_refuse_overload();
		case RT_KEY_AWAITED:
			break;
	}
	if (rt_parking_is_over(work->request))
	{
		rt_score(RT_SCORE_LOCK_LATE);
		refuse_late(late, detail);
	}
	if (rt_parking_since(work->request) == 0)
		rt_score(RT_SCORE_LOCK_AWAITED);
	work->waits_ms = wait_ms;
	rt_work_give_up();
}

void
rt_call_key_hold(RtGuarded *guarded, RtCallKey key, int wait_ms, RtCode late,
				 const char *detail)
{
	RtWork	   *work = guarded->work;

	if (wait_ms <= 0)
		wait_ms = work->timeout_ms > 0 ? work->timeout_ms : PG_INT32_MAX;
	if (work->may_park)
		hold_or_park(work, key, wait_ms, late, detail);
	else
		rt_key_wait(key, wait_ms);
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

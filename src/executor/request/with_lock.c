/*
 * with_lock.c
 *		realtime.with_lock(): runs a function that must be alone, and
 *		realtime.idempotency_acquire(): for those that do something once.
 *
 * SQL functions, for any session and within calls.  In a client's call whoever
 * has to wait gives its executor back, and all of the call is run again
 * (call_key.h); not in an upload, whose bytes are gone.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "src/catalog/answer_store.h"
#include "src/catalog/interval.h"
#include "src/errcodes.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/request/call_key.h"
#include "src/executor/request/once.h"
#include "src/ipc/score.h"
#include "src/protocol/envelope.h"

#define RESULT_MAX (16 * 1024 * 1024)	/* bytes of JSON */

PG_FUNCTION_INFO_V1(realtime_with_lock);
PG_FUNCTION_INFO_V1(realtime_idempotency_acquire);
PG_FUNCTION_INFO_V1(realtime_idempotency_answer);

/* Positions of parameters, as in src/sql */
enum
{
	LOCK_KEY,
	LOCK_FUNCTION,
	LOCK_ARGS,
	LOCK_MAX_WAIT
};

enum
{
	ONCE_PATH,
	ONCE_KEY,
	ONCE_TTL,
	ONCE_ANSWER = ONCE_TTL
};

static void
refuse_null(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

/* As whom a wish is made. */
static void
hold(const RtKeyWish *wish)
{
	RtWork	   *work = rt_work_current();

	rt_key_hold(wish, work != NULL && work->is_unrepeatable ? NULL : work);
}

/* ---- with_lock ---- */

/* -1 = as long as the call may take. */
static int
read_max_wait(FunctionCallInfo fcinfo)
{
	int64		ms;

	if (PG_ARGISNULL(LOCK_MAX_WAIT))
		return -1;
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(LOCK_MAX_WAIT), &ms) || ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_wait must not be negative"),
				 errhint("Leave it out to wait as long as the call may take.")));
	return (int) Min(ms, PG_INT32_MAX);
}

static void
convert_arguments(RtFunction *function, Jsonb *args, RtArguments *arguments)
{
	const char *parameter = NULL;
	char	   *json = rt_arguments_text(args);

	rt_arguments_convert(function, json, (RtRequestSpan) {0, strlen(json)}, 0,
						 arguments, &parameter);
}

/* Sees what those before it have committed. */
static Jsonb *
run_alone(RtFunction *function, RtArguments *arguments)
{
	Jsonb	   *result;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	result = rt_function_invoke_jsonb(function, arguments, RESULT_MAX);
	PopActiveSnapshot();
	return result;
}

static Jsonb *
run_function(FunctionCallInfo fcinfo, const RtKeyWish *wish)
{
	RtFunction *function = rt_function_make(PG_GETARG_OID(LOCK_FUNCTION));
	RtArguments *arguments = palloc(sizeof(RtArguments));
	Jsonb	   *volatile result = NULL;

	PG_TRY();
	{
		if (!rt_function_may_execute(function))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for function %s", function->name)));
		convert_arguments(function, PG_GETARG_JSONB_P(LOCK_ARGS), arguments);
		if (wish->lock[0] != '\0')
			hold(wish);
		result = run_alone(function, arguments);
	}
	PG_FINALLY();
	{
		rt_function_free(function);
	}
	PG_END_TRY();
	return result;
}

Datum
realtime_with_lock(PG_FUNCTION_ARGS)
{
	RtKeyWish	wish = {.wait_ms = read_max_wait(fcinfo)};
	Jsonb	   *result;

	refuse_null(fcinfo, LOCK_FUNCTION, "function");
	refuse_null(fcinfo, LOCK_ARGS, "args");
	PreventCommandIfParallelMode("realtime.with_lock()");
	wish.at_once = wish.wait_ms == 0;
	wish.lock = PG_ARGISNULL(LOCK_KEY) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(LOCK_KEY));
	wish.key = rt_lock_key(wish.lock);
	rt_functions_init();
	result = run_function(fcinfo, &wish);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

/* ---- idempotency_acquire ---- */

static char *
read_text(FunctionCallInfo fcinfo, int number, const char *name, int most)
{
	char	   *value;

	refuse_null(fcinfo, number, name);
	value = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (value[0] == '\0' || strlen(value) > (Size) most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have 1 to %d bytes", name, most)));
	return value;
}

static int64
read_ttl(FunctionCallInfo fcinfo)
{
	int64		ms;

	refuse_null(fcinfo, ONCE_TTL, "ttl");
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(ONCE_TTL), &ms) || ms < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ttl must not be negative")));
	return ms;
}

/* Of the form of those that clients call: others are our own, as webhooks have. */
static char *
read_path(FunctionCallInfo fcinfo)
{
	char	   *path = read_text(fcinfo, ONCE_PATH, "path", RT_PATH_MAX);

	if (!rt_path_is_valid(path, strlen(path)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path \"%s\" is not valid", path),
				 errdetail("A path is two or more words of letters, digits, \"_\" and \"-\", joined by \"/\"."),
				 errhint("For example: \"mail/confirm\".")));
	return path;
}

/* In a client's call the same space as that of a declared path with idempotent => true. */
static void
read_once(FunctionCallInfo fcinfo, RtOnce *once)
{
	once->path = read_path(fcinfo);
	once->key = read_text(fcinfo, ONCE_KEY, "key", RT_IDEMPOTENCY_KEY_MAX);
	rt_once_set_user(once);
}

static Datum
make_result(FunctionCallInfo fcinfo, bool acquired, char *answer)
{
	TupleDesc	row;
	Datum		values[2] = {BoolGetDatum(acquired), (Datum) 0};
	bool		nulls[2] = {false, answer == NULL};

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (answer != NULL)
		values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(answer));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

Datum
realtime_idempotency_acquire(PG_FUNCTION_ARGS)
{
	RtOnce		once = {.ttl_ms = read_ttl(fcinfo)};
	RtKeyWish	wish = {0};
	char	   *answer = NULL;
	const char *request_id = rt_caller() != NULL ? rt_caller_request_id() : NULL;

	PreventCommandIfReadOnly("realtime.idempotency_acquire()");
	PreventCommandIfParallelMode("realtime.idempotency_acquire()");
	read_once(fcinfo, &once);
	wish.key = rt_once_key(&once);
	hold(&wish);
	if (rt_answer_find(once.path, once.user, once.key, &answer))
	{
		rt_score(RT_SCORE_ONCE_HITS);
		return make_result(fcinfo, false, answer);
	}
	rt_score(RT_SCORE_ONCE_ACQUIRED);
	if (once.ttl_ms > 0)
	{
		rt_score(RT_SCORE_ONCE_KEPT);
		rt_answer_keep(once.path, once.user, once.key, NULL, request_id, once.ttl_ms);
	}
	return make_result(fcinfo, true, NULL);
}

Datum
realtime_idempotency_answer(PG_FUNCTION_ARGS)
{
	RtOnce		once = {0};
	Jsonb	   *answer = PG_ARGISNULL(ONCE_ANSWER) ? NULL : PG_GETARG_JSONB_P(ONCE_ANSWER);

	PreventCommandIfParallelMode("realtime.idempotency_answer()");
	read_once(fcinfo, &once);
	if (!rt_key_is_held(rt_once_key(&once)) ||
		rt_answer_is_of_others(once.path, once.user, once.key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this transaction has not acquired that key"),
				 errhint("Call realtime.idempotency_acquire() first.")));
	rt_answer_set(once.path, once.user, once.key,
				  answer == NULL ? NULL : JsonbToCString(NULL, &answer->root, VARSIZE(answer)));
	PG_RETURN_VOID();
}

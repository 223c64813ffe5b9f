/*
 * push.c
 *		realtime.push() and connection_push(): ask a client and wait for its reply.
 *
 * It leaves at once, because the transaction waits for the answer; the rest is
 * in ipc/push.  A session that waits is woken by the gateway and looks at its
 * place.  An executor that waits is no executor meanwhile: others take what is
 * queued, and two are kept from waiting (ipc/request_queue).
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/backend/publish/publish.h"
#include "src/backend/publish/send.h"
#include "src/backend/push.h"
#include "src/catalog/interval.h"
#include "src/errcodes.h"
#include "src/ipc/client.h"
#include "src/ipc/clock.h"
#include "src/ipc/push.h"
#include "src/ipc/request_queue.h"
#include "src/protocol/json.h"

#define LONGEST_MS (24 * 60 * 60 * 1000)
#define REASON_MAX 1000			/* bytes of what a client says */

/* Positions of parameters, as in src/sql */
enum
{
	PUSH_WHOM,					/* a user's id, or a connection's */
	PUSH_EVENT,
	PUSH_DATA,
	PUSH_TIMEOUT
};

PG_FUNCTION_INFO_V1(realtime_push);
PG_FUNCTION_INFO_V1(realtime_connection_push);

/* ---- what can come of it ---- */

pg_noreturn static void
fail(RtCode code, const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(code)), errmsg("%s", message),
			 detail != NULL ? errdetail("%s", detail) : 0));
}

/* What the client says is wrong, as it is but for its length. */
pg_noreturn static void
fail_rejected(const char *json, Size len)
{
	char	   *text = palloc(len);
	int			text_len = rt_json_string_decode(json, rt_json_whole(json, len), text, len);

	text_len = pg_mbcliplen(text, Max(text_len, 0), REASON_MAX);
	ereport(ERROR,
			(errcode(rt_code_errcode(RT_CODE_REJECTED)),
			 errmsg("%s", text_len > 0 ? pnstrdup(text, text_len) :
					rt_code_message(RT_CODE_REJECTED)),
			 errdetail("This is what the client has answered.")));
}

static void
describe_reply(void *arg)
{
	errcontext("while reading what the client has answered");
}

/* Returns NULL for null. */
static Jsonb *
read_reply(char *json)
{
	ErrorContextCallback callback = {.callback = describe_reply,.previous = error_context_stack};
	Jsonb	   *reply;
	JsonbValue	value;

	error_context_stack = &callback;
	reply = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	error_context_stack = callback.previous;
	if (JB_ROOT_IS_SCALAR(reply) && JsonbExtractScalar(&reply->root, &value) &&
		value.type == jbvNull)
		return NULL;
	return reply;
}

/* As metrics call it. */
static RtPushResult
result_of(RtPushState state)
{
	switch (state)
	{
		case RT_PUSH_REPLIED:
			return RT_PUSH_RESULT_OK;
		case RT_PUSH_REFUSED:
			return RT_PUSH_RESULT_REJECTED;
		case RT_PUSH_GONE:
			return RT_PUSH_RESULT_NOT_FOUND;
		case RT_PUSH_TOO_LARGE:
			return RT_PUSH_RESULT_OVERLOADED;
		default:
			return RT_PUSH_RESULT_TIMEOUT;
	}
}

static Jsonb *
take_reply(RtPushState state)
{
	Size		len;
	char	   *json;

	switch (state)
	{
		case RT_PUSH_GONE:
			fail(RT_CODE_NOT_FOUND, "the client has gone", "Its connection ended before it answered.");
		case RT_PUSH_BLOCKED:
			fail(RT_CODE_TIMEOUT, "request timed out", "The client does not read what it is sent.");
		case RT_PUSH_TOO_LARGE:
			fail(RT_CODE_OVERLOADED, "there is no memory for the client's reply", NULL);
		case RT_PUSH_REFUSED:
		case RT_PUSH_REPLIED:
			break;
		default:
			fail(RT_CODE_TIMEOUT, "request timed out", NULL);
	}
	json = rt_push_reply(&len);
	if (state == RT_PUSH_REFUSED)
		fail_rejected(json, len);
	return read_reply(json);
}

/* ---- waiting ---- */

/* The gateway may have ended before it could see what is asked. */
static RtPushState
look(const RtPushTarget *target)
{
	RtPushState state = rt_push_state();

	if (state == RT_PUSH_ASKED && target->serial != RT_PUSH_GATEWAY &&
		!rt_client_is_there(target->gateway, target->connection, target->serial))
		return RT_PUSH_GONE;
	return state;
}

static bool
is_awaited(RtPushState state)
{
	return state == RT_PUSH_ASKED || state == RT_PUSH_SENT;
}

RtPushState
rt_push_await(const RtPushTarget *target, int64 deadline_ms)
{
	static uint32 wait_event = 0;
	RtPushState state;

	for (;;)
	{
		int64		left_ms = deadline_ms - rt_clock_ms();

		state = look(target);
		if (!is_awaited(state) || left_ms <= 0)
			return state;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 left_ms, rt_wait_event(&wait_event, "RealtimePush"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* A session that ends while it waits has to let go as well. */
static void
end_at_exit(int code, Datum arg)
{
	rt_push_end();
}

void
rt_push_ensure_end(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(end_at_exit, 0);
	registered = true;
}

static Jsonb *
ask(const RtPushTarget *target, const char *frame, Size len, int64 timeout_ms)
{
	int64		began = rt_clock_us();
	Jsonb	   *volatile reply = NULL;
	volatile RtPushResult result = RT_PUSH_RESULT_OVERLOADED;

	if (!rt_executor_begin_wait())
	{
		rt_push_count(RT_PUSH_RESULT_OVERLOADED, 0);
		fail(RT_CODE_OVERLOADED, "too many calls wait for replies of clients",
			 "Of realtime.max_executors two never wait for clients.");
	}
	rt_push_ensure_end();
	PG_TRY();
	{
		RtPushState state;

		if (!rt_push_ask(target, frame, len))
			fail(RT_CODE_OVERLOADED, "there is no memory for what is asked", NULL);
		result = RT_PUSH_RESULT_CANCELLED;
		state = rt_push_await(target, began / 1000 + timeout_ms);
		result = result_of(state);
		reply = take_reply(state);
	}
	PG_FINALLY();
	{
		rt_push_end();
		rt_executor_end_wait();
		rt_push_count(result, rt_clock_us() - began);
	}
	PG_END_TRY();
	return reply;
}

/* ---- the function ---- */

static int64
timeout_argument(FunctionCallInfo fcinfo)
{
	int64		ms;

	if (PG_ARGISNULL(PUSH_TIMEOUT) ||
		!rt_interval_ms(PG_GETARG_INTERVAL_P(PUSH_TIMEOUT), &ms) || ms < 1 ||
		ms > LONGEST_MS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout is not valid"),
				 errdetail("It is 1 ms to a day.")));
	return ms;
}

static void
require_arguments(FunctionCallInfo fcinfo, const char *whom)
{
	if (PG_ARGISNULL(PUSH_WHOM) || PG_ARGISNULL(PUSH_EVENT))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(PUSH_WHOM) ? whom : "event")));
}

/* Who is asked; false if he is not there. */
typedef bool (*FindTarget) (text *whom, RtPushTarget *target);

static bool
find_user(text *user_id, RtPushTarget *target)
{
	rt_send_check_user(user_id);
	return rt_client_latest(VARDATA_ANY(user_id), VARSIZE_ANY_EXHDR(user_id),
							&target->gateway, &target->connection, &target->serial);
}

static bool
find_connection(text *id, RtPushTarget *target)
{
	return rt_send_find_connection(id, &target->gateway, &target->connection,
								   &target->serial);
}

static Datum
push(FunctionCallInfo fcinfo, FindTarget find, const char *not_found)
{
	int64		timeout_ms = timeout_argument(fcinfo);
	Jsonb	   *data = PG_ARGISNULL(PUSH_DATA) ? NULL : PG_GETARG_JSONB_P(PUSH_DATA);
	RtPushTarget target;
	bool		found = find(PG_GETARG_TEXT_PP(PUSH_WHOM), &target);
	Size		len;
	char	   *frame = rt_send_request_frame(rt_push_next_ref(),
											  PG_GETARG_TEXT_PP(PUSH_EVENT), data, &len);
	Jsonb	   *reply;

	if (!found || !rt_publish_is_possible())
	{
		rt_push_count(RT_PUSH_RESULT_NOT_FOUND, 0);
		fail(RT_CODE_NOT_FOUND, not_found, NULL);
	}
	reply = ask(&target, frame, len, timeout_ms);
	if (reply == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(reply);
}

Datum
realtime_push(PG_FUNCTION_ARGS)
{
	require_arguments(fcinfo, "user_id");
	PreventCommandIfParallelMode("realtime.push()");
	return push(fcinfo, find_user, "the user is not connected");
}

Datum
realtime_connection_push(PG_FUNCTION_ARGS)
{
	require_arguments(fcinfo, "connection_id");
	PreventCommandIfParallelMode("realtime.connection_push()");
	return push(fcinfo, find_connection, "the connection is not there");
}

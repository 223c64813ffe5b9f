/*
 * limiter.c
 *		realtime.consume() and its like: limits that functions ask for
 *		themselves.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/catalog/interval.h"
#include "src/executor/identity.h"
#include "src/ipc/limiter.h"

#define COLUMNS 3

/* Positions of parameters, as in src/sql */
enum
{
	CONSUME_LIMITER,
	CONSUME_POINTS,
	CONSUME_WINDOW,
	CONSUME_KEY,
	CONSUME_COST,
	CONSUME_BLOCK
};

PG_FUNCTION_INFO_V1(realtime_consume);
PG_FUNCTION_INFO_V1(realtime_limiter_ban);
PG_FUNCTION_INFO_V1(realtime_limiter_unban);
PG_FUNCTION_INFO_V1(realtime_limiter_reset);
PG_FUNCTION_INFO_V1(realtime_limiter_clear);

/* ---- parameters ---- */

pg_noreturn static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name)));
}

static char *
text_of(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		refuse_null(name);
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static int
positive(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		refuse_null(name);
	if (PG_GETARG_INT32(number) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0", name)));
	return PG_GETARG_INT32(number);
}

static int64
milliseconds(FunctionCallInfo fcinfo, int number, const char *name, int64 least)
{
	int64		ms;

	if (PG_ARGISNULL(number))
		refuse_null(name);
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(number), &ms) || ms < least || ms > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range", name),
				 errdetail("It must be from %lld milliseconds to %d days.",
						   (long long) least, PG_INT32_MAX / (24 * 60 * 60 * 1000))));
	return ms;
}

/* Who calls: a user, else an address, else a connection that has been. */
static char *
key_of_caller(void)
{
	const RtCaller *caller = rt_caller();
	const RtQuestion *asked;

	if (caller == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("there is no caller to be counted"),
				 errhint("Outside of a call, name a key.")));
	if (!caller->anonymous)
		return pnstrdup(caller->session->user_id, caller->session->user_id_len);
	asked = &caller->request->asked;
	if (asked->address == 0 && asked->connection_id[0] != '\0')
		return psprintf("connection:%s", asked->connection_id);
	return psprintf("address:" UINT64_FORMAT, asked->address);
}

static RtLimiterKey
key_of(FunctionCallInfo fcinfo)
{
	return rt_limiter_key(text_of(fcinfo, 0, "limiter"), text_of(fcinfo, 1, "key"));
}

/* ---- functions ---- */

static Datum
make_row(FunctionCallInfo fcinfo, RtConsumed consumed)
{
	Datum		values[COLUMNS] = {
		BoolGetDatum(consumed.allowed),
		Int32GetDatum(consumed.remaining),
		Int32GetDatum((int32) Min(consumed.reset_ms, PG_INT32_MAX))
	};
	bool		nulls[COLUMNS] = {0};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
realtime_consume(PG_FUNCTION_ARGS)
{
	char	   *limiter = text_of(fcinfo, CONSUME_LIMITER, "limiter");
	RtLimit		limit = {
		.points = positive(fcinfo, CONSUME_POINTS, "points"),
		.window_ms = milliseconds(fcinfo, CONSUME_WINDOW, "period", 1),
		.block_ms = milliseconds(fcinfo, CONSUME_BLOCK, "block", 0)
	};
	int			cost = positive(fcinfo, CONSUME_COST, "cost");
	char	   *key = PG_ARGISNULL(CONSUME_KEY) ? key_of_caller() :
		text_to_cstring(PG_GETARG_TEXT_PP(CONSUME_KEY));

	PG_RETURN_DATUM(make_row(fcinfo, rt_limiter_consume(rt_limiter_key(limiter, key),
														&limit, cost)));
}

Datum
realtime_limiter_ban(PG_FUNCTION_ARGS)
{
	int64		ms = milliseconds(fcinfo, 2, "duration", 1);

	if (!rt_limiter_ban(key_of(fcinfo), ms))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("there is no room for another key of limiters"),
				 errhint("Increase realtime.rate_identities.")));
	PG_RETURN_VOID();
}

Datum
realtime_limiter_unban(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(rt_limiter_unban(key_of(fcinfo)));
}

Datum
realtime_limiter_reset(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(rt_limiter_reset(key_of(fcinfo)));
}

Datum
realtime_limiter_clear(PG_FUNCTION_ARGS)
{
	char	   *limiter = text_of(fcinfo, 0, "limiter");

	PG_RETURN_INT64(rt_limiter_clear(rt_limiter_key(limiter, "").limiter));
}

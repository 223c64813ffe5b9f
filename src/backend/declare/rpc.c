/*
 * rpc.c
 *		realtime.rpc(), realtime.binary(), realtime.upload(): what clients call.
 *
 * The three have the same options, behind those of their own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"

/* Defaults of parameters, as in src/sql */
#define RATE_WINDOW_DEFAULT (10 * USECS_PER_SEC)
#define IDEMPOTENCY_TTL_DEFAULT (48 * USECS_PER_HOUR)

/* Positions of parameters, as in src/sql */
enum
{
	RPC_PATH,
	RPC_HANDLER,
	RPC_OPTIONS
};

enum
{
	BINARY_MAX_SIZE = RPC_OPTIONS,
	BINARY_OPTIONS
};

enum
{
	UPLOAD_MAX_SIZE = RPC_OPTIONS,
	UPLOAD_MAX_PER_SESSION,
	UPLOAD_MAX_TOTAL,
	UPLOAD_REAUTH_EVERY,
	UPLOAD_OPTIONS
};

/* The same, from the first of the options on that all have. */
enum
{
	GUARD,
	TIMEOUT,
	READ_ONLY,
	RATE_LIMIT,
	RATE_WINDOW,
	IDEMPOTENCY_KEY,
	IDEMPOTENCY_TTL,
	LOCK_KEY,
	LOCK_WAIT,
	CLASS_OF_SERVICE,
	IDEMPOTENT,
	BREAKER,
	FALLBACK,
	OPTIONS						/* what follows is of realtime.rpc() alone */
};

enum
{
	RPC_SHARE_RESULT = RPC_OPTIONS + OPTIONS
};

/* One of the functions as it was called. */
typedef struct Declaration
{
	FunctionCallInfo fcinfo;
	int			options;		/* where those begin that all have */
	RtCheckedFunction *handler;
	RtRpcRow	row;
	bool		read_only;		/* row.read_only */
} Declaration;

PG_FUNCTION_INFO_V1(realtime_rpc);
PG_FUNCTION_INFO_V1(realtime_binary);
PG_FUNCTION_INFO_V1(realtime_upload);

/* ---- options that all have ---- */

static bool
is_default(const Interval *interval, int64 default_us)
{
	return interval == NULL || (interval->month == 0 && interval->day == 0 &&
								interval->time == default_us);
}

static void
read_rate(Declaration *declaration)
{
	FunctionCallInfo fcinfo = declaration->fcinfo;
	RtRpcRow   *row = &declaration->row;
	int			limit = declaration->options + RATE_LIMIT;

	row->rate_window = rt_parameter_interval(fcinfo, declaration->options + RATE_WINDOW,
											 "rate_window", PG_INT32_MAX);
	if (!PG_ARGISNULL(limit))
	{
		row->rate_limit = PG_GETARG_INT32(limit);
		if (row->rate_limit <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rate_limit must be greater than 0"),
					 errhint("Leave it out to have no limit.")));
	}
	else if (!is_default(row->rate_window, RATE_WINDOW_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rate_window needs rate_limit"),
				 errdetail("It is the time in which rate_limit counts.")));
}

static const char *
checked_key(Declaration *declaration, int option)
{
	FunctionCallInfo fcinfo = declaration->fcinfo;
	int			number = declaration->options + option;
	RtCheckedFunction *key;

	if (PG_ARGISNULL(number))
		return NULL;
	key = rt_function_check_any(PG_GETARG_OID(number), "a key function");
	rt_function_check_key(key, declaration->handler);
	return key->signature;
}

/* None at all is an answer, too, which rt_parameter_interval() does not know. */
static Interval *
checked_time(Declaration *declaration, int option, const char *name, int64 max_ms)
{
	FunctionCallInfo fcinfo = declaration->fcinfo;
	int			number = declaration->options + option;
	Interval   *time = PG_ARGISNULL(number) ? NULL : PG_GETARG_INTERVAL_P(number);

	if (time != NULL && is_default(time, 0))
		return time;
	return rt_parameter_interval(fcinfo, number, name, max_ms);
}

static void
read_keys(Declaration *declaration)
{
	RtRpcRow   *row = &declaration->row;

	row->idempotency_key = checked_key(declaration, IDEMPOTENCY_KEY);
	row->idempotency_ttl = checked_time(declaration, IDEMPOTENCY_TTL, "idempotency_ttl", PG_INT64_MAX);
	row->idempotent = rt_parameter_bool(declaration->fcinfo,
										declaration->options + IDEMPOTENT, "idempotent");
	row->lock_key = checked_key(declaration, LOCK_KEY);
	row->lock_wait = checked_time(declaration, LOCK_WAIT, "lock_wait", PG_INT32_MAX);
	if (row->lock_wait != NULL && row->lock_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lock_wait needs lock_key"),
				 errdetail("It is how long a call waits for the lock that lock_key names.")));
	if (row->idempotency_key == NULL && !row->idempotent &&
		!is_default(row->idempotency_ttl, IDEMPOTENCY_TTL_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("idempotency_ttl needs idempotency_key or idempotent"),
				 errdetail("It is how long the answers of calls with that key are kept.")));
}

static void
read_options(Declaration *declaration)
{
	FunctionCallInfo fcinfo = declaration->fcinfo;
	int			options = declaration->options;
	RtRpcRow   *row = &declaration->row;

	row->guards = rt_parameter_guards(fcinfo, options + GUARD, declaration->handler);
	row->timeout = rt_parameter_interval(fcinfo, options + TIMEOUT, "timeout", PG_INT32_MAX);
	if (!PG_ARGISNULL(options + READ_ONLY))
	{
		declaration->read_only = PG_GETARG_BOOL(options + READ_ONLY);
		row->read_only = &declaration->read_only;
	}
	read_rate(declaration);
	read_keys(declaration);
	row->class_of_service = rt_parameter_class(fcinfo, options + CLASS_OF_SERVICE);
	row->breaker = rt_parameter_breaker(fcinfo, options + BREAKER);
	row->fallback = rt_parameter_fallback(fcinfo, options + FALLBACK, row->breaker);
}

/* ---- the functions ---- */

static void
begin(Declaration *declaration, FunctionCallInfo fcinfo, const char *kind, int options)
{
	memset(declaration, 0, sizeof(*declaration));
	declaration->fcinfo = fcinfo;
	declaration->options = options;
	declaration->row.kind = kind;
	rt_parameter_lock_functions(fcinfo);
	declaration->row.path = rt_parameter_path(fcinfo, RPC_PATH);
	rt_store_begin_rpc(declaration->row.path);
	if (PG_ARGISNULL(RPC_HANDLER))
		rt_parameter_refuse_null("handler");
	declaration->handler = rt_function_check_any(PG_GETARG_OID(RPC_HANDLER), "a handler");
	rt_function_check_handler(declaration->handler);
	declaration->row.handler = declaration->handler->signature;
}

static void
end(Declaration *declaration)
{
	read_options(declaration);
	rt_store_rpc(&declaration->row);
}

/* Answers that are kept belong to users, those that are shared do not. */
static void
check_sharing(const RtRpcRow *row)
{
	if (row->share_result && row->lock_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share_result needs lock_key"),
				 errdetail("It shares the result with calls that wait for the lock that lock_key names.")));
	if (row->share_result && (row->idempotency_key != NULL || row->idempotent))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("share_result cannot be used with idempotency_key or idempotent"),
				 errdetail("With these, calls of one user with the same key share their result already.")));
}

Datum
realtime_rpc(PG_FUNCTION_ARGS)
{
	Declaration declaration;

	begin(&declaration, fcinfo, "rpc", RPC_OPTIONS);
	read_options(&declaration);
	declaration.row.share_result = rt_parameter_bool(fcinfo, RPC_SHARE_RESULT, "share_result");
	check_sharing(&declaration.row);
	rt_store_rpc(&declaration.row);
	PG_RETURN_VOID();
}

/* Greater than 0, or NULL if it may be, which is 0. */
static int64
checked_number(int64 number, bool is_null, bool may_be_null, const char *name)
{
	if (is_null && may_be_null)
		return 0;
	if (is_null)
		rt_parameter_refuse_null(name);
	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0", name)));
	return number;
}

static void
check_payload(const RtCheckedFunction *handler)
{
	if (handler->parameter_count > 0 && handler->parameter_types[0] == BYTEAOID &&
		!(handler->parameter_count == 1 && OidIsValid(handler->variadic)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function %s cannot be a handler of realtime.binary()",
					handler->signature),
			 errdetail("Its first parameter is not of type bytea."),
			 errhint("It gets the payload of the call; the client's args follow.")));
}

Datum
realtime_binary(PG_FUNCTION_ARGS)
{
	Declaration declaration;

	begin(&declaration, fcinfo, "binary", BINARY_OPTIONS);
	check_payload(declaration.handler);
	declaration.row.max_size = checked_number(PG_GETARG_INT32(BINARY_MAX_SIZE),
											  PG_ARGISNULL(BINARY_MAX_SIZE), false,
											  "max_size");
	end(&declaration);
	PG_RETURN_VOID();
}

Datum
realtime_upload(PG_FUNCTION_ARGS)
{
	Declaration declaration;
	RtRpcRow   *row = &declaration.row;

	begin(&declaration, fcinfo, "upload", UPLOAD_OPTIONS);
	row->max_size = checked_number(PG_ARGISNULL(UPLOAD_MAX_SIZE) ? 0 : PG_GETARG_INT64(UPLOAD_MAX_SIZE),
								   PG_ARGISNULL(UPLOAD_MAX_SIZE), false, "max_size");
	row->max_per_session = checked_number(PG_GETARG_INT32(UPLOAD_MAX_PER_SESSION),
										  PG_ARGISNULL(UPLOAD_MAX_PER_SESSION), false,
										  "max_per_session");
	row->max_total = checked_number(PG_GETARG_INT32(UPLOAD_MAX_TOTAL),
									PG_ARGISNULL(UPLOAD_MAX_TOTAL), true, "max_total");
	row->reauth_every = checked_number(PG_ARGISNULL(UPLOAD_REAUTH_EVERY) ? 0 :
									   PG_GETARG_INT64(UPLOAD_REAUTH_EVERY),
									   PG_ARGISNULL(UPLOAD_REAUTH_EVERY), true,
									   "reauth_every");
	end(&declaration);
	PG_RETURN_VOID();
}

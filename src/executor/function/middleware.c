/*
 * middleware.c
 *		Functions that run around all that clients ask for: realtime.next().
 *
 * The outermost is called, and calls the next one by realtime.next(), and so
 * on: these are calls within calls, so an error passes through the functions and
 * can be caught there, which rolls back what is inside.  What is inside runs
 * as the caller, so who calls realtime.next() must be the caller, too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "src/executor/function/invoke.h"
#include "src/executor/function/middleware.h"
#include "src/executor/function/result_set.h"
#include "src/executor/identity.h"
#include "src/protocol/frame.h"

typedef struct Chain
{
	RtGuarded  *guarded;
	RtMiddlewareRest rest;
	void	   *arg;
	MemoryContext context;		/* of what the rest leaves behind */
	Oid			user;			/* as whom it runs */
	int			running;		/* innermost that runs; count = the rest */
	int			called;			/* how many have been */
	bool		done;			/* the rest came to its end */
	StringInfoData result;		/* of the rest */
	Datum		given;			/* the same, as realtime.next() gave it; 0 = none */
} Chain;

static Chain *current = NULL;	/* of the call that is under way */

PG_FUNCTION_INFO_V1(realtime_next);

void
rt_middleware_find(RtGuarded *guarded)
{
	const List *declared = rt_declaration_middlewares();
	ListCell   *cell;

	guarded->middleware_count = 0;
	if (declared == NIL)
		return;
	guarded->middlewares = palloc(list_length(declared) * sizeof(RtFunction *));
	foreach(cell, declared)
	{
		const RtMiddlewareDeclaration *middleware = lfirst(cell);

		if (!OidIsValid(middleware->function))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("the function of middleware \"%s\" does not exist",
							middleware->name)));
		guarded->middlewares[guarded->middleware_count++] =
			rt_function_get(middleware->function);
	}
}

bool
rt_middleware_may_write(const RtGuarded *guarded)
{
	for (int i = 0; i < guarded->middleware_count; i++)
	{
		if (guarded->middlewares[i]->volatility == PROVOLATILE_VOLATILE)
			return true;
	}
	return false;
}

/* ---- from one to the next ---- */

static NullableDatum
call_middleware(Chain *chain, RtFunction *function)
{
	RtArguments arguments = {.count = Min(function->nargs, 1)};
	RtWork	   *work = chain->guarded->work;
	NullableDatum result;

	arguments.values[0].value = CStringGetTextDatum(work->activity);
	arguments.values[0].isnull = false;
	work->stage = RT_STAGE_GUARD;
	result = rt_function_invoke(function, &arguments);
	work->stage = RT_STAGE_HANDLER;
	return result;
}

static NullableDatum
run_rest(Chain *chain)
{
	NullableDatum result = {.isnull = true};

	chain->rest(chain->arg, &chain->result);
	chain->done = true;
	if (chain->result.len == 0)
		return result;
	result.value = DirectFunctionCall1(jsonb_in, CStringGetDatum(chain->result.data));
	result.isnull = false;
	chain->given = result.value;
	return result;
}

static NullableDatum
run_from(Chain *chain, int number)
{
	chain->running = number;
	chain->called = number + 1;
	return number == chain->guarded->middleware_count ? run_rest(chain) :
		call_middleware(chain, chain->guarded->middlewares[number]);
}

/* What comes next sees what has been done, at a snapshot of its own. */
static NullableDatum
run_next(Chain *chain)
{
	MemoryContext context = MemoryContextSwitchTo(chain->context);
	int			running = chain->running;
	NullableDatum result = {.isnull = true};

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	PG_TRY();
	{
		result = run_from(chain, running + 1);
	}
	PG_CATCH();
	{
		chain->running = running;
		rt_guarded_failed(chain->guarded);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PopActiveSnapshot();
	chain->running = running;
	chain->guarded->work->stage = RT_STAGE_HANDLER;
	MemoryContextSwitchTo(context);
	return result;
}

static void
check_next(const Chain *chain)
{
	if (chain == NULL || rt_caller() == NULL ||
		chain->running == chain->guarded->middleware_count)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("realtime.next() can only be used in a function that realtime.middleware() has declared")));
	if (chain->called > chain->running + 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("realtime.next() can only be called once"),
				 errdetail("What comes next runs once, whether it fails or not.")));
	if (GetUserId() != chain->user)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("realtime.next() cannot be called by a SECURITY DEFINER function"),
				 errdetail("What comes next would run with the rights of its owner."),
				 errhint("Let the middleware call such a function before or behind realtime.next().")));
}

Datum
realtime_next(PG_FUNCTION_ARGS)
{
	NullableDatum result;

	check_next(current);
	result = run_next(current);
	if (result.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result.value);
}

/* ---- around it ---- */

static bool
is_as_given(const Chain *chain, Datum value)
{
	struct varlena *a = PG_DETOAST_DATUM(value);
	struct varlena *b = (struct varlena *) DatumGetPointer(chain->given);

	return b != NULL && VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(b)) == 0;
}

/* A result that nobody has changed is sent as it was written. */
static void
write_result(const Chain *chain, NullableDatum value, StringInfo result)
{
	Jsonb	   *json;

	if (result == NULL || value.isnull)
		return;
	if (is_as_given(chain, value.value))
	{
		appendBinaryStringInfo(result, chain->result.data, chain->result.len);
		return;
	}
	json = DatumGetJsonbP(value.value);
	(void) JsonbToCString(result, &json->root, VARSIZE(json));
	rt_result_check_size(result, RT_FRAME_PAYLOAD_MAX);
}

static void
run_chain(Chain *chain, StringInfo result)
{
	Chain	   *outer = current;
	NullableDatum value = {.isnull = true};

	current = chain;
	PG_TRY();
	{
		value = run_from(chain, 0);
	}
	PG_FINALLY();
	{
		current = outer;
	}
	PG_END_TRY();
	write_result(chain, value, result);
}

bool
rt_middleware_run(RtGuarded *guarded, RtMiddlewareRest rest, void *arg,
				  StringInfo result)
{
	Chain	   *chain;

	if (guarded->middleware_count == 0)
	{
		rest(arg, result);
		return true;
	}
	chain = palloc0(sizeof(Chain));
	chain->guarded = guarded;
	chain->rest = rest;
	chain->arg = arg;
	chain->context = CurrentMemoryContext;
	chain->user = GetUserId();
	initStringInfo(&chain->result);
	run_chain(chain, result);
	return chain->done;
}

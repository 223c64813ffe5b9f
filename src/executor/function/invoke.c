/*
 * invoke.c
 *		Calls a described function and writes its result as JSON.
 *
 * A function is called through its FmgrInfo, as the expression evaluator
 * would: no parser, planner or executor in between.  A set is written row by
 * row, whichever of the two protocols for sets the function follows.  SQL
 * functions are the exception, because plans are worth keeping: one that
 * returns a set and that the planner can merge into the query around it is run
 * as that query (result_set.c); of others the body is planned (sql_body.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "src/errcodes.h"
#include "src/executor/function/invoke.h"
#include "src/executor/function/result_set.h"
#include "src/executor/function/sql_body.h"

bool
rt_function_is_skipped(const RtFunction *function, const RtArguments *arguments)
{
	for (int i = 0; i < arguments->count && function->strict; i++)
	{
		if (arguments->values[i].isnull)
			return true;
	}
	return false;
}

static void
fill_arguments(FunctionCallInfo fcinfo, const RtArguments *arguments)
{
	memcpy(fcinfo->args, arguments->values,
		   arguments->count * sizeof(NullableDatum));
}

/*
 * An error may leave behind something odd in what is kept of the function: whoever
 * wants it next has it made anew.
 */
static Datum
call_kept(RtFunction *function, FunctionCallInfo fcinfo)
{
	Datum		result;

	if (function->state_is_safe)
		return FunctionCallInvoke(fcinfo);
	PG_TRY();
	{
		result = FunctionCallInvoke(fcinfo);
	}
	PG_CATCH();
	{
		function->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	return result;
}

NullableDatum
rt_function_invoke(RtFunction *function, RtArguments *arguments)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	PgStat_FunctionCallUsage usage;
	NullableDatum result = {.value = (Datum) 0,.isnull = true};

	InvokeFunctionExecuteHook(function->oid);
	if (rt_function_is_skipped(function, arguments))
		return result;

	InitFunctionCallInfoData(*fcinfo, &function->flinfo, arguments->count,
							 function->collation, NULL, NULL);
	fill_arguments(fcinfo, arguments);
	pgstat_init_function_usage(fcinfo, &usage);
	if (function->sql_body == NULL ||
		!rt_sql_body_run(function, arguments, &result))
	{
		result.value = call_kept(function, fcinfo);
		result.isnull = fcinfo->isnull;
	}
	pgstat_end_function_usage(&usage, true);
	return result;
}

/* ---- sets ---- */

/* The rows of a function that gave a tuplestore. */
static void
write_tuplestore(RtResultSet *set, RtFunction *function, ReturnSetInfo *info)
{
	TupleDesc	desc = rt_result_set_desc(set, info->setDesc);
	TupleTableSlot *slot;

	if (info->setResult == NULL)
		return;
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(info->setResult, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		rt_result_set_add_slot(set, slot);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(info->setResult);
	info->setResult = NULL;
}

/*
 * Calls until the set ends.  Values live in the per-tuple context, which is
 * reset before each call.
 */
static void
run_set(RtResultSet *set, RtFunction *function, FunctionCallInfo fcinfo,
		ReturnSetInfo *info)
{
	PgStat_FunctionCallUsage usage;
	Datum		value;

	do
	{
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(info->econtext);
		MemoryContextSwitchTo(info->econtext->ecxt_per_tuple_memory);

		pgstat_init_function_usage(fcinfo, &usage);
		fcinfo->isnull = false;
		info->isDone = ExprSingleResult;
		value = FunctionCallInvoke(fcinfo);
		pgstat_end_function_usage(&usage, info->isDone != ExprMultipleResult);

		if (info->returnMode == SFRM_Materialize)
		{
			write_tuplestore(set, function, info);
			return;
		}
		if (info->isDone != ExprEndResult)
			rt_result_set_add_value(set, value, fcinfo->isnull);
	} while (info->isDone == ExprMultipleResult);
}

/*
 * The FmgrInfo is a copy: what a function keeps between the rows of one set
 * must not be there at the next call, if this one ends early.
 */
static void
invoke_set(RtFunction *function, RtArguments *arguments, RtResultSet *set)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	MemoryContext context = CurrentMemoryContext;
	EState	   *estate = CreateExecutorState();
	ReturnSetInfo info;
	FmgrInfo	flinfo;

	fmgr_info_copy(&flinfo, &function->flinfo, context);
	memset(&info, 0, sizeof(info));
	info.type = T_ReturnSetInfo;
	info.econtext = GetPerTupleExprContext(estate);
	info.expectedDesc = rt_result_set_expected(set);
	info.allowedModes = (int) (SFRM_ValuePerCall | SFRM_Materialize |
							   SFRM_Materialize_Preferred);
	info.returnMode = SFRM_ValuePerCall;

	InitFunctionCallInfoData(*fcinfo, &flinfo, arguments->count,
							 function->collation, NULL, (Node *) &info);
	fill_arguments(fcinfo, arguments);
	run_set(set, function, fcinfo, &info);

	MemoryContextSwitchTo(context);
	FreeExecutorState(estate);
}

static void
write_set(RtFunction *function, RtArguments *arguments, StringInfo out,
		  int limit)
{
	RtResultSet *set = rt_result_set_begin(function, out, limit);

	InvokeFunctionExecuteHook(function->oid);
	if (rt_function_is_skipped(function, arguments))
		 /* an empty set */ ;
	else if (function->inlinable && rt_function_may_use_schema(function))
		rt_result_set_run_query(set, function, arguments);
	else
		invoke_set(function, arguments, set);
	rt_result_set_end(set);
}

/* ---- everything ---- */

void
rt_function_invoke_json(RtFunction *function, RtArguments *arguments,
						StringInfo out, int limit)
{
	NullableDatum result;

	if (function->returns_set)
	{
		write_set(function, arguments, out, limit);
		return;
	}

	result = rt_function_invoke(function, arguments);
	if (out != NULL && function->result != RT_RESULT_VOID)
	{
		rt_result_write_value(function, out, result.value, result.isnull);
		rt_result_check_size(out, limit);
	}
}

Jsonb *
rt_function_invoke_jsonb(RtFunction *function, RtArguments *arguments, int limit)
{
	StringInfoData json;

	if (function->result_type == JSONBOID && !function->returns_set)
	{
		NullableDatum result = rt_function_invoke(function, arguments);

		return result.isnull ? NULL : DatumGetJsonbP(result.value);
	}
	initStringInfo(&json);
	rt_function_invoke_json(function, arguments, &json, limit);
	if (json.len == 0 || strcmp(json.data, "null") == 0)
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/*
 * call.c
 *		Runs one call of a declared function.
 *
 * Declaration, EXECUTE, guards, arguments, handler, result, in this order.
 * Guards that do not look at the arguments run before these are converted, so
 * that somebody who may not call at all does not learn what the arguments
 * should be.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/executor/arguments.h"
#include "src/executor/call.h"
#include "src/executor/function.h"
#include "src/executor/guard.h"
#include "src/executor/identity.h"
#include "src/executor/invoke.h"
#include "src/executor/reply.h"
#include "src/protocol/frame.h"

typedef struct Call
{
	RtWork		work;			/* first */
	const char *text;			/* the request's */
	RtFunction *handler;		/* NULL until found */
	int			guard_count;
	RtFunction **guards;
	bool		converted;		/* arguments are filled */
	RtArguments arguments;
} Call;

/* ---- as the executor ---- */

static RtFunction *
handler_of_declaration(RtRpcDeclaration *declaration)
{
	RtFunction *function = declaration->prepared;

	if (function == NULL || !function->valid ||
		function->oid != declaration->handler)
	{
		function = rt_function_get(declaration->handler);
		declaration->prepared = function;
	}
	return function;
}

/* A guard that is gone lets nobody pass. */
static void
get_guards(Call *call, RtRpcDeclaration *declaration)
{
	call->guard_count = 0;
	if (declaration->guard_count == 0)
		return;
	call->guards = palloc(declaration->guard_count * sizeof(RtFunction *));
	for (int i = 0; i < declaration->guard_count; i++)
	{
		if (!OidIsValid(declaration->guards[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("a guard of \"%s\" does not exist",
							call->work.activity)));
		call->guards[i] = rt_function_get(declaration->guards[i]);
		call->guard_count++;
	}
}

static bool
prepare_call(RtWork *work)
{
	Call	   *call = (Call *) work;
	RtRequest  *request = work->request;
	RtRpcDeclaration *declaration;

	call->handler = NULL;
	call->converted = false;
	if (!rt_declarations_refresh())
	{
		work->unavailable = true;
		rt_fault_set(&work->fault, RT_CODE_SERVICE_UNAVAILABLE, NULL);
		return false;
	}

	declaration = rt_declaration_rpc(call->text + request->path.off,
									 request->path.len);
	if (declaration == NULL || !OidIsValid(declaration->handler))
	{
		rt_fault_set(&work->fault, RT_CODE_NOT_FOUND, NULL);
		return false;
	}

	get_guards(call, declaration);
	call->handler = handler_of_declaration(declaration);
	work->mean_us = call->handler->mean_us;
	if (declaration->timeout_ms >= 0)
		work->timeout_ms = declaration->timeout_ms;
	work->read_only = declaration->read_only >= 0 ?
		declaration->read_only != 0 :
		call->handler->volatility != PROVOLATILE_VOLATILE;
	return true;
}

/* ---- as the caller ---- */

static void
convert_arguments(Call *call)
{
	RtStage		stage = call->work.stage;

	if (call->converted)
		return;
	call->work.stage = RT_STAGE_ARGUMENTS;
	rt_arguments_convert(call->handler, call->text, call->work.request->args,
						 &call->arguments, &call->work.parameter);
	call->converted = true;
	call->work.stage = stage;
}

static void
refuse_call(void)
{
	RtCode		code = rt_caller()->anonymous ? RT_CODE_UNAUTHENTICATED :
		RT_CODE_FORBIDDEN;

	ereport(ERROR,
			(errcode(code == RT_CODE_FORBIDDEN ?
					 MAKE_SQLSTATE('R', 'T', '4', '0', '3') :
					 MAKE_SQLSTATE('R', 'T', '4', '0', '1')),
			 errmsg_internal("%s", rt_code_message(code))));
}

static void
run_guard(Call *call, RtFunction *guard)
{
	RtArguments own;
	RtArguments *arguments = &own;
	NullableDatum result;

	own.count = guard->nargs;
	switch (rt_guard_input(guard, call->handler))
	{
		case RT_GUARD_NOTHING:
			break;
		case RT_GUARD_PATH:
			own.values[0].value = CStringGetTextDatum(call->work.activity);
			own.values[0].isnull = false;
			break;
		case RT_GUARD_ARGUMENTS:
			convert_arguments(call);
			arguments = &call->arguments;
			break;
	}

	/* one that is not run has not agreed, even if it returns nothing */
	if (rt_function_is_skipped(guard, arguments))
		refuse_call();
	result = rt_function_invoke(guard, arguments);
	if (!rt_guard_passes(guard, result))
		refuse_call();
}

/* The handler sees what the guards have done. */
static void
run_guards(Call *call)
{
	if (call->guard_count == 0)
		return;
	call->work.stage = RT_STAGE_GUARD;
	for (int i = 0; i < call->guard_count; i++)
	{
		run_guard(call, call->guards[i]);
		CommandCounterIncrement();
		PopActiveSnapshot();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
}

static void
run_call(RtWork *work)
{
	Call	   *call = (Call *) work;
	bool		wants_answer = work->request->id.len > 0;
	StringInfoData result;

	if (!rt_function_may_execute(call->handler))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '0', '3')),
				 errmsg_internal("%s", rt_code_message(RT_CODE_FORBIDDEN))));
	run_guards(call);
	convert_arguments(call);

	work->stage = RT_STAGE_HANDLER;
	initStringInfo(&result);
	rt_function_invoke_json(call->handler, &call->arguments,
							wants_answer ? &result : NULL,
							RT_FRAME_PAYLOAD_MAX);
	rt_reply_success(work->request, result.data, result.len);
}

/* ---- around it ---- */

static void
note_failure(Call *call)
{
	for (int i = 0; i < call->guard_count; i++)
		rt_function_failed(call->guards[i]);
	if (call->handler != NULL)
		rt_function_failed(call->handler);
	if (call->work.stage == RT_STAGE_ARGUMENTS)
		rt_function_refused(call->handler);
}

RtWorkResult
rt_call_run(RtRequest *request)
{
	Call	   *call = palloc(sizeof(Call));
	const char *text = rt_shared_text_get(&request->text);

	memset(&call->work, 0, sizeof(call->work));
	call->work.request = request;
	call->work.activity = pnstrdup(text + request->path.off, request->path.len);
	call->work.prepare = prepare_call;
	call->work.run = run_call;
	call->text = text;
	call->handler = NULL;
	call->guard_count = 0;
	call->guards = NULL;

	rt_work_run(&call->work);

	if (call->handler != NULL)
		rt_function_timed(call->handler, rt_work_run_time(&call->work));
	if (call->work.fault.code != NULL)
	{
		note_failure(call);
		if (call->work.unavailable)
			rt_reply_unavailable(request);
		else
			rt_reply_failure(request, &call->work.fault);
	}
	return rt_work_result(&call->work);
}

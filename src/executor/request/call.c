/*
 * call.c
 *		Runs one call of a declared function.
 *
 * Declaration, EXECUTE, guards, arguments, handler, result, in this order.
 * A path that is a stream's is not for here (path.c).
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/executor/function/admission.h"
#include "src/executor/function/function.h"
#include "src/executor/function/guard.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/call.h"
#include "src/protocol/frame.h"

/* ---- as the executor ---- */

static RtFunction *
handler_of_declaration(RtRpcDeclaration *declaration)
{
	RtFunction *function = declaration->prepared;

	if (function == NULL || !rt_function_is_up_to_date(function) ||
		function->oid != declaration->handler)
	{
		function = rt_function_get(declaration->handler);
		declaration->prepared = function;
	}
	return function;
}

bool
rt_call_find(RtCallWork *call)
{
	RtWork	   *work = &call->work;
	RtRequest  *request = work->request;
	RtRpcDeclaration *declaration;
	RtFunction *handler;

	call->guarded.function = NULL;
	call->guarded.converted = false;
	call->is_stream = false;
	if (!rt_work_refresh_declarations(work))
		return false;

	declaration = rt_declaration_rpc(call->guarded.text + request->asked.path.off,
									 request->asked.path.len);
	if (declaration == NULL && request->asked.kind == RT_REQUEST_CALL &&
		rt_declaration_stream(call->guarded.text + request->asked.path.off,
							  request->asked.path.len) != NULL)
	{
		call->is_stream = true;
		return false;
	}
	if (declaration == NULL || !OidIsValid(declaration->handler))
	{
		rt_fault_set(&work->fault, RT_CODE_NOT_FOUND, NULL);
		return false;
	}

	handler = handler_of_declaration(declaration);
	work->read_only = declaration->read_only >= 0 ?
		declaration->read_only != 0 :
		handler->volatility != PROVOLATILE_VOLATILE;
	if (work->read_only && !rt_work_is_wanted(work))
		return false;

	rt_guarded_find(&call->guarded, declaration->guard_count,
					declaration->guards);
	call->guarded.function = handler;
	call->class_of_service = declaration->class_of_service;
	work->mean_us = handler->mean_us;
	if (declaration->timeout_ms >= 0)
		work->timeout_ms = declaration->timeout_ms;
	return true;
}

static bool
prepare_call(RtWork *work)
{
	return rt_call_find((RtCallWork *) work);
}

/* ---- as the caller ---- */

void
rt_call_invoke(RtCallWork *call, StringInfo result)
{
	RtGuarded  *guarded = &call->guarded;

	if (!rt_function_may_execute(guarded->function))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '0', '3')),
				 errmsg_internal("%s", rt_code_message(RT_CODE_FORBIDDEN))));
	rt_guarded_run(guarded);
	rt_guarded_convert(guarded);

	call->work.stage = RT_STAGE_HANDLER;
	rt_function_invoke_json(guarded->function, &guarded->arguments, result,
							RT_FRAME_PAYLOAD_MAX);
}

static void
run_call(RtWork *work)
{
	bool		wants_answer = work->request->asked.id.len > 0;
	StringInfoData result;

	initStringInfo(&result);
	work->stage = RT_STAGE_GUARD;
	rt_class_admit(((RtCallWork *) work)->class_of_service);
	rt_call_invoke((RtCallWork *) work, wants_answer ? &result : NULL);
	rt_reply_success(work->request, result.data, result.len);
}

/* ---- around it ---- */

bool
rt_call_run(RtRequest *request, RtWorkResult *result)
{
	RtCallWork *call = palloc(sizeof(RtCallWork));
	const char *text = rt_shared_text_get(&request->text);

	memset(&call->work, 0, sizeof(call->work));
	call->work.request = request;
	call->work.activity = rt_work_path(request);
	call->work.prepare = prepare_call;
	call->work.run = run_call;
	call->guarded.work = &call->work;
	call->guarded.text = text;
	call->guarded.function = NULL;
	call->guarded.guard_count = 0;
	call->is_stream = false;

	rt_work_run(&call->work);

	if (call->is_stream && call->work.fault.code == NULL)
		return false;
	if (call->guarded.function != NULL)
		rt_function_timed(call->guarded.function, rt_work_run_time(&call->work));
	if (call->work.fault.code != NULL)
	{
		rt_guarded_failed(&call->guarded);
		rt_work_reply_fault(&call->work);
	}
	*result = rt_work_result(&call->work);
	return true;
}

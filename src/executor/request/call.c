/*
 * call.c
 *		Runs one call of a declared function.
 *
 * Declaration, middlewares, EXECUTE, guards, arguments, keys, handler, result, in this order.
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
#include "src/executor/function/middleware.h"
#include "src/executor/reply.h"
#include "src/executor/request/call.h"
#include "src/executor/request/call_key.h"
#include "src/executor/request/call_rate.h"
#include "src/executor/request/once.h"
#include "src/executor/request/room.h"
#include "src/ipc/assertion.h"
#include "src/executor/request/upload.h"
#include "src/guc.h"
#include "src/ipc/parking.h"
#include "src/protocol/frame.h"

#define UPLOAD_MEAN_US 1e9		/* whoever waits for this executor does not */

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

/* Only what a client has sent is counted, and once however often it is run. */
static bool
may_call_again(RtCallWork *call, const RtRpcDeclaration *declaration)
{
	const RtRequest *request = call->work.request;

	if (declaration->rate_limit == 0 || call->is_counted ||
		request->asked.kind == RT_REQUEST_REAUTH ||
		request->asked.connection_id[0] == '\0' || rt_parking_since(request) != 0)
		return true;
	call->is_counted = true;
	return rt_call_rate_allows(&call->work, declaration);
}

/* ---- calls with bytes ---- */

static bool
is_of_upload(const RtRequest *request)
{
	return request->asked.kind == RT_REQUEST_UPLOAD ||
		request->asked.kind == RT_REQUEST_REAUTH;
}

static RtRpcKind
kind_asked_for(const RtRequest *request)
{
	return is_of_upload(request) ? RT_RPC_UPLOAD :
		request->asked.binary ? RT_RPC_BINARY : RT_RPC_CALL;
}

/* What is wrong with the way in which a path is called; NULL = nothing. */
static const char *
find_misuse(const RtRequest *request, RtRpcKind declared)
{
	RtRpcKind	asked = kind_asked_for(request);

	if (asked == declared)
		return NULL;
	return asked == RT_RPC_UPLOAD ? "Not an upload endpoint" :
		asked == RT_RPC_BINARY ? "Not a binary endpoint" :
		declared == RT_RPC_BINARY ? "Only binary calls are taken here" :
		"Only uploads are taken here";
}

/* Returns false, with the fault noted, if it cannot be called like this. */
static bool
check_kind(RtCallWork *call, const RtRpcDeclaration *declaration)
{
	RtWork	   *work = &call->work;
	const char *misuse = find_misuse(work->request, declaration->kind);

	if (misuse != NULL)
		rt_fault_set(&work->fault, RT_CODE_INVALID_REQUEST, misuse);
	else if (declaration->kind == RT_RPC_BINARY &&
			 work->request->asked.payload.len > declaration->max_size)
		rt_fault_set(&work->fault, RT_CODE_PAYLOAD_TOO_LARGE,
					 "Binary payload exceeds size limit");
	else
		return true;
	return false;
}

/* It takes as long as its client, and cannot be run again. */
static void
limit_upload(RtWork *work)
{
	if (work->request->asked.kind != RT_REQUEST_UPLOAD)
		return;
	work->timeout_ms = realtime_upload_timeout;
	work->mean_us = UPLOAD_MEAN_US;
	work->is_unrepeatable = true;
}

/* A stream's path is none for bytes. */
static bool
find_no_call(RtCallWork *call)
{
	RtWork	   *work = &call->work;
	const RtRequest *request = work->request;
	bool		is_stream = rt_declaration_stream(call->guarded.text + request->asked.path.off,
												  request->asked.path.len) != NULL;

	if (is_stream && kind_asked_for(request) != RT_RPC_CALL)
		rt_fault_set(&work->fault, RT_CODE_INVALID_REQUEST,
					 find_misuse(request, RT_RPC_CALL));
	else if (is_stream && request->asked.kind == RT_REQUEST_CALL)
		call->is_stream = true;
	else
		rt_fault_set(&work->fault, RT_CODE_NOT_FOUND, NULL);
	return false;
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

	rt_holds(request->asked.path.len > 0, RT_ASSERTION_CALL, "A call has no path.");
	declaration = rt_declaration_rpc(call->guarded.text + request->asked.path.off,
									 request->asked.path.len);
	if (declaration == NULL || !OidIsValid(declaration->handler))
		return find_no_call(call);
	if (!check_kind(call, declaration) || !may_call_again(call, declaration))
		return false;
	handler = handler_of_declaration(declaration);
	rt_guarded_find(&call->guarded, &declaration->guards);
	call->guarded.leads = declaration->room != NULL;
	work->read_only = declaration->read_only >= 0 ?
		declaration->read_only != 0 :
		handler->volatility != PROVOLATILE_VOLATILE &&
		!rt_middleware_may_write(&call->guarded);
	if (work->read_only && !rt_work_is_wanted(work))
		return false;

	call->guarded.function = handler;
	call->declaration = declaration;
	work->mean_us = handler->mean_us;
	limit_upload(work);
	if (declaration->timeout_ms >= 0 && request->asked.kind != RT_REQUEST_REAUTH)
		work->timeout_ms = declaration->timeout_ms;
	return true;
}

static bool
prepare_call(RtWork *work)
{
	return rt_call_find((RtCallWork *) work);
}

/* ---- as the caller ---- */

/* Others with the same key have ended. */
static void
lock_out_others(RtCallWork *call)
{
	const RtRpcDeclaration *declaration = call->declaration;
	char	   *name = rt_call_key_text(&call->guarded, &declaration->lock_key,
										"lock key");
	RtKeyWish	wish = {
		.lock = name,.wait_ms = declaration->lock_wait_ms,
		.at_once = declaration->lock_wait_ms == 0
	};

	if (name == NULL || name[0] == '\0')
		return;
	wish.key = rt_lock_key(name);
	wish.twins = rt_once_twins(&call->guarded, declaration, name);
	rt_call_key_hold(&call->guarded, &wish);
	rt_once_share_lock(declaration, &wish);
}

static void
run_handler(RtCallWork *call, StringInfo result)
{
	call->work.stage = RT_STAGE_HANDLER;
	if (call->declaration->kind == RT_RPC_UPLOAD)
		rt_upload_begin_reading(call->declaration);
	PG_TRY();
	{
		rt_function_invoke_json(call->guarded.function, &call->guarded.arguments,
								result, RT_FRAME_PAYLOAD_MAX);
	}
	PG_CATCH();
	{
		rt_breaker_note_error(&call->breaker);
		PG_RE_THROW();
	}
	PG_END_TRY();
}

/* The handler, or what it has answered to the same call before. */
static void
invoke_once(RtCallWork *call, StringInfo result)
{
	RtOnce		once;

	if (rt_once_begin(&call->guarded, call->declaration, &once, result))
		return;
	lock_out_others(call);
	if (!rt_breaker_begin(&call->breaker, call->declaration->breaker,
						  call->declaration->fallback, result))
		return;
	run_handler(call, result);
	rt_once_end(&once, result);
}

static void
pass_guards(RtGuarded *guarded)
{
	if (!rt_function_may_execute(guarded->function))
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '0', '3')),
				 errmsg_internal("%s", rt_code_message(RT_CODE_FORBIDDEN))));
	rt_guarded_run(guarded);
}

/* What middlewares run around. */
static void
invoke_guarded(void *arg, StringInfo result)
{
	RtCallWork *call = arg;
	RtGuarded  *guarded = &call->guarded;

	pass_guards(guarded);
	rt_guarded_convert(guarded);
	if (call->declaration->room != NULL)
		rt_room_enter(guarded, call->declaration->room);

	call->work.stage = RT_STAGE_HANDLER;
	invoke_once(call, result);
}

void
rt_call_invoke(RtCallWork *call, StringInfo result)
{
	PG_TRY();
	{
		(void) rt_middleware_run(&call->guarded, invoke_guarded, call, result);
	}
	PG_CATCH();
	{
		rt_room_leave();
		PG_RE_THROW();
	}
	PG_END_TRY();
	rt_room_leave();
}

static void
run_call(RtWork *work)
{
	RtCallWork *call = (RtCallWork *) work;
	bool		wanted = work->request->asked.id.len > 0 ||
		rt_once_concerns(call->declaration);
	StringInfoData result;

	initStringInfo(&result);
	rt_once_reset();
	work->stage = RT_STAGE_GUARD;
	rt_class_admit(call->declaration->class_of_service);
	if (call->declaration->kind == RT_RPC_UPLOAD)
		rt_upload_enter(call->declaration);
	rt_call_invoke(call, wanted ? &result : NULL);
	rt_once_share(&result);
	rt_reply_success(work->request, result.data, result.len);
	if (call->declaration->kind == RT_RPC_UPLOAD)
		rt_upload_conclude();
}

/* Of an upload that is under way. */
static void
run_guards(RtWork *work)
{
	work->stage = RT_STAGE_GUARD;
	pass_guards(&((RtCallWork *) work)->guarded);
}

/* ---- around it ---- */

bool
rt_call_run(RtRequest *request, RtWorkResult *result)
{
	RtCallWork *call = palloc(sizeof(RtCallWork));
	const char *text = rt_shared_text_get(&request->text);

	rt_work_begin(&call->work, request, rt_work_path(request), prepare_call,
				  request->asked.kind == RT_REQUEST_REAUTH ? run_guards : run_call);
	call->work.may_park = true;
	call->guarded.work = &call->work;
	call->guarded.text = text;
	call->guarded.function = NULL;
	call->guarded.guard_count = 0;
	call->guarded.middleware_count = 0;
	call->is_stream = false;
	call->is_counted = false;
	memset(&call->breaker, 0, sizeof(call->breaker));

	rt_work_run(&call->work);

	if (call->is_stream && call->work.fault.code == NULL)
		return false;
	if (call->guarded.function != NULL && !is_of_upload(request))
		rt_function_timed(call->guarded.function, rt_work_run_time(&call->work));
	rt_breaker_end(&call->breaker, call->work.waits_ms > 0 ? NULL : &call->work.fault);
	if (call->work.waits_ms == 0)
		rt_parking_leave(request);
	if (call->work.waits_ms > 0 || call->work.fault.code != NULL)
		rt_once_reset();
	if (call->work.fault.code != NULL)
	{
		rt_guarded_failed(&call->guarded);
		rt_work_reply_fault(&call->work);
	}
	*result = rt_work_result(&call->work);
	return true;
}

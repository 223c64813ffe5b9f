/*
 * member.c
 *		Runs what a stream wants to be run when somebody begins or ceases to
 *		follow it: on_subscribe and on_unsubscribe; and the unsubscribe hook.
 *
 * As the member, in a transaction of its own.  An error is logged and changes
 * nothing for the member.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/member.h"
#include "src/ipc/member.h"

typedef struct MemberWork
{
	RtWork		work;			/* first */
	const char *topic;
	RtFunction *function;		/* NULL = none */
	bool		claimed;		/* nobody else runs it */
} MemberWork;

static RtMemberTold
told_by(const RtRequest *request)
{
	return request->asked.kind == RT_REQUEST_JOIN ? RT_MEMBER_JOINED : RT_MEMBER_LEFT;
}

static bool
claim(MemberWork *member)
{
	const RtRequest *request = member->work.request;

	if (!member->claimed)
		member->claimed = rt_member_claim((int) request->asked.subject,
										  request->asked.ticket,
										  told_by(request), request->executor);
	return member->claimed;
}

/* NULL = none. */
static RtFunction *
function_of_stream(const RtWork *work)
{
	const RtQuestion *asked = &work->request->asked;
	const RtStreamDeclaration *stream =
		rt_declaration_stream(work->activity, asked->path.len);
	const RtNamedFunction *named;

	if (stream == NULL)
		return NULL;
	named = &stream->functions[asked->kind == RT_REQUEST_JOIN ?
							   RT_STREAM_ON_SUBSCRIBE : RT_STREAM_ON_UNSUBSCRIBE];
	return named->declared && OidIsValid(named->oid) ? rt_function_get(named->oid) : NULL;
}

static bool
prepare_member(RtWork *work)
{
	MemberWork *member = (MemberWork *) work;

	member->function = NULL;
	if (!claim(member) || !rt_work_refresh_declarations(work))
		return false;
	if (work->request->asked.path.len == 0)
		member->function = rt_hook_find(RT_HOOK_UNSUBSCRIBE, work);
	else
		member->function = function_of_stream(work);
	if (member->function == NULL)
		return false;
	work->mean_us = member->function->mean_us;
	return true;
}

static void
run_member(RtWork *work)
{
	MemberWork *member = (MemberWork *) work;
	RtArguments arguments;

	work->stage = RT_STAGE_HANDLER;
	arguments.values[0].value = CStringGetTextDatum(member->topic);
	arguments.values[0].isnull = false;
	arguments.values[1].value = Int32GetDatum((int32) work->request->asked.since);
	arguments.values[1].isnull = false;
	arguments.count = Min(member->function->nargs, 2);
	rt_function_invoke_json(member->function, &arguments, NULL, 0);
}

RtWorkResult
rt_member_run(RtRequest *request)
{
	MemberWork	member = {0};
	RtWork	   *work = &member.work;
	RtRequestSpan topic = request->asked.args;

	rt_work_begin(work, request,
				  request->asked.path.len == 0 ? "unsubscribe" : rt_work_path(request),
				  prepare_member, run_member);
	member.topic = pnstrdup(rt_shared_text_get(&request->text) + topic.off, topic.len);
	rt_work_run(work);
	if (member.claimed)
		rt_member_told((int) request->asked.subject, told_by(request), request->executor);

	rt_hook_note_run(member.function, work);
	rt_reply_reset(request);
	return rt_work_result(work);
}

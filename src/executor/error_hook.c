/*
 * error_hook.c
 *		Tells the function of realtime.hook('error', ...) what has gone wrong.
 *
 * It runs as the caller, after everything has been rolled back and before the
 * client is answered, so it has not long.  What goes wrong in it is logged and
 * told to nobody.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
#include "src/executor/error_hook.h"
#include "src/executor/error_log.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/guc.h"

#define HOOK_TIMEOUT_MS 2000

typedef struct HookWork
{
	RtWork		work;			/* first */
	const RtFault *fault;
	RtFunction *function;		/* NULL = none */
} HookWork;

/* As src/sql says. */
static Datum
describe(const HookWork *hook)
{
	const RtFault *fault = hook->fault;
	StringInfoData text;

	initStringInfo(&text);
	rt_hook_tell(&text, "path", hook->work.activity);
	rt_hook_tell(&text, "code", fault->code);
	rt_hook_tell(&text, "sqlstate", unpack_sql_state(fault->sqlstate));
	rt_hook_tell(&text, "message",
				 fault->cause != NULL ? fault->cause : fault->message);
	return rt_hook_told(&text);
}

/* Declarations may have changed since. */
static bool
prepare_hook(RtWork *work)
{
	HookWork   *hook = (HookWork *) work;

	hook->function = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	hook->function = rt_hook_find(RT_HOOK_ERROR, work);
	if (hook->function == NULL)
		return false;
	work->timeout_ms = realtime_handler_timeout <= 0 ? HOOK_TIMEOUT_MS :
		Min(realtime_handler_timeout, HOOK_TIMEOUT_MS);
	return true;
}

static void
run_hook(RtWork *work)
{
	HookWork   *hook = (HookWork *) work;
	RtArguments arguments = {.count = 1};

	work->stage = RT_STAGE_HANDLER;
	arguments.values[0] = (NullableDatum) {describe(hook), false};
	(void) rt_function_invoke(hook->function, &arguments);
}

static RtWorkResult
run(const HookWork *like)
{
	HookWork	hook = *like;

	hook.work.prepare = prepare_hook;
	hook.work.run = run_hook;
	hook.work.is_error_hook = true;
	rt_work_run(&hook.work);
	rt_hook_note_run(hook.function, &hook.work);
	return rt_work_result(&hook.work);
}

static bool
is_to_be_kept(const RtFault *fault)
{
	return rt_error_log_is_wanted() && fault->logged;
}

bool
rt_error_hook_concerns(const RtFault *fault)
{
	return fault->code != NULL && fault->unexpected &&
		(is_to_be_kept(fault) || rt_declaration_hook(RT_HOOK_ERROR).declared);
}

static void
add_result(RtWorkResult *sum, RtWorkResult more)
{
	sum->session_is_spoiled |= more.session_is_spoiled;
	sum->durability = rt_durability_sum(sum->durability, more.durability);
}

/* The one comes before the other, which may not come to its end. */
RtWorkResult
rt_error_hook_tell(RtRequest *request, const RtSession *session, const char *user_data,
				   const char *path, const RtFault *fault)
{
	RtWorkResult result = {.durability = RT_DURABLE};
	HookWork	hook;

	if (is_to_be_kept(fault))
		add_result(&result, rt_error_log_keep(request, session, user_data, path, fault));
	if (!rt_declaration_hook(RT_HOOK_ERROR).declared || result.session_is_spoiled)
		return result;
	memset(&hook, 0, sizeof(hook));
	hook.work.request = request;
	hook.work.session = session;
	hook.work.user_data = user_data;
	hook.work.activity = path;
	hook.fault = fault;
	add_result(&result, run(&hook));
	return result;
}

/* Not of one that has failed itself, nor of who is about to be run again. */
static bool
is_wanted(const RtWork *failed)
{
	return !failed->as_executor && !failed->is_error_hook &&
		!failed->session_is_spoiled && failed->waits_ms == 0 &&
		rt_error_hook_concerns(&failed->fault);
}

void
rt_error_hook_run(RtWork *failed)
{
	RtWorkResult result;

	if (!is_wanted(failed))
		return;
	result = rt_error_hook_tell(rt_work_copy_request(failed->request), NULL, NULL,
								failed->activity, &failed->fault);
	failed->session_is_spoiled |= result.session_is_spoiled;
	failed->durability = rt_durability_sum(failed->durability, result.durability);
}

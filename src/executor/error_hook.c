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
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/guc.h"

#define HOOK_TIMEOUT_MS 2000

typedef struct HookWork
{
	RtWork		work;			/* first */
	const RtWork *failed;
	RtFunction *function;		/* NULL = none */
} HookWork;

/* As src/sql says. */
static Datum
describe(const RtWork *failed)
{
	const RtFault *fault = &failed->fault;
	StringInfoData text;

	initStringInfo(&text);
	rt_hook_tell(&text, "path", failed->activity);
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
	arguments.values[0] = (NullableDatum) {describe(hook->failed), false};
	(void) rt_function_invoke(hook->function, &arguments);
}

/* Not of one that has failed itself. */
static bool
is_wanted(const RtWork *failed)
{
	return failed->fault.code != NULL && failed->fault.unexpected &&
		!failed->as_executor && !failed->is_error_hook &&
		!failed->session_is_spoiled && failed->waits_ms == 0 &&
		rt_declaration_hook(RT_HOOK_ERROR).declared;
}

void
rt_error_hook_run(RtWork *failed)
{
	HookWork	hook;

	if (!is_wanted(failed))
		return;
	memset(&hook, 0, sizeof(hook));
	hook.work.request = rt_work_copy_request(failed->request);
	hook.work.activity = failed->activity;
	hook.work.prepare = prepare_hook;
	hook.work.run = run_hook;
	hook.work.is_error_hook = true;
	hook.failed = failed;
	rt_work_run(&hook.work);

	rt_hook_note_run(hook.function, &hook.work);
	failed->session_is_spoiled |= hook.work.session_is_spoiled;
	failed->durability = rt_durability_sum(failed->durability, hook.work.durability);
}

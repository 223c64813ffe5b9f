/*
 * service_hook.c
 *		The functions of realtime.hook('init') and realtime.hook('shutdown').
 *
 * Each is run at most once between a start of the server and its end: the executor
 * that comes first, or leaves last, claims it in shared memory.  If it dies over it,
 * the hook has been run.  They run as the anonymous role, whoever has declared
 * them.  What goes wrong is logged and keeps nothing from going on.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/interrupt.h"
#include "src/executor/outgoing.h"
#include "src/executor/service_hook.h"
#include "src/executor/work.h"
#include "src/guc.h"
#include "src/ipc/service.h"
#include "src/ipc/session.h"
#include "src/ipc/vacate.h"

#define AWAIT_MS 1000			/* between looks whether others have begun */
#define LAST_WORDS_MS 2000		/* for the error hook, if the shutdown hook fails */

typedef struct ServiceWork
{
	RtWork		work;			/* first */
	RtHook		hook;
	RtFunction *function;		/* NULL = none */
} ServiceWork;

static bool beginning = false;	/* it is ours to say that it is over */

static bool
prepare_hook(RtWork *work)
{
	ServiceWork *service = (ServiceWork *) work;

	service->function = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	service->function = rt_hook_find(service->hook, work);
	if (service->hook == RT_HOOK_SHUTDOWN)
		work->timeout_ms = Max(1, realtime_shutdown_timeout);
	return service->function != NULL;
}

static void
run_hook(RtWork *work)
{
	ServiceWork *service = (ServiceWork *) work;
	RtArguments arguments = {.count = 0};

	work->stage = RT_STAGE_HANDLER;
	rt_function_invoke_json(service->function, &arguments, NULL, 0);
}

/* Of nobody's request.  Returns whether the session is spoiled. */
static bool
run(RtHook hook)
{
	static RtRequest nobodys_request;
	ServiceWork service;

	memset(&nobodys_request, 0, sizeof(nobodys_request));
	nobodys_request.asked.session = RT_SESSION_ANONYMOUS;
	nobodys_request.answer_session = RT_SESSION_NONE;
	memset(&service, 0, sizeof(service));
	service.hook = hook;
	rt_work_begin(&service.work, &nobodys_request, psprintf("%s hook", rt_hook_name(hook)),
				  prepare_hook, run_hook);
	service.work.is_unattended = true;
	rt_work_run(&service.work);
	rt_hook_note_run(service.function, &service.work);
	if (service.work.durability.lsn != InvalidXLogRecPtr)
		XLogFlush(service.work.durability.lsn);
	return service.work.session_is_spoiled;
}

/* ---- the beginning ---- */

static void
end_beginning(void)
{
	beginning = false;
	rt_service_has_begun(MyDatabaseId);
}

static void
end_at_exit(int code, Datum arg)
{
	if (beginning)
		end_beginning();
}

static bool
begin(void)
{
	bool		is_spoiled;

	before_shmem_exit(end_at_exit, (Datum) 0);
	beginning = true;
	is_spoiled = run(RT_HOOK_INIT);
	end_beginning();
	return is_spoiled;
}

/* Its last wake-up may be somebody else's, so the caller looks at everything again. */
static void
await_others(void)
{
	static uint32 wait_event = 0;

	rt_outgoing_push();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, AWAIT_MS,
					 rt_wait_event(&wait_event, "RealtimeInitHook"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
rt_service_hook_begin(void)
{
	while (!rt_shutdown_is_requested() && !rt_database_is_vacated(MyDatabaseId))
	{
		switch (rt_service_begin(MyDatabaseId))
		{
			case RT_BEGIN_OURS:
				return begin();
			case RT_BEGIN_OTHERS:
				await_others();
				break;
			case RT_BEGIN_DONE:
				return false;
		}
	}
	return false;
}

/* ---- the end ---- */

void
rt_service_hook_end(void)
{
	if (!rt_service_claim_end())
		return;
	rt_grace_renew(realtime_shutdown_timeout + LAST_WORDS_MS);
	(void) run(RT_HOOK_SHUTDOWN);
	rt_outgoing_push();
}

void
rt_service_hook_miss(void)
{
	if (rt_declaration_hook(RT_HOOK_SHUTDOWN).declared && rt_service_claim_end())
		ereport(LOG,
				(errmsg("the shutdown hook of realtime was not run"),
				 errdetail("The session of the last executor must not be used again.")));
}

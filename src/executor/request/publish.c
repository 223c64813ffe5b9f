/*
 * publish.c
 *		Publishes what realtime.throttle() and realtime.debounce() have kept and
 *		is due, in one transaction.  The scheduler asks for it.
 *
 * Nobody's code runs, so it needs no role of clients.
 *
 * A transaction that waits for others is given up early: the messages are due
 * again a little later, each by itself then.
 */
#include "postgres.h"

#include "src/backend/publish/publish.h"
#include "src/executor/reply.h"
#include "src/executor/request/publish.h"
#include "src/guc.h"

#define TIMEOUT_MS 2000

static bool
prepare_publish(RtWork *work)
{
	work->timeout_ms = Min(realtime_handler_timeout, TIMEOUT_MS);
	return rt_work_refresh_declarations(work);
}

static void
run_publish(RtWork *work)
{
	work->stage = RT_STAGE_HANDLER;
	rt_publish_due();
}

RtWorkResult
rt_publish_request_run(RtRequest *request)
{
	RtWork		work;

	rt_work_begin(&work, request, "publish", prepare_publish, run_publish);
	work.as_executor = true;
	rt_work_run(&work);

	rt_reply_reset(request);
	if (work.fault.code != NULL)
		rt_reply_rolled_back(request, &work.fault);
	return rt_work_result(&work);
}

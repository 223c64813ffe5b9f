/*
 * error_log.c
 *		Keeps what has gone wrong in realtime.error_log, if that is wanted.
 *
 * Who listens on the channel realtime_error is told that there is a new row, by its
 * id.  Everybody may listen, so what else is known is in the table alone: even a topic
 * may name a user.
 */
#include "postgres.h"

#include "commands/async.h"
#include "mb/pg_wchar.h"

#include "src/catalog/declaration.h"
#include "src/catalog/error_store.h"
#include "src/executor/error_log.h"
#include "src/executor/identity.h"
#include "src/guc.h"

#define CHANNEL "realtime_error"
#define MESSAGE_MAX 8192		/* bytes */
#define LOG_TIMEOUT_MS 2000

typedef struct LogWork
{
	RtWork		work;			/* first */
	const RtFault *fault;
} LogWork;

static bool
prepare_log(RtWork *work)
{
	work->timeout_ms = LOG_TIMEOUT_MS;
	return rt_work_refresh_declarations(work);
}

static char *
bounded(const char *text)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), MESSAGE_MAX));
}

static int64
keep(const RtWork *work, const RtFault *fault)
{
	const RtCaller *caller = rt_caller();
	RtErrorRow	row = {
		.path = work->activity,.code = fault->code,
		.message = bounded(fault->cause != NULL ? fault->cause : fault->message)
	};

	row.sqlstate = pstrdup(unpack_sql_state(fault->sqlstate));
	if (!caller->anonymous)
		row.user_id = pnstrdup(caller->session->user_id, caller->session->user_id_len);
	if (caller->request->asked.connection_id[0] != '\0')
		row.connection_id = caller->request->asked.connection_id;
	row.request_id = fault->request_id != NULL ? fault->request_id : rt_caller_request();
	return rt_error_keep(&row, realtime_error_log);
}

static void
tell(int64 id)
{
	Async_Notify(CHANNEL, psprintf("{\"id\":%lld}", (long long) id));
}

static void
run_log(RtWork *work)
{
	tell(keep(work, ((LogWork *) work)->fault));
}

bool
rt_error_log_is_wanted(void)
{
	return realtime_error_log > 0;
}

RtWorkResult
rt_error_log_keep(RtRequest *request, const RtSession *session, const char *user_data,
				  const char *path, const RtFault *fault)
{
	LogWork		log;

	rt_work_begin(&log.work, request, path, prepare_log, run_log);
	log.work.session = session;
	log.work.user_data = user_data;
	log.work.sees_latest = log.work.as_executor = log.work.is_error_hook = true;
	log.fault = fault;
	rt_work_run(&log.work);
	return rt_work_result(&log.work);
}

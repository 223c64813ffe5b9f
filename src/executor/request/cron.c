/*
 * cron.c
 *		Runs a job of realtime.cron() for one of its times.
 *
 * The run, the step to the next time and the row that tells of it are one
 * transaction: whoever dies, a time is either over and was run, or will be.
 * If the function fails, the step and the row are a transaction of their own.
 *
 * It runs as the role that has declared it, which executors need not be able to
 * become: only realtime.cron() writes that role, and writes the one that calls it.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/backend/publish/publish.h"
#include "src/catalog/cron_store.h"
#include "src/catalog/declaration.h"
#include "src/executor/function/arguments.h"
#include "src/executor/function/function.h"
#include "src/executor/function/invoke.h"
#include "src/executor/interrupt.h"
#include "src/executor/reply.h"
#include "src/executor/request/cron.h"
#include "src/ipc/path_stat.h"
#include "src/schedule/occurrence.h"

#define EVENT "set"
#define ATTEMPTS_MAX 5
#define RESULT_MAX (16 * 1024 * 1024)	/* bytes of JSON */

typedef struct CronWork
{
	RtWork		work;			/* first */
	char	   *path;
	RtCronQuestion asked;
	Oid			owner;
	RtSession	session;		/* has the owner's name as role, and nothing else */
	const RtFault *failed;		/* NULL, or why the run has */
	TimestampTz began;			/* that run */
	RtFunction *handler;
	const char *topic;
	RtCronAnswer answer;
} CronWork;

/* The job is declared, and its state is that of this schedule. */
static bool
find_next(CronWork *cron, const RtCronDeclaration *declaration)
{
	RtSchedule	schedule;
	RtScheduleFault fault;
	pg_tz	   *zone = pg_tzset(cron->asked.zone);

	if (zone == NULL || !rt_schedule_parse(declaration->schedule, &schedule, &fault))
		return false;
	cron->answer.next = rt_occurrence_after(&schedule, zone, cron->asked.due);
	return true;
}

static const RtCronDeclaration *
find_job(CronWork *cron)
{
	const RtCronDeclaration *declaration;

	cron->answer.stale = true;
	if (!rt_work_refresh_declarations(&cron->work))
		return NULL;
	declaration = rt_declaration_cron(cron->path);
	if (declaration == NULL || !declaration->active || !find_next(cron, declaration))
		return NULL;
	cron->work.timeout_ms = declaration->timeout_ms;
	cron->answer.stale = false;
	return declaration;
}

static void
keep_run(const CronWork *cron)
{
	const RtFault *failed = cron->failed;
	RtCronRun	run = {
		.path = cron->path,.due = cron->asked.due,.started_at = cron->began,
		.status = failed == NULL ? "succeeded" : "failed",
		.code = failed == NULL ? NULL : failed->code,
		.message = failed == NULL ? NULL : failed->cause != NULL ? failed->cause : failed->message
	};

	rt_cron_run_put(&run);
}

/* ---- whom it runs as, which has to be known before its transaction ---- */

/* Who has ended its process again and again is not run once more. */
static void
count_attempt(RtWork *work)
{
	CronWork   *cron = (CronWork *) work;
	int			attempts = rt_cron_attempt(cron->path, cron->asked.from);

	cron->answer.stale = attempts == 0;
	if (attempts > ATTEMPTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_OPERATOR_INTERVENTION),
				 errmsg("each of %d runs has ended its process", ATTEMPTS_MAX)));
}

static bool
prepare_owner(RtWork *work)
{
	CronWork   *cron = (CronWork *) work;
	const RtCronDeclaration *declaration = find_job(cron);
	const char *name;

	if (declaration == NULL)
		return false;
	cron->owner = declaration->owner;
	name = GetUserNameFromId(cron->owner, true);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns the job does not exist")));
	strlcpy(cron->session.role, name, NAMEDATALEN);
	return true;
}

/* Returns false if there is nothing to run. */
static bool
find_owner(CronWork *cron)
{
	cron->work.prepare = prepare_owner;
	cron->work.run = count_attempt;
	cron->work.as_executor = true;
	rt_work_run(&cron->work);
	return cron->work.fault.code == NULL && !cron->answer.stale;
}

/* A crash that the run causes must not make it the first one again. */
static void
keep_attempt(const CronWork *cron)
{
	if (cron->work.durability.lsn != InvalidXLogRecPtr)
		XLogFlush(cron->work.durability.lsn);
}

/* ---- the run ---- */

static void
check_handler(const CronWork *cron, const RtCronDeclaration *declaration)
{
	if (cron->handler == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist", declaration->handler_text)));
}

static bool
prepare_run(RtWork *work)
{
	CronWork   *cron = (CronWork *) work;
	const RtCronDeclaration *declaration = find_job(cron);

	if (declaration == NULL)
		return false;
	cron->answer.stale = declaration->owner != cron->owner;
	if (cron->answer.stale)
		return false;
	cron->handler = OidIsValid(declaration->handler) ?
		rt_function_get(declaration->handler) : NULL;
	check_handler(cron, declaration);
	cron->topic = declaration->topic;
	work->owner = cron->owner;
	return true;
}

/* With what its parameters are by default.  NULL if there is nothing to publish. */
static Jsonb *
call_handler(CronWork *cron)
{
	RtArguments arguments;

	rt_arguments_convert(cron->handler, "", (RtRequestSpan) {0, 0}, 0, &arguments,
						 &cron->work.parameter);
	return rt_function_invoke_jsonb(cron->handler, &arguments, RESULT_MAX);
}

static void
run_job(RtWork *work)
{
	CronWork   *cron = (CronWork *) work;
	Jsonb	   *result;

	cron->answer.stale = !rt_cron_step(cron->path, cron->asked.from, cron->answer.next);
	if (cron->answer.stale)
		return;
	work->stage = RT_STAGE_HANDLER;
	if (!rt_function_may_execute(cron->handler))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", cron->handler->name)));
	cron->began = GetCurrentStatementStartTimestamp();
	result = call_handler(cron);
	if (result != NULL && cron->topic != NULL)
		rt_publish(cstring_to_text(cron->topic), cstring_to_text(EVENT), result);
	keep_run(cron);
}

/* ---- if it has failed ---- */

static bool
prepare_failure(RtWork *work)
{
	return find_job((CronWork *) work) != NULL;
}

static void
note_failure(RtWork *work)
{
	CronWork   *cron = (CronWork *) work;

	cron->answer.stale = !rt_cron_step(cron->path, cron->asked.from, cron->answer.next);
	if (!cron->answer.stale)
		keep_run(cron);
}

static void
run_as_owner(CronWork *cron, RtWorkResult *result)
{
	cron->work.prepare = prepare_run;
	cron->work.run = run_job;
	cron->work.as_executor = false;
	cron->work.session = &cron->session;
	cron->work.user_data = "";
	cron->work.is_unattended = true;
	rt_work_run(&cron->work);
	rt_work_add_result(result, &cron->work);
}

/* Not what the extension's absence or this executor's end has caused. */
static bool
has_failed(const CronWork *cron)
{
	return cron->work.fault.code != NULL && !cron->work.unavailable &&
		!cron->work.session_is_spoiled && !cron->answer.stale && !rt_grace_is_over();
}

static void
run_failure(CronWork *failure, const CronWork *cron, RtWorkResult *result)
{
	*failure = *cron;
	rt_work_begin(&failure->work, rt_work_copy_request(cron->work.request),	/* not overdue */
				  cron->work.activity, prepare_failure, note_failure);
	failure->work.as_executor = failure->work.is_error_hook = true;
	failure->failed = &cron->work.fault;
	if (failure->began == 0)
		failure->began = GetCurrentTimestamp();
	rt_work_run(&failure->work);
	rt_work_add_result(result, &failure->work);
}

/* ---- the request ---- */

static void
read_request(CronWork *cron, RtRequest *request)
{
	Assert(request->asked.args.len == sizeof(cron->asked));
	memset(cron, 0, sizeof(*cron));
	cron->path = rt_work_path(request);
	memcpy(&cron->asked, rt_shared_text_get(&request->text) + request->asked.args.off,
		   sizeof(cron->asked));
	cron->work.request = request;
	cron->work.activity = psprintf("cron %s", cron->path);
}

static void
count_run(const CronWork *cron)
{
	RtPathRun	run = {
		.path = cron->path,.path_len = strlen(cron->path),.is_known = true,
		.kind = RT_PATH_CRON,.failed = has_failed(cron),
		.us = rt_work_run_time(&cron->work)
	};

	if (run.failed)
		run.code = rt_code_from_wire(cron->work.fault.code);
	else if (cron->work.fault.code != NULL || cron->answer.stale)
		return;
	rt_path_stat_count(&run);
}

RtWorkResult
rt_cron_run(RtRequest *request)
{
	CronWork	cron;
	CronWork	failure;
	CronWork   *last = &cron;
	RtWorkResult result;
	bool		wanted;

	read_request(&cron, request);
	wanted = find_owner(&cron);
	result = rt_work_result(&cron.work);
	if (wanted)
	{
		keep_attempt(&cron);
		run_as_owner(&cron, &result);
	}
	count_run(&cron);
	if (has_failed(&cron))
	{
		run_failure(&failure, &cron, &result);
		last = &failure;
	}
	rt_reply_reset(request);
	if (last->work.fault.code != NULL)
		rt_reply_rolled_back(request, &last->work.fault);
	else
		(void) rt_shared_text_set(&request->answer, (const char *) &last->answer,
								  sizeof(last->answer));
	return result;
}

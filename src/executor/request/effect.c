/*
 * effect.c
 *		Runs the function of an effect for events.
 *
 * An event is taken away in a transaction of its own before the function runs, so
 * that is run at most once, and one that ends its process does so once.  A durable
 * effect has no function: its events become jobs in the transaction that takes
 * them away.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/backend/job/enqueue.h"
#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/executor/function/function.h"
#include "src/executor/function/invoke.h"
#include "src/executor/interrupt.h"
#include "src/executor/reply.h"
#include "src/executor/request/effect.h"
#include "src/ipc/clock.h"
#include "src/ipc/path_stat.h"

#define TIME_MS 10				/* after which others may have the executor */
#define JOBS_MAX 200			/* enqueued in one transaction */
#define HANDLER_ARGUMENTS 3

typedef struct EffectWork
{
	RtWork		work;			/* first */
	char	   *path;
	const RtEffectDeclaration *effect;	/* as of the transaction */
	Oid			owner;
	RtSession	session;		/* has the owner's name as role, and nothing else */
	const RtIntakeEvent *event; /* to be handled; NULL = none */
	int			taken;			/* made jobs of */
	RtIntakeAnswer answer;
} EffectWork;

static const RtEffectDeclaration *
find_effect(EffectWork *effect)
{
	if (!rt_work_refresh_declarations(&effect->work))
		return NULL;
	return rt_declaration_effect(effect->path);
}

/* ---- taking ---- */

static bool
prepare_taking(RtWork *work)
{
	EffectWork *effect = (EffectWork *) work;
	const char *name;

	effect->answer = (RtIntakeAnswer) {.stale = true,.next = DT_NOEND};
	effect->effect = find_effect(effect);
	if (effect->effect == NULL)
		return false;
	effect->owner = effect->effect->owner;
	name = GetUserNameFromId(effect->owner, true);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role that owns effect \"%s\" does not exist", effect->path)));
	strlcpy(effect->session.role, name, NAMEDATALEN);
	return true;
}

static Jsonb *
jsonb_of_text(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

static void
append_text(StringInfo json, const char *name, const char *text)
{
	appendStringInfo(json, "%c\"%s\":", json->len == 0 ? '{' : ',', name);
	escape_json(json, text);
}

static void
enqueue(const EffectWork *effect, const RtIntakeEvent *event)
{
	StringInfoData payload;
	RtJobNew	job = {.queue = effect->effect->queue,.run_at = GetCurrentTransactionStartTimestamp()};

	if (rt_declaration_job_queue(job.queue) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" of effect \"%s\" does not exist", job.queue, effect->path)));
	initStringInfo(&payload);
	append_text(&payload, "topic", event->topic);
	append_text(&payload, "event", event->event);
	appendStringInfo(&payload, ",\"data\":%s}", event->data);
	job.payload = jsonb_of_text(payload.data);
	(void) rt_job_enqueue(&job);
}

static void
take_events(RtWork *work)
{
	EffectWork *effect = (EffectWork *) work;
	bool		durable = effect->effect->queue != NULL;
	RtIntakeTake take = {
		.path = effect->path,.before = DT_NOEND,.most = durable ? JOBS_MAX : 1
	};
	ListCell   *cell;

	rt_intake_take(&take);
	effect->answer.more = take.more;
	effect->answer.stale = false;
	effect->event = NULL;
	if (!durable && take.events != NIL)
		effect->event = linitial(take.events);
	if (!durable)
		return;
	foreach(cell, take.events)
		enqueue(effect, lfirst(cell));
	effect->taken = list_length(take.events);
}

/* A crash that the function causes must not bring its event back. */
static void
keep_taking(const EffectWork *effect)
{
	if (effect->work.durability.lsn != InvalidXLogRecPtr)
		XLogFlush(effect->work.durability.lsn);
}

/* ---- running ---- */

static bool
prepare_run(RtWork *work)
{
	EffectWork *effect = (EffectWork *) work;

	effect->effect = find_effect(effect);
	if (effect->effect == NULL || effect->effect->owner != effect->owner ||
		effect->effect->handler_text == NULL)
		return false;
	if (!OidIsValid(effect->effect->handler))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist", effect->effect->handler_text)));
	work->owner = effect->owner;
	return true;
}

static void
run_handler(RtWork *work)
{
	EffectWork *effect = (EffectWork *) work;
	RtFunction *handler = rt_function_get(effect->effect->handler);
	RtArguments arguments = {.count = handler->nargs};
	NullableDatum given[HANDLER_ARGUMENTS] = {
		{CStringGetTextDatum(effect->event->topic), false},
		{CStringGetTextDatum(effect->event->event), false},
		{JsonbPGetDatum(jsonb_of_text(effect->event->data)), false}
	};

	work->stage = RT_STAGE_ACCESS;	/* nobody's arguments: what goes wrong is our owner's */
	if (handler->nargs > HANDLER_ARGUMENTS)
		elog(ERROR, "handler of effect \"%s\" has %d parameters", effect->path, handler->nargs);
	if (!rt_function_may_execute(handler))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", handler->name)));
	for (int i = 0; i < handler->nargs; i++)
		arguments.values[i] = given[i];
	rt_function_invoke_json(handler, &arguments, NULL, 0);
}

static void
run_as_executor(EffectWork *effect, RtWorkResult *result)
{
	effect->work.prepare = prepare_taking;
	effect->work.run = take_events;
	effect->work.as_executor = true;
	effect->work.owner = InvalidOid;
	effect->work.session = NULL;
	rt_work_run(&effect->work);
	rt_work_add_result(result, &effect->work);
}

static void
run_as_owner(EffectWork *effect, RtWorkResult *result)
{
	effect->work.prepare = prepare_run;
	effect->work.run = run_handler;
	effect->work.as_executor = false;
	effect->work.session = &effect->session;
	effect->work.user_data = "";
	effect->work.is_unattended = true;
	rt_work_run(&effect->work);
	rt_work_add_result(result, &effect->work);
}

/* Each event, also one that could not be taken. */
static void
count_run(const EffectWork *effect, int events)
{
	const RtFault *fault = &effect->work.fault;
	RtPathRun	run = {
		.path = effect->path,.path_len = strlen(effect->path),.is_known = true,
		.kind = RT_PATH_EFFECT,.failed = fault->code != NULL,.events = events,
		.us = rt_work_run_time(&effect->work)
	};

	if (run.failed)
	{
		run.code = rt_code_from_wire(fault->code);
		rt_path_stat_note_error(effect->path, RT_PATH_EFFECT,
								fault->cause != NULL ? fault->cause : fault->message);
	}
	if (run.failed || events > 0)
		rt_path_stat_count(&run);
}

/* What goes wrong in the function is told, and over. */
static bool
goes_on(const EffectWork *effect, int64 began)
{
	return effect->answer.more && !effect->work.session_is_spoiled && !effect->work.unavailable &&
		!rt_shutdown_is_requested() && rt_clock_ms() - began < TIME_MS;
}

RtWorkResult
rt_effect_run(RtRequest *request)
{
	EffectWork	effect = {.work.request = request};
	int64		began = rt_clock_ms();
	bool		taken;
	RtWorkResult result = {.durability = RT_DURABLE};

	effect.path = rt_work_path(request);
	effect.work.activity = psprintf("effect %s", effect.path);
	do
	{
		effect.taken = 0;
		run_as_executor(&effect, &result);
		taken = effect.work.fault.code == NULL && !effect.answer.stale;
		if (taken && effect.event != NULL)
		{
			keep_taking(&effect);
			run_as_owner(&effect, &result);
			effect.taken = 1;
		}
		if (!effect.work.unavailable)
			count_run(&effect, effect.taken);
	} while (taken && goes_on(&effect, began));
	rt_reply_reset(request);
	if (!taken && effect.work.fault.code != NULL)
		rt_reply_rolled_back(request, &effect.work.fault);
	else
		(void) rt_shared_text_set(&request->answer, (const char *) &effect.answer,
								  sizeof(effect.answer));
	return result;
}

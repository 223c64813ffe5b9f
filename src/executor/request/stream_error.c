/*
 * stream_error.c
 *		A stream could not be loaded: who is told besides its client.
 *
 * Its on_error function runs when guards, gate and access have let the caller
 * in and the load has failed, for whatever reason; not for a client that is
 * gone.  It runs as the caller, after everything has been rolled back, and has
 * not long: a client waits.  Unlike the client it learns what the error itself
 * says.  Its own errors are in the log, and told to nobody else.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "src/attempt.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/stream.h"
#include "src/protocol/topic.h"

#define OBSERVER_TIMEOUT_MS 2000

typedef struct ObserverWork
{
	RtWork		work;			/* first */
	const char *topic;
	const RtFault *fault;
	RtFunction *function;		/* NULL = none */
} ObserverWork;

static void
call_observer(RtFunction *function, const RtFault *fault, const char *topic)
{
	RtArguments arguments = {.count = Min(function->nargs, 3)};
	const char *values[] = {
		fault->code, fault->cause != NULL ? fault->cause : fault->message, topic
	};

	for (int i = 0; i < arguments.count; i++)
	{
		arguments.values[i].value = CStringGetTextDatum(values[i]);
		arguments.values[i].isnull = false;
	}
	rt_function_invoke_json(function, &arguments, NULL, 0);
}

/* ---- in a transaction of its own ---- */

/* Declarations may have changed since. */
static bool
prepare_observer(RtWork *work)
{
	ObserverWork *observer = (ObserverWork *) work;
	const RtStreamDeclaration *declaration;
	const RtNamedFunction *named;

	observer->function = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	declaration = rt_declaration_stream(work->activity, strlen(work->activity));
	if (declaration == NULL)
		return false;
	named = &declaration->functions[RT_STREAM_ON_ERROR];
	if (!named->declared || !OidIsValid(named->oid))
		return false;
	observer->function = rt_function_get(named->oid);
	work->mean_us = observer->function->mean_us;
	work->timeout_ms = realtime_handler_timeout <= 0 ? OBSERVER_TIMEOUT_MS :
		Min(realtime_handler_timeout, OBSERVER_TIMEOUT_MS);
	return true;
}

static void
run_observer(RtWork *work)
{
	ObserverWork *observer = (ObserverWork *) work;

	work->stage = RT_STAGE_HANDLER;
	call_observer(observer->function, observer->fault, observer->topic);
}

/* The client is gone, or the server is about to be. */
static bool
is_nobodys_fault(const RtFault *fault)
{
	RtCode		code = rt_code_from_wire(fault->code);

	return code == RT_CODE_CANCELLED || code == RT_CODE_SERVICE_UNAVAILABLE;
}

RtWorkResult
rt_observer_run(RtRequest *request, const RtSession *session, const char *user_data,
				const char *path, const char *topic, const RtFault *fault)
{
	ObserverWork observer;

	memset(&observer, 0, sizeof(observer));
	rt_work_begin(&observer.work, request, path, prepare_observer, run_observer);
	observer.work.session = session;
	observer.work.user_data = user_data;
	observer.work.is_error_hook = true;
	observer.topic = topic;
	observer.fault = fault;
	rt_work_run(&observer.work);

	if (observer.function != NULL && observer.work.fault.code != NULL)
		ereport(LOG,
				(errmsg("on_error of \"%s\" has failed", path),
				 errdetail_internal("%s", observer.work.fault.message)));
	else if (observer.function != NULL)
		rt_function_timed(observer.function, rt_work_run_time(&observer.work));
	return rt_work_result(&observer.work);
}

void
rt_stream_observe(RtStreamWork *stream, RtWorkResult *result)
{
	RtWorkResult own;

	if (!stream->observed || is_nobodys_fault(&stream->work.fault))
		return;
	own = rt_observer_run(rt_work_copy_request(stream->work.request), NULL, NULL,
						  stream->work.activity, stream->topic, &stream->work.fault);
	result->session_is_spoiled |= own.session_is_spoiled;
	result->durability = rt_durability_sum(result->durability, own.durability);
	result->ended = own.ended;
}

/* ---- in a session's transaction ---- */

typedef struct Observation
{
	Oid			function;
	const RtFault *fault;
	const char *topic;
} Observation;

static void
run_observation(void *arg)
{
	Observation *observation = arg;

	call_observer(rt_function_get(observation->function), observation->fault,
				  observation->topic);
}

void
rt_stream_observe_here(RtStreamWork *stream, const RtFault *fault)
{
	Observation observation = {
		.function = stream->declaration->functions[RT_STREAM_ON_ERROR].oid,
		.fault = fault,
		.topic = stream->topic
	};
	ErrorData  *error;

	if (!OidIsValid(observation.function) || is_nobodys_fault(fault))
		return;
	error = rt_attempt(run_observation, &observation);
	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	ereport(WARNING,
			(errmsg("on_error of stream \"%s\" has failed", stream->declaration->path),
			 errdetail_internal("%s", error->message)));
}

/* ---- those who have the value already ---- */

void
rt_stream_tell_subscribers(RtStreamWork *stream)
{
	const RtFault *fault = &stream->work.fault;
	const RtRequest *request = stream->work.request;
	StringInfoData data;
	char	   *topic;
	size_t		cap;
	size_t		len;
	char	   *buffer;
	char	   *frame;

	rt_reply_reset(stream->work.request);
	if (request->asked.id.len < 2)
		return;
	topic = psprintf(RT_SYSTEM_OF_TOPIC "%.*s", (int) request->asked.id.len - 2,
					 stream->guarded.text + request->asked.id.off + 1);
	rt_fault_write(&data, fault);
	cap = strlen(topic) + data.len + RT_FRAME_OVERHEAD;
	buffer = palloc(RT_FRAME_HEADROOM + cap);
	len = rt_payload_event(buffer + RT_FRAME_HEADROOM, cap, RT_TEXT(topic),
						   RT_TEXT("error"), ((RtText) {data.data, data.len}), -1);
	frame = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
	(void) rt_reply_frame(stream->work.request, frame, len);
}

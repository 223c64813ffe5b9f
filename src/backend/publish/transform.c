/*
 * transform.c
 *		What subscribers get instead of the data that was published.
 *
 * An event is one for all that follow its topic, so it is changed once, by who
 * publishes it, and what is stored for a replay is what was sent.  First it goes
 * through those steps of the streams' pipe that are for events, then through the
 * transform.  These are to a topic what a trigger is to a table: they run with
 * the rights of whoever publishes, and nobody needs EXECUTE on them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "src/attempt.h"
#include "src/backend/publish/transform.h"
#include "src/catalog/declaration.h"
#include "src/catalog/event_merge.h"
#include "src/catalog/json_member.h"
#include "src/pipe/pipe.h"

bool
rt_transform_applies(const RtEvent *event)
{
	const RtTopicDeclaration *topic = event->declaration;

	return topic != NULL && (topic->transform.declared || topic->pipe != NULL) &&
		rt_event_carries_item(topic->merge, event->event, event->event_len);
}

bool
rt_transform_hides(const RtEvent *event)
{
	const RtTopicDeclaration *topic = event->declaration;

	return topic != NULL && (topic->transform.declared || topic->pipe != NULL);
}

bool
rt_transform_filters(const RtEvent *event)
{
	const RtTopicDeclaration *topic = event->declaration;

	return topic != NULL && topic->merge == RT_MERGE_CRUD && topic->pipe != NULL &&
		topic->pipe->filters_events;
}

/* ---- the pipe ---- */

static NullableDatum
call_step(void *arg, const RtPipeStep *step, NullableDatum first)
{
	const RtTopicDeclaration *topic = arg;
	FmgrInfo	function;
	NullableDatum result;
	LOCAL_FCINFO(fcinfo, 1);

	if (!OidIsValid(step->function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s of the pipe of topic \"%s\" does not exist",
						step->signature, topic->template)));
	fmgr_info(step->function, &function);
	if (function.fn_strict && first.isnull)
		return (NullableDatum) {(Datum) 0, true};
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0] = first;
	result.value = FunctionCallInvoke(fcinfo);
	result.isnull = fcinfo->isnull;
	return result;
}

/* NULL = it is left out; it may be another event then. */
static Jsonb *
pipe_event(RtEvent *event, Jsonb *data)
{
	const RtTopicDeclaration *topic = event->declaration;
	RtPipeRun	run = {
		.pipe = topic->pipe,.use = RT_PIPE_EVENTS,.call = call_step,
		.arg = unconstify(RtTopicDeclaration *, topic)
	};
	char	   *before = pnstrdup(event->event, event->event_len);
	const char *name = before;
	Jsonb	   *result = rt_pipe_event(&run, topic->merge, topic->key, &name, data);

	if (name != before)
	{
		event->event = name;
		event->event_len = strlen(name);
	}
	return result;
}

/* ---- the transform ---- */

static Jsonb *
transform_item(FmgrInfo *function, Jsonb *item)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(item);
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetJsonbP(result);
}

static Jsonb *
transform_array(FmgrInfo *function, Jsonb *array)
{
	List	   *items = NIL;
	ListCell   *cell;

	foreach(cell, rt_json_elements(array))
	{
		Jsonb	   *item = transform_item(function, lfirst(cell));

		if (item != NULL)
			items = lappend(items, item);
	}
	return rt_json_array_of(items);
}

/* Whoever comes and moves is known by a key, whatever is shown of it. */
static Jsonb *
keep_key(const RtTopicDeclaration *topic, Jsonb *before, Jsonb *after)
{
	JsonbValue	key;

	if ((topic->merge != RT_MERGE_PRESENCE && topic->merge != RT_MERGE_CURSOR) ||
		after == NULL || !JB_ROOT_IS_OBJECT(before) || !JB_ROOT_IS_OBJECT(after) ||
		getKeyJsonValueFromContainer(&before->root, "key", 3, &key) == NULL)
		return after;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(after),
											  JsonbPGetDatum(rt_json_object_of("key", &key))));
}

static Jsonb *
transform(const RtEvent *event, Jsonb *data)
{
	const RtTopicDeclaration *topic = event->declaration;
	FmgrInfo	function;

	if (!OidIsValid(topic->transform.oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the transform of topic \"%s\" does not exist",
						topic->template)));
	fmgr_info(topic->transform.oid, &function);
	if (rt_pipe_brings_all(event->event, event->event_len, data))
		return transform_array(&function, data);
	return keep_key(topic, data, transform_item(&function, data));
}

/* What the pipe has made a "deleted" tells no more than its key. */
Jsonb *
rt_transform_run(RtEvent *event, Jsonb *data)
{
	const RtTopicDeclaration *topic = event->declaration;

	if (data == NULL)
		data = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("null")));
	if (topic->pipe != NULL)
		data = pipe_event(event, data);
	if (data == NULL || !topic->transform.declared ||
		!rt_event_carries_item(topic->merge, event->event, event->event_len))
		return data;
	return transform(event, data);
}

static Jsonb *
jsonb_of(const StringInfo text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text->data)));
}

static void
warn(const RtEvent *event, const ErrorData *error)
{
	static bool warned = false;

	if (warned)
		return;
	warned = true;
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("the transform or pipe of topic \"%s\" has failed",
					event->declaration->template),
			 errdetail_internal("%s", error->message),
			 errhint("Clients of such topics load again instead.")));
}

typedef struct Attempt
{
	RtEvent    *event;
	StringInfo	data;
	RtTransformed outcome;
} Attempt;

static void
transform_text(void *arg)
{
	Attempt    *attempt = arg;
	Jsonb	   *result = rt_transform_run(attempt->event, jsonb_of(attempt->data));

	attempt->outcome = result != NULL ? RT_TRANSFORMED : RT_TRANSFORM_LEFT_OUT;
	if (result == NULL)
		return;
	resetStringInfo(attempt->data);
	(void) JsonbToCString(attempt->data, &result->root, VARSIZE(result));
}

RtTransformed
rt_transform_text(RtEvent *event, StringInfo data)
{
	Attempt		attempt = {.event = event, .data = data};
	ErrorData  *error = rt_attempt(transform_text, &attempt);

	if (error == NULL)
		return attempt.outcome;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	warn(event, error);
	FreeErrorData(error);
	return RT_TRANSFORM_FAILED;
}

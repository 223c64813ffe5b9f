/*
 * transform.c
 *		What subscribers get instead of the data that was published.
 *
 * An event is one for all that follow its topic, so it is changed once, by who
 * publishes it, and what is stored for a replay is what was sent.  A transform
 * is to a topic what a trigger is to a table: it runs with the rights of
 * whoever publishes, and nobody needs EXECUTE on it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "src/backend/publish/transform.h"
#include "src/catalog/declaration.h"
#include "src/catalog/event_merge.h"

bool
rt_transform_applies(const RtEvent *event)
{
	const RtTopicDeclaration *topic = event->declaration;

	return topic != NULL && topic->transform.declared &&
		rt_event_carries_item(topic->merge, event->event, event->event_len);
}

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
	JsonbParseState *state = NULL;
	JsonbIterator *iterator = JsonbIteratorInit(&array->root);
	JsonbIteratorToken token;
	JsonbValue	element;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
	{
		Jsonb	   *item;
		JsonbValue	value;

		if (token != WJB_ELEM)
			continue;
		item = transform_item(function, JsonbValueToJsonb(&element));
		if (item == NULL)
			continue;
		JsonbToJsonbValue(item, &value);
		if (JB_ROOT_IS_SCALAR(item))
			(void) JsonbExtractScalar(&item->root, &value);
		(void) pushJsonbValue(&state, WJB_ELEM, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

static bool
is_named(const RtEvent *event, const char *name)
{
	return event->event_len == strlen(name) &&
		memcmp(event->event, name, event->event_len) == 0;
}

/* These bring the value as a whole, whose items are looked at one by one. */
static bool
brings_items(const RtEvent *event, Jsonb *data)
{
	return JB_ROOT_IS_ARRAY(data) && !JB_ROOT_IS_SCALAR(data) &&
		(is_named(event, "refreshed") || is_named(event, "set"));
}

static Jsonb *
object_of_key(JsonbValue *key)
{
	JsonbParseState *state = NULL;
	JsonbValue	name = {.type = jbvString,.val.string = {.val = "key",.len = 3}};

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	(void) pushJsonbValue(&state, WJB_KEY, &name);
	(void) pushJsonbValue(&state, WJB_VALUE, key);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
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
											  JsonbPGetDatum(object_of_key(&key))));
}

Jsonb *
rt_transform_run(const RtEvent *event, Jsonb *data)
{
	const RtTopicDeclaration *topic = event->declaration;
	FmgrInfo	function;

	if (!OidIsValid(topic->transform.oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the transform of topic \"%s\" does not exist",
						topic->template)));
	if (data == NULL)
		data = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("null")));
	fmgr_info(topic->transform.oid, &function);
	if (brings_items(event, data))
		return transform_array(&function, data);
	return keep_key(topic, data, transform_item(&function, data));
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
			 errmsg("the transform of topic \"%s\" has failed",
					event->declaration->template),
			 errdetail_internal("%s", error->message),
			 errhint("Clients of such topics load again instead.")));
}

RtTransformed
rt_transform_text(const RtEvent *event, StringInfo data)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile RtTransformed outcome = RT_TRANSFORM_FAILED;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		Jsonb	   *result = rt_transform_run(event, jsonb_of(data));

		outcome = result != NULL ? RT_TRANSFORMED : RT_TRANSFORM_LEFT_OUT;
		if (result != NULL)
		{
			resetStringInfo(data);
			(void) JsonbToCString(data, &result->root, VARSIZE(result));
		}
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		warn(event, error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return outcome;
}

/*
 * coalesce_key.c
 *		By what events of a topic take one another's place for who is slow.
 *
 * Found out by who publishes, because gateways run no functions and should not
 * look into data for each subscriber.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "src/attempt.h"
#include "src/backend/publish/coalesce_key.h"
#include "src/catalog/declaration.h"
#include "src/protocol/json.h"

#define NAME_MAX_LEN 256		/* bytes of a member's name, with its end */

/* ---- a member ---- */

static bool
is_named(const char *json, RtSpan key, const char *name, Size len)
{
	char		decoded[NAME_MAX_LEN];

	return rt_json_string_decode(json, key, decoded, sizeof(decoded)) == (int) len &&
		memcmp(decoded, name, len) == 0;
}

/* The last one of a name, as everywhere. */
static RtSpan
find_member(const char *json, RtSpan object, const char *name, Size len)
{
	RtSpan		found = {0, 0};
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;

	if (!rt_json_walk_object(&walk, json, object))
		return found;
	while (rt_json_walk_member(&walk, &key, &value))
	{
		if (is_named(json, key, name, len))
			found = value;
	}
	return found;
}

/* "a.b" is the member b of the member a. */
static void
key_of_member(RtEvent *event, const char *path)
{
	RtSpan		value = rt_json_whole(event->data, event->data_len);

	while (value.len > 0)
	{
		Size		len = strcspn(path, ".");

		value = find_member(event->data, value, path, len);
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	if (rt_json_is_null(event->data, value))
		return;
	event->key = event->data + value.off;
	event->key_len = value.len;
}

/* ---- a function ---- */

static void
key_of_function(void *arg)
{
	RtEvent    *event = arg;
	char	   *json = pnstrdup(event->data, event->data_len);
	LOCAL_FCINFO(fcinfo, 1);
	FmgrInfo	function;
	Datum		result;

	fmgr_info(event->declaration->coalesce.oid, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
	fcinfo->args[0].isnull = false;
	result = FunctionCallInvoke(fcinfo);
	if (fcinfo->isnull)
		return;
	event->key = text_to_cstring(DatumGetTextPP(result));
	event->key_len = strlen(event->key);
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
			 errmsg("coalesce_by of topic \"%s\" has failed",
					event->declaration->template),
			 errdetail_internal("%s", error->message),
			 errhint("Slow clients get all such events.")));
}

static void
try_function(RtEvent *event)
{
	ErrorData  *error = rt_attempt(key_of_function, event);

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	warn(event, error);
	FreeErrorData(error);
}

static void
refuse_missing(const RtEvent *event)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FUNCTION),
			 errmsg("the coalesce_by function of topic \"%s\" does not exist",
					event->declaration->template)));
}

static void
run_function(RtEvent *event, RtKeyFunction function)
{
	bool		exists = OidIsValid(event->declaration->coalesce.oid);

	if (function == RT_KEY_FUNCTION_TRIED && exists)
		try_function(event);
	else if (function == RT_KEY_FUNCTION_RAISES && !exists)
		refuse_missing(event);
	else if (function == RT_KEY_FUNCTION_RAISES)
		key_of_function(event);
}

void
rt_coalesce_key(RtEvent *event, RtKeyFunction function)
{
	const RtTopicDeclaration *topic = event->declaration;

	event->key = NULL;
	event->key_len = 0;
	if (likely(topic == NULL || topic->coalesce_by == NULL) ||
		event->topic_class != RT_TOPIC_ORDERED)
		return;
	if (topic->coalesce.declared)
		run_function(event, function);
	else
		key_of_member(event, topic->coalesce_by);
	if (event->key_len > RT_RING_KEY_MAX)
		event->key_len = 0;
}

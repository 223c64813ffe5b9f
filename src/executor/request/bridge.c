/*
 * bridge.c
 *		Publishes notifications (NOTIFY) as declared by realtime.bridge().
 *
 * The scheduler sends payloads of one channel, as many as are waiting.  They
 * are published in their order and in one transaction, each in a
 * subtransaction of its own: one that cannot be published is left out and
 * harms no other.  What ends the whole transaction (a deadline, a conflict, an
 * error at its commit) is answered ROLLED_BACK, and the scheduler tries one at
 * a time; or UNAVAILABLE, if this executor was told to end.  To keep calls from
 * waiting, no more is begun after TIME_MS.
 *
 * Parse functions run as the role of anonymous calls: anybody who can connect
 * to the database can notify.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/executor/function/function.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/bridge.h"
#include "src/executor/stale_plan.h"
#include "src/ipc/clock.h"
#include "src/ipc/unflushed.h"
#include "src/protocol/json.h"

#define TIME_MS 50				/* after which no other payload is begun */
#define RESULT_MAX (16 * 1024 * 1024)	/* bytes of a parse function's JSON */
#define WARNING_MS 10000		/* between warnings about payloads */
#define DEFAULT_EVENT "notify"

typedef struct Bridge
{
	RtWork		work;			/* first */
	char	   *channel;
	const char *payloads;		/* as they lie in the request */
	const char *end;
	const RtBridgeDeclaration *declaration;
	RtFunction *parse;			/* NULL = none */
	MemoryContext context;		/* of one payload */
	RtBridgeAnswer answer;
} Bridge;

/* What became of a payload. */
typedef enum Outcome
{
	PUBLISHED,
	SKIPPED,
	FAILED,
	LATER						/* there is no more room in this transaction */
} Outcome;

/* ---- what is in a payload ---- */

static Jsonb *
jsonb_of_text(const char *json)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
}

/* JSON if it is JSON, else a string; nothing if there is nothing. */
static Jsonb *
data_of_payload(const char *payload, Size len)
{
	StringInfoData string;

	if (len == 0)
		return NULL;
	if (rt_json_check(payload, len, RT_JSON_DEPTH_MAX) == RT_JSON_OK)
		return jsonb_of_text(payload);
	initStringInfo(&string);
	escape_json(&string, payload);
	return jsonb_of_text(string.data);
}

/*
 * A member that should be a string; NULL if it is null or missing, and then
 * the default.
 */
static text *
string_member(JsonbContainer *object, const char *key, const char *when_null)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, key, strlen(key), &value) == NULL ||
		value.type == jbvNull)
		return when_null != NULL ? cstring_to_text(when_null) : NULL;
	if (value.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of the event is not a string", key)));
	return cstring_to_text_with_len(value.val.string.val, value.val.string.len);
}

static Jsonb *
data_member(JsonbContainer *object)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, "data", 4, &value) == NULL ||
		value.type == jbvNull)
		return NULL;
	return JsonbValueToJsonb(&value);
}

/* ---- publishing ---- */

/* One object {topic, event, data}. */
static Outcome
publish_object(Bridge *bridge, JsonbContainer *object)
{
	const RtBridgeDeclaration *declaration = bridge->declaration;
	bool		parsed = bridge->parse != NULL;
	text	   *topic;
	text	   *event;
	Jsonb	   *data;

	if (!JsonContainerIsObject(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an event is not a JSON object"),
				 errhint("An event is {\"topic\": ..., \"event\": ..., \"data\": ...}.")));
	topic = string_member(object, "topic", NULL);
	event = string_member(object, "event", NULL);
	data = data_member(object);
	if (parsed && topic == NULL && event == NULL && data == NULL)
		return SKIPPED;

	if (parsed && topic == NULL && declaration->topic != NULL)
		topic = cstring_to_text(declaration->topic);
	if (parsed && event == NULL)
		event = cstring_to_text(declaration->event != NULL ?
								declaration->event : DEFAULT_EVENT);
	rt_publish(topic, event, data);
	return PUBLISHED;
}

/* An object, an array of objects, or null. */
static Outcome
publish_result(Bridge *bridge, Jsonb *result)
{
	Outcome		outcome = SKIPPED;
	JsonbValue	value;

	if (JB_ROOT_IS_SCALAR(result) &&
		JsonbExtractScalar(&result->root, &value) && value.type == jbvNull)
		return SKIPPED;
	if (!JB_ROOT_IS_ARRAY(result) || JB_ROOT_IS_SCALAR(result))
		return publish_object(bridge, &result->root);

	for (uint32 i = 0; i < JB_ROOT_COUNT(result); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&result->root, i);

		if (element->type == jbvNull)
			continue;
		if (element->type != jbvBinary)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("an event is not a JSON object")));
		if (publish_object(bridge, element->val.binary.data) == PUBLISHED)
			outcome = PUBLISHED;
	}
	return outcome;
}

static void
check_parse(const Bridge *bridge)
{
	if (bridge->parse == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s does not exist",
						bridge->declaration->parse_text)));
	if (!rt_function_may_execute(bridge->parse))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s",
						bridge->declaration->parse_text)));
}

/* Calls the parse function; NULL for NULL. */
static Jsonb *
parse_payload(Bridge *bridge, const char *payload, Size len)
{
	RtFunction *parse = bridge->parse;
	RtArguments *arguments = palloc(sizeof(RtArguments));
	NullableDatum result;
	StringInfoData json;

	arguments->count = parse->nargs;
	arguments->values[0].value =
		PointerGetDatum(cstring_to_text_with_len(payload, len));
	arguments->values[1].value = CStringGetTextDatum(bridge->channel);
	arguments->values[0].isnull = arguments->values[1].isnull = false;

	if (parse->result_type == JSONBOID && !parse->returns_set)
	{
		result = rt_function_invoke(parse, arguments);
		return result.isnull ? NULL : DatumGetJsonbP(result.value);
	}
	initStringInfo(&json);
	rt_function_invoke_json(parse, arguments, &json, RESULT_MAX);
	return json.len == 0 ? NULL : jsonb_of_text(json.data);
}

static Outcome
publish_payload(Bridge *bridge, const char *payload, Size len)
{
	const RtBridgeDeclaration *declaration = bridge->declaration;

	if (declaration->parse_text != NULL)
	{
		Jsonb	   *result;

		check_parse(bridge);
		result = parse_payload(bridge, payload, len);
		return result == NULL ? SKIPPED : publish_result(bridge, result);
	}
	if (declaration->topic != NULL)
		rt_publish(cstring_to_text(declaration->topic),
				   cstring_to_text(declaration->event != NULL ?
								   declaration->event : DEFAULT_EVENT),
				   data_of_payload(payload, len));
	else if (declaration->invalidate == NULL)
		return publish_object(bridge, &jsonb_of_text(payload)->root);
	return PUBLISHED;
}

/* Subscribers of a topic are told to load again. */
static void
publish_lost(const char *topic)
{
	RtEvent		event;

	if (topic == NULL)
		return;
	memset(&event, 0, sizeof(event));
	event.topic = topic;
	event.topic_len = strlen(topic);
	rt_publish_resolve(&event);
	rt_pending_add_lost(&event);
}

/* ---- one payload that harms no other ---- */

/* At most one in a while; the counter has them all. */
static void
warn(const Bridge *bridge, const ErrorData *error)
{
	static int64 last_ms = 0;
	static int	unlogged = 0;
	int64		now = rt_clock_ms();

	if (last_ms != 0 && now - last_ms < WARNING_MS)
	{
		unlogged++;
		return;
	}
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("a notification on channel \"%s\" was not published: %s",
					bridge->channel, error->message),
			 error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			 unlogged > 0 ? errhint("%d more since the last warning were left out as well.",
									unlogged) : 0));
	last_ms = now;
	unlogged = 0;
}

/*
 * A cancel, and what trying again can help against, are matters of the whole
 * transaction.
 */
static Outcome
judge_error(Bridge *bridge, ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		rt_error_is_retryable(error) || rt_stale_plan_explains(error))
		ReThrowError(error);
	if (error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED &&
		rt_pending_size() > 0)
		return LATER;
	warn(bridge, error);
	return FAILED;
}

static Outcome
try_payload(Bridge *bridge, const char *payload, Size len)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile Outcome outcome = FAILED;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(bridge->context);
	PG_TRY();
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		outcome = publish_payload(bridge, payload, len);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		outcome = judge_error(bridge, error);
		FreeErrorData(error);
	}
	PG_END_TRY();

	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	MemoryContextReset(bridge->context);
	return outcome;
}

/* ---- all of them ---- */

/* Takes the next payload apart; *text is NULL for a gap. */
static const char *
next_payload(const char *from, const char **text, uint32 *len)
{
	memcpy(len, from, sizeof(*len));
	from += sizeof(*len);
	*text = NULL;
	if (*len == RT_BRIDGE_GAP)
		return from;
	*text = pnstrdup(from, *len);
	return from + *len;
}

static void
run_bridge(RtWork *work)
{
	Bridge	   *bridge = (Bridge *) work;
	int64		began = rt_clock_ms();
	bool		invalidate = false;
	const char *next = bridge->payloads;

	work->stage = RT_STAGE_HANDLER;
	rt_unflushed_touch_all();	/* whoever notified tells of it */
	while (next < bridge->end &&
		   (bridge->answer.taken == 0 || rt_clock_ms() - began < TIME_MS))
	{
		const char *payload;
		uint32		len;
		Outcome		outcome = PUBLISHED;

		next = next_payload(next, &payload, &len);
		if (payload == NULL)
			publish_lost(bridge->declaration->topic);
		else
			outcome = try_payload(bridge, payload, len);
		if (outcome == LATER)
			break;
		bridge->answer.taken++;
		bridge->answer.skipped += outcome == SKIPPED;
		bridge->answer.failed += outcome == FAILED;
		invalidate |= outcome == PUBLISHED;
	}
	if (invalidate)
		publish_lost(bridge->declaration->invalidate);
}

/* All that the request has, for a bridge that is gone. */
static uint32
count_payloads(const Bridge *bridge)
{
	const char *next = bridge->payloads;
	uint32		count = 0;

	for (; next < bridge->end; count++)
	{
		uint32		len;

		memcpy(&len, next, sizeof(len));
		next += sizeof(len) + (len == RT_BRIDGE_GAP ? 0 : len);
	}
	return count;
}

static bool
prepare_bridge(RtWork *work)
{
	Bridge	   *bridge = (Bridge *) work;

	memset(&bridge->answer, 0, sizeof(bridge->answer));
	bridge->parse = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	bridge->declaration = rt_declaration_bridge(bridge->channel,
												strlen(bridge->channel));
	if (bridge->declaration == NULL)
	{
		bridge->answer.taken = count_payloads(bridge);
		return false;
	}
	if (OidIsValid(bridge->declaration->parse))
		bridge->parse = rt_function_get(bridge->declaration->parse);
	return true;
}

static void
read_request(Bridge *bridge, RtRequest *request)
{
	const char *text = rt_shared_text_get(&request->text);

	memset(bridge, 0, sizeof(*bridge));
	bridge->channel = rt_work_path(request);
	bridge->payloads = text + request->asked.args.off;
	bridge->end = bridge->payloads + request->asked.args.len;
	bridge->context = AllocSetContextCreate(CurrentMemoryContext,
											"realtime notification",
											ALLOCSET_DEFAULT_SIZES);
	rt_work_begin(&bridge->work, request, psprintf("bridge %s", bridge->channel),
				  prepare_bridge, run_bridge);
}

RtWorkResult
rt_bridge_run(RtRequest *request)
{
	Bridge		bridge;

	read_request(&bridge, request);
	rt_work_run(&bridge.work);

	rt_reply_reset(request);
	if (bridge.work.fault.code != NULL)
		rt_reply_rolled_back(request, &bridge.work.fault);
	else
		(void) rt_shared_text_set(&request->answer,
								  (const char *) &bridge.answer,
								  sizeof(bridge.answer));
	return rt_work_result(&bridge.work);
}

/*
 * health.c
 *		realtime.mark_degraded() and realtime.mark_recovered(): how a topic is.
 *
 * Told like an event to those who follow the topic, once the transaction
 * commits, but about it: on the topic "__system:" followed by its name, without
 * a place in its order, without a number, and without a row.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "src/backend/publish/publish.h"
#include "src/protocol/topic.h"

#define REASON_MAX 1024			/* bytes */

PG_FUNCTION_INFO_V1(realtime_mark_degraded);
PG_FUNCTION_INFO_V1(realtime_mark_recovered);

/* Unlike others the topics of live queries may be spoken of, though nobody publishes on them. */
static void
check_topic(const char *topic, Size len)
{
	Size		prefix = strlen(RT_QUERY_TOPIC);

	if (len > prefix && memcmp(topic, RT_QUERY_TOPIC, prefix) == 0 &&
		rt_topic_is_valid(topic, len))
		return;
	rt_publish_check_topic(topic, len);
}

static void
tell(FunctionCallInfo fcinfo, const char *name, const char *data)
{
	text	   *topic;
	RtEvent		event = {
		.event = name,.event_len = strlen(name),
		.data = data,.data_len = strlen(data),
		.topic_class = RT_TOPIC_VOLATILE
	};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("topic must not be null")));
	topic = PG_GETARG_TEXT_PP(0);
	event.topic = VARDATA_ANY(topic);
	event.topic_len = VARSIZE_ANY_EXHDR(topic);
	check_topic(event.topic, event.topic_len);
	rt_pending_add_about(&event);
}

static char *
write_reason(const char *reason)
{
	StringInfoData data;

	if (strlen(reason) > REASON_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason is longer than %d bytes", REASON_MAX)));
	initStringInfo(&data);
	appendStringInfoString(&data, "{\"reason\":");
	escape_json(&data, reason);
	appendStringInfoChar(&data, '}');
	return data.data;
}

Datum
realtime_mark_degraded(PG_FUNCTION_ARGS)
{
	if (rt_publish_begin())
		tell(fcinfo, "degraded",
			 PG_ARGISNULL(1) ? "null" : write_reason(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	PG_RETURN_VOID();
}

Datum
realtime_mark_recovered(PG_FUNCTION_ARGS)
{
	if (rt_publish_begin())
		tell(fcinfo, "recovered", "null");
	PG_RETURN_VOID();
}

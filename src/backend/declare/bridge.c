/*
 * bridge.c
 *		realtime.bridge(): which notifications are published, and how.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/publish/publish.h"

#define QUOTED_MAX 100			/* bytes of a bad text in a message */

/* Positions of parameters, as in src/sql */
enum
{
	BRIDGE_CHANNEL,
	BRIDGE_TOPIC,
	BRIDGE_EVENT,
	BRIDGE_PARSE,
	BRIDGE_INVALIDATE
};

static char *optional_text(FunctionCallInfo fcinfo, int number);
static char *checked_channel(FunctionCallInfo fcinfo);
static char *checked_topic(FunctionCallInfo fcinfo, int number);
static char *checked_event(FunctionCallInfo fcinfo);
static const char *checked_parse(FunctionCallInfo fcinfo);

PG_FUNCTION_INFO_V1(realtime_bridge);

Datum
realtime_bridge(PG_FUNCTION_ARGS)
{
	RtBridgeRow row = {0};

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_bridge();
	row.channel = checked_channel(fcinfo);
	row.topic = checked_topic(fcinfo, BRIDGE_TOPIC);
	row.event = checked_event(fcinfo);
	row.parse = checked_parse(fcinfo);
	row.invalidate = checked_topic(fcinfo, BRIDGE_INVALIDATE);
	if (row.event != NULL && row.topic == NULL && row.parse == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event needs a topic or a parse function"),
				 errdetail("Without both the payload itself names the event."),
				 errhint("Name a topic, or leave out \"event\".")));

	rt_store_bridge(&row);
	PG_RETURN_VOID();
}

static char *
optional_text(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		return NULL;
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* As pg_notify() takes it, which unlike LISTEN cuts nothing off. */
static char *
checked_channel(FunctionCallInfo fcinfo)
{
	char	   *channel = rt_parameter_text(fcinfo, BRIDGE_CHANNEL, "channel");

	if (channel[0] == '\0' || strlen(channel) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("channel \"%s\" is not valid",
						pnstrdup(channel, pg_mbcliplen(channel, strlen(channel), QUOTED_MAX))),
				 errdetail("A channel is 1 to %d bytes long.", NAMEDATALEN - 1)));
	return channel;
}

/* NULL, or a topic that can be published on. */
static char *
checked_topic(FunctionCallInfo fcinfo, int number)
{
	char	   *topic = optional_text(fcinfo, number);

	if (topic != NULL)
		rt_publish_check_topic(topic, strlen(topic));
	return topic;
}

static char *
checked_event(FunctionCallInfo fcinfo)
{
	char	   *event = optional_text(fcinfo, BRIDGE_EVENT);

	if (event != NULL)
		rt_publish_check_name(event, strlen(event));
	return event;
}

/* NULL, or the function's signature. */
static const char *
checked_parse(FunctionCallInfo fcinfo)
{
	RtCheckedFunction *parse;

	if (PG_ARGISNULL(BRIDGE_PARSE))
		return NULL;
	parse = rt_function_check_any(PG_GETARG_OID(BRIDGE_PARSE), "a parse function");
	rt_function_check_parse(parse);
	return parse->signature;
}

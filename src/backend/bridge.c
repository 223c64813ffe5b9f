/*
 * bridge.c
 *		realtime.bridge(): which notifications are published, and how.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "src/backend/declaration_store.h"
#include "src/backend/function_check.h"
#include "src/errcodes.h"
#include "src/protocol/topic.h"

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
	char	   *channel = optional_text(fcinfo, BRIDGE_CHANNEL);

	if (channel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("channel must not be null")));
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
	const char *sqlstate = rt_code_sqlstate(RT_CODE_INVALID_TOPIC);
	int			code = MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2],
									 sqlstate[3], sqlstate[4]);

	if (topic == NULL)
		return NULL;
	if (!rt_topic_is_valid(topic, strlen(topic)))
		ereport(ERROR,
				(errcode(code),
				 errmsg("topic \"%s\" is not valid",
						pnstrdup(topic, pg_mbcliplen(topic, strlen(topic), QUOTED_MAX))),
				 errdetail("A topic is 1 to %d bytes of printable ASCII without '\"' and '\\'.",
						   RT_TOPIC_MAX)));
	if (rt_topic_is_system(topic, strlen(topic)))
		ereport(ERROR,
				(errcode(code),
				 errmsg("topic \"%s\" is reserved", topic),
				 errdetail("Topics that begin with \"__\" belong to the server.")));
	return topic;
}

static char *
checked_event(FunctionCallInfo fcinfo)
{
	char	   *event = optional_text(fcinfo, BRIDGE_EVENT);

	if (event != NULL && !rt_event_is_valid(event, strlen(event)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of the event is not valid"),
				 errdetail("It is 1 to %d bytes of UTF-8 without '\"', '\\' and control characters.",
						   RT_EVENT_MAX)));
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

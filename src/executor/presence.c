/*
 * presence.c
 *		realtime.presence_join(), presence_update(), presence_watch() and
 *		presence_leave(): what a handler has done with the connection that has
 *		called; and what streams show of who is present.
 *
 * The first are part of the transaction: its gateway does them once it commits.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/executor/identity.h"
#include "src/executor/presence.h"
#include "src/ipc/presence.h"
#include "src/ipc/presence_command.h"

PG_FUNCTION_INFO_V1(realtime_presence_join);
PG_FUNCTION_INFO_V1(realtime_presence_update);
PG_FUNCTION_INFO_V1(realtime_presence_watch);
PG_FUNCTION_INFO_V1(realtime_presence_leave);

/* A connection, not a call over HTTP or in a session. */
static const RtRequest *
calling_connection(void)
{
	const RtCaller *caller = rt_caller();

	if (caller == NULL || caller->request->owner == RT_OWNER_SCHEDULER ||
		caller->request->asked.connection_serial == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nobody has called who could be present"),
				 errdetail("This works in calls of clients that are connected.")));
	caller->request->answer_alike = false;	/* for nobody else */
	return caller->request;
}

static text *
topic_argument(FunctionCallInfo fcinfo)
{
	text	   *topic;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("topic must not be null")));
	topic = PG_GETARG_TEXT_PP(0);
	rt_publish_check_topic(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
	rt_presence_check_topic(VARSIZE_ANY_EXHDR(topic));
	return topic;
}

void
rt_presence_check_topic(Size len)
{
	if (len > RT_PRESENCE_TOPIC_MAX)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("topic is too long for presence"),
				 errdetail("It has at most %d bytes.", RT_PRESENCE_TOPIC_MAX)));
}

static void
check_data(Size len)
{
	if (len > RT_PRESENCE_DATA_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("data of who is present are too long"),
				 errdetail("They take %zu bytes, the most are %d.", len, RT_PRESENCE_DATA_MAX)));
}

char *
rt_presence_data(Jsonb *data)
{
	Size		len;
	const char *text = rt_publish_json_text(data, &len);

	check_data(len);
	return pnstrdup(text, len);
}

static void
order(RtPresenceVerb verb, text *topic, const char *data, Size data_len)
{
	const RtRequest *request = calling_connection();
	Size		topic_len = topic != NULL ? VARSIZE_ANY_EXHDR(topic) : 0;
	RtPresenceCommand command = {.verb = verb,.topic_len = topic_len,.data_len = data_len};
	Size		len = sizeof(command) + topic_len + data_len;
	char	   *bytes = palloc(len);
	RtRecipient connection;

	memcpy(bytes, &command, sizeof(command));
	if (topic_len > 0)
		memcpy(bytes + sizeof(command), VARDATA_ANY(topic), topic_len);
	if (data_len > 0)
		memcpy(bytes + sizeof(command) + topic_len, data, data_len);
	connection = rt_recipient_connection(request->owner, request->asked.connection,
										 request->asked.connection_serial);
	if (rt_publish_begin())
		rt_pending_add_command(&connection, bytes, len);
}

Datum
realtime_presence_join(PG_FUNCTION_ARGS)
{
	text	   *topic = topic_argument(fcinfo);
	const char *data = "";
	Size		len = 0;

	if (!PG_ARGISNULL(1))
		data = rt_publish_json_text(PG_GETARG_JSONB_P(1), &len);
	check_data(len);
	order(RT_PRESENCE_JOIN, topic, data, len);
	PG_RETURN_VOID();
}

Datum
realtime_presence_update(PG_FUNCTION_ARGS)
{
	text	   *topic = topic_argument(fcinfo);
	char	   *data;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("data must not be null")));
	data = rt_presence_data(PG_GETARG_JSONB_P(1));
	order(RT_PRESENCE_UPDATE, topic, data, strlen(data));
	PG_RETURN_VOID();
}

Datum
realtime_presence_watch(PG_FUNCTION_ARGS)
{
	order(RT_PRESENCE_WATCH, topic_argument(fcinfo), "", 0);
	PG_RETURN_VOID();
}

Datum
realtime_presence_leave(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		order(RT_PRESENCE_PART_ALL, NULL, "", 0);
	else
		order(RT_PRESENCE_PART, topic_argument(fcinfo), "", 0);
	PG_RETURN_VOID();
}

/* ---- for streams ---- */

static void
append_row(const RtPresent *present, void *arg)
{
	StringInfo	rows = arg;

	appendStringInfoString(rows, rows->len > 1 ? ",{\"key\":" : "{\"key\":");
	escape_json(rows, pnstrdup(present->key, present->key_len));
	appendStringInfoString(rows, ",\"data\":");
	appendBinaryStringInfo(rows, present->data, present->data_len);
	appendStringInfoChar(rows, '}');
}

RtText
rt_presence_rows(const char *topic, Size len, Size max)
{
	StringInfoData rows;

	initStringInfo(&rows);
	appendStringInfoChar(&rows, '[');
	rt_presence_attach();
	rt_presence_read(topic, len, append_row, &rows);
	appendStringInfoChar(&rows, ']');
	if ((Size) rows.len > max)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("There are too many for one answer; follow the stream")));
	return (RtText) {rows.data, rows.len};
}

/*
 * command.c
 *		What a handler orders for the connection that has called.
 *
 * It is part of the transaction: an entry among its events, which the gateway of
 * that connection reads once it commits.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/executor/command.h"
#include "src/executor/identity.h"
#include "src/ipc/presence.h"

/* Not a call over HTTP or in a session. */
const RtRequest *
rt_command_connection(void)
{
	const RtCaller *caller = rt_caller();

	if (caller == NULL || caller->request->owner == RT_OWNER_SCHEDULER ||
		caller->request->asked.connection_serial == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no connection has called"),
				 errdetail("This works in calls of clients that are connected.")));
	caller->request->answer_alike = false;	/* for nobody else */
	return caller->request;
}

void
rt_command_give_to(const RtRecipient *connection, RtCommandVerb verb, RtText topic, RtText data)
{
	RtCommand	command = {.verb = verb,.topic_len = topic.len,.data_len = data.len};
	Size		len = sizeof(command) + topic.len + data.len;
	char	   *bytes = palloc(len);

	memcpy(bytes, &command, sizeof(command));
	if (topic.len > 0)
		memcpy(bytes + sizeof(command), topic.ptr, topic.len);
	if (data.len > 0)
		memcpy(bytes + sizeof(command) + topic.len, data.ptr, data.len);
	if (rt_publish_begin())
		rt_pending_add_command(connection, bytes, len);
}

void
rt_command_give(RtCommandVerb verb, text *topic, const char *data, Size data_len)
{
	const RtRequest *request = rt_command_connection();
	RtText		name = {topic != NULL ? VARDATA_ANY(topic) : "",
		topic != NULL ? VARSIZE_ANY_EXHDR(topic) : 0};
	RtRecipient connection = rt_recipient_connection(request->owner, request->asked.connection,
													 request->asked.connection_serial);

	rt_command_give_to(&connection, verb, name, (RtText) {data, data_len});
}

void
rt_command_check_topic(Size len, const char *purpose)
{
	if (len > RT_PRESENCE_TOPIC_MAX)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("topic is too long for %s", purpose),
				 errdetail("It has at most %d bytes.", RT_PRESENCE_TOPIC_MAX)));
}

text *
rt_command_topic(FunctionCallInfo fcinfo, const char *purpose)
{
	text	   *topic;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("topic must not be null")));
	topic = PG_GETARG_TEXT_PP(0);
	rt_publish_check_topic(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
	rt_command_check_topic(VARSIZE_ANY_EXHDR(topic), purpose);
	return topic;
}

const char *
rt_command_json(FunctionCallInfo fcinfo, int n, const char *what, Size max, Size *len)
{
	const char *json = "";

	*len = 0;
	if (!PG_ARGISNULL(n))
		json = rt_publish_json_text(PG_GETARG_JSONB_P(n), len);
	if (*len > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s too long", what),
				 errdetail("They take %zu bytes, the most are %zu.", *len, max)));
	return json;
}

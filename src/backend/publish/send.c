/*
 * send.c
 *		realtime.signal(), notify(), send(), send_coalesced(), send_to(),
 *		connection_notify() and connection_send(): messages to somebody, whatever
 *		topics he follows.
 *
 * They travel among the events of the transaction, so nothing leaves before the
 * commit and nothing after a rollback.  They have no place in an order of
 * others and are not kept: who is not there does not get them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/backend/publish/entry.h"
#include "src/backend/publish/publish.h"
#include "src/backend/publish/send.h"
#include "src/catalog/json_member.h"
#include "src/errcodes.h"
#include "src/ipc/client.h"
#include "src/ipc/score.h"
#include "src/protocol/topic.h"

#define NO_REPLY 0				/* the number of a request whose answer nobody awaits */

/* Positions of parameters, as in src/sql */
enum
{
	USER_ID,					/* or a connection's */
	USER_EVENT,
	USER_DATA
};
enum
{
	TOPIC_WHOM,					/* a user, a connection, or criteria */
	TOPIC_NAME,
	TOPIC_EVENT,
	TOPIC_DATA
};
enum
{
	COALESCED_USER,
	COALESCED_KEY,
	COALESCED_NAME
};

PG_FUNCTION_INFO_V1(realtime_signal);
PG_FUNCTION_INFO_V1(realtime_notify);
PG_FUNCTION_INFO_V1(realtime_send);
PG_FUNCTION_INFO_V1(realtime_send_coalesced);
PG_FUNCTION_INFO_V1(realtime_send_to);
PG_FUNCTION_INFO_V1(realtime_connection_notify);
PG_FUNCTION_INFO_V1(realtime_connection_send);

/* ---- arguments ---- */

pg_noreturn static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
}

static text *
text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		refuse_null(name);
	return PG_GETARG_TEXT_PP(n);
}

static Jsonb *
data_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
}

static bool
is_user_id(const char *id, Size len)
{
	return len <= RT_USER_ID_MAX && rt_signal_names_user(id, len);
}

pg_noreturn static void
refuse_user(RtCode code, const char *wire)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 errmsg("user_id is not valid"),
			 errdetail("It is 1 to %d bytes without '\"', '\\' and control characters.",
					   RT_USER_ID_MAX),
			 wire != NULL ? err_generic_string(PG_DIAG_CONSTRAINT_NAME, wire) : 0));
}

void
rt_send_check_user(text *user_id)
{
	if (!is_user_id(VARDATA_ANY(user_id), VARSIZE_ANY_EXHDR(user_id)))
		refuse_user(RT_CODE_VALIDATION, NULL);
}

static text *
user_argument(FunctionCallInfo fcinfo, int n)
{
	text	   *user_id = text_argument(fcinfo, n, "user_id");

	rt_send_check_user(user_id);
	return user_id;
}

/* Signals have a code of their own. */
static text *
signal_user_argument(FunctionCallInfo fcinfo)
{
	text	   *user_id = text_argument(fcinfo, USER_ID, "user_id");

	if (!is_user_id(VARDATA_ANY(user_id), VARSIZE_ANY_EXHDR(user_id)))
		refuse_user(RT_CODE_CUSTOM, "INVALID_USER_ID");
	return user_id;
}

/* ---- frames ---- */

/* Seals a payload behind its room; too long or not written is an ERROR. */
static char *
seal(char *buffer, Size payload_len, Size *len)
{
	if (payload_len == 0 || payload_len > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("message is too long"),
				 errdetail("A message takes at most %d bytes.", RT_FRAME_PAYLOAD_MAX)));
	return rt_frame_seal(buffer, payload_len, RT_OPCODE_TEXT, len);
}

char *
rt_send_request_frame(uint64 ref, text *event, Jsonb *data, Size *len)
{
	RtText		name = {VARDATA_ANY(event), VARSIZE_ANY_EXHDR(event)};
	RtText		json;
	char	   *buffer;
	Size		cap;

	rt_publish_check_name(name.ptr, name.len);
	json.ptr = rt_publish_json_text(data, &json.len);
	cap = RT_FRAME_OVERHEAD + name.len + json.len;
	buffer = palloc(RT_FRAME_HEADROOM + cap);
	return seal(buffer,
				rt_payload_request(buffer + RT_FRAME_HEADROOM, cap, ref, name, json), len);
}

char *
rt_publish_event_frame(RtText topic, RtText event, RtText json, Size *len)
{
	Size		cap = RT_FRAME_OVERHEAD + topic.len + event.len + json.len;
	char	   *buffer = palloc(RT_FRAME_HEADROOM + cap);

	return seal(buffer,
				rt_payload_event(buffer + RT_FRAME_HEADROOM, cap, topic, event, json, -1),
				len);
}

static RtText
json_of(Jsonb *data)
{
	RtText		json;

	json.ptr = rt_publish_json_text(data, &json.len);
	return json;
}

void
rt_publish_to(const RtRecipient *recipient, RtText topic, RtText event, RtText data_json)
{
	Size		len;
	char	   *frame = rt_publish_event_frame(topic, event, data_json, &len);

	rt_pending_add_sent(recipient, 1, frame, len);
}

/*
 * An event on a topic, as clients would get it if they followed that.  The topic is
 * argument n, behind which are event and data.
 */
static char *
topic_frame(FunctionCallInfo fcinfo, int n, Size *len)
{
	text	   *topic = text_argument(fcinfo, n, "topic");
	text	   *name = text_argument(fcinfo, n + TOPIC_EVENT - TOPIC_NAME, "event");
	Jsonb	   *data = data_argument(fcinfo, n + TOPIC_DATA - TOPIC_NAME);
	RtEvent		event = {
		.topic = VARDATA_ANY(topic),.topic_len = VARSIZE_ANY_EXHDR(topic),
		.event = VARDATA_ANY(name),.event_len = VARSIZE_ANY_EXHDR(name)
	};

	rt_publish_check_topic(event.topic, event.topic_len);
	rt_publish_check_name(event.event, event.event_len);
	rt_publish_check_data(&event, data);
	return rt_publish_event_frame((RtText) {event.topic, event.topic_len},
					   (RtText) {event.event, event.event_len}, json_of(data), len);
}

/* ---- to a user ---- */

Datum
realtime_signal(PG_FUNCTION_ARGS)
{
	text	   *user_id = signal_user_argument(fcinfo);
	text	   *event = text_argument(fcinfo, USER_EVENT, "event");
	char		topic[RT_USER_ID_MAX + 16];
	RtRecipient user;
	char	   *frame;
	Size		len;

	rt_publish_check_name(VARDATA_ANY(event), VARSIZE_ANY_EXHDR(event));
	len = snprintf(topic, sizeof(topic), RT_SIGNAL_PREFIX "%.*s",
				   (int) VARSIZE_ANY_EXHDR(user_id), VARDATA_ANY(user_id));
	frame = rt_publish_event_frame((RtText) {topic, len},
						(RtText) {VARDATA_ANY(event), VARSIZE_ANY_EXHDR(event)},
						json_of(data_argument(fcinfo, USER_DATA)), &len);
	if (!rt_publish_begin())
		PG_RETURN_VOID();
	user = rt_recipient_user(VARDATA_ANY(user_id), VARSIZE_ANY_EXHDR(user_id));
	rt_pending_add_sent(&user, 1, frame, len);
	PG_RETURN_VOID();
}

/* The connection that a user has opened last; false if there is none. */
static bool
find_latest(text *user_id, RtRecipient *connection)
{
	int			gateway;
	uint32		index;
	uint64		serial;

	if (!rt_publish_begin() ||
		!rt_client_latest(VARDATA_ANY(user_id), VARSIZE_ANY_EXHDR(user_id), &gateway,
						  &index, &serial))
		return false;
	*connection = rt_recipient_connection(gateway, index, serial);
	return true;
}

static void
add_to_latest(text *user_id, const char *frame, Size len)
{
	RtRecipient connection;

	if (find_latest(user_id, &connection))
		rt_pending_add_sent(&connection, 1, frame, len);
	else
		rt_score(RT_SCORE_SEND_NOT_FOUND);
}

/* Of a question that wants no answer. */
static char *
notice_frame(FunctionCallInfo fcinfo, Size *len)
{
	text	   *event = text_argument(fcinfo, USER_EVENT, "event");

	return rt_send_request_frame(NO_REPLY, event, data_argument(fcinfo, USER_DATA), len);
}

Datum
realtime_notify(PG_FUNCTION_ARGS)
{
	text	   *user_id = user_argument(fcinfo, USER_ID);
	Size		len;
	char	   *frame = notice_frame(fcinfo, &len);

	add_to_latest(user_id, frame, len);
	PG_RETURN_VOID();
}

Datum
realtime_send(PG_FUNCTION_ARGS)
{
	text	   *user_id = user_argument(fcinfo, TOPIC_WHOM);
	Size		len;
	char	   *frame = topic_frame(fcinfo, TOPIC_NAME, &len);

	add_to_latest(user_id, frame, len);
	PG_RETURN_VOID();
}

static RtText
key_argument(FunctionCallInfo fcinfo, int n)
{
	text	   *key = text_argument(fcinfo, n, "key");
	RtText		bytes = {VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)};

	if (bytes.len == 0 || bytes.len > RT_RING_KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key is not valid"),
				 errdetail("It is 1 to %d bytes.", RT_RING_KEY_MAX)));
	return bytes;
}

Datum
realtime_send_coalesced(PG_FUNCTION_ARGS)
{
	text	   *user_id = user_argument(fcinfo, COALESCED_USER);
	RtText		key = key_argument(fcinfo, COALESCED_KEY);
	RtRecipient connection;
	Size		len;
	char	   *frame = topic_frame(fcinfo, COALESCED_NAME, &len);

	if (find_latest(user_id, &connection))
		rt_pending_add_coalesced(&connection, key, frame, len);
	else
		rt_score(RT_SCORE_COALESCED_NOT_FOUND);
	PG_RETURN_VOID();
}

/* ---- to a connection ---- */

bool
rt_send_find_connection(text *id, int *gateway, uint32 *connection, uint64 *serial)
{
	return VARSIZE_ANY_EXHDR(id) < RT_CONNECTION_ID_SIZE &&
		rt_client_find(text_to_cstring(id), gateway, connection, serial);
}

static void
add_to_connection(text *id, const char *frame, Size len)
{
	RtRecipient recipient;
	int			gateway;
	uint32		connection;
	uint64		serial;

	if (!rt_publish_begin())
		return;
	if (!rt_send_find_connection(id, &gateway, &connection, &serial))
	{
		rt_score(RT_SCORE_SEND_NOT_FOUND);
		return;
	}
	recipient = rt_recipient_connection(gateway, connection, serial);
	rt_pending_add_sent(&recipient, 1, frame, len);
}

Datum
realtime_connection_notify(PG_FUNCTION_ARGS)
{
	text	   *id = text_argument(fcinfo, USER_ID, "connection_id");
	Size		len;
	char	   *frame = notice_frame(fcinfo, &len);

	add_to_connection(id, frame, len);
	PG_RETURN_VOID();
}

Datum
realtime_connection_send(PG_FUNCTION_ARGS)
{
	text	   *id = text_argument(fcinfo, TOPIC_WHOM, "connection_id");
	Size		len;
	char	   *frame = topic_frame(fcinfo, TOPIC_NAME, &len);

	add_to_connection(id, frame, len);
	PG_RETURN_VOID();
}

/* ---- to whoever has something in common ---- */

pg_noreturn static void
refuse_criteria(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("criteria are not valid"),
			 errdetail("%s", detail),
			 errhint("Criteria look like {\"org\": \"acme\", \"admin\": true}; realtime.attribute_claims names the claims that can be looked for.")));
}

/* The same text that a gateway makes of a claim. */
static char *
claim_text(const JsonbValue *value)
{
	char	   *text = rt_json_scalar_text(value);

	if (text == NULL)
		refuse_criteria("A value is text, a number or a boolean.");
	return text;
}

static RtRecipient
read_criterion(const JsonbValue *key, const JsonbValue *value)
{
	char	   *text = claim_text(value);

	if (key->val.string.len == 0 || key->val.string.len > RT_ATTRIBUTE_NAME_MAX)
		refuse_criteria("A name has 1 to 63 bytes.");
	if (strlen(text) > RT_ATTRIBUTE_VALUE_MAX)
		refuse_criteria("A value has at most 256 bytes.");
	return rt_recipient_attribute(key->val.string.val, key->val.string.len, text,
								  strlen(text));
}

/* All of them must be met.  Returns how many there are. */
static int
read_criteria(Jsonb *criteria, RtRecipient *recipients)
{
	JsonbIterator *iterator = JsonbIteratorInit(&criteria->root);
	JsonbValue	key;
	JsonbValue	value;
	int			count = 0;

	if (!JB_ROOT_IS_OBJECT(criteria) || JB_ROOT_COUNT(criteria) == 0)
		refuse_criteria("They are an object with one member at least.");
	if (JB_ROOT_COUNT(criteria) > RT_RECIPIENTS_MAX)
		refuse_criteria("There are at most 16 of them.");
	(void) JsonbIteratorNext(&iterator, &value, true);
	while (JsonbIteratorNext(&iterator, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		recipients[count++] = read_criterion(&key, &value);
	}
	return count;
}

static void
send_to(FunctionCallInfo fcinfo)
{
	RtRecipient recipients[RT_RECIPIENTS_MAX];
	int			count;
	char	   *frame;
	Size		len;

	if (PG_ARGISNULL(TOPIC_WHOM))
		refuse_null("criteria");
	count = read_criteria(PG_GETARG_JSONB_P(TOPIC_WHOM), recipients);
	frame = topic_frame(fcinfo, TOPIC_NAME, &len);
	if (!rt_publish_begin())
		return;
	rt_pending_add_sent(recipients, count, frame, len);
	rt_score_send_to();
}

Datum
realtime_send_to(PG_FUNCTION_ARGS)
{
	PG_TRY();
	{
		send_to(fcinfo);
	}
	PG_CATCH();
	{
		rt_score(RT_SCORE_SEND_TO_ERROR);
		PG_RE_THROW();
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

/*
 * envelope.c
 *		Telling calls, batches and control frames apart and finding their
 *		parts.
 *
 * A frame is checked once, then its members are gathered in one walk: each
 * known name has a place in an array of spans, which later members of the same
 * name overwrite.  Everything else is a decision over that array.
 *
 * What is malformed falls in two classes.  A call that says whom to answer
 * gets a fault, which the gateway turns into an error reply; anything else is
 * IGNORED, because an error frame without an address helps nobody.
 */
#include <string.h>

#include "src/protocol/envelope.h"

/* Names by length, so that a key is compared with a few of them only. */
#define MEMBER_LIST(M) \
	M(ID, "id") \
	M(RPC, "rpc") \
	M(REF, "ref") \
	M(SEQ, "seq") \
	M(TYPE, "type") \
	M(ARGS, "args") \
	M(CAPS, "caps") \
	M(DATA, "data") \
	M(BATCH, "batch") \
	M(TOPIC, "topic") \
	M(SINCE, "since") \
	M(TOKEN, "token") \
	M(ERROR, "error") \
	M(REQ_ID, "reqId") \
	M(STREAM, "stream") \
	M(TOPICS, "topics") \
	M(CURSOR, "cursor") \
	M(VERSION, "version") \
	M(POSITION, "position") \
	M(SESSION_ID, "sessionId") \
	M(SEQUENTIAL, "sequential") \
	M(LAST_SEEN, "lastSeenSeqs") \
	M(SCHEMA_VERSION, "schemaVersion") \
	M(IDEMPOTENCY_KEY, "idempotencyKey")

typedef enum Member
{
#define M(symbol, name) MEMBER_##symbol,
	MEMBER_LIST(M)
#undef M
	MEMBER_COUNT
} Member;

#define NAME_MAX_LEN 14			/* "idempotencyKey" */

typedef struct MemberName
{
	uint32_t	len;
	char		name[NAME_MAX_LEN + 1];
} MemberName;

static const MemberName member_names[MEMBER_COUNT] = {
#define M(symbol, name) {sizeof(name) - 1, name},
	MEMBER_LIST(M)
#undef M
};

/* The first name that is at least so long. */
static const uint8_t first_of_len[NAME_MAX_LEN + 1] = {
	MEMBER_ID, MEMBER_ID, MEMBER_ID, MEMBER_RPC, MEMBER_TYPE, MEMBER_BATCH,
	MEMBER_STREAM, MEMBER_VERSION, MEMBER_POSITION, MEMBER_SESSION_ID,
	MEMBER_SEQUENTIAL, MEMBER_LAST_SEEN, MEMBER_LAST_SEEN,
	MEMBER_SCHEMA_VERSION, MEMBER_IDEMPOTENCY_KEY
};

typedef struct ControlName
{
	const char *name;
	RtEnvelopeKind kind;
} ControlName;

static const ControlName control_names[] = {
	{"subscribe", RT_ENVELOPE_SUBSCRIBE},
	{"unsubscribe", RT_ENVELOPE_UNSUBSCRIBE},
	{"subscribe-batch", RT_ENVELOPE_SUBSCRIBE_BATCH},
	{"hello", RT_ENVELOPE_HELLO},
	{"resume", RT_ENVELOPE_RESUME},
	{"reply", RT_ENVELOPE_REPLY},
	{"replay", RT_ENVELOPE_REPLAY},
	{"auth", RT_ENVELOPE_AUTH},
	{"cursor", RT_ENVELOPE_CURSOR},
	{"cursor-snapshot", RT_ENVELOPE_CURSOR_SNAPSHOT}
};

static bool gather_members(const char *text, RtSpan object, RtSpan *members);
static int	find_member(const char *text, RtSpan key);
static int	find_name(const char *name, uint32_t len);
static bool read_call(const char *text, const RtSpan *members, RtCall *call);
static bool read_id(const char *text, RtSpan value, RtSpan *id);
static RtCallFault read_path(const char *text, RtSpan value, RtCall *call);
static RtEnvelopeKind read_control(const char *text, uint32_t len,
								   const RtSpan *members,
								   RtEnvelope *envelope);
static RtEnvelopeKind control_kind(const char *text, RtSpan type);
static bool array_contains(const char *text, RtSpan array, const char *word);
static RtSpan string_only(const char *text, RtSpan value);
static RtSpan number_only(const char *text, RtSpan value);

static inline bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '-';
}

void
rt_envelope_parse(const char *text, uint32_t len, int max_depth,
				  RtEnvelope *envelope)
{
	RtSpan		members[MEMBER_COUNT];

	memset(envelope, 0, sizeof(*envelope));
	if (max_depth < RT_DEPTH_MIN)
		max_depth = RT_DEPTH_MIN;
	envelope->json = rt_json_check(text, len, max_depth);
	if (envelope->json == RT_JSON_INVALID ||
		!gather_members(text, rt_json_whole(text, len), members))
		return;

	if (rt_json_is_string(text, members[MEMBER_TYPE]))
	{
		if (envelope->json == RT_JSON_OK)
			envelope->kind = read_control(text, len, members, envelope);
	}
	else if (rt_json_is_array(text, members[MEMBER_BATCH]))
	{
		envelope->kind = RT_ENVELOPE_BATCH;
		envelope->batch = members[MEMBER_BATCH];
		envelope->sequential = rt_json_is_true(text,
											   members[MEMBER_SEQUENTIAL]);
	}
	else if (members[MEMBER_RPC].len > 0)
	{
		if (envelope->json == RT_JSON_TOO_DEEP)
			envelope->call.fault = RT_CALL_TOO_DEEP;
		if (read_call(text, members, &envelope->call))
			envelope->kind = RT_ENVELOPE_CALL;
	}
}

bool
rt_envelope_parse_call(const char *text, RtSpan value, RtCall *call)
{
	RtSpan		members[MEMBER_COUNT];

	memset(call, 0, sizeof(*call));
	return gather_members(text, value, members) &&
		read_call(text, members, call);
}

bool
rt_path_is_valid(const char *path, size_t len)
{
	size_t		slashes = 0;
	size_t		word = 0;

	if (len > RT_PATH_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (is_word_char(path[i]))
			word++;
		else if (path[i] == '/' && word > 0)
		{
			slashes++;
			word = 0;
		}
		else
			return false;
	}
	return slashes > 0 && word > 0;
}

/* Returns false if the value is not an object. */
static bool
gather_members(const char *text, RtSpan object, RtSpan *members)
{
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		value;

	if (!rt_json_walk_object(&walk, text, object))
		return false;
	memset(members, 0, MEMBER_COUNT * sizeof(RtSpan));
	while (rt_json_walk_member(&walk, &key, &value))
	{
		int			member = find_member(text, key);

		if (member >= 0)
			members[member] = value;
	}
	return true;
}

/* Which member a key names, -1 if none that we know. */
static int
find_member(const char *text, RtSpan key)
{
	uint32_t	raw_len = key.len - 2;
	char		name[NAME_MAX_LEN + 1];
	int			len;

	if (raw_len <= NAME_MAX_LEN)
	{
		int			member = find_name(text + key.off + 1, raw_len);

		if (member >= 0)
			return member;
	}

	/* A name may be written with escapes, six bytes a character. */
	if (raw_len > NAME_MAX_LEN * 6 ||
		memchr(text + key.off, '\\', key.len) == NULL)
		return -1;
	len = rt_json_string_decode(text, key, name, sizeof(name));
	return len >= 0 ? find_name(name, (uint32_t) len) : -1;
}

/* len is at most NAME_MAX_LEN. */
static int
find_name(const char *name, uint32_t len)
{
	for (int i = first_of_len[len];
		 i < MEMBER_COUNT && member_names[i].len == len; i++)
	{
		if (memcmp(member_names[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

/*
 * Returns false if the call could not be answered.  A fault that is already
 * set goes before those looked for here.
 */
static bool
read_call(const char *text, const RtSpan *members, RtCall *call)
{
	RtSpan		args = members[MEMBER_ARGS];

	if (!read_id(text, members[MEMBER_ID], &call->id))
		return false;
	call->stream = rt_json_is_true(text, members[MEMBER_STREAM]);

	if (call->fault == RT_CALL_OK)
		call->fault = read_path(text, members[MEMBER_RPC], call);
	if (call->fault == RT_CALL_OK && args.len > 0 &&
		!rt_json_is_array(text, args))
		call->fault = RT_CALL_BAD_ARGS;
	if (call->fault != RT_CALL_OK)
		return true;

	call->args = args;
	call->idempotency_key = string_only(text, members[MEMBER_IDEMPOTENCY_KEY]);
	call->seq = number_only(text, members[MEMBER_SEQ]);
	call->version = members[MEMBER_VERSION];
	call->schema_version = number_only(text, members[MEMBER_SCHEMA_VERSION]);
	call->cursor = members[MEMBER_CURSOR];
	return true;
}

/* Absent or null: no answer is wanted.  Returns false if it is no id. */
static bool
read_id(const char *text, RtSpan value, RtSpan *id)
{
	if (value.len == 0 || rt_json_is_null(text, value))
		return true;
	if (!rt_json_is_string(text, value) ||
		value.len <= 2 || value.len > RT_ID_MAX)
		return false;
	*id = value;
	return true;
}

static RtCallFault
read_path(const char *text, RtSpan value, RtCall *call)
{
	int			len;

	if (!rt_json_is_string(text, value) || value.len <= 2)
		return RT_CALL_NO_PATH;
	len = rt_json_string_decode(text, value, call->path, sizeof(call->path));
	if (len < 0 || !rt_path_is_valid(call->path, len))
	{
		call->path[0] = '\0';
		return RT_CALL_BAD_PATH;
	}
	call->path_len = (uint16_t) len;
	return RT_CALL_OK;
}

/*
 * Reads a control frame of a text that is JSON throughout.  A kind whose
 * indispensable part is missing is IGNORED.
 */
static RtEnvelopeKind
read_control(const char *text, uint32_t len, const RtSpan *members,
			 RtEnvelope *envelope)
{
	RtEnvelopeKind kind = control_kind(text, members[MEMBER_TYPE]);
	RtSpan		ref = members[MEMBER_REF];

	if (len >= RT_CONTROL_MAX && kind != RT_ENVELOPE_RESUME &&
		kind != RT_ENVELOPE_REPLY && kind != RT_ENVELOPE_AUTH)
		return RT_ENVELOPE_IGNORED;

	if (rt_json_is_string(text, ref) || rt_json_is_number(text, ref))
		envelope->ref = ref;
	switch (kind)
	{
		case RT_ENVELOPE_HELLO:
			envelope->caps_batch = array_contains(text, members[MEMBER_CAPS],
												  "batch");
			envelope->caps_parts = array_contains(text, members[MEMBER_CAPS],
												  "parts");
			envelope->caps_pos = array_contains(text, members[MEMBER_CAPS], "pos");
			return kind;
		case RT_ENVELOPE_REPLAY:
			envelope->since = number_only(text, members[MEMBER_SINCE]);
			envelope->req_id = number_only(text, members[MEMBER_REQ_ID]);
			/* FALLTHROUGH */
		case RT_ENVELOPE_SUBSCRIBE:
		case RT_ENVELOPE_UNSUBSCRIBE:
		case RT_ENVELOPE_CURSOR_SNAPSHOT:
			envelope->topic = members[MEMBER_TOPIC];
			return envelope->topic.len > 0 ? kind : RT_ENVELOPE_IGNORED;
		case RT_ENVELOPE_SUBSCRIBE_BATCH:
			if (!rt_json_is_array(text, members[MEMBER_TOPICS]))
				return RT_ENVELOPE_IGNORED;
			envelope->topics = members[MEMBER_TOPICS];
			return kind;
		case RT_ENVELOPE_RESUME:
			envelope->session_id = string_only(text,
											   members[MEMBER_SESSION_ID]);
			if (rt_json_is_object(text, members[MEMBER_LAST_SEEN]))
				envelope->last_seen = members[MEMBER_LAST_SEEN];
			return kind;
		case RT_ENVELOPE_REPLY:
			envelope->data = members[MEMBER_DATA];
			envelope->error = string_only(text, members[MEMBER_ERROR]);
			return envelope->ref.len > 0 ? kind : RT_ENVELOPE_IGNORED;
		case RT_ENVELOPE_CURSOR:
			envelope->topic = members[MEMBER_TOPIC];
			envelope->data = members[MEMBER_DATA].len > 0 ? members[MEMBER_DATA] :
				members[MEMBER_POSITION];
			return envelope->topic.len > 0 && envelope->data.len > 0 ? kind :
				RT_ENVELOPE_IGNORED;
		case RT_ENVELOPE_AUTH:
			envelope->token = string_only(text, members[MEMBER_TOKEN]);
			return envelope->token.len > 0 ? kind : RT_ENVELOPE_IGNORED;
		default:
			return RT_ENVELOPE_IGNORED;
	}
}

static RtEnvelopeKind
control_kind(const char *text, RtSpan type)
{
	size_t		count = sizeof(control_names) / sizeof(control_names[0]);

	for (size_t i = 0; i < count; i++)
	{
		if (rt_json_string_equals(text, type, control_names[i].name))
			return control_names[i].kind;
	}
	return RT_ENVELOPE_IGNORED;
}

static bool
array_contains(const char *text, RtSpan array, const char *word)
{
	RtJsonWalk	walk;
	RtSpan		element;

	if (!rt_json_walk_array(&walk, text, array))
		return false;
	while (rt_json_walk_element(&walk, &element))
	{
		if (rt_json_is_string(text, element) &&
			rt_json_string_equals(text, element, word))
			return true;
	}
	return false;
}

/* The value if it is of that kind, else absent. */
static RtSpan
string_only(const char *text, RtSpan value)
{
	if (!rt_json_is_string(text, value))
		value.len = 0;
	return value;
}

static RtSpan
number_only(const char *text, RtSpan value)
{
	if (!rt_json_is_number(text, value))
		value.len = 0;
	return value;
}

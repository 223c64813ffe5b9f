/*
 * fuzz_envelope.c
 *		Input: a client's text frame.  It is parsed, its parts are checked, the
 *		frames that could answer it are built, and the kind is compared with
 *		what jansson's tree says.
 */
#include <jansson.h>

#include "src/protocol/envelope.h"
#include "src/protocol/frame.h"
#include "test/fuzz/fuzz.h"

/* Longest id whose length with escapes and quotes is surely allowed. */
#define SHORT_ID ((RT_ID_MAX - 2) / 6)

static RtText
text_of(const char *text, RtSpan span)
{
	RtText		part = {text + span.off, span.len};

	return part;
}

/* An id or a ref is echoed: the answer must be JSON and fit. */
static void
build_reply(const char *text, const RtCall *call)
{
	RtText		id = text_of(text, call->id);
	RtText		args = text_of(text, call->args);
	size_t		cap = RT_FRAME_OVERHEAD + 2 * id.len + args.len + 16;
	char	   *dst = fuzz_alloc(cap);
	RtFailureText failure = {
		.code = RT_TEXT("CODE"),.message = RT_TEXT("m\n"),.issues_json = args,
		.retry_after_ms = 5
	};
	size_t		len;

	FUZZ_ASSERT(id.len == 0 || (id.len > 2 && id.len <= RT_ID_MAX));
	for (int i = 0; i < 2; i++)
	{
		len = rt_payload_success(dst, cap, id, args, i > 0);
		FUZZ_ASSERT(len > 0);
		if (i > 0)
			rt_payload_set_position(dst, len, call->id.off);
		FUZZ_ASSERT(rt_json_check(dst, len, FUZZ_MAX_DEPTH + 2) == RT_JSON_OK);
	}
	len = rt_payload_failure(dst, cap, id, &failure);
	FUZZ_ASSERT(len > 0);
	FUZZ_ASSERT(rt_json_check(dst, len, FUZZ_MAX_DEPTH + 2) == RT_JSON_OK);
	free(dst);
}

static void
build_acks(const char *text, RtSpan topic, RtSpan ref)
{
	size_t		cap = RT_FRAME_OVERHEAD + topic.len + ref.len + 16;
	char	   *dst = fuzz_alloc(cap);
	size_t		len;

	len = rt_payload_subscribed(dst, cap, text_of(text, topic),
								text_of(text, ref));
	FUZZ_ASSERT(len > 0);
	FUZZ_ASSERT(rt_json_check(dst, len, FUZZ_MAX_DEPTH + 1) == RT_JSON_OK);
	len = rt_payload_denied(dst, cap, text_of(text, topic),
							text_of(text, ref), RT_TEXT("INVALID_TOPIC"));
	FUZZ_ASSERT(len > 0);
	FUZZ_ASSERT(rt_json_check(dst, len, FUZZ_MAX_DEPTH + 1) == RT_JSON_OK);
	free(dst);
}

static void
check_call(const char *text, size_t size, const RtCall *call)
{
	RtSpan		parts[] = {
		call->id, call->args, call->idempotency_key, call->seq, call->version,
		call->schema_version, call->cursor
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fuzz_assert_json(text, size, parts[i]);
	FUZZ_ASSERT(strlen(call->path) == call->path_len);
	FUZZ_ASSERT((call->path_len > 0) == (call->fault == RT_CALL_OK ||
										 call->fault == RT_CALL_BAD_ARGS));
	if (call->path_len > 0)
		FUZZ_ASSERT(rt_path_is_valid(call->path, call->path_len));
	build_reply(text, call);
}

static void
check_batch(const char *text, size_t size, const RtEnvelope *envelope)
{
	RtJsonWalk	walk;
	RtSpan		entry;
	RtCall		call;
	bool		too_deep = false;

	FUZZ_ASSERT(rt_json_walk_array(&walk, text, envelope->batch));
	while (rt_json_walk_element(&walk, &entry))
	{
		RtJsonStatus status;

		fuzz_assert_inside(entry, size);
		status = rt_json_check(text + entry.off, entry.len,
							   FUZZ_MAX_DEPTH - 2);
		FUZZ_ASSERT(status != RT_JSON_INVALID);
		too_deep = too_deep || status == RT_JSON_TOO_DEEP;
		if (!rt_envelope_parse_call(text, entry, &call))
			continue;
		FUZZ_ASSERT(call.fault != RT_CALL_TOO_DEEP);
		if (status == RT_JSON_OK)
			check_call(text, size, &call);
		else
			fuzz_assert_json(text, size, call.id);
	}
	FUZZ_ASSERT(!too_deep || envelope->json == RT_JSON_TOO_DEEP);
}

static void
check_topics(const char *text, size_t size, const RtEnvelope *envelope)
{
	RtJsonWalk	walk;
	RtSpan		topic;

	FUZZ_ASSERT(rt_json_walk_array(&walk, text, envelope->topics));
	while (rt_json_walk_element(&walk, &topic))
	{
		fuzz_assert_json(text, size, topic);
		build_acks(text, topic, envelope->ref);
	}
}

static void
check_control(const char *text, size_t size, const RtEnvelope *envelope)
{
	RtSpan		parts[] = {
		envelope->topic, envelope->topics, envelope->ref, envelope->session_id,
		envelope->last_seen, envelope->data, envelope->error, envelope->since,
		envelope->req_id
	};

	FUZZ_ASSERT(envelope->json == RT_JSON_OK);
	FUZZ_ASSERT(size < RT_CONTROL_MAX ||
				envelope->kind == RT_ENVELOPE_RESUME ||
				envelope->kind == RT_ENVELOPE_REPLY);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fuzz_assert_json(text, size, parts[i]);
	if (envelope->topic.len > 0)
		build_acks(text, envelope->topic, envelope->ref);
	if (envelope->kind == RT_ENVELOPE_SUBSCRIBE_BATCH)
		check_topics(text, size, envelope);
}

/* The kind of a control frame by jansson's tree. */
static RtEnvelopeKind
expect_control(const json_t *root, const char *type)
{
	const json_t *topic = json_object_get(root, "topic");
	const json_t *ref = json_object_get(root, "ref");

	if (strcmp(type, "hello") == 0)
		return RT_ENVELOPE_HELLO;
	if (strcmp(type, "resume") == 0)
		return RT_ENVELOPE_RESUME;
	if (strcmp(type, "subscribe") == 0 && topic != NULL)
		return RT_ENVELOPE_SUBSCRIBE;
	if (strcmp(type, "unsubscribe") == 0 && topic != NULL)
		return RT_ENVELOPE_UNSUBSCRIBE;
	if (strcmp(type, "replay") == 0 && topic != NULL)
		return RT_ENVELOPE_REPLAY;
	if (strcmp(type, "subscribe-batch") == 0 &&
		json_is_array(json_object_get(root, "topics")))
		return RT_ENVELOPE_SUBSCRIBE_BATCH;
	if (strcmp(type, "reply") == 0 &&
		(json_is_string(ref) || json_is_number(ref)))
		return RT_ENVELOPE_REPLY;
	return RT_ENVELOPE_IGNORED;
}

/* Compares a call with jansson's tree; *kind is set. */
static void
expect_call(const json_t *root, const RtEnvelope *envelope,
			RtEnvelopeKind *kind)
{
	const json_t *id = json_object_get(root, "id");
	const json_t *args = json_object_get(root, "args");
	const json_t *rpc = json_object_get(root, "rpc");
	const char *path = json_string_value(rpc);
	size_t		path_len = json_string_length(rpc);
	RtCallFault fault = RT_CALL_OK;

	*kind = RT_ENVELOPE_CALL;
	if (id != NULL && !json_is_null(id) && json_string_length(id) == 0)
		*kind = RT_ENVELOPE_IGNORED;
	else if (json_string_length(id) > SHORT_ID)
		*kind = envelope->kind; /* depends on how it is written */

	if (path_len == 0)
		fault = RT_CALL_NO_PATH;
	else if (!rt_path_is_valid(path, path_len))
		fault = RT_CALL_BAD_PATH;
	else if (args != NULL && !json_is_array(args))
		fault = RT_CALL_BAD_ARGS;
	if (*kind == RT_ENVELOPE_CALL)
	{
		FUZZ_ASSERT(envelope->call.fault == fault);
		FUZZ_ASSERT(envelope->call.path_len == 0 ||
					strcmp(envelope->call.path, path) == 0);
		FUZZ_ASSERT((envelope->call.id.len > 0) == json_is_string(id));
		FUZZ_ASSERT(envelope->call.stream ==
					json_is_true(json_object_get(root, "stream")));
	}
}

/* For texts that both accept. */
static void
compare_kind(const char *text, size_t size, const RtEnvelope *envelope)
{
	json_t	   *root = json_loadb(text, size,
								  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	const json_t *type = json_object_get(root, "type");
	RtEnvelopeKind kind = RT_ENVELOPE_IGNORED;

	if (root == NULL)
		return;
	if (json_is_string(type))
	{
		if (strlen(json_string_value(type)) == json_string_length(type))
			kind = expect_control(root, json_string_value(type));
		if (size >= RT_CONTROL_MAX && kind != RT_ENVELOPE_RESUME &&
			kind != RT_ENVELOPE_REPLY)
			kind = RT_ENVELOPE_IGNORED;
	}
	else if (json_is_array(json_object_get(root, "batch")))
		kind = RT_ENVELOPE_BATCH;
	else if (json_object_get(root, "rpc") != NULL)
		expect_call(root, envelope, &kind);
	FUZZ_ASSERT(envelope->kind == kind);
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	RtEnvelope	envelope;

	memset(&envelope, 0x5A, sizeof(envelope));
	rt_envelope_parse(text, (uint32_t) size, FUZZ_MAX_DEPTH, &envelope);
	FUZZ_ASSERT(envelope.json != RT_JSON_INVALID ||
				envelope.kind == RT_ENVELOPE_IGNORED);
	FUZZ_ASSERT(envelope.json ==
				rt_json_check(text, size, FUZZ_MAX_DEPTH));

	if (envelope.kind == RT_ENVELOPE_CALL)
	{
		FUZZ_ASSERT((envelope.call.fault == RT_CALL_TOO_DEEP) ==
					(envelope.json == RT_JSON_TOO_DEEP));
		check_call(text, size, &envelope.call);
	}
	else if (envelope.kind == RT_ENVELOPE_BATCH)
		check_batch(text, size, &envelope);
	else if (envelope.kind != RT_ENVELOPE_IGNORED)
		check_control(text, size, &envelope);
	if (envelope.json == RT_JSON_OK)
		compare_kind(text, size, &envelope);
	return 0;
}

/*
 * test_envelope.c
 *		src/protocol/envelope.c: dispatch, members, faults, limits.
 */
#include "src/protocol/envelope.h"
#include "test/unit/unit.h"

#define MAX_DEPTH 64

static RtEnvelope envelope;
static char *frame;				/* what was parsed last */

static RtEnvelopeKind
parse_len(const char *text, size_t len)
{
	free(frame);
	frame = unit_copy(text, len);
	memset(&envelope, 0x5A, sizeof(envelope));
	rt_envelope_parse(frame, (uint32_t) len, MAX_DEPTH, &envelope);
	return envelope.kind;
}

static RtEnvelopeKind
parse(const char *text)
{
	return parse_len(text, strlen(text));
}

/* An absent span is NULL here. */
static bool
span_is(RtSpan span, const char *expected)
{
	if (expected == NULL)
		return span.len == 0;
	return span.len == strlen(expected) &&
		memcmp(frame + span.off, expected, span.len) == 0;
}

/* begin, count times c, end. */
static char *
pad(const char *begin, char c, size_t count, const char *end)
{
	size_t		begin_len = strlen(begin);
	char	   *text = malloc(begin_len + count + strlen(end) + 1);

	memcpy(text, begin, begin_len);
	memset(text + begin_len, c, count);
	strcpy(text + begin_len + count, end);
	return text;
}

static RtEnvelopeKind
parse_padded(const char *begin, char c, size_t count, const char *end)
{
	char	   *text = pad(begin, c, count, end);
	RtEnvelopeKind kind = parse(text);

	free(text);
	return kind;
}

static void
dispatches(void)
{
	static const struct
	{
		const char *text;
		RtEnvelopeKind kind;
	}			cases[] = {
		{"{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":[]}", RT_ENVELOPE_CALL},
		{"{\"rpc\":\"a/b\"}", RT_ENVELOPE_CALL},
		{"{\"rpc\":1}", RT_ENVELOPE_CALL},
		{"{\"rpc\":null}", RT_ENVELOPE_CALL},
		{" \n{ \"id\" : \"1\" , \"rpc\" : \"a/b\" } \t", RT_ENVELOPE_CALL},
		{"{\"\\u0072pc\":\"a/b\"}", RT_ENVELOPE_CALL},
		{"{\"batch\":[]}", RT_ENVELOPE_BATCH},
		{"{\"batch\":[],\"rpc\":\"a/b\"}", RT_ENVELOPE_BATCH},
		{"{\"batch\":{},\"rpc\":\"a/b\"}", RT_ENVELOPE_CALL},
		{"{\"batch\":{}}", RT_ENVELOPE_IGNORED},
		{"{\"type\":\"hello\"}", RT_ENVELOPE_HELLO},
		{"{\"type\":\"\\u0068ello\"}", RT_ENVELOPE_HELLO},
		{"{\"rpc\":\"a/b\",\"type\":\"hello\"}", RT_ENVELOPE_HELLO},
		{"{\"batch\":[],\"type\":\"hello\"}", RT_ENVELOPE_HELLO},
		{"{\"type\":\"what\",\"rpc\":\"a/b\"}", RT_ENVELOPE_IGNORED},
		{"{\"type\":\"Hello\"}", RT_ENVELOPE_IGNORED},
		{"{\"type\":\"\"}", RT_ENVELOPE_IGNORED},
		{"{\"type\":\"ping\"}", RT_ENVELOPE_IGNORED},
		{"{\"type\":1,\"rpc\":\"a/b\"}", RT_ENVELOPE_CALL},
		{"{\"type\":null,\"batch\":[]}", RT_ENVELOPE_BATCH},
		{"{\"type\":\"hello\",\"type\":1}", RT_ENVELOPE_IGNORED},
		{"{\"type\":1,\"type\":\"hello\"}", RT_ENVELOPE_HELLO},
		{"{}", RT_ENVELOPE_IGNORED},
		{"{\"a\":1}", RT_ENVELOPE_IGNORED},
		{"[]", RT_ENVELOPE_IGNORED},
		{"[{\"rpc\":\"a/b\"}]", RT_ENVELOPE_IGNORED},
		{"\"rpc\"", RT_ENVELOPE_IGNORED},
		{"1", RT_ENVELOPE_IGNORED},
		{"null", RT_ENVELOPE_IGNORED},
		{"", RT_ENVELOPE_IGNORED},
		{"{", RT_ENVELOPE_IGNORED},
		{"{\"rpc\":\"a/b\"", RT_ENVELOPE_IGNORED},
		{"{\"rpc\":\"a/b\"}x", RT_ENVELOPE_IGNORED},
		{"{\"x\":{\"rpc\":\"a/b\"}}", RT_ENVELOPE_IGNORED}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(parse(cases[i].text) == cases[i].kind, cases[i].text);
	rt_envelope_parse(NULL, 0, MAX_DEPTH, &envelope);
	CHECK(envelope.kind == RT_ENVELOPE_IGNORED);
}

static void
ignores_every_truncation(void)
{
	static const char text[] =
		"{\"rpc\":\"a/b\",\"id\":\"x1\",\"args\":[1,{\"a\":\"\\u00e9\"}],"
		"\"idempotencyKey\":\"k\",\"stream\":true,\"seq\":12,\"cursor\":[1]}";

	for (size_t len = 0; len < strlen(text); len++)
		CHECK(parse_len(text, len) == RT_ENVELOPE_IGNORED);
	CHECK(parse(text) == RT_ENVELOPE_CALL);
}

static void
reads_every_member_of_a_call(void)
{
	CHECK(parse("{\"rpc\":\"a/b-c_D9\",\"id\":\"x\\u00311\",\"args\":[1,[2]],"
				"\"idempotencyKey\":\"k\",\"stream\":true,"
				"\"seq\":9007199254740993,\"version\":{\"v\":1},"
				"\"schemaVersion\":2,\"cursor\":null}") ==
		  RT_ENVELOPE_CALL);
	CHECK(envelope.json == RT_JSON_OK);
	CHECK(envelope.call.fault == RT_CALL_OK);
	CHECK(strcmp(envelope.call.path, "a/b-c_D9") == 0);
	CHECK(envelope.call.path_len == 8);
	CHECK(span_is(envelope.call.id, "\"x\\u00311\""));
	CHECK(span_is(envelope.call.args, "[1,[2]]"));
	CHECK(span_is(envelope.call.idempotency_key, "\"k\""));
	CHECK(span_is(envelope.call.seq, "9007199254740993"));
	CHECK(span_is(envelope.call.version, "{\"v\":1}"));
	CHECK(span_is(envelope.call.schema_version, "2"));
	CHECK(span_is(envelope.call.cursor, "null"));
	CHECK(envelope.call.stream);
}

static void
reads_members_written_with_escapes(void)
{
	CHECK(parse("{\"\\u0072\\u0070\\u0063\":\"a\\/b\",\"i\\u0064\":\"1\","
				"\"\\u0069\\u0064\\u0065\\u006d\\u0070\\u006f\\u0074\\u0065"
				"\\u006e\\u0063\\u0079\\u004b\\u0065\\u0079\":\"k\","
				"\"\\ud83d\":1,\"\\u0000\":1,\"arg\\u0073\\u0073\":1}") ==
		  RT_ENVELOPE_CALL);
	CHECK(envelope.call.fault == RT_CALL_OK);
	CHECK(strcmp(envelope.call.path, "a/b") == 0);
	CHECK(span_is(envelope.call.id, "\"1\""));
	CHECK(span_is(envelope.call.idempotency_key, "\"k\""));
	CHECK(span_is(envelope.call.args, NULL));
}

static void
leaves_out_what_a_call_has_not(void)
{
	CHECK(parse("{\"rpc\":\"a/b\"}") == RT_ENVELOPE_CALL);
	CHECK(envelope.call.fault == RT_CALL_OK);
	CHECK(span_is(envelope.call.id, NULL));
	CHECK(span_is(envelope.call.args, NULL));
	CHECK(span_is(envelope.call.seq, NULL));
	CHECK(span_is(envelope.call.version, NULL));
	CHECK(!envelope.call.stream);

	CHECK(parse("{\"rpc\":\"a/b\",\"idempotencyKey\":1,\"seq\":\"1\","
				"\"schemaVersion\":null,\"stream\":1}") == RT_ENVELOPE_CALL);
	CHECK(span_is(envelope.call.idempotency_key, NULL));
	CHECK(span_is(envelope.call.seq, NULL));
	CHECK(span_is(envelope.call.schema_version, NULL));
	CHECK(!envelope.call.stream);
}

static void
takes_the_last_of_equal_members(void)
{
	CHECK(parse("{\"rpc\":\"a/b\",\"id\":\"1\",\"rpc\":\"c/d\",\"id\":\"2\","
				"\"stream\":true,\"stream\":false}") == RT_ENVELOPE_CALL);
	CHECK(strcmp(envelope.call.path, "c/d") == 0);
	CHECK(span_is(envelope.call.id, "\"2\""));
	CHECK(!envelope.call.stream);
	CHECK(parse("{\"rpc\":\"a/b\",\"id\":\"1\",\"id\":null}") ==
		  RT_ENVELOPE_CALL);
	CHECK(span_is(envelope.call.id, NULL));
}

static void
judges_ids(void)
{
	static const char *const ignored[] = {
		"{\"rpc\":\"a/b\",\"id\":\"\"}", "{\"rpc\":\"a/b\",\"id\":1}",
		"{\"rpc\":\"a/b\",\"id\":true}", "{\"rpc\":\"a/b\",\"id\":[]}",
		"{\"rpc\":\"a/b\",\"id\":{}}", "{\"rpc\":1,\"id\":1}"
	};

	for (size_t i = 0; i < COUNT_OF(ignored); i++)
		CHECK_CASE(parse(ignored[i]) == RT_ENVELOPE_IGNORED, ignored[i]);
	CHECK(parse("{\"rpc\":\"a/b\",\"id\":null}") == RT_ENVELOPE_CALL);
	CHECK(span_is(envelope.call.id, NULL));

	CHECK(parse_padded("{\"rpc\":\"a/b\",\"id\":\"", 'x', RT_ID_MAX - 2,
					   "\"}") == RT_ENVELOPE_CALL);
	CHECK(envelope.call.id.len == RT_ID_MAX);
	CHECK(parse_padded("{\"rpc\":\"a/b\",\"id\":\"", 'x', RT_ID_MAX - 1,
					   "\"}") == RT_ENVELOPE_IGNORED);
}

static void
finds_faults(void)
{
	static const struct
	{
		const char *text;
		RtCallFault fault;
	}			cases[] = {
		{"{\"rpc\":\"\",\"id\":\"1\"}", RT_CALL_NO_PATH},
		{"{\"rpc\":null,\"id\":\"1\"}", RT_CALL_NO_PATH},
		{"{\"rpc\":[],\"id\":\"1\"}", RT_CALL_NO_PATH},
		{"{\"rpc\":\"a\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"/a\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a//b\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/b c\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/\xc3\xa9\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/b\\u0000\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/\\ud800\",\"id\":\"1\"}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"../a\",\"id\":\"1\",\"args\":1}", RT_CALL_BAD_PATH},
		{"{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":{}}", RT_CALL_BAD_ARGS},
		{"{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":null}", RT_CALL_BAD_ARGS},
		{"{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":\"[]\"}", RT_CALL_BAD_ARGS},
		{"{\"rpc\":\"\\u0061\\u002fb\",\"id\":\"1\"}", RT_CALL_OK}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		CHECK_CASE(parse(cases[i].text) == RT_ENVELOPE_CALL, cases[i].text);
		CHECK_CASE(envelope.call.fault == cases[i].fault, cases[i].text);
		CHECK_CASE(span_is(envelope.call.id, "\"1\""), cases[i].text);
		CHECK_CASE(span_is(envelope.call.args, NULL), cases[i].text);
	}
}

static void
bounds_paths(void)
{
	CHECK(parse_padded("{\"rpc\":\"a/", 'x', RT_PATH_MAX - 2, "\"}") ==
		  RT_ENVELOPE_CALL);
	CHECK(envelope.call.fault == RT_CALL_OK);
	CHECK(envelope.call.path_len == RT_PATH_MAX);
	CHECK(strlen(envelope.call.path) == RT_PATH_MAX);
	CHECK(parse_padded("{\"rpc\":\"a/", 'x', RT_PATH_MAX - 1, "\"}") ==
		  RT_ENVELOPE_CALL);
	CHECK(envelope.call.fault == RT_CALL_BAD_PATH);
	CHECK(envelope.call.path_len == 0 && envelope.call.path[0] == '\0');
}

static void
judges_paths(void)
{
	static const char *const good[] = {
		"a/b", "A/Z", "0/9", "_/-", "a/b/c/d", "rooms/chat/__data", "-/-"
	};
	static const char *const bad[] = {
		"", "/", "a", "a/", "/a", "a//b", "a/b/", "a b/c", "a.b/c", "a/b\n",
		"\xc3\xa9/a", "a\\b", "a/b?", "*/*", "a:b/c"
	};
	char	   *longest = pad("a/", 'b', RT_PATH_MAX - 2, "");
	char	   *too_long = pad("a/", 'b', RT_PATH_MAX - 1, "");

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK_CASE(rt_path_is_valid(good[i], strlen(good[i])), good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(!rt_path_is_valid(bad[i], strlen(bad[i])), bad[i]);
	CHECK(!rt_path_is_valid("a/b\0", 4));
	CHECK(!rt_path_is_valid(NULL, 0));
	CHECK(rt_path_is_valid("a/bc", 3));
	CHECK(rt_path_is_valid(longest, strlen(longest)));
	CHECK(!rt_path_is_valid(too_long, strlen(too_long)));
	free(longest);
	free(too_long);
}

static void
reports_depth(void)
{
	char	   *deep = pad("{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":", '[', 100,
						   "");
	char	   *text = pad(deep, ']', 100, ",\"version\":1}");
	char	   *control = pad("{\"type\":\"subscribe\",\"topic\":", '[', 100,
							  "");
	char	   *control_text = pad(control, ']', 100, "}");

	CHECK(parse(text) == RT_ENVELOPE_CALL);
	CHECK(envelope.json == RT_JSON_TOO_DEEP);
	CHECK(envelope.call.fault == RT_CALL_TOO_DEEP);
	CHECK(span_is(envelope.call.id, "\"1\""));
	CHECK(span_is(envelope.call.args, NULL));
	CHECK(span_is(envelope.call.version, NULL));
	CHECK(parse(control_text) == RT_ENVELOPE_IGNORED);
	CHECK(envelope.json == RT_JSON_TOO_DEEP);
	CHECK(parse(deep) == RT_ENVELOPE_IGNORED);
	CHECK(envelope.json == RT_JSON_INVALID);

	/* However small the limit, an id has been checked. */
	free(frame);
	frame = unit_copy("{\"batch\":[{\"id\":\"\n\"}]}", 22);
	for (int max_depth = -1; max_depth < 5; max_depth++)
	{
		rt_envelope_parse(frame, 22, max_depth, &envelope);
		CHECK(envelope.json == RT_JSON_INVALID);
		CHECK(envelope.kind == RT_ENVELOPE_IGNORED);
	}
	free(deep);
	free(text);
	free(control);
	free(control_text);
}

static void
reads_batches(void)
{
	RtJsonWalk	walk;
	RtSpan		entry;
	RtCall		call;

	CHECK(parse("{\"batch\":[{\"rpc\":\"a/b\",\"id\":\"1\",\"args\":[1]}, 5,"
				"{\"id\":\"2\"},{\"rpc\":\"a/b\",\"id\":7},"
				"{\"rpc\":\"c/d\",\"id\":\"3\",\"stream\":true,\"seq\":4}],"
				"\"sequential\":true}") == RT_ENVELOPE_BATCH);
	CHECK(envelope.sequential);
	CHECK(rt_json_walk_array(&walk, frame, envelope.batch));

	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(rt_envelope_parse_call(frame, entry, &call));
	CHECK(call.fault == RT_CALL_OK && strcmp(call.path, "a/b") == 0);
	CHECK(span_is(call.id, "\"1\"") && span_is(call.args, "[1]"));

	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(!rt_envelope_parse_call(frame, entry, &call));

	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(rt_envelope_parse_call(frame, entry, &call));
	CHECK(call.fault == RT_CALL_NO_PATH && span_is(call.id, "\"2\""));

	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(!rt_envelope_parse_call(frame, entry, &call));

	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(rt_envelope_parse_call(frame, entry, &call));
	CHECK(call.stream && span_is(call.seq, "4"));
	CHECK(!rt_json_walk_element(&walk, &entry));
}

static void
tells_whether_a_batch_is_sequential(void)
{
	CHECK(parse("{\"batch\":[]}") == RT_ENVELOPE_BATCH);
	CHECK(!envelope.sequential && span_is(envelope.batch, "[]"));
	CHECK(parse("{\"batch\":[],\"sequential\":false}") == RT_ENVELOPE_BATCH);
	CHECK(!envelope.sequential);
	CHECK(parse("{\"batch\":[],\"sequential\":1}") == RT_ENVELOPE_BATCH);
	CHECK(!envelope.sequential);
}

static void
hands_over_deep_batches(void)
{
	char	   *open = pad("{\"batch\":[{\"id\":\"1\",\"args\":", '[', 100,
						   "");
	char	   *text = pad(open, ']', 100, "},{\"rpc\":\"a/b\"}]}");
	RtJsonWalk	walk;
	RtSpan		entry;

	CHECK(parse(text) == RT_ENVELOPE_BATCH);
	CHECK(envelope.json == RT_JSON_TOO_DEEP);
	CHECK(rt_json_walk_array(&walk, frame, envelope.batch));
	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(rt_json_check(frame + entry.off, entry.len, MAX_DEPTH - 2) ==
		  RT_JSON_TOO_DEEP);
	CHECK(rt_json_walk_element(&walk, &entry));
	CHECK(rt_json_check(frame + entry.off, entry.len, MAX_DEPTH - 2) ==
		  RT_JSON_OK);
	free(open);
	free(text);
}

static void
reads_hello(void)
{
	CHECK(parse("{\"type\":\"hello\",\"caps\":[\"batch\"]}") ==
		  RT_ENVELOPE_HELLO);
	CHECK(envelope.caps_batch);
	CHECK(parse("{\"type\":\"hello\",\"caps\":[1,[\"batch\"],\"lease\","
				"\"\\u0062atch\"]}") == RT_ENVELOPE_HELLO);
	CHECK(envelope.caps_batch);
	CHECK(parse("{\"type\":\"hello\",\"caps\":[[\"batch\"],\"batches\"]}") ==
		  RT_ENVELOPE_HELLO);
	CHECK(!envelope.caps_batch && !envelope.caps_parts);
	CHECK(parse("{\"type\":\"hello\",\"caps\":[\"parts\"]}") ==
		  RT_ENVELOPE_HELLO);
	CHECK(envelope.caps_parts && !envelope.caps_batch && !envelope.caps_pos);
	CHECK(parse("{\"type\":\"hello\",\"caps\":[\"pos\",\"parts\"]}") ==
		  RT_ENVELOPE_HELLO);
	CHECK(envelope.caps_parts && envelope.caps_pos);
	CHECK(parse("{\"type\":\"hello\",\"caps\":\"batch\"}") ==
		  RT_ENVELOPE_HELLO);
	CHECK(!envelope.caps_batch);
	CHECK(parse("{\"type\":\"hello\"}") == RT_ENVELOPE_HELLO);
	CHECK(!envelope.caps_batch);
}

static void
reads_subscriptions(void)
{
	CHECK(parse("{\"type\":\"subscribe\",\"topic\":\"t\",\"ref\":16}") ==
		  RT_ENVELOPE_SUBSCRIBE);
	CHECK(span_is(envelope.topic, "\"t\"") && span_is(envelope.ref, "16"));
	CHECK(parse("{\"type\":\"subscribe\",\"topic\":5,\"ref\":\"r\"}") ==
		  RT_ENVELOPE_SUBSCRIBE);
	CHECK(span_is(envelope.topic, "5") && span_is(envelope.ref, "\"r\""));
	CHECK(parse("{\"type\":\"subscribe\",\"topic\":\"t\",\"ref\":null}") ==
		  RT_ENVELOPE_SUBSCRIBE);
	CHECK(span_is(envelope.ref, NULL));
	CHECK(parse("{\"type\":\"subscribe\",\"topic\":\"t\",\"ref\":{}}") ==
		  RT_ENVELOPE_SUBSCRIBE);
	CHECK(span_is(envelope.ref, NULL));
	CHECK(parse("{\"type\":\"subscribe\"}") == RT_ENVELOPE_IGNORED);

	CHECK(parse("{\"type\":\"unsubscribe\",\"topic\":\"t\"}") ==
		  RT_ENVELOPE_UNSUBSCRIBE);
	CHECK(span_is(envelope.topic, "\"t\"") && span_is(envelope.ref, NULL));
	CHECK(parse("{\"type\":\"unsubscribe\"}") == RT_ENVELOPE_IGNORED);

	CHECK(parse("{\"type\":\"subscribe-batch\",\"topics\":[\"a\",1],"
				"\"ref\":2}") == RT_ENVELOPE_SUBSCRIBE_BATCH);
	CHECK(span_is(envelope.topics, "[\"a\",1]") && span_is(envelope.ref, "2"));
	CHECK(parse("{\"type\":\"subscribe-batch\",\"topics\":\"a\"}") ==
		  RT_ENVELOPE_IGNORED);
	CHECK(parse("{\"type\":\"subscribe-batch\"}") == RT_ENVELOPE_IGNORED);
}

static void
reads_resume(void)
{
	CHECK(parse("{\"type\":\"resume\",\"sessionId\":\"s\","
				"\"lastSeenSeqs\":{\"a\":1}}") == RT_ENVELOPE_RESUME);
	CHECK(span_is(envelope.session_id, "\"s\""));
	CHECK(span_is(envelope.last_seen, "{\"a\":1}"));
	CHECK(parse("{\"type\":\"resume\",\"sessionId\":1,\"lastSeenSeqs\":[]}") ==
		  RT_ENVELOPE_RESUME);
	CHECK(span_is(envelope.session_id, NULL));
	CHECK(span_is(envelope.last_seen, NULL));
}

static void
reads_reply(void)
{
	CHECK(parse("{\"type\":\"reply\",\"ref\":3,\"data\":null}") ==
		  RT_ENVELOPE_REPLY);
	CHECK(span_is(envelope.ref, "3") && span_is(envelope.data, "null"));
	CHECK(span_is(envelope.error, NULL));
	CHECK(parse("{\"type\":\"reply\",\"ref\":\"a\",\"error\":\"no\"}") ==
		  RT_ENVELOPE_REPLY);
	CHECK(span_is(envelope.ref, "\"a\"") && span_is(envelope.error, "\"no\""));
	CHECK(span_is(envelope.data, NULL));
	CHECK(parse("{\"type\":\"reply\",\"ref\":1,\"error\":5}") ==
		  RT_ENVELOPE_REPLY);
	CHECK(span_is(envelope.error, NULL));
	CHECK(parse("{\"type\":\"reply\",\"data\":1}") == RT_ENVELOPE_IGNORED);
	CHECK(parse("{\"type\":\"reply\",\"ref\":true}") == RT_ENVELOPE_IGNORED);
}

static void
reads_cursor(void)
{
	CHECK(parse("{\"type\":\"cursor\",\"topic\":\"t\",\"data\":{\"x\":1}}") ==
		  RT_ENVELOPE_CURSOR);
	CHECK(span_is(envelope.topic, "\"t\"") && span_is(envelope.data, "{\"x\":1}"));
	CHECK(parse("{\"type\":\"cursor\",\"topic\":\"t\",\"position\":[1,2]}") ==
		  RT_ENVELOPE_CURSOR);
	CHECK(span_is(envelope.data, "[1,2]"));
	CHECK(parse("{\"type\":\"cursor\",\"topic\":\"t\",\"position\":1,\"data\":2}") ==
		  RT_ENVELOPE_CURSOR);
	CHECK(span_is(envelope.data, "2"));
	CHECK(parse("{\"type\":\"cursor\",\"topic\":\"t\"}") == RT_ENVELOPE_IGNORED);
	CHECK(parse("{\"type\":\"cursor\",\"data\":1}") == RT_ENVELOPE_IGNORED);
	CHECK(parse("{\"type\":\"cursor-snapshot\",\"topic\":\"t\"}") ==
		  RT_ENVELOPE_CURSOR_SNAPSHOT);
	CHECK(span_is(envelope.topic, "\"t\""));
	CHECK(parse("{\"type\":\"cursor-snapshot\"}") == RT_ENVELOPE_IGNORED);
}

static void
reads_replay(void)
{
	CHECK(parse("{\"type\":\"replay\",\"topic\":\"t\",\"since\":5,"
				"\"reqId\":1}") == RT_ENVELOPE_REPLAY);
	CHECK(span_is(envelope.topic, "\"t\"") && span_is(envelope.since, "5"));
	CHECK(span_is(envelope.req_id, "1"));
	CHECK(parse("{\"type\":\"replay\",\"topic\":\"t\",\"since\":\"5\"}") ==
		  RT_ENVELOPE_REPLAY);
	CHECK(span_is(envelope.since, NULL) && span_is(envelope.req_id, NULL));
	CHECK(parse("{\"type\":\"replay\"}") == RT_ENVELOPE_IGNORED);
}

static void
reads_auth(void)
{
	CHECK(parse("{\"type\":\"auth\",\"token\":\"a.b.c\"}") == RT_ENVELOPE_AUTH);
	CHECK(span_is(envelope.token, "\"a.b.c\""));
	CHECK(parse("{\"type\":\"auth\",\"token\":7}") == RT_ENVELOPE_IGNORED);
	CHECK(parse("{\"type\":\"auth\"}") == RT_ENVELOPE_IGNORED);
}

/* The length of a frame decides, white space included. */
static void
bounds_control_frames(void)
{
	static const struct
	{
		const char *text;
		RtEnvelopeKind kind;
		bool		bounded;
	}			cases[] = {
		{"{\"type\":\"hello\"}", RT_ENVELOPE_HELLO, true},
		{"{\"type\":\"subscribe\",\"topic\":\"t\"}", RT_ENVELOPE_SUBSCRIBE,
		true},
		{"{\"type\":\"subscribe-batch\",\"topics\":[]}",
		RT_ENVELOPE_SUBSCRIBE_BATCH, true},
		{"{\"type\":\"unsubscribe\",\"topic\":\"t\"}", RT_ENVELOPE_UNSUBSCRIBE,
		true},
		{"{\"type\":\"replay\",\"topic\":\"t\"}", RT_ENVELOPE_REPLAY, true},
		{"{\"type\":\"cursor\",\"topic\":\"t\",\"data\":1}", RT_ENVELOPE_CURSOR, true},
		{"{\"type\":\"resume\"}", RT_ENVELOPE_RESUME, false},
		{"{\"type\":\"auth\",\"token\":\"\"}", RT_ENVELOPE_AUTH, false},
		{"{\"type\":\"reply\",\"ref\":1}", RT_ENVELOPE_REPLY, false},
		{"{\"rpc\":\"a/b\"}", RT_ENVELOPE_CALL, false},
		{"{\"batch\":[]}", RT_ENVELOPE_BATCH, false}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		size_t		len = strlen(cases[i].text);

		CHECK_CASE(parse_padded(cases[i].text, ' ', RT_CONTROL_MAX - len - 1,
								"") == cases[i].kind, cases[i].text);
		CHECK_CASE(parse_padded(cases[i].text, ' ', RT_CONTROL_MAX - len,
								"") == (cases[i].bounded ?
										RT_ENVELOPE_IGNORED : cases[i].kind),
				   cases[i].text);
	}
}

static void
finds_every_member_name(void)
{
	static const struct
	{
		const char *text;
		size_t		span;		/* offset in RtEnvelope */
	}			cases[] = {
#define CASE(text, member) {text, offsetof(RtEnvelope, member)}
		CASE("{\"rpc\":\"a/b\",\"id\":\"1\"}", call.id),
		CASE("{\"rpc\":\"a/b\",\"args\":[]}", call.args),
		CASE("{\"rpc\":\"a/b\",\"idempotencyKey\":\"\"}",
			 call.idempotency_key),
		CASE("{\"rpc\":\"a/b\",\"seq\":1}", call.seq),
		CASE("{\"rpc\":\"a/b\",\"version\":1}", call.version),
		CASE("{\"rpc\":\"a/b\",\"schemaVersion\":1}", call.schema_version),
		CASE("{\"rpc\":\"a/b\",\"cursor\":1}", call.cursor),
		CASE("{\"batch\":[]}", batch),
		CASE("{\"type\":\"subscribe\",\"topic\":\"t\"}", topic),
		CASE("{\"type\":\"subscribe-batch\",\"topics\":[]}", topics),
		CASE("{\"type\":\"reply\",\"ref\":1}", ref),
		CASE("{\"type\":\"resume\",\"sessionId\":\"\"}", session_id),
		CASE("{\"type\":\"resume\",\"lastSeenSeqs\":{}}", last_seen),
		CASE("{\"type\":\"reply\",\"ref\":1,\"data\":1}", data),
		CASE("{\"type\":\"reply\",\"ref\":1,\"error\":\"\"}", error),
		CASE("{\"type\":\"cursor\",\"topic\":\"t\",\"position\":1}", data),
		CASE("{\"type\":\"replay\",\"topic\":1,\"since\":1}", since),
		CASE("{\"type\":\"replay\",\"topic\":1,\"reqId\":1}", req_id)
#undef CASE
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		RtSpan		span;

		CHECK_CASE(parse(cases[i].text) != RT_ENVELOPE_IGNORED,
				   cases[i].text);
		memcpy(&span, (char *) &envelope + cases[i].span, sizeof(span));
		CHECK_CASE(span.len > 0, cases[i].text);
	}
}

int
main(void)
{
	RUN(dispatches);
	RUN(ignores_every_truncation);
	RUN(reads_every_member_of_a_call);
	RUN(reads_members_written_with_escapes);
	RUN(leaves_out_what_a_call_has_not);
	RUN(takes_the_last_of_equal_members);
	RUN(judges_ids);
	RUN(finds_faults);
	RUN(bounds_paths);
	RUN(judges_paths);
	RUN(reports_depth);
	RUN(reads_batches);
	RUN(tells_whether_a_batch_is_sequential);
	RUN(hands_over_deep_batches);
	RUN(reads_hello);
	RUN(reads_subscriptions);
	RUN(reads_resume);
	RUN(reads_reply);
	RUN(reads_cursor);
	RUN(reads_replay);
	RUN(reads_auth);
	RUN(bounds_control_frames);
	RUN(finds_every_member_name);
	free(frame);
	return unit_done();
}

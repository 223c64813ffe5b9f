/*
 * test_frame.c
 *		src/protocol/frame.c: texts of the payloads, their bounds, headers.
 */
#include "src/protocol/frame.h"
#include "src/protocol/json.h"
#include "test/unit/unit.h"

#define CANARY 0x5A
#define CANARY_LEN 32

typedef size_t (*WritePayload) (char *dst, size_t cap);

/* Every control character that has a letter, one that has none, and others. */
#define HOSTILE "q\"b\\s/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xff."
#define HOSTILE_JSON \
	"\"q\\\"b\\\\s/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\xff.\""

static size_t
write_welcome(char *dst, size_t cap)
{
	return rt_payload_welcome(dst, cap, "5f0c");
}

static size_t
write_welcome_hostile(char *dst, size_t cap)
{
	return rt_payload_welcome(dst, cap, HOSTILE);
}

static size_t
write_resumed(char *dst, size_t cap)
{
	return rt_payload_resumed(dst, cap);
}

static size_t
write_ping(char *dst, size_t cap)
{
	return rt_payload_ping(dst, cap);
}

static size_t
write_auth(char *dst, size_t cap)
{
	return rt_payload_auth(dst, cap, 1800000000);
}

static size_t
write_auth_for_ever(char *dst, size_t cap)
{
	return rt_payload_auth(dst, cap, 0);
}

static size_t
write_auth_failed(char *dst, size_t cap)
{
	return rt_payload_auth_failed(dst, cap, RT_TEXT("UNAUTHENTICATED"), RT_TEXT("no \"token\""));
}

static size_t
write_request(char *dst, size_t cap)
{
	return rt_payload_request(dst, cap, 9007199254740991, RT_TEXT("con\tfirm"), RT_TEXT("{\"a\":1}"));
}

static size_t
write_auth_expiring(char *dst, size_t cap)
{
	return rt_payload_auth_expiring(dst, cap, 7);
}

static size_t
write_subscribed(char *dst, size_t cap)
{
	return rt_payload_subscribed(dst, cap, RT_TEXT("\"todos\""),
								 RT_TEXT("16"));
}

static size_t
write_subscribed_bare(char *dst, size_t cap)
{
	return rt_payload_subscribed(dst, cap, RT_TEXT_NONE, RT_TEXT_NONE);
}

static size_t
write_denied(char *dst, size_t cap)
{
	return rt_payload_denied(dst, cap, RT_TEXT("5"), RT_TEXT("\"r\""),
							 RT_TEXT("FORBIDDEN"));
}

static size_t
write_denied_hostile(char *dst, size_t cap)
{
	return rt_payload_denied(dst, cap, RT_TEXT("\"t\""), RT_TEXT_NONE,
							 RT_TEXT(HOSTILE));
}

static size_t
write_event(char *dst, size_t cap)
{
	return rt_payload_event(dst, cap, RT_TEXT("todos"), RT_TEXT("created"),
							RT_TEXT("{\"id\":50}"), 9);
}

static size_t
write_event_volatile(char *dst, size_t cap)
{
	return rt_payload_event(dst, cap, RT_TEXT("t"), RT_TEXT("\xc3\xa9"),
							RT_TEXT_NONE, -1);
}

static size_t
write_event_first(char *dst, size_t cap)
{
	return rt_payload_event(dst, cap, RT_TEXT("t"), RT_TEXT("refreshed"),
							RT_TEXT("[]"), 0);
}

static size_t
write_event_last(char *dst, size_t cap)
{
	return rt_payload_event(dst, cap, RT_TEXT("t"), RT_TEXT("e"),
							RT_TEXT("[]"), INT64_MAX);
}

static size_t
write_success(char *dst, size_t cap)
{
	return rt_payload_success(dst, cap, RT_TEXT("\"j7\""), RT_TEXT("[1,2]"), false);
}

static size_t
write_success_bare(char *dst, size_t cap)
{
	return rt_payload_success(dst, cap, RT_TEXT("\"j7\""), RT_TEXT_NONE, false);
}

static size_t
write_success_with_position(char *dst, size_t cap)
{
	size_t		len = rt_payload_success(dst, cap, RT_TEXT("\"j7\""), RT_TEXT("[1]"), true);

	if (len > 0)
		rt_payload_set_position(dst, len, 1234567890123456);
	return len;
}

static size_t
write_success_without_changes(char *dst, size_t cap)
{
	size_t		len = rt_payload_success(dst, cap, RT_TEXT("\"j7\""), RT_TEXT_NONE, true);

	if (len > 0)
		rt_payload_set_position(dst, len, 0);
	return len;
}

static size_t
write_round(char *dst, size_t cap)
{
	return rt_payload_round(dst, cap, RT_TEXT("{},{}"));
}

static size_t
write_round_end(char *dst, size_t cap)
{
	return rt_payload_round_end(dst, cap, RT_TEXT_NONE, UINT64_MAX, true);
}

static size_t
write_round_end_bare(char *dst, size_t cap)
{
	return rt_payload_round_end(dst, cap, RT_TEXT("{}"), 7, false);
}

static size_t
write_failure(char *dst, size_t cap)
{
	RtFailureText failure = {
		.code = RT_TEXT("VALIDATION"),.message = RT_TEXT("Validation failed"),
		.issues_json = RT_TEXT("[{\"path\":[],\"message\":\"m\"}]"),
		.retry_after_ms = INT64_MAX
	};

	return rt_payload_failure(dst, cap, RT_TEXT("\"j7\""), &failure);
}

static size_t
write_failure_bare(char *dst, size_t cap)
{
	RtFailureText failure = {.code = RT_TEXT("TIMEOUT")};

	return rt_payload_failure(dst, cap, RT_TEXT("\"j7\""), &failure);
}

static size_t
write_failure_hostile(char *dst, size_t cap)
{
	RtFailureText failure = {
		.code = RT_TEXT("\"\\"),.message = RT_TEXT(HOSTILE),
		.lock_key = RT_TEXT("\"\\"),.has_max_wait = true,.max_wait_ms = 200
	};

	return rt_payload_failure(dst, cap, RT_TEXT("\"\\\"\""), &failure);
}

static size_t
write_stream(char *dst, size_t cap)
{
	RtStreamReply reply = {
		.data_json = RT_TEXT("[]"),.topic = RT_TEXT("todos"),
		.merge = RT_TEXT("crud"),.key = RT_TEXT("k\""),.prepend = true,
		.max = 50,.seq = 0,.replay = RT_REPLAYED_YES,.channel = false
	};

	return rt_payload_stream(dst, cap, RT_TEXT("\"j7\""), &reply);
}

static size_t
write_stream_bare(char *dst, size_t cap)
{
	RtStreamReply reply = {
		.topic = RT_TEXT("t"),.merge = RT_TEXT("set"),.seq = -1,
		.channel = true
	};

	return rt_payload_stream(dst, cap, RT_TEXT("\"j7\""), &reply);
}

static size_t
write_stream_full(char *dst, size_t cap)
{
	RtStreamReply reply = {
		.data_json = RT_TEXT("[1]"),.topic = RT_TEXT("t"),
		.merge = RT_TEXT("latest"),.max = INT64_MAX,.seq = INT64_MAX,
		.replay = RT_REPLAYED_NO
	};

	return rt_payload_stream(dst, cap, RT_TEXT("\"j7\""), &reply);
}

static size_t
write_stream_loaded(char *dst, size_t cap)
{
	RtStreamReply reply = {
		.data_json = RT_TEXT("[]"),.topic = RT_TEXT("t"),
		.merge = RT_TEXT("crud"),.seq = -1,.delta = true,.unchanged = true,
		.version = RT_TEXT("v\"1"),.schema_version = 3,.paged = true,
		.has_more = true,.cursor_json = RT_TEXT("{\"a\":1}")
	};

	return rt_payload_stream(dst, cap, RT_TEXT("\"j7\""), &reply);
}

static size_t
write_stream_gated(char *dst, size_t cap)
{
	RtStreamReply reply = {.gated = true,.topic = RT_TEXT("t"),.seq = 4};

	return rt_payload_stream(dst, cap, RT_TEXT("\"j7\""), &reply);
}

static size_t
write_replay_item(char *dst, size_t cap)
{
	return rt_frame_replay_item(dst, cap, UINT64_MAX, RT_TEXT("t"),
								RT_TEXT("\xc3\xa9"), RT_TEXT("{}"));
}

static size_t
write_replay_message(char *dst, size_t cap)
{
	return rt_payload_replay_message(dst, cap, RT_TEXT("\"t\""), 7,
									 RT_TEXT("e"), RT_TEXT("[1]"),
									 RT_TEXT("3"));
}

static size_t
write_replay_message_bare(char *dst, size_t cap)
{
	return rt_payload_replay_message(dst, cap, RT_TEXT_NONE, 7,
									 RT_TEXT("e"), RT_TEXT_NONE,
									 RT_TEXT_NONE);
}

static size_t
write_replay_truncated(char *dst, size_t cap)
{
	return rt_payload_replay_truncated(dst, cap, RT_TEXT("\"a\\\"b\""));
}

static size_t
write_replay_denied(char *dst, size_t cap)
{
	return rt_payload_replay_denied(dst, cap, RT_TEXT("\"t\""),
									RT_TEXT("FORBIDDEN"), RT_TEXT("3"));
}

static size_t
write_replay_denied_bare(char *dst, size_t cap)
{
	return rt_payload_replay_denied(dst, cap, RT_TEXT("\"t\""),
									RT_TEXT(HOSTILE), RT_TEXT_NONE);
}

static size_t
write_replay_end(char *dst, size_t cap)
{
	return rt_payload_replay_end(dst, cap, RT_TEXT("\"t\""), RT_TEXT("3"),
								 false);
}

static size_t
write_replay_end_truncated(char *dst, size_t cap)
{
	return rt_payload_replay_end(dst, cap, RT_TEXT("\"t\""), RT_TEXT("3"),
								 true);
}

static size_t
write_replay_end_bare(char *dst, size_t cap)
{
	return rt_payload_replay_end(dst, cap, RT_TEXT("\"t\""), RT_TEXT_NONE,
								 false);
}

static size_t
write_replay_end_bare_truncated(char *dst, size_t cap)
{
	return rt_payload_replay_end(dst, cap, RT_TEXT("\"t\""), RT_TEXT_NONE,
								 true);
}

static size_t
write_close(char *dst, size_t cap)
{
	return rt_payload_close(dst, cap, 4401, "bad token");
}

static size_t
write_close_bare(char *dst, size_t cap)
{
	return rt_payload_close(dst, cap, 1012, NULL);
}

static const struct
{
	WritePayload write;
	const char *expected;
	bool		json;
}			payloads[] = {
	{write_welcome, "{\"type\":\"welcome\",\"sessionId\":\"5f0c\"}", true},
	{write_welcome_hostile,
	"{\"type\":\"welcome\",\"sessionId\":" HOSTILE_JSON "}", true},
	{write_resumed, "{\"type\":\"resumed\"}", true},
	{write_ping, "{\"type\":\"ping\"}", true},
	{write_auth, "{\"type\":\"auth\",\"ok\":true,\"exp\":1800000000}", true},
	{write_auth_for_ever, "{\"type\":\"auth\",\"ok\":true,\"exp\":null}", true},
	{write_auth_failed, "{\"type\":\"auth\",\"ok\":false,\"code\":\"UNAUTHENTICATED\","
	"\"error\":\"no \\\"token\\\"\"}", true},
	{write_request, "{\"type\":\"request\",\"ref\":9007199254740991,\"event\":\"con\\tfirm\",\"data\":{\"a\":1}}", true},
	{write_auth_expiring, "{\"type\":\"auth-expiring\",\"exp\":7}", true},
	{write_subscribed,
	"{\"type\":\"subscribed\",\"topic\":\"todos\",\"ref\":16}", true},
	{write_subscribed_bare, "{\"type\":\"subscribed\",\"topic\":null}", true},
	{write_denied,
		"{\"type\":\"subscribe-denied\",\"topic\":5,\"ref\":\"r\","
	"\"reason\":\"FORBIDDEN\"}", true},
	{write_denied_hostile,
		"{\"type\":\"subscribe-denied\",\"topic\":\"t\","
	"\"reason\":" HOSTILE_JSON "}", true},
	{write_event,
		"{\"topic\":\"todos\",\"event\":\"created\",\"data\":{\"id\":50},"
	"\"seq\":9}", true},
	{write_event_volatile,
	"{\"topic\":\"t\",\"event\":\"\xc3\xa9\",\"data\":null}", true},
	{write_event_first,
		"{\"topic\":\"t\",\"event\":\"refreshed\",\"data\":[],"
	"\"seq\":0}", true},
	{write_event_last,
		"{\"topic\":\"t\",\"event\":\"e\",\"data\":[],"
	"\"seq\":9223372036854775807}", true},
	{write_success,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
	"\"ok\":true,\"data\":[1,2]}}", true},
	{write_success_bare,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
	"\"ok\":true}}", true},
	{write_success_with_position,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\",\"ok\":true,"
	"\"data\":[1],\"pos\":1234567890123456}}", true},
	{write_success_without_changes,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\",\"ok\":true,"
	"\"pos\":               0}}", true},
	{write_round, "{\"type\":\"round\",\"events\":[{},{}],\"more\":true}", true},
	{write_round_end, "{\"type\":\"round\",\"events\":[],\"pos\":18446744073709551615,\"late\":true}", true},
	{write_round_end_bare, "{\"type\":\"round\",\"events\":[{}],\"pos\":7}", true},
	{write_failure,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
		"\"ok\":false,\"code\":\"VALIDATION\",\"error\":\"Validation failed\","
		"\"issues\":[{\"path\":[],\"message\":\"m\"}],"
	"\"retryAfter\":9223372036854775807}}", true},
	{write_failure_bare,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
	"\"ok\":false,\"code\":\"TIMEOUT\",\"error\":\"\"}}", true},
	{write_failure_hostile,
		"{\"topic\":\"__rpc\",\"event\":\"\\\"\",\"data\":{\"id\":\"\\\"\","
		"\"ok\":false,\"code\":\"\\\"\\\\\",\"error\":" HOSTILE_JSON ","
	"\"key\":\"\\\"\\\\\",\"maxWaitMs\":200}}", true},
	{write_stream,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
		"\"ok\":true,\"data\":[],\"topic\":\"todos\",\"merge\":\"crud\","
		"\"key\":\"k\\\"\",\"prepend\":true,\"max\":50,\"seq\":0,"
	"\"replay\":true}}", true},
	{write_stream_bare,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
		"\"ok\":true,\"data\":null,\"topic\":\"t\",\"merge\":\"set\","
	"\"channel\":true}}", true},
	{write_stream_loaded,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
		"\"ok\":true,\"data\":[],\"topic\":\"t\",\"merge\":\"crud\","
		"\"delta\":true,\"unchanged\":true,\"version\":\"v\\\"1\","
	"\"schemaVersion\":3,\"hasMore\":true,\"cursor\":{\"a\":1}}}", true},
	{write_stream_gated,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
	"\"ok\":true,\"data\":null,\"gated\":true}}", true},
	{write_stream_full,
		"{\"topic\":\"__rpc\",\"event\":\"j7\",\"data\":{\"id\":\"j7\","
		"\"ok\":true,\"data\":[1],\"topic\":\"t\",\"merge\":\"latest\","
		"\"max\":9223372036854775807,\"seq\":9223372036854775807,"
	"\"replay\":false}}", true},
	{write_replay_item,
		"{\"seq\":18446744073709551615,\"topic\":\"t\","
	"\"event\":\"\xc3\xa9\",\"data\":{}}", true},
	{write_replay_message,
		"{\"topic\":\"__replay:t\",\"event\":\"msg\",\"data\":{\"seq\":7,"
	"\"event\":\"e\",\"data\":[1],\"reqId\":3}}", true},
	{write_replay_message_bare,
		"{\"topic\":\"__replay:\",\"event\":\"msg\",\"data\":{\"seq\":7,"
	"\"event\":\"e\",\"data\":null}}", true},
	{write_replay_truncated,
		"{\"topic\":\"__replay:a\\\"b\",\"event\":\"truncated\","
	"\"data\":null}", true},
	{write_replay_denied,
		"{\"topic\":\"__replay:t\",\"event\":\"denied\","
	"\"data\":{\"code\":\"FORBIDDEN\",\"reqId\":3}}", true},
	{write_replay_denied_bare,
		"{\"topic\":\"__replay:t\",\"event\":\"denied\","
	"\"data\":{\"code\":" HOSTILE_JSON "}}", true},
	{write_replay_end,
		"{\"topic\":\"__replay:t\",\"event\":\"end\","
	"\"data\":{\"reqId\":3}}", true},
	{write_replay_end_truncated,
		"{\"topic\":\"__replay:t\",\"event\":\"end\","
	"\"data\":{\"reqId\":3,\"truncated\":true}}", true},
	{write_replay_end_bare,
	"{\"topic\":\"__replay:t\",\"event\":\"end\",\"data\":null}", true},
	{write_replay_end_bare_truncated,
		"{\"topic\":\"__replay:t\",\"event\":\"end\","
	"\"data\":{\"truncated\":true}}", true},
	{write_close, "\x11\x31" "bad token", false},
	{write_close_bare, "\x03\xf4", false}
};

static void
writes_payloads(void)
{
	for (size_t i = 0; i < COUNT_OF(payloads); i++)
	{
		const char *expected = payloads[i].expected;
		char		dst[1024];
		size_t		len = payloads[i].write(dst, sizeof(dst));

		CHECK_CASE(len == strlen(expected), expected);
		CHECK_CASE(memcmp(dst, expected, len) == 0, expected);
		CHECK_CASE(!payloads[i].json ||
				   rt_json_check(dst, len, 64) == RT_JSON_OK, expected);
	}
}

/* With too little room: 0, and not a byte beyond it. */
static void
stays_within_its_room(void)
{
	for (size_t i = 0; i < COUNT_OF(payloads); i++)
	{
		const char *expected = payloads[i].expected;
		size_t		len = strlen(expected);

		for (size_t cap = 0; cap <= len; cap++)
		{
			char	   *dst = malloc(cap + CANARY_LEN);
			char	   *exact = malloc(cap > 0 ? cap : 1);
			bool		intact = true;

			memset(dst, CANARY, cap + CANARY_LEN);
			CHECK_CASE(payloads[i].write(dst, cap) == (cap < len ? 0 : len),
					   expected);
			for (int j = 0; j < CANARY_LEN; j++)
				intact = intact && dst[cap + j] == CANARY;
			CHECK_CASE(intact, expected);
			CHECK_CASE(payloads[i].write(exact, cap) == (cap < len ? 0 : len),
					   expected);
			free(dst);
			free(exact);
		}
		CHECK_CASE(payloads[i].write(NULL, 0) == 0, expected);
	}
}

static void
escapes_every_byte(void)
{
	for (int byte = 0; byte < 256; byte++)
	{
		char		c = (char) byte;
		RtText		text = {&c, 1};
		char		dst[256] = {0};
		char		decoded[8];
		RtFailureText failure = {.code = text};
		size_t		len = rt_payload_failure(dst, sizeof(dst), RT_TEXT("1"), &failure);
		const char *code = strstr(dst, "\"code\":") + 7;
		RtSpan		span = {(uint32_t) (code - dst), 0};

		span.len = (uint32_t) (strstr(code, ",\"error\"") - code);
		CHECK(rt_json_check(dst, len, 64) == RT_JSON_OK);
		CHECK(span.len <= 2 + 6);
		if (byte > 0)
		{
			CHECK(rt_json_string_decode(dst, span, decoded,
										sizeof(decoded)) == 1);
			CHECK(decoded[0] == c);
		}
	}
}

/* What frame.h promises about the size of a buffer. */
static void
fits_into_its_overhead(void)
{
	char		id[258];
	char		name[256];
	char		dst[8192];
	RtText		id_json = {id, 256};
	RtText		text = {name, sizeof(name)};
	RtText		json = RT_TEXT("null");
	RtStreamReply reply = {
		.data_json = json,.topic = text,.merge = text,.key = RT_TEXT("\x01\x01\x01"),
		.prepend = true,.max = INT64_MAX,.seq = INT64_MAX,
		.replay = RT_REPLAYED_NO,.channel = true,.delta = true,.unchanged = true,
		.version = RT_TEXT("\x01\x01\x01"),.schema_version = INT32_MAX,
		.paged = true,.cursor_json = json
	};
	RtFailureText failure = {
		.code = text,.message = text,.issues_json = json,.retry_after_ms = INT64_MAX,
		.lock_key = text,.has_max_wait = true,.max_wait_ms = INT64_MAX
	};
	size_t		cap;

	memset(id, 'x', sizeof(id));
	id[0] = id[255] = '"';
	memset(name, 'n', sizeof(name));

	cap = RT_FRAME_OVERHEAD + id_json.len * 2 + text.len * 3 + json.len;
	CHECK(rt_payload_failure(dst, cap, id_json, &failure) > 0);
	cap = RT_FRAME_OVERHEAD + id_json.len * 2 + json.len;
	CHECK(rt_payload_success(dst, cap, id_json, json, false) > 0);
	cap = RT_FRAME_OVERHEAD + text.len * 2 + json.len;
	CHECK(rt_payload_event(dst, cap, text, text, json, INT64_MAX) > 0);
	cap = RT_FRAME_OVERHEAD + id_json.len * 2 + text.len;
	CHECK(rt_payload_denied(dst, cap, id_json, id_json, text) > 0);
	CHECK(rt_payload_welcome(dst, RT_FRAME_OVERHEAD, "") > 0);
	CHECK(rt_payload_stream(dst, rt_payload_stream_length(&reply) + id_json.len * 2,
							id_json, &reply) > 0);
	cap = RT_FRAME_OVERHEAD + id_json.len * 2 + text.len + json.len;
	CHECK(rt_payload_replay_message(dst, cap, id_json, UINT64_MAX, text, json,
									id_json) > 0);

	memset(name, '\x01', sizeof(name));
	cap = RT_FRAME_OVERHEAD + id_json.len * 2 + text.len * 18 + json.len;
	CHECK(rt_payload_failure(dst, cap, id_json, &failure) > 0);
}

/* An event that gets its number later is the same as one that has it at once. */
static void
check_event_frame(const RtEventText *text, uint64_t number)
{
	size_t		max = rt_event_frame_max(text);
	char	   *dst = malloc(max);
	char	   *expected = malloc(RT_FRAME_HEADROOM + max);
	size_t		len = rt_event_frame_write(dst, text);
	RtText		event;
	RtText		json;
	size_t		expected_len;
	char	   *frame;

	CHECK(rt_event_frame_name_len(dst, len, text->numbered, text->topic) == text->event.len);
	CHECK(rt_event_frame_name_len(dst, len, text->numbered, (RtText) {"another", 7}) == 0);
	if (text->numbered)
	{
		rt_event_frame_parts(dst, len, true, text->topic.len, text->event.len, &event, &json);
		CHECK(event.len == text->event.len &&
			  memcmp(event.ptr, text->event.ptr, event.len) == 0);
		CHECK(json.len == text->data_json.len &&
			  memcmp(json.ptr, text->data_json.ptr, json.len) == 0);
		len = rt_event_frame_number(dst, len, number);
	}
	expected_len = rt_payload_event(expected + RT_FRAME_HEADROOM, max, text->topic,
									text->event, text->data_json,
									text->numbered ? (int64_t) number : -1);
	CHECK(expected_len <= rt_event_payload_max(text));
	frame = rt_frame_seal(expected, expected_len, RT_OPCODE_TEXT, &expected_len);
	CHECK(len == expected_len && len <= max);
	CHECK(memcmp(dst, frame, len) == 0);
	free(dst);
	free(expected);
}

static void
adds_numbers(void)
{
	static const uint64_t numbers[] = {1, 9, 10, 4294967296, 9007199254740991, INT64_MAX};
	static const char *const data[] = {"null", "{\"id\":50}", "\"}\"", "[{}]"};
	static char long_data[70000];

	for (size_t i = 0; i < COUNT_OF(numbers) * COUNT_OF(data) * 2; i++)
	{
		RtEventText text = {
			.topic = RT_TEXT("chat:1"),
			.event = i % 2 == 0 ? RT_TEXT("e") : RT_TEXT("gr\xc3\xb6\xc3\x9f" "er"),
			.data_json = RT_TEXT(data[i / 2 / COUNT_OF(numbers)]),
			.numbered = i % 3 != 0
		};

		check_event_frame(&text, numbers[i % COUNT_OF(numbers)]);
	}

	/* lengths at which the header gets longer, with and without the number */
	memset(long_data, '1', sizeof(long_data));
	for (size_t len = 1; len < sizeof(long_data); len += len < 200 || len > 65300 ? 1 : 100)
	{
		RtEventText text = {
			.topic = RT_TEXT("t"),.event = RT_TEXT("e"),
			.data_json = {long_data, len},.numbered = len % 2 == 0
		};

		check_event_frame(&text, 7);
		if (len > 65700)
			break;
	}
}

static void
cuts_close_reasons(void)
{
	/* count bytes 'x', then a character, then 'y' */
	static const struct
	{
		size_t		count;
		const char *character;
		size_t		kept;
	}			cases[] = {
		{122, "z", 123}, {123, "z", 123}, {121, "\xc3\xa9", 123},
		{122, "\xc3\xa9", 122}, {123, "\xc3\xa9", 123},
		{121, "\xe2\x82\xac", 121}, {120, "\xe2\x82\xac", 123},
		{122, "\xf0\x9f\x98\x80", 122}, {120, "\xf0\x9f\x98\x80", 120},
		{119, "\xf0\x9f\x98\x80", 123}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		char		reason[200] = {0};
		char		dst[125];
		size_t		len;

		memset(reason, 'x', cases[i].count);
		strcat(reason, cases[i].character);
		strcat(reason, "yyyy");
		len = rt_payload_close(dst, sizeof(dst), 1008, reason);
		CHECK(len == 2 + cases[i].kept);
		CHECK(memcmp(dst + 2, reason, cases[i].kept) == 0);
	}
}

static void
cuts_hostile_close_reasons(void)
{
	char		reason[300];
	char		dst[125];

	memset(reason, 0x80, sizeof(reason));
	reason[299] = '\0';
	CHECK(rt_payload_close(dst, sizeof(dst), 1008, reason) == 2);
	memset(reason, 0xFF, sizeof(reason) - 1);
	CHECK(rt_payload_close(dst, sizeof(dst), 1008, reason) == 125);
	CHECK(rt_payload_close(dst, sizeof(dst), 65535, "") == 2);
	CHECK((unsigned char) dst[0] == 255 && (unsigned char) dst[1] == 255);
}

/* Seals a payload of that length and reads the header back. */
static void
check_seal(size_t payload_len, RtOpcode opcode, size_t header_len)
{
	unsigned char *buf = malloc(RT_FRAME_HEADROOM + payload_len);
	size_t		frame_len = 0;
	uint64_t	len = 0;
	unsigned char *frame;

	memset(buf, CANARY, RT_FRAME_HEADROOM + payload_len);
	frame = (unsigned char *) rt_frame_seal((char *) buf, payload_len, opcode,
											&frame_len);
	CHECK(frame == buf + RT_FRAME_HEADROOM - header_len);
	CHECK(frame_len == header_len + payload_len);
	CHECK(rt_frame_length((char *) frame) == frame_len);
	CHECK(rt_frame_payload((char *) frame).ptr == (char *) buf + RT_FRAME_HEADROOM);
	CHECK(rt_frame_payload((char *) frame).len == payload_len);
	CHECK(frame[0] == opcode);

	if (header_len == 2)
		len = frame[1];
	for (size_t i = 2; i < header_len; i++)
		len = len << 8 | frame[i];
	CHECK(len == payload_len);
	CHECK(frame[1] == (header_len == 2 ? payload_len :
					   header_len == 4 ? 126 : 127));

	/* Neither the payload nor the unused headroom was touched. */
	for (unsigned char *p = buf; p < frame; p++)
		CHECK(*p == CANARY);
	CHECK(payload_len == 0 || (buf[RT_FRAME_HEADROOM] == CANARY &&
							   buf[RT_FRAME_HEADROOM + payload_len - 1] ==
							   CANARY));
	free(buf);
}

static void
seals_frames(void)
{
	check_seal(0, RT_OPCODE_PING, 2);
	check_seal(1, RT_OPCODE_TEXT, 2);
	check_seal(2, RT_OPCODE_CLOSE, 2);
	check_seal(124, RT_OPCODE_TEXT, 2);
	check_seal(125, RT_OPCODE_CLOSE, 2);
	check_seal(126, RT_OPCODE_TEXT, 4);
	check_seal(127, RT_OPCODE_TEXT, 4);
	check_seal(255, RT_OPCODE_TEXT, 4);
	check_seal(256, RT_OPCODE_TEXT, 4);
	check_seal(65535, RT_OPCODE_TEXT, 4);
	check_seal(65536, RT_OPCODE_TEXT, 10);
	check_seal(65537, RT_OPCODE_TEXT, 10);
	check_seal(RT_FRAME_PAYLOAD_MAX, RT_OPCODE_TEXT, 10);
}

static void
uses_rfc6455_opcodes(void)
{
	CHECK(RT_OPCODE_TEXT == 0x80 + 1);
	CHECK(RT_OPCODE_CLOSE == 0x80 + 8);
	CHECK(RT_OPCODE_PING == 0x80 + 9);
}

int
main(void)
{
	RUN(writes_payloads);
	RUN(stays_within_its_room);
	RUN(escapes_every_byte);
	RUN(fits_into_its_overhead);
	RUN(adds_numbers);
	RUN(cuts_close_reasons);
	RUN(cuts_hostile_close_reasons);
	RUN(seals_frames);
	RUN(uses_rfc6455_opcodes);
	return unit_done();
}

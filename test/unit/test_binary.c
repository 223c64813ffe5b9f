/*
 * test_binary.c
 *		src/protocol/binary.c, and the frames that answer uploads.
 */
#include "src/protocol/binary.h"
#include "src/protocol/frame.h"
#include "test/unit/unit.h"

#define MAX_DEPTH 64

static RtBinary binary;
static char *frame;				/* what was parsed last */

static RtBinaryKind
parse_len(const char *bytes, size_t len)
{
	free(frame);
	frame = unit_copy(bytes, len);
	memset(&binary, 0x5A, sizeof(binary));
	rt_binary_parse(frame, len, &binary);
	return binary.kind;
}

#define parse(literal) parse_len(literal, sizeof(literal) - 1)

static bool
text_is(RtText text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.ptr, expected, text.len) == 0;
}

static void
reads_calls(void)
{
	CHECK(parse("\0\0\2{}payload") == RT_BINARY_CALL);
	CHECK(text_is(binary.header, "{}"));
	CHECK(text_is(binary.payload, "payload"));
	CHECK(parse("\0\0\2{}") == RT_BINARY_CALL);
	CHECK(binary.payload.len == 0);
}

static void
reads_chunks(void)
{
	CHECK(parse("\1\1\0\0\0\7\0\0\0\0\0\2{}abc") == RT_BINARY_CHUNK);
	CHECK(binary.stream == 7 && binary.number == 0 && !binary.last);
	CHECK(text_is(binary.header, "{}"));
	CHECK(text_is(binary.payload, "abc"));
	CHECK(parse("\1\2\xff\xff\xff\xfe\1\2\3\4xyz") == RT_BINARY_CHUNK);
	CHECK(binary.stream == 0xfffffffe && binary.number == 0x01020304 && binary.last);
	CHECK(binary.header.len == 0);
	CHECK(text_is(binary.payload, "xyz"));
	CHECK(parse("\1\3\0\0\0\1\0\0\0\0\0\2{}") == RT_BINARY_CHUNK);
	CHECK(binary.last && binary.payload.len == 0);
}

static void
reads_cancels(void)
{
	CHECK(parse("\2\x10\0\0\1\2") == RT_BINARY_CANCEL);
	CHECK(binary.stream == 0x0102);
}

static void
ignores_what_is_malformed(void)
{
	CHECK(parse("") == RT_BINARY_IGNORED);
	CHECK(parse("\0") == RT_BINARY_IGNORED);
	CHECK(parse("\0\0\0{}") == RT_BINARY_IGNORED);
	CHECK(parse("\0\0\3{}") == RT_BINARY_IGNORED);
	CHECK(parse("\0\xff\xff{}") == RT_BINARY_IGNORED);
	CHECK(parse("\1\1\0\0\0\7\0\0\0\0\0\0") == RT_BINARY_IGNORED);
	CHECK(parse("\1\1\0\0\0\7\0\0\0\0\0\3{}") == RT_BINARY_IGNORED);
	CHECK(parse("\1\0\0\0\0\7\0\0\0\0abc") == RT_BINARY_IGNORED);
	CHECK(parse("\1\1\0\0\0\7\0\0\0\1\0\2{}") == RT_BINARY_IGNORED);
	CHECK(parse("\1\5\0\0\0\7\0\0\0\0\0\2{}") == RT_BINARY_IGNORED);
	CHECK(parse("\1\0\0\0\0\7\0\0\0") == RT_BINARY_IGNORED);
	CHECK(parse("\2\x11\0\0\1\2") == RT_BINARY_IGNORED);
	CHECK(parse("\2\x10\0\0\1") == RT_BINARY_IGNORED);
	CHECK(parse("\2\x10\0\0\1\2\3") == RT_BINARY_IGNORED);
	CHECK(parse("\3\x10\0\0\1\2") == RT_BINARY_IGNORED);
	CHECK(parse("{\"rpc\":\"a/b\"}") == RT_BINARY_IGNORED);
}

static bool
reads_header(const char *header, RtCall *call)
{
	return rt_binary_read_header(RT_TEXT(header), MAX_DEPTH, call);
}

static void
reads_headers(void)
{
	RtCall		call;

	CHECK(reads_header("{\"rpc\":\"a/b\",\"id\":\"x\",\"args\":[1]}", &call));
	CHECK(call.fault == RT_CALL_OK && strcmp(call.path, "a/b") == 0);
	CHECK(call.id.len == 3 && call.args.len == 3);
	CHECK(reads_header("{\"rpc\":\"a\"}", &call) && call.fault == RT_CALL_BAD_PATH);
	CHECK(!reads_header("{\"type\":\"hello\"}", &call));
	CHECK(!reads_header("{\"batch\":[]}", &call));
	CHECK(!reads_header("{\"rpc\":\"a/b\"", &call));
	CHECK(!reads_header("{\"rpc\":\"a/b\",\"args\":[\"\xff\"]}", &call));
	CHECK(!reads_header("{\"rpc\":\"a/b\",\"args\":[\"\xc3", &call));
}

static void
writes_results(void)
{
	char		result[256];
	char		payload[512];
	RtFailureText failure = {
		.code = RT_TEXT("CODE"),.message = RT_TEXT("a \"b\""),.issues_json = RT_TEXT("[]")
	};
	size_t		len = rt_content_uploaded(result, sizeof(result), RT_TEXT("[1]"));

	CHECK(text_is((RtText) {result, len}, "{\"ok\":true,\"data\":[1]}"));
	len = rt_payload_upload(payload, sizeof(payload), 0x1a, 4096, (RtText) {result, len});
	CHECK(text_is((RtText) {payload, len},
				  "{\"topic\":\"__upload\",\"event\":\"0000001a\",\"data\":{\"__cap\":4096,\"ok\":true,\"data\":[1]}}"));
	len = rt_content_uploaded(result, sizeof(result), RT_TEXT_NONE);
	len = rt_payload_upload(payload, sizeof(payload), 0xffffffff, 0, (RtText) {result, len});
	CHECK(text_is((RtText) {payload, len},
				  "{\"topic\":\"__upload\",\"event\":\"ffffffff\",\"data\":{\"ok\":true}}"));
	len = rt_content_upload_failure(result, sizeof(result), &failure);
	CHECK(text_is((RtText) {result, len},
				  "{\"ok\":false,\"code\":\"CODE\",\"error\":\"a \\\"b\\\"\",\"issues\":[]}"));
	CHECK(rt_content_uploaded(result, 8, RT_TEXT("[1]")) == 0);
}

int
main(void)
{
	RUN(reads_calls);
	RUN(reads_chunks);
	RUN(reads_cancels);
	RUN(ignores_what_is_malformed);
	RUN(reads_headers);
	RUN(writes_results);
	free(frame);
	return unit_done();
}

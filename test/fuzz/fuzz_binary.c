/*
 * fuzz_binary.c
 *		Input: a client's binary frame.  What it is found to be is written again,
 *		and must be the same bytes; its header is read, and answers are built.
 */
#include "src/protocol/binary.h"
#include "src/protocol/frame.h"
#include "test/fuzz/fuzz.h"

static size_t
write_integer(char *dst, uint32_t value, int size)
{
	for (int i = 0; i < size; i++)
		dst[i] = (char) (value >> (8 * (size - 1 - i)));
	return size;
}

static size_t
write_text(char *dst, RtText text)
{
	if (text.len > 0)
		memcpy(dst, text.ptr, text.len);
	return text.len;
}

static size_t
write_frame(char *dst, const RtBinary *binary)
{
	size_t		len = 0;
	bool		first = binary->kind == RT_BINARY_CHUNK && binary->number == 0;

	dst[len++] = binary->kind == RT_BINARY_CALL ? 0 : binary->kind == RT_BINARY_CHUNK ? 1 : 2;
	if (binary->kind == RT_BINARY_CHUNK)
		dst[len++] = (first ? 1 : 0) | (binary->last ? 2 : 0);
	if (binary->kind == RT_BINARY_CANCEL)
		dst[len++] = 0x10;
	if (binary->kind != RT_BINARY_CALL)
		len += write_integer(dst + len, binary->stream, 4);
	if (binary->kind == RT_BINARY_CHUNK)
		len += write_integer(dst + len, binary->number, 4);
	if (binary->kind == RT_BINARY_CALL || first)
		len += write_integer(dst + len, (uint32_t) binary->header.len, 2);
	len += write_text(dst + len, binary->header);
	return len + write_text(dst + len, binary->payload);
}

static void
check_header(RtText header)
{
	RtCall		call;

	if (!rt_binary_read_header(header, FUZZ_MAX_DEPTH, &call))
		return;
	fuzz_assert_json(header.ptr, header.len, call.id);
	if (call.fault == RT_CALL_OK)
	{
		fuzz_assert_json(header.ptr, header.len, call.args);
		FUZZ_ASSERT(rt_path_is_valid(call.path, call.path_len));
	}
}

static void
check_answer(const RtBinary *binary)
{
	char		text[512];
	char		payload[1024];
	RtFailureText failure = {.code = RT_TEXT("CODE"),.message = RT_TEXT("m")};
	size_t		len = rt_content_upload_failure(text, sizeof(text), &failure);

	FUZZ_ASSERT(len > 0);
	len = rt_payload_upload(payload, sizeof(payload), binary->stream, binary->number,
							(RtText) {text, len});
	FUZZ_ASSERT(len > 0);
	FUZZ_ASSERT(rt_json_check(payload, len, FUZZ_MAX_DEPTH) == RT_JSON_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *) data;
	RtBinary	binary;
	char	   *again;

	memset(&binary, 0x5A, sizeof(binary));
	rt_binary_parse(bytes, size, &binary);
	if (binary.kind == RT_BINARY_IGNORED)
		return 0;
	again = fuzz_alloc(size);
	FUZZ_ASSERT(write_frame(again, &binary) == size);
	FUZZ_ASSERT(memcmp(again, bytes, size) == 0);
	free(again);
	if (binary.header.len > 0)
		check_header(binary.header);
	if (binary.kind != RT_BINARY_CALL)
		check_answer(&binary);
	return 0;
}

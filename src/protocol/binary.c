/*
 * binary.c
 *		Reading a client's binary frames.
 */
#include "src/protocol/binary.h"
#include "src/protocol/utf8.h"

#define CALL 0x00
#define CHUNK 0x01
#define CONTROL 0x02
#define CONTROL_CANCEL 0x10
#define CONTROL_LENGTH 6

#define FLAG_HEADER 0x01
#define FLAG_LAST 0x02

static uint32_t
read_integer(const char *bytes, int size)
{
	uint32_t	value = 0;

	for (int i = 0; i < size; i++)
		value = value << 8 | (unsigned char) bytes[i];
	return value;
}

/* Takes a header with its length off the begin of a text; false = there is none. */
static bool
take_header(RtText *rest, RtText *header)
{
	size_t		len = rest->len < 2 ? 0 : read_integer(rest->ptr, 2);

	if (len == 0 || len > rest->len - 2)
		return false;
	*header = (RtText) {rest->ptr + 2, len};
	*rest = (RtText) {rest->ptr + 2 + len, rest->len - 2 - len};
	return true;
}

static bool
read_call(RtText rest, RtBinary *binary)
{
	if (!take_header(&rest, &binary->header))
		return false;
	binary->kind = RT_BINARY_CALL;
	binary->payload = rest;
	return true;
}

/* The first has a header and no other. */
static bool
read_chunk(RtText rest, RtBinary *binary)
{
	unsigned char flags;

	if (rest.len < RT_BINARY_CHUNK_OVERHEAD - 1)
		return false;
	flags = (unsigned char) rest.ptr[0];
	binary->stream = read_integer(rest.ptr + 1, 4);
	binary->number = read_integer(rest.ptr + 5, 4);
	binary->last = (flags & FLAG_LAST) != 0;
	if ((flags & ~(FLAG_HEADER | FLAG_LAST)) != 0 ||
		((flags & FLAG_HEADER) != 0) != (binary->number == 0))
		return false;
	rest = (RtText) {rest.ptr + 9, rest.len - 9};
	if (binary->number == 0 && !take_header(&rest, &binary->header))
		return false;
	binary->kind = RT_BINARY_CHUNK;
	binary->payload = rest;
	return true;
}

static bool
read_control(const char *bytes, size_t len, RtBinary *binary)
{
	if (len != CONTROL_LENGTH || (unsigned char) bytes[1] != CONTROL_CANCEL)
		return false;
	binary->kind = RT_BINARY_CANCEL;
	binary->stream = read_integer(bytes + 2, 4);
	return true;
}

static bool
read_frame(const char *bytes, size_t len, RtBinary *binary)
{
	RtText		rest = {bytes + 1, len - 1};

	switch ((unsigned char) bytes[0])
	{
		case CALL:
			return read_call(rest, binary);
		case CHUNK:
			return read_chunk(rest, binary);
		case CONTROL:
			return read_control(bytes, len, binary);
		default:
			return false;
	}
}

void
rt_binary_parse(const char *bytes, size_t len, RtBinary *binary)
{
	*binary = (RtBinary) {.kind = RT_BINARY_IGNORED};
	if (len == 0 || !read_frame(bytes, len, binary))
		*binary = (RtBinary) {.kind = RT_BINARY_IGNORED};
}

bool
rt_binary_read_header(RtText header, int max_depth, RtCall *call)
{
	RtUtf8		utf8 = {0, 0, 0};
	RtEnvelope	envelope;

	if (!rt_utf8_check(&utf8, header.ptr, header.len) || utf8.left > 0)
		return false;
	rt_envelope_parse(header.ptr, (uint32_t) header.len, max_depth, &envelope);
	if (envelope.kind != RT_ENVELOPE_CALL)
		return false;
	*call = envelope.call;
	return true;
}

/*
 * websocket.c
 *		A header is read as a whole, from where it lies if all of it has come;
 *		then the payload piece by piece.
 */
#include "src/protocol/close_code.h"
#include "src/protocol/websocket.h"

#define FIN_BIT 0x80
#define RSV_BITS 0x70
#define RSV1_BIT 0x40			/* compressed (RFC 7692) */
#define OPCODE_BITS 0x0F
#define MASK_BIT 0x80
#define LENGTH_BITS 0x7F

#define OPCODE_CONTINUATION 0x0
#define OPCODE_TEXT 0x1
#define OPCODE_BINARY 0x2
#define OPCODE_CLOSE 0x8
#define OPCODE_PING 0x9
#define OPCODE_PONG 0xA


static size_t read_header(RtWebSocketReader *reader, const uint8_t *bytes,
						  size_t len, uint64_t max_message,
						  RtWebSocketEvent *event);
static bool check_first_bytes(RtWebSocketReader *reader, const uint8_t *header,
							  size_t len, RtWebSocketEvent *event);
static bool check_data_opcode(RtWebSocketReader *reader, uint8_t first,
							  RtWebSocketEvent *event);
static bool begin_payload(RtWebSocketReader *reader, const uint8_t *header,
						  uint64_t max_message, RtWebSocketEvent *event);
static size_t read_payload(RtWebSocketReader *reader, char *bytes, size_t len,
						   RtWebSocketEvent *event);
static void pass_on(RtWebSocketReader *reader, RtText payload,
					RtWebSocketEvent *event);
static bool check_text(RtWebSocketReader *reader, RtText payload, bool last);

static inline bool
is_control(uint8_t opcode)
{
	return opcode >= 0x8;
}

/* Returns false. */
static bool
offend(RtWebSocketReader *reader, RtWebSocketEvent *event, uint16_t code,
	   const char *reason)
{
	reader->ended = true;
	event->kind = RT_WEBSOCKET_OFFENCE;
	event->code = code;
	event->reason = reason;
	return false;
}

size_t
rt_websocket_read(RtWebSocketReader *reader, char *bytes, size_t len,
				  uint64_t max_message, RtWebSocketEvent *event)
{
	size_t		used = 0;

	memset(event, 0, sizeof(*event));
	if (reader->ended)
		return len;
	if (!reader->in_payload)
		used = read_header(reader, (const uint8_t *) bytes, len, max_message, event);
	if (reader->in_payload && (used < len || reader->left == 0))
		used += read_payload(reader, bytes + used, len - used, event);
	return used;
}

/* ---- headers ---- */

/* The length of a header whose first two bytes are there. */
static size_t
header_length(const uint8_t *header)
{
	uint8_t		length = header[1] & LENGTH_BITS;

	return 2 + (length == 127 ? 8 : length == 126 ? 2 : 0) + 4;
}

/* Returns how many bytes belong to it. */
static size_t
read_header(RtWebSocketReader *reader, const uint8_t *bytes, size_t len,
			uint64_t max_message, RtWebSocketEvent *event)
{
	size_t		used = 0;

	if (reader->header_len == 0 && len >= RT_WEBSOCKET_HEADER_MAX)
	{
		if (check_first_bytes(reader, bytes, len, event))
			(void) begin_payload(reader, bytes, max_message, event);
		return header_length(bytes);
	}
	while (used < len)
	{
		reader->header[reader->header_len++] = bytes[used++];
		if (!check_first_bytes(reader, reader->header, reader->header_len, event))
			break;
		if (reader->header_len >= 2 &&
			reader->header_len == header_length(reader->header))
		{
			(void) begin_payload(reader, reader->header, max_message, event);
			reader->header_len = 0;
			break;
		}
	}
	return used;
}

/* Checks what one or two bytes of a header tell; false if they offend. */
static bool
check_first_bytes(RtWebSocketReader *reader, const uint8_t *header, size_t len,
				  RtWebSocketEvent *event)
{
	uint8_t		opcode = header[0] & OPCODE_BITS;

	if (opcode > OPCODE_BINARY && !is_control(opcode))
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Reserved opcode");
	if (opcode > OPCODE_PONG)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Reserved opcode");
	if (is_control(opcode) && (header[0] & FIN_BIT) == 0)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Control frame in fragments");
	if (is_control(opcode) && (header[0] & RSV_BITS) != 0)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Reserved bit");
	if (!is_control(opcode) && !check_data_opcode(reader, header[0], event))
		return false;
	if (len < 2)
		return true;
	if ((header[1] & MASK_BIT) == 0)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Frame without mask");
	if (is_control(opcode) && (header[1] & LENGTH_BITS) > RT_WEBSOCKET_CONTROL_MAX)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Control frame too long");
	return true;
}

static bool
check_data_opcode(RtWebSocketReader *reader, uint8_t first, RtWebSocketEvent *event)
{
	bool		continues = (first & OPCODE_BITS) == OPCODE_CONTINUATION;
	uint8_t		allowed = reader->may_compress && !continues ? RSV1_BIT : 0;

	if ((first & RSV_BITS & ~allowed) != 0)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Reserved bit");
	if (continues && !reader->in_message)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Continuation of nothing");
	if (!continues && reader->in_message)
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Message within a message");
	return true;
}

/* Reads a big-endian number. */
static uint64_t
read_number(const uint8_t *bytes, int len)
{
	uint64_t	number = 0;

	for (int i = 0; i < len; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* The length of the payload; false if it is not written as it must be. */
static bool
read_length(const uint8_t *header, uint64_t *length, size_t *mask_at)
{
	uint8_t		small = header[1] & LENGTH_BITS;
	int			bytes = small == 127 ? 8 : small == 126 ? 2 : 0;

	*length = bytes > 0 ? read_number(header + 2, bytes) : small;
	*mask_at = 2 + (size_t) bytes;
	if (bytes == 8)
		return *length > 0xFFFF && *length >> 63 == 0;
	return bytes == 0 || *length >= 126;
}

/* A message that is too long is refused before its bytes come. */
static bool
begin_payload(RtWebSocketReader *reader, const uint8_t *header,
			  uint64_t max_message, RtWebSocketEvent *event)
{
	uint8_t		opcode = header[0] & OPCODE_BITS;
	size_t		mask_at;

	if (!read_length(header, &reader->left, &mask_at))
		return offend(reader, event, RT_CLOSE_PROTOCOL_ERROR, "Bad length of a frame");
	memcpy(reader->mask, header + mask_at, 4);
	reader->opcode = opcode;
	reader->fin = (header[0] & FIN_BIT) != 0;
	reader->begun = false;
	reader->in_payload = true;
	if (is_control(opcode))
		return true;

	if (opcode != OPCODE_CONTINUATION)
	{
		reader->message_length = 0;
		reader->binary = opcode == OPCODE_BINARY;
		reader->compressed = (header[0] & RSV1_BIT) != 0;
		memset(&reader->utf8, 0, sizeof(reader->utf8));
	}
	if (reader->message_length > max_message ||
		reader->left > max_message - reader->message_length)
	{
		reader->in_payload = false;
		return offend(reader, event, RT_CLOSE_TOO_LONG, "Message too large");
	}
	reader->message_length += reader->left;
	return true;
}

/* ---- payloads ---- */

void
rt_websocket_unmask(char *bytes, size_t len, uint8_t *mask)
{
	uint8_t		turned[4];
	uint64_t	mask8;
	size_t		i = 0;

	for (size_t j = 0; j < sizeof(mask8); j++)
		((uint8_t *) &mask8)[j] = mask[j % 4];
	for (; len - i >= sizeof(mask8); i += sizeof(mask8))
	{
		uint64_t	word;

		memcpy(&word, bytes + i, sizeof(word));
		word ^= mask8;
		memcpy(bytes + i, &word, sizeof(word));
	}
	for (size_t j = 0; i + j < len; j++)
		bytes[i + j] = (char) (bytes[i + j] ^ mask[j % 4]);

	for (size_t j = 0; j < 4; j++)
		turned[j] = mask[(len + j) % 4];
	memcpy(mask, turned, sizeof(turned));
}

static size_t
read_payload(RtWebSocketReader *reader, char *bytes, size_t len,
			 RtWebSocketEvent *event)
{
	size_t		n = len < reader->left ? len : (size_t) reader->left;
	RtText		payload = {bytes, n};

	rt_websocket_unmask(bytes, n, reader->mask);
	reader->left -= n;
	if (reader->left == 0)
		reader->in_payload = false;
	pass_on(reader, payload, event);
	return n;
}

static RtWebSocketKind
kind_of(uint8_t opcode)
{
	switch (opcode)
	{
		case OPCODE_CLOSE:
			return RT_WEBSOCKET_CLOSE;
		case OPCODE_PING:
			return RT_WEBSOCKET_PING;
		case OPCODE_PONG:
			return RT_WEBSOCKET_PONG;
		default:
			return RT_WEBSOCKET_DATA;
	}
}

static void
pass_on(RtWebSocketReader *reader, RtText payload, RtWebSocketEvent *event)
{
	event->kind = kind_of(reader->opcode);
	event->payload = payload;
	event->left = reader->left;
	event->first = !reader->begun;
	event->last = reader->left == 0;
	reader->begun = true;
	if (event->kind == RT_WEBSOCKET_CLOSE)
		reader->ended = event->last;
	if (event->kind != RT_WEBSOCKET_DATA)
		return;

	event->first = event->first && reader->opcode != OPCODE_CONTINUATION;
	event->last = event->last && reader->fin;
	event->binary = reader->binary;
	event->compressed = reader->compressed;
	reader->in_message = !event->last;
	if (!check_text(reader, payload, event->last))
		(void) offend(reader, event, RT_CLOSE_INVALID_TEXT, "Invalid UTF-8");
}

/* A compressed text is checked by whoever inflates it. */
static bool
check_text(RtWebSocketReader *reader, RtText payload, bool last)
{
	if (reader->binary || reader->compressed)
		return true;
	return rt_utf8_check(&reader->utf8, payload.ptr, payload.len) &&
		!(last && reader->utf8.left > 0);
}

/* ---- closing ---- */

bool
rt_websocket_code_is_valid(unsigned int code)
{
	if (code >= 3000)
		return code <= 4999;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

uint16_t
rt_websocket_read_close(RtText payload, uint16_t *code)
{
	RtUtf8		utf8 = {0, 0, 0};

	*code = RT_CLOSE_NONE;
	if (payload.len == 0)
		return 0;
	if (payload.len == 1)
		return RT_CLOSE_PROTOCOL_ERROR;
	*code = (uint16_t) read_number((const uint8_t *) payload.ptr, 2);
	if (!rt_websocket_code_is_valid(*code))
		return RT_CLOSE_PROTOCOL_ERROR;
	if (!rt_utf8_check(&utf8, payload.ptr + 2, payload.len - 2) || utf8.left > 0)
		return RT_CLOSE_INVALID_TEXT;
	return 0;
}

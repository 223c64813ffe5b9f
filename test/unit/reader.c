/*
 * reader.c
 *		Reads what clients send with our readers and prints what they make of
 *		it, for comparison with other readers (test/node/readers.test.mjs).
 *
 * Input: a letter (H = HTTP, W = WebSocket), a length in 4 bytes (big-endian),
 * as many bytes; and again.  Output: a line of JSON for each; bytes are
 * written as hexadecimal digits.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/protocol/http_body.h"
#include "src/protocol/websocket.h"

#define MAX_MESSAGE 1000

static void
print_hex(RtText text)
{
	putchar('"');
	for (size_t i = 0; i < text.len; i++)
		printf("%02x", (unsigned char) text.ptr[i]);
	putchar('"');
}

/* ---- HTTP ---- */

static void
print_head(const RtHttpHead *head, const char *method)
{
	printf("{\"method\":\"%s\",\"minor\":%d,\"host\":", method, head->minor);
	print_hex(rt_http_text(head, head->authority));
	printf(",\"path\":");
	print_hex(rt_http_text(head, head->path));
	printf(",\"query\":");
	print_hex(rt_http_text(head, head->query));
	printf(",\"headers\":[");
	for (int i = 0; i < head->field_count; i++)
	{
		printf(i > 0 ? ",[" : "[");
		print_hex(rt_http_text(head, head->fields[i].name));
		putchar(',');
		print_hex(rt_http_text(head, head->fields[i].value));
		putchar(']');
	}
	putchar(']');
}

static const char *
method_name(RtHttpMethod method)
{
	static const char *const names[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"
	};
	int			i = 0;

	while (1 << i != (int) method)
		i++;
	return names[i];
}

/* Returns how many bytes it has. */
static size_t
print_body(const RtHttpHead *head, const char *bytes, size_t len,
		   RtHttpResult *result, const char **reason)
{
	RtHttpBody	body;
	size_t		at = 0;
	int			pieces = 0;

	rt_http_body_begin(&body, head);
	printf(",\"body\":[");
	do
	{
		RtText		piece;
		size_t		used;

		*result = rt_http_body_read(&body, bytes + at, len - at, &used, &piece);
		if (piece.len > 0)
		{
			if (pieces++ > 0)
				putchar(',');
			print_hex(piece);
		}
		at += used;
	} while (*result == RT_HTTP_MORE && at < len);
	printf("],\"whole\":%s}", *result == RT_HTTP_WHOLE ? "true" : "false");
	*reason = body.reason;
	return at;
}

static void
read_http(const char *bytes, size_t len)
{
	static RtHttpHead head;
	RtHttpResult result = RT_HTTP_WHOLE;
	const char *reason = NULL;
	int			status = 400;
	size_t		at = 0;
	size_t		begin = 0;

	printf("{\"requests\":[");
	while (at < len && result == RT_HTTP_WHOLE)
	{
		begin = at;
		memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
		result = rt_http_head_read(&head, bytes + at, len - at);
		reason = head.reason;
		status = head.status;
		if (result != RT_HTTP_WHOLE)
			break;
		if (at > 0)
			putchar(',');
		print_head(&head, method_name(head.method));
		at += head.length;
		at += print_body(&head, bytes + at, len - at, &result, &reason);
		status = 400;
	}
	if (result == RT_HTTP_REFUSED)
		printf("],\"status\":%d,\"reason\":\"%s\",\"at\":%zu}\n", status, reason, begin);
	else
		printf("]}\n");
}

/* ---- WebSocket ---- */

static void
print_event(const RtWebSocketEvent *event, const char *message, size_t message_len)
{
	static const char *const names[] = {"", "", "ping", "pong", "close"};

	if (event->kind == RT_WEBSOCKET_DATA)
	{
		printf("[\"%s\",", event->binary ? "binary" : "text");
		print_hex((RtText) {message, message_len});
	}
	else
	{
		printf("[\"%s\",", names[event->kind]);
		print_hex(event->payload);
	}
	putchar(']');
}

/* The code of an offence, also of a close frame's; else 0. */
static int
offence_of(const RtWebSocketEvent *event)
{
	uint16_t	code;

	if (event->kind == RT_WEBSOCKET_OFFENCE)
		return event->code;
	return event->kind == RT_WEBSOCKET_CLOSE ?
		rt_websocket_read_close(event->payload, &code) : 0;
}

/* All is there at once, so control frames come in one piece, if whole. */
static void
read_websocket(char *bytes, size_t len)
{
	static char message[MAX_MESSAGE];
	size_t		message_len = 0;
	RtWebSocketReader reader;
	RtWebSocketEvent event;
	int			count = 0;
	int			offence = 0;

	memset(&reader, 0, sizeof(reader));
	printf("{\"events\":[");
	for (size_t at = 0; at < len && !reader.ended;)
	{
		at += rt_websocket_read(&reader, bytes + at, len - at, MAX_MESSAGE, &event);
		if (event.kind == RT_WEBSOCKET_DATA)
		{
			memcpy(message + message_len, event.payload.ptr, event.payload.len);
			message_len += event.payload.len;
		}
		offence = event.kind == RT_WEBSOCKET_NOTHING ? 0 : offence_of(&event);
		if (event.kind == RT_WEBSOCKET_NOTHING || !event.last || offence != 0)
			continue;
		if (count++ > 0)
			putchar(',');
		print_event(&event, message, message_len);
		if (event.kind == RT_WEBSOCKET_DATA)
			message_len = 0;
	}
	if (offence != 0 && event.kind == RT_WEBSOCKET_OFFENCE)
		printf("],\"code\":%d,\"reason\":\"%s\"}\n", offence, event.reason);
	else if (offence != 0 && event.last)
		printf("],\"code\":%d,\"reason\":\"close\"}\n", offence);
	else
		printf("]}\n");
}

int
main(void)
{
	unsigned char header[5];

	while (fread(header, 1, sizeof(header), stdin) == sizeof(header))
	{
		size_t		len = (size_t) header[1] << 24 | (size_t) header[2] << 16 |
			(size_t) header[3] << 8 | header[4];
		char	   *bytes = malloc(len > 0 ? len : 1);

		if (bytes == NULL || fread(bytes, 1, len, stdin) != len)
			return 1;
		if (header[0] == 'H')
			read_http(bytes, len);
		else
			read_websocket(bytes, len);
		free(bytes);
	}
	return 0;
}

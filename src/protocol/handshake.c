/*
 * handshake.c
 *		What is asked of a client's opening request, and what it offers.
 *
 * Subprotocols are looked at for their form: one is ours, all others are not
 * selected.  Of the extensions permessage-deflate (RFC 7692) is known; of
 * several offers of it the first that we can keep counts.
 */
#include <stdio.h>

#include "src/protocol/handshake.h"
#include "src/protocol/http_char.h"

#define DEFLATE_ANSWER \
	"Sec-WebSocket-Extensions: permessage-deflate; " \
	"server_no_context_takeover; client_no_context_takeover"

/* What a client may say of permessage-deflate, in the order of their names. */
#define SERVER_WINDOW_BIT (1 << 2)

static bool check_headers(const RtHttpHead *head, RtHandshake *handshake);
static bool check_version(const RtHttpHead *head, RtHandshake *handshake);
static bool check_key(const RtHttpHead *head, RtHandshake *handshake);
static bool check_protocols(const RtHttpHead *head, RtHandshake *handshake);
static bool check_extensions(const RtHttpHead *head, RtHandshake *handshake);
static bool read_offer(RtText offer, RtDeflate *deflate);

/* Returns false. */
static bool
refuse(RtHandshake *handshake, int status, const char *reason)
{
	handshake->status = (uint16_t) status;
	handshake->reason = reason;
	return false;
}

bool
rt_handshake_is_wanted(const RtHttpHead *head)
{
	return head->minor > 0 && rt_http_lists(head, "upgrade", "websocket");
}

void
rt_handshake_read(const RtHttpHead *head, RtHandshake *handshake)
{
	memset(handshake, 0, sizeof(*handshake));
	if (check_headers(head, handshake) &&
		check_version(head, handshake) &&
		check_key(head, handshake) &&
		check_protocols(head, handshake) &&
		check_extensions(head, handshake))
		handshake->status = 101;
}

static bool
check_headers(const RtHttpHead *head, RtHandshake *handshake)
{
	if (head->method != RT_HTTP_GET)
		return refuse(handshake, 400, "A WebSocket is opened with GET.");
	if (head->framing != RT_HTTP_NO_BODY)
		return refuse(handshake, 400, "A request that opens a WebSocket has no body.");
	if (!rt_http_lists(head, "connection", "upgrade"))
		return refuse(handshake, 400, "The header Connection does not list Upgrade; a proxy may have dropped it.");
	return true;
}

static bool
check_version(const RtHttpHead *head, RtHandshake *handshake)
{
	RtText		version;
	int			count = rt_http_field(head, "sec-websocket-version", &version);

	if (count == 0)
		return refuse(handshake, 426, "There is no Sec-WebSocket-Version.");
	if (count > 1 || !rt_http_is(version, "13"))
		return refuse(handshake, 426, "Sec-WebSocket-Version is not 13.");
	return true;
}

static bool
is_base64_char(char c)
{
	return rt_is_letter(c) || rt_is_digit(c) || c == '+' || c == '/';
}

static bool
check_key(const RtHttpHead *head, RtHandshake *handshake)
{
	RtText		key;
	int			count = rt_http_field(head, "sec-websocket-key", &key);
	size_t		i = 0;

	if (count == 0)
		return refuse(handshake, 400, "There is no Sec-WebSocket-Key.");
	if (count > 1)
		return refuse(handshake, 400, "There is more than one Sec-WebSocket-Key.");
	while (i < key.len && is_base64_char(key.ptr[i]))
		i++;
	if (key.len != RT_HANDSHAKE_KEY_LENGTH || i != key.len - 2 ||
		memcmp(key.ptr + i, "==", 2) != 0)
		return refuse(handshake, 400, "Sec-WebSocket-Key is not 16 bytes in base64.");
	handshake->key = key;
	return true;
}

static bool
check_protocols(const RtHttpHead *head, RtHandshake *handshake)
{
	for (int i = 0; i < head->field_count; i++)
	{
		RtText		list = rt_http_text(head, head->fields[i].value);
		RtText		protocol;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), "sec-websocket-protocol"))
			continue;
		while (rt_http_list_next(&list, &protocol))
		{
			if (!rt_http_is_token(protocol))
				return refuse(handshake, 400, "Sec-WebSocket-Protocol is no list of words.");
			if (protocol.len == strlen(RT_HANDSHAKE_PROTOCOL) &&
				memcmp(protocol.ptr, RT_HANDSHAKE_PROTOCOL, protocol.len) == 0)
				handshake->protocol = true;
		}
	}
	return true;
}

/* ---- extensions ---- */

static bool
check_extensions(const RtHttpHead *head, RtHandshake *handshake)
{
	for (int i = 0; i < head->field_count; i++)
	{
		RtText		list = rt_http_text(head, head->fields[i].value);
		RtText		offer;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), "sec-websocket-extensions"))
			continue;
		while (rt_http_list_next(&list, &offer))
		{
			if (!read_offer(offer, &handshake->deflate))
				return refuse(handshake, 400, "Sec-WebSocket-Extensions is not written as it must be.");
		}
	}
	return true;
}

/* Takes what stands before the next semicolon off a text. */
static bool
next_part(RtText *rest, RtText *part)
{
	RtText		behind = RT_TEXT_NONE;

	if (rest->ptr == NULL)
		return false;
	*part = *rest;
	(void) rt_http_split(*rest, ';', part, &behind);
	*part = rt_http_trim(*part);
	*rest = behind;
	return true;
}

static bool
is_window_bits(RtText value)
{
	if (value.len == 1)
		return value.ptr[0] == '8' || value.ptr[0] == '9';
	return value.len == 2 && value.ptr[0] == '1' &&
		value.ptr[1] >= '0' && value.ptr[1] <= '5';
}

/* A word, perhaps in quotes; the quotes are taken off. */
static bool
read_value(RtText *value)
{
	if (value->len >= 2 && value->ptr[0] == '"' && value->ptr[value->len - 1] == '"')
	{
		value->ptr++;
		value->len -= 2;
	}
	return rt_http_is_token(*value);
}

/*
 * One parameter of permessage-deflate; 0 = one that we cannot keep.  A window
 * that is smaller than ours for what we send is such a one.
 */
static int
judge_parameter(RtText name, RtText value)
{
	static const char *const names[] = {
		"server_no_context_takeover", "client_no_context_takeover",
		"server_max_window_bits", "client_max_window_bits"
	};
	int			i = 0;
	bool		good;

	while (i < 4 && !rt_http_is(name, names[i]))
		i++;
	if (i < 2)
		good = value.ptr == NULL;
	else if (i == 2)
		good = rt_http_is(value, "15");
	else
		good = i == 3 && (value.ptr == NULL || is_window_bits(value));
	return good ? 1 << i : 0;
}

/* Returns false if the offer is not written as it must be. */
static bool
read_offer(RtText offer, RtDeflate *deflate)
{
	RtText		rest = offer;
	RtText		part;
	int			seen = 0;
	bool		good;

	if (!next_part(&rest, &part) || !rt_http_is_token(part))
		return false;
	good = rt_http_is(part, "permessage-deflate");
	while (next_part(&rest, &part))
	{
		RtText		name = part;
		RtText		value = RT_TEXT_NONE;
		int			bit;

		if (rt_http_split(part, '=', &name, &value))
		{
			name = rt_http_trim(name);
			value = rt_http_trim(value);
			if (!read_value(&value))
				return false;
		}
		if (!rt_http_is_token(name))
			return false;
		bit = judge_parameter(name, value);
		if (bit == 0 || (seen & bit) != 0)
			good = false;
		seen |= bit;
	}
	if (good && *deflate == RT_DEFLATE_NONE)
		*deflate = (seen & SERVER_WINDOW_BIT) != 0 ?
			RT_DEFLATE_AGREED_WINDOW : RT_DEFLATE_AGREED;
	return true;
}

size_t
rt_handshake_accept(char *dst, const char *accept, bool protocol,
					RtDeflate deflate, RtText request_id)
{
	static const char *const extensions[] = {
		[RT_DEFLATE_NONE] = "",
		[RT_DEFLATE_AGREED] = DEFLATE_ANSWER "\r\n",
		[RT_DEFLATE_AGREED_WINDOW] = DEFLATE_ANSWER "; server_max_window_bits=15\r\n"
	};

	return (size_t) snprintf(dst, RT_HANDSHAKE_ANSWER_MAX,
							 "HTTP/1.1 101 Switching Protocols\r\n"
							 "Upgrade: websocket\r\n"
							 "Connection: Upgrade\r\n"
							 "Sec-WebSocket-Accept: %.*s\r\n"
							 "X-Request-ID: %.*s\r\n"
							 "%s%s\r\n",
							 RT_HANDSHAKE_ACCEPT_LENGTH, accept,
							 (int) request_id.len, request_id.ptr,
							 protocol ? "Sec-WebSocket-Protocol: " RT_HANDSHAKE_PROTOCOL "\r\n" : "",
							 extensions[deflate]);
}

/*
 * http_token.c
 *		Reading the header Authorization, cookies, and all else that may carry a
 *		token.
 */
#include "src/protocol/http_char.h"
#include "src/protocol/http_target.h"
#include "src/protocol/http_token.h"

/* ---- Authorization ---- */

/* 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool
is_token68(RtText text)
{
	size_t		i = 0;

	while (i < text.len && (rt_is_letter(text.ptr[i]) || rt_is_digit(text.ptr[i]) ||
							memchr("-._~+/", text.ptr[i], 6) != NULL))
		i++;
	if (i == 0)
		return false;
	while (i < text.len && text.ptr[i] == '=')
		i++;
	return i == text.len;
}

RtHttpBearer
rt_http_bearer(const RtHttpHead *head, RtText *token)
{
	RtText		value;
	RtText		scheme;
	int			count = rt_http_field(head, "authorization", &value);

	if (count == 0)
		return RT_HTTP_BEARER_NONE;
	if (count > 1)
		return RT_HTTP_BEARER_BAD;
	scheme = value;
	*token = RT_TEXT_NONE;
	(void) rt_http_split(value, ' ', &scheme, token);
	if (!rt_http_is(scheme, "bearer"))
		return RT_HTTP_BEARER_NONE;
	while (token->len > 0 && token->ptr[0] == ' ')
	{
		token->ptr++;
		token->len--;
	}
	return is_token68(*token) ? RT_HTTP_BEARER_FOUND : RT_HTTP_BEARER_BAD;
}

/* ---- cookies ---- */

/* Printable ASCII without blank, quote, comma, semicolon and backslash. */
static bool
is_cookie_octet(char c)
{
	return c > ' ' && c < 0x7F && c != '"' && c != ',' && c != ';' && c != '\\';
}

/* A cookie's value, perhaps in quotes, which are taken off. */
static bool
read_cookie_value(RtText *value)
{
	size_t		i = 0;

	if (value->len >= 2 && value->ptr[0] == '"' && value->ptr[value->len - 1] == '"')
	{
		value->ptr++;
		value->len -= 2;
	}
	while (i < value->len && is_cookie_octet(value->ptr[i]))
		i++;
	return i == value->len;
}

/*
 * Pairs stand with "; " between them: what follows anything else is none.  One
 * that is not written as it must be is passed over.
 */
bool
rt_http_cookie_next(RtText *rest, RtText *name, RtText *value)
{
	while (rest->ptr != NULL)
	{
		RtText		pair = *rest;
		RtText		behind = RT_TEXT_NONE;

		(void) rt_http_split(*rest, ';', &pair, &behind);
		*rest = RT_TEXT_NONE;
		if (behind.len > 0 && behind.ptr[0] == ' ')
			*rest = (RtText) {behind.ptr + 1, behind.len - 1};
		if (rt_http_split(pair, '=', name, value) && read_cookie_value(value))
			return true;
	}
	return false;
}

/* The cookies of one header. */
static int
count_cookies(RtText rest, const char *name, RtText *value)
{
	int			count = 0;
	RtText		found;
	RtText		other;

	while (rt_http_cookie_next(&rest, &found, &other))
	{
		if (found.len == strlen(name) && memcmp(found.ptr, name, found.len) == 0 &&
			count++ == 0)
			*value = other;
	}
	return count;
}

int
rt_http_cookie(const RtHttpHead *head, const char *name, RtText *value)
{
	int			count = 0;

	for (int i = 0; i < head->field_count; i++)
	{
		RtText		found = RT_TEXT_NONE;
		int			here;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), "cookie"))
			continue;
		here = count_cookies(rt_http_text(head, head->fields[i].value), name, &found);
		if (count == 0)
			*value = found;
		count += here;
	}
	return count;
}

/* ---- wherever it is ---- */

static int
copy_token(RtText token, char *dst, size_t cap)
{
	if (token.len == 0 || token.len > cap)
		return -1;
	memcpy(dst, token.ptr, token.len);
	return (int) token.len;
}

static int
token_of_header(const RtHttpHead *head, char *dst, size_t cap)
{
	RtText		token;

	switch (rt_http_bearer(head, &token))
	{
		case RT_HTTP_BEARER_FOUND:
			return copy_token(token, dst, cap);
		case RT_HTTP_BEARER_BAD:
			return -1;
		default:
			return 0;
	}
}

static int
token_of_cookie(const RtHttpHead *head, const char *cookie, char *dst, size_t cap)
{
	RtText		token;

	if (rt_http_cookie(head, cookie, &token) == 0 || token.len == 0)
		return 0;				/* an empty one has been taken back */
	return copy_token(token, dst, cap);
}

static int
token_of_query(const RtHttpHead *head, char *dst, size_t cap)
{
	static const char *const names[] = {"token", "access_token"};

	for (int i = 0; i < 2; i++)
	{
		size_t		len = 0;
		int			count = rt_http_query_value(head, names[i], dst, cap, &len);

		if (count != 0)
			return count == 1 && len > 0 ? (int) len : -1;
	}
	return 0;
}

static int
token_of_protocols(const RtHttpHead *head, char *dst, size_t cap)
{
	size_t		prefix = strlen(RT_HTTP_TOKEN_PROTOCOL);

	for (int i = 0; i < head->field_count; i++)
	{
		RtText		list = rt_http_text(head, head->fields[i].value);
		RtText		protocol;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name), "sec-websocket-protocol"))
			continue;
		while (rt_http_list_next(&list, &protocol))
		{
			if (protocol.len > prefix &&
				memcmp(protocol.ptr, RT_HTTP_TOKEN_PROTOCOL, prefix) == 0)
				return copy_token((RtText) {protocol.ptr + prefix, protocol.len - prefix},
								  dst, cap);
		}
	}
	return 0;
}

int
rt_http_find_token(const RtHttpHead *head, const char *cookie, char *dst, size_t cap)
{
	int			len = token_of_header(head, dst, cap);

	if (len == 0)
		len = token_of_cookie(head, cookie, dst, cap);
	if (len == 0)
		len = token_of_query(head, dst, cap);
	if (len == 0)
		len = token_of_protocols(head, dst, cap);
	return len;
}

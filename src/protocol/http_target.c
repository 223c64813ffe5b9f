/*
 * http_target.c
 *		Reading paths and queries.
 *
 * The escapes of a path are whole, or the head would have been refused; those
 * of a query need not be.
 */
#include "src/protocol/http_char.h"
#include "src/protocol/http_target.h"
#include "src/protocol/utf8.h"

/* The byte that an escape stands for. */
static char
escaped_byte(const char *escape)
{
	return (char) (rt_hex_value(escape[1]) * 16 + rt_hex_value(escape[2]));
}

/* ---- paths ---- */

/* Writes a segment without escapes; false if one stands for '/' or zero. */
static bool
unescape(RtText segment, char *dst, size_t *len)
{
	size_t		n = 0;

	for (size_t i = 0; i < segment.len; i++)
	{
		char		c = segment.ptr[i];

		if (c == '%')
		{
			c = escaped_byte(segment.ptr + i);
			i += 2;
			if (c == '/' || c == '\0')
				return false;
		}
		dst[n++] = c;
	}
	*len = n;
	return true;
}

/* Takes the last segment off a path that ends with '/'; false at the root. */
static bool
climb(const char *path, size_t *len)
{
	size_t		n = *len - 1;

	if (n == 0)
		return false;
	while (path[n - 1] != '/')
		n--;
	*len = n;
	return true;
}

/* The text up to the next '/', which is taken off with it. */
static RtText
next_segment(RtText *rest, bool *last)
{
	RtText		segment = {rest->ptr, 0};

	while (segment.len < rest->len && rest->ptr[segment.len] != '/')
		segment.len++;
	*last = segment.len == rest->len;
	rest->ptr += segment.len + !*last;
	rest->len -= segment.len + !*last;
	return segment;
}

int
rt_http_path(const RtHttpHead *head, char *dst, size_t cap)
{
	RtText		rest = rt_http_text(head, head->path);
	size_t		used = 1;
	bool		last = false;

	if (cap < rest.len + 2)
		return -1;
	dst[0] = '/';
	while (!last)
	{
		RtText		segment = next_segment(&rest, &last);
		size_t		len;

		if (!unescape(segment, dst + used, &len))
			return -1;
		if (len == 0 || (len == 1 && dst[used] == '.'))
			continue;
		if (len == 2 && dst[used] == '.' && dst[used + 1] == '.')
		{
			if (!climb(dst, &used))
				return -1;
			continue;
		}
		used += len;
		if (!last)
			dst[used++] = '/';
	}
	dst[used] = '\0';
	return (int) used;
}

/* ---- queries ---- */

static bool
begins_with_escape(RtText text)
{
	return text.len >= 3 && text.ptr[0] == '%' &&
		rt_hex_value(text.ptr[1]) >= 0 && rt_hex_value(text.ptr[2]) >= 0;
}

/* Takes the next byte of a form's text off it; false if it stands for none. */
static bool
next_form_byte(RtText *text, char *byte)
{
	size_t		used = 1;

	*byte = *text->ptr == '+' ? ' ' : *text->ptr;
	if (begins_with_escape(*text))
	{
		*byte = escaped_byte(text->ptr);
		used = 3;
	}
	else if (*byte == '%')
		return false;
	text->ptr += used;
	text->len -= used;
	return *byte != '\0';
}

static bool
form_text_is(RtText text, const char *plain)
{
	while (text.len > 0 && *plain != '\0')
	{
		char		c;

		if (!next_form_byte(&text, &c) || c != *plain++)
			return false;
	}
	return text.len == 0 && *plain == '\0';
}

bool
rt_http_form_text(RtText value, char *dst, size_t cap, size_t *len)
{
	RtUtf8		utf8 = {0, 0, 0};
	size_t		n = 0;

	while (value.len > 0)
	{
		if (n == cap || !next_form_byte(&value, &dst[n]))
			return false;
		n++;
	}
	*len = n;
	return rt_utf8_check(&utf8, dst, n) && utf8.left == 0;
}

bool
rt_http_query_next(RtText *rest, RtText *name, RtText *value)
{
	RtText		pair = *rest;
	RtText		behind = RT_TEXT_NONE;

	if (rest->len == 0)
		return false;
	(void) rt_http_split(*rest, '&', &pair, &behind);
	*rest = behind;
	*name = pair;
	*value = RT_TEXT_NONE;
	(void) rt_http_split(pair, '=', name, value);
	return true;
}

int
rt_http_query_value(const RtHttpHead *head, const char *name, char *dst,
					size_t cap, size_t *len)
{
	RtText		rest = rt_http_text(head, head->query);
	RtText		found;
	RtText		value;
	int			count = 0;

	while (rt_http_query_next(&rest, &found, &value))
	{
		if (!form_text_is(found, name))
			continue;
		if (count++ == 0 && !rt_http_form_text(value, dst, cap, len))
			return -1;
	}
	return count;
}

/*
 * forwarded.c
 *		Who a request is from that proxies have passed on.
 */
#include <string.h>

#include "src/protocol/forwarded.h"

/* A quote that a backslash makes one of the text. */
static bool
is_escaped(const char *begin, const char *quote)
{
	const char *p = quote;

	while (p > begin && p[-1] == '\\')
		p--;
	return (quote - p) % 2 == 1;
}

/* Where the last element of a list begins. */
static size_t
last_element(RtText list, bool has_quotes)
{
	bool		quoted = false;
	size_t		i = list.len;

	for (; i > 0 && (quoted || list.ptr[i - 1] != ','); i--)
	{
		const char *p = &list.ptr[i - 1];

		if (has_quotes && *p == '"' && !is_escaped(list.ptr, p))
			quoted = !quoted;
	}
	return i;
}

/*
 * From the end, as trust goes: what a proxy has added is well formed, whatever
 * stands before it, and a quote there that nobody ends is none.
 */
static bool
take_last(RtText *list, bool has_quotes, RtText *element)
{
	while (list->len > 0)
	{
		size_t		begin = last_element(*list, has_quotes);

		*element = rt_http_trim((RtText) {list->ptr + begin, list->len - begin});
		list->len = begin > 0 ? begin - 1 : 0;
		if (element->len > 0)
			return true;
	}
	return false;
}

/*
 * Takes the next of the pairs with semicolons between them off an element;
 * false at its end, or if it is none.  The value is without its quotes.
 */
static bool
next_pair(RtText *rest, RtText *name, RtText *value)
{
	const char *quote;
	RtText		behind;

	if (!rt_http_split(*rest, '=', name, &behind))
		return false;
	*name = rt_http_trim(*name);
	if (behind.len > 0 && behind.ptr[0] == '"')
	{
		quote = memchr(behind.ptr + 1, '"', behind.len - 1);
		if (quote == NULL)
			return false;
		*value = (RtText) {behind.ptr + 1, (size_t) (quote - behind.ptr) - 1};
		behind = (RtText) {quote + 1, behind.len - value->len - 2};
		if (!rt_http_split(behind, ';', &(RtText) {0}, rest))
			*rest = RT_TEXT_NONE;
		return true;
	}
	if (!rt_http_split(behind, ';', value, rest))
	{
		*value = behind;
		*rest = RT_TEXT_NONE;
	}
	*value = rt_http_trim(*value);
	return true;
}

/* What "for" says; nothing if it is not there. */
static RtText
find_for(RtText element)
{
	RtText		name;
	RtText		value;

	while (next_pair(&element, &name, &value))
	{
		if (rt_http_is(name, "for"))
			return value;
	}
	return RT_TEXT_NONE;
}

/* Of one header; returns whether those before it count as well. */
static bool
walk_back(RtText list, bool standard, bool (*is_trusted) (const unsigned char *address),
		  unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	unsigned char read[RT_HOST_ADDRESS_SIZE];
	RtText		element;

	while (take_last(&list, standard, &element))
	{
		if (standard)
			element = find_for(element);
		if (!rt_host_read_peer(element.ptr, element.len, read))
			return false;
		memcpy(address, read, sizeof(read));
		if (!is_trusted(read))
			return false;
	}
	return true;
}

/* The last one counts that is not trusted; if all are, the first. */
void
rt_forwarded_client(const RtHttpHead *head, RtForwardedHeader header,
					bool (*is_trusted) (const unsigned char *address),
					unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	bool		standard = header == RT_FORWARDED_STANDARD;

	for (int i = head->field_count - 1; i >= 0; i--)
	{
		if (rt_http_is(rt_http_text(head, head->fields[i].name),
					   standard ? "forwarded" : "x-forwarded-for") &&
			!walk_back(rt_http_text(head, head->fields[i].value), standard,
					   is_trusted, address))
			return;
	}
}

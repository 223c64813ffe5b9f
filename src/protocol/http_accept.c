/*
 * http_accept.c
 *		Reading the headers Accept and Accept-Encoding.
 *
 * Of several ranges that a type is in the most specific one counts: its name
 * with the version, its name, "text/" and all below, anything.  What cannot be
 * read is none.
 */
#include <string.h>

#include "src/protocol/http_accept.h"
#include "src/protocol/http_char.h"

typedef struct Range
{
	RtText		type;
	RtText		version;		/* len 0 = not said */
	int			quality;
} Range;

/* "0.5", with three digits behind the point at most; -1 if it is none. */
static int
read_quality(RtText text)
{
	int			quality = 0;
	int			unit = RT_HTTP_QUALITY_MAX;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[1] != '.'))
		return -1;
	for (size_t i = 0; i < text.len; i++)
	{
		if (i == 1)
			continue;
		if (!rt_is_digit(text.ptr[i]))
			return -1;
		quality += (text.ptr[i] - '0') * unit;
		unit /= 10;
	}
	return quality <= RT_HTTP_QUALITY_MAX ? quality : -1;
}

static RtText
without_quotes(RtText text)
{
	if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
		return (RtText) {text.ptr + 1, text.len - 2};
	return text;
}

static void
read_parameter(RtText parameter, Range *range)
{
	RtText		name;
	RtText		value;

	if (!rt_http_split(parameter, '=', &name, &value))
		return;
	name = rt_http_trim(name);
	value = without_quotes(rt_http_trim(value));
	if (rt_http_is(name, "q"))
		range->quality = read_quality(value);
	else if (rt_http_is(name, "version"))
		range->version = value;
}

static Range
read_range(RtText text)
{
	Range		range = {text, RT_TEXT_NONE, RT_HTTP_QUALITY_MAX};
	RtText		rest = RT_TEXT_NONE;
	RtText		parameter;

	if (!rt_http_split(text, ';', &range.type, &rest))
		range.type = text;
	range.type = rt_http_trim(range.type);
	while (rest.len > 0)
	{
		RtText		behind = RT_TEXT_NONE;

		if (!rt_http_split(rest, ';', &parameter, &behind))
			parameter = rest;
		read_parameter(rt_http_trim(parameter), &range);
		rest = behind;
	}
	return range;
}

/* "text" of "text/plain" and the like. */
static bool
is_all_below(RtText type, const char *wanted)
{
	size_t		len = (size_t) (strchr(wanted, '/') - wanted) + 1;

	return type.len == len + 1 && type.ptr[len] == '*' &&
		strncmp(type.ptr, wanted, len) == 0;
}

/* How specific a range is that a type is in; 0 if it is not. */
static int
match(const Range *range, const char *type, const char *version)
{
	if (rt_http_is(range->type, type))
	{
		if (range->version.len == 0)
			return 3;
		return rt_http_is(range->version, version) ? 4 : 0;
	}
	if (is_all_below(range->type, type))
		return 2;
	return rt_http_is(range->type, "*/*") ? 1 : 0;
}

int
rt_http_quality(const RtHttpHead *head, const char *type, const char *version,
				bool *named)
{
	RtText		list;
	RtText		element;
	int			quality = 0;
	int			most = 0;

	*named = false;
	if (rt_http_field(head, "accept", &list) == 0)
		return RT_HTTP_QUALITY_MAX;
	while (rt_http_list_next(&list, &element))
	{
		Range		range = read_range(element);
		int			specific = match(&range, type, version);

		if (range.quality < 0 || specific <= most)
			continue;
		most = specific;
		quality = range.quality;
	}
	*named = most >= 3;
	return quality;
}

/* By its name, or else by what is said of all others. */
bool
rt_http_takes_coding(const RtHttpHead *head, const char *coding)
{
	RtText		list;
	RtText		element;
	bool		others = false;

	if (rt_http_field(head, "accept-encoding", &list) == 0)
		return false;
	while (rt_http_list_next(&list, &element))
	{
		Range		range = read_range(element);

		if (rt_http_is(range.type, coding))
			return range.quality > 0;
		if (rt_http_is(range.type, "*"))
			others = range.quality > 0;
	}
	return others;
}

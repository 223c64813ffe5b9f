/*
 * dependents.c
 *		Streams whose values depend on topics of others (invalidate_on).
 */
#include "postgres.h"

#include "src/backend/publish/dependents.h"
#include "src/protocol/topic.h"

#define REFRESHED "refreshed"

/* A pattern, in which nothing has a name. */
static bool
matches_pattern(const char *pattern, const char *topic, Size len)
{
	return strchr(pattern, '{') == NULL && rt_pattern_match(pattern, strlen(pattern), topic, len);
}

/* The places of a template's placeholders in a topic that it matches; -1 = it does not. */
static int
match_template(const char *tpl, const char *topic, Size len, RtSpan *names, RtSpan *values)
{
	Size		tpl_len = strlen(tpl);

	if (strchr(tpl, '{') == NULL || rt_template_check(tpl, tpl_len) != RT_TEMPLATE_OK ||
		!rt_template_match(tpl, tpl_len, topic, len, values))
		return -1;
	return rt_template_names(tpl, tpl_len, names);
}

/* ---- those with values ---- */

/* Where a pattern is put together; one that does not fit is everything. */
typedef struct Pattern
{
	char		text[RT_TOPIC_MAX];
	Size		len;
	bool		too_long;
} Pattern;

static void
append(Pattern *pattern, const char *text, Size len)
{
	if (pattern->len + len > sizeof(pattern->text))
		pattern->too_long = true;
	else
	{
		memcpy(pattern->text + pattern->len, text, len);
		pattern->len += len;
	}
}

/* What stands for a placeholder of the stream's topic: a value, or any. */
static void
append_value(Pattern *pattern, const char *own, RtSpan own_name, const char *source,
			 const RtSpan *names, const char *topic, const RtSpan *values, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (names[i].len == own_name.len &&
			memcmp(source + names[i].off, own + own_name.off, own_name.len) == 0)
		{
			append(pattern, topic + values[i].off, values[i].len);
			return;
		}
	}
	append(pattern, "*", 1);
}

/* The stream's topics with the values that an event's topic has. */
static Pattern
topics_with_values(const RtStreamDeclaration *stream, const char *source, const RtSpan *names,
				   const char *topic, const RtSpan *values, int count)
{
	Pattern		pattern = {.len = 0};
	RtSpan		own[RT_PLACEHOLDERS_MAX];
	const char *tpl = stream->topic;
	int			own_count = rt_template_names(tpl, strlen(tpl), own);
	int			next = 0;

	for (Size i = 0; tpl[i] != '\0'; i++)
	{
		if (next < own_count && own[next].off == i + 1)
		{
			append_value(&pattern, tpl, own[next], source, names, topic, values, count);
			i += own[next++].len + 1;
			continue;
		}
		append(&pattern, &tpl[i], 1);
		i += tpl[i] == '{' || tpl[i] == '}';	/* it is doubled */
	}
	return pattern;
}

static void
tell_values(const RtStreamDeclaration *stream, const char *source, const char *topic, Size len,
			RtDependentFunction function)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	RtSpan		values[RT_PLACEHOLDERS_MAX];
	int			count = match_template(source, topic, len, names, values);
	Pattern		pattern;

	if (count < 0)
		return;
	pattern = topics_with_values(stream, source, names, topic, values, count);
	if (pattern.too_long || stream->functions[RT_STREAM_TOPIC_BY].declared)
		function(stream, NULL, 0);
	else
		function(stream, pattern.text, pattern.len);
}

/* ---- all of them ---- */

static bool
depends_on_any_value(const RtStreamDeclaration *stream, const char *topic, Size len)
{
	for (int i = 0; i < stream->invalidate_count; i++)
	{
		if (matches_pattern(stream->invalidate_on[i], topic, len))
			return true;
	}
	return false;
}

static void
tell(const RtStreamDeclaration *stream, const char *topic, Size len, RtDependentFunction function)
{
	if (depends_on_any_value(stream, topic, len))
	{
		function(stream, NULL, 0);
		return;
	}
	for (int i = 0; i < stream->invalidate_count; i++)
		tell_values(stream, stream->invalidate_on[i], topic, len, function);
}

void
rt_dependents_of_topic(const char *topic, Size len, RtDependentFunction function)
{
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
		tell(lfirst(cell), topic, len, function);
}

void
rt_dependents_of_event(const RtEvent *event, RtDependentFunction function)
{
	/* what loading anew brings must not bring it again */
	if (event->event_len == strlen(REFRESHED) &&
		memcmp(event->event, REFRESHED, event->event_len) == 0)
		return;
	rt_dependents_of_topic(event->topic, event->topic_len, function);
}

void
rt_dependents_of_any(RtDependentFunction function)
{
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
		function(lfirst(cell), NULL, 0);
}

/* By its path, or by one pattern for each of those that it depends on. */
static Size
room_of(const RtStreamDeclaration *stream)
{
	Size		longest = rt_ring_entry_size(Max(strlen(stream->path), RT_TOPIC_MAX), 0);

	return stream->invalidate_count * longest;
}

static Size counted = 0;

static void
count_room(const RtStreamDeclaration *stream, const char *pattern, Size len)
{
	counted += rt_ring_entry_size(len > 0 ? len : strlen(stream->path), 0);
}

Size
rt_dependents_room(const char *topic, Size len)
{
	counted = 0;
	rt_dependents_of_topic(topic, len, count_room);
	return counted;
}

Size
rt_dependents_room_all(void)
{
	Size		room = 0;
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
		room += room_of(lfirst(cell));
	return room;
}

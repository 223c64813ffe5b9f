/*
 * dependents.c
 *		Streams whose values depend on topics of others (invalidate_on).
 */
#include "postgres.h"

#include "src/backend/publish/dependents.h"
#include "src/protocol/topic.h"

#define REFRESHED "refreshed"

static bool
depends_on(const RtStreamDeclaration *stream, const char *topic, Size len)
{
	for (int i = 0; i < stream->invalidate_count; i++)
	{
		const char *pattern = stream->invalidate_on[i];

		if (rt_pattern_match(pattern, strlen(pattern), topic, len))
			return true;
	}
	return false;
}

void
rt_dependents_of_topic(const char *topic, Size len, RtDependentFunction function)
{
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
	{
		if (depends_on(lfirst(cell), topic, len))
			function(lfirst(cell));
	}
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
		function(lfirst(cell));
}

static Size
room_of(const RtStreamDeclaration *stream)
{
	return rt_ring_entry_size(strlen(stream->path), 0);
}

Size
rt_dependents_room(const char *topic, Size len)
{
	Size		room = 0;
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
	{
		if (depends_on(lfirst(cell), topic, len))
			room += room_of(lfirst(cell));
	}
	return room;
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

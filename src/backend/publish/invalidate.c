/*
 * invalidate.c
 *		Has values of streams loaded anew: realtime.invalidate(), and events on
 *		topics that other streams depend on (invalidate_on).
 *
 * The wish travels among the events of the transaction, without a frame, and
 * the gateways do the rest.  It needs no place in the order of a topic: whoever
 * loads after it sees what this transaction has done.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/backend/publish/invalidate.h"
#include "src/catalog/declaration.h"
#include "src/protocol/topic.h"

#define REFRESHED "refreshed"

PG_FUNCTION_INFO_V1(realtime_invalidate);

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

static Size
room_of(const RtStreamDeclaration *stream)
{
	return rt_ring_entry_size(strlen(stream->path), 0);
}

Size
rt_invalidate_room(const char *topic, Size len)
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
rt_invalidate_room_all(void)
{
	Size		room = 0;
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
		room += room_of(lfirst(cell));
	return room;
}

static void
invalidate_path(const RtStreamDeclaration *stream)
{
	rt_pending_add_reload(RT_RING_RELOAD_PATH, stream->path, strlen(stream->path));
}

void
rt_invalidate_by_topic(const char *topic, Size len)
{
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
	{
		if (depends_on(lfirst(cell), topic, len))
			invalidate_path(lfirst(cell));
	}
}

void
rt_invalidate_by_event(const RtEvent *event)
{
	/* what loading anew brings must not bring it again */
	if (event->event_len == strlen(REFRESHED) &&
		memcmp(event->event, REFRESHED, event->event_len) == 0)
		return;
	rt_invalidate_by_topic(event->topic, event->topic_len);
}

void
rt_invalidate_all(void)
{
	ListCell   *cell;

	foreach(cell, rt_declarations_invalidated())
		invalidate_path(lfirst(cell));
}

Datum
realtime_invalidate(PG_FUNCTION_ARGS)
{
	text	   *pattern;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("pattern must not be null")));
	if (!rt_publish_begin())
		PG_RETURN_VOID();
	pattern = PG_GETARG_TEXT_PP(0);
	rt_publish_check_topic(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
	rt_pending_add_reload(RT_RING_RELOAD_TOPICS, VARDATA_ANY(pattern),
						  VARSIZE_ANY_EXHDR(pattern));
	if (rt_declarations_refresh())
		rt_invalidate_by_topic(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern));
	PG_RETURN_VOID();
}

/*
 * cursor_read.c
 *		Where cursors are, for who tells of it and for who looks.
 */
#include "postgres.h"

#include "src/ipc/cursor_table.h"
#include "src/ipc/limit.h"

/* ---- telling ---- */

RtCursorBoard
rt_cursor_board_open(int gateway, const char *name, Size len)
{
	dsa_pointer pointer;
	RtCursorTopic *topic;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	pointer = rt_cursor_topic_find(name, len);
	if (!DsaPointerIsValid(pointer))
		pointer = rt_cursor_topic_make(name, len);
	if (DsaPointerIsValid(pointer))
	{
		topic = rt_cursor_at(pointer);
		Assert(!topic->watches[gateway].open);
		topic->watches[gateway].open = true;
		topic->watched++;
	}
	else
		rt_limit_hit(RT_LIMIT_CURSOR_MEMORY);
	LWLockRelease(rt_cursor_area->lock);
	return pointer;
}

void
rt_cursor_board_close(int gateway, RtCursorBoard board)
{
	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	rt_cursor_topic_close(board, gateway);
	LWLockRelease(rt_cursor_area->lock);
}

bool
rt_cursors_have_moved(int gateway)
{
	return pg_atomic_read_u32(&rt_cursor_area->has_changed[gateway]) != 0;
}

Size
rt_cursors_take_moved(int gateway, char name[RT_CURSOR_TOPIC_MAX])
{
	dsa_pointer pointer;
	Size		len = 0;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	pointer = rt_cursor_area->changed[gateway].first;
	if (DsaPointerIsValid(pointer))
	{
		RtCursorTopic *topic = rt_cursor_at(pointer);

		rt_cursor_topic_set_changed(pointer, gateway, false);
		len = topic->len;
		memcpy(name, rt_cursor_topic_name(topic), len);
	}
	LWLockRelease(rt_cursor_area->lock);
	return len;
}

/* From the end backwards: what has not changed is not looked at. */
static dsa_pointer
first_behind(const RtCursorTopic *topic, uint64 version)
{
	dsa_pointer first = InvalidDsaPointer;
	dsa_pointer pointer = topic->cursors.last;

	while (DsaPointerIsValid(pointer) && ((RtCursorEntry *) rt_cursor_at(pointer))->version > version)
	{
		first = pointer;
		pointer = ((RtCursorEntry *) rt_cursor_at(pointer))->links[RT_CURSOR_OF_TOPIC].previous;
	}
	return first;
}

static void
copy_change(RtCursorChanges *changes, const RtCursorEntry *cursor)
{
	RtCursorChange *change = &changes->changes[changes->count++];
	char	   *text = changes->text + changes->used;

	change->off = changes->used;
	change->gone = cursor->gone;
	change->len = cursor->gone ? cursor->head_len : cursor->row_len;
	memcpy(text, rt_cursor_at(cursor->row), change->len);
	if (cursor->gone)
		text[change->len++] = '}';
	changes->used += change->len;
}

static bool
has_room(const RtCursorChanges *changes)
{
	return changes->count < RT_CURSOR_CHANGES_MAX && changes->used < RT_CURSOR_CHANGES_BYTES;
}

static void
read_behind(const RtCursorTopic *topic, RtCursorPlace *place, RtCursorChanges *changes)
{
	dsa_pointer pointer = first_behind(topic, place->seen);

	while (DsaPointerIsValid(pointer) && has_room(changes))
	{
		RtCursorEntry *cursor = rt_cursor_at(pointer);

		/* one that was made in vain has no row */
		if (DsaPointerIsValid(cursor->row) && !(cursor->gone && changes->all))
			copy_change(changes, cursor);
		place->seen = cursor->version;
		pointer = cursor->links[RT_CURSOR_OF_TOPIC].next;
	}
	changes->more = DsaPointerIsValid(pointer);
	if (!changes->more)
		place->seen = Max(topic->version, 1);
}

void
rt_cursors_read(RtCursorBoard board, RtCursorPlace *place, RtCursorChanges *changes)
{
	const RtCursorTopic *topic;

	changes->count = 0;
	changes->used = 0;
	LWLockAcquire(rt_cursor_area->lock, LW_SHARED);
	topic = rt_cursor_at(board);
	changes->all = place->seen == 0 || Max(place->seen, place->base) < topic->forgotten;
	if (changes->all)
		*place = (RtCursorPlace) {.seen = 0,.base = topic->version};
	read_behind(topic, place, changes);
	LWLockRelease(rt_cursor_area->lock);
}

/* ---- of everybody ---- */

static void
visit_topic(const RtCursorTopic *topic, RtCursorVisit visit, void *arg)
{
	dsa_pointer pointer = topic->cursors.first;

	while (DsaPointerIsValid(pointer))
	{
		RtCursorEntry *cursor = rt_cursor_at(pointer);

		if (!cursor->gone)
			visit(&(RtCursorSeen) {.text = rt_cursor_at(cursor->row),.len = cursor->row_len,
				  .moved_ms = cursor->moved_ms}, arg);
		pointer = cursor->links[RT_CURSOR_OF_TOPIC].next;
	}
}

void
rt_cursors_visit(const char *name, Size len, RtCursorVisit visit, void *arg)
{
	dsa_pointer pointer;

	LWLockAcquire(rt_cursor_area->lock, LW_SHARED);
	pointer = rt_cursor_topic_find(name, len);
	if (DsaPointerIsValid(pointer))
		visit_topic(rt_cursor_at(pointer), visit, arg);
	LWLockRelease(rt_cursor_area->lock);
}

void
rt_cursors_topics(RtCursorVisit visit, void *arg)
{
	LWLockAcquire(rt_cursor_area->lock, LW_SHARED);
	for (int i = 0; i < RT_CURSOR_TOPIC_BUCKETS; i++)
	{
		RtCursorTopic *topic;

		for (dsa_pointer p = rt_cursor_area->topics[i]; DsaPointerIsValid(p); p = topic->next)
		{
			topic = rt_cursor_at(p);

			if (topic->present > 0)
				visit(&(RtCursorSeen) {.text = rt_cursor_topic_name(topic),.len = topic->len,
					  .count = topic->present}, arg);
		}
	}
	LWLockRelease(rt_cursor_area->lock);
}

/*
 * cursor.c
 *		Where cursors are: how they move and go.
 *
 * One lock protects all of it; under it rows are copied and nothing is sent.
 */
#include "postgres.h"

#include "src/ipc/cursor_table.h"
#include "src/ipc/worker_slot.h"

#define ROW_ROUND 64			/* rows change their length a little */
#define GONE_MS 2000			/* for which one that is gone is remembered */

/* ---- moving ---- */

static bool
is_row(const RtCursorEntry *cursor, const RtCursorRow *row)
{
	return !cursor->gone && cursor->row_len == row->len &&
		memcmp(rt_cursor_at(cursor->row), row->text, row->len) == 0;
}

/* Returns false without memory. */
static bool
set_row(RtCursorEntry *cursor, const RtCursorRow *row)
{
	if (cursor->row_size < row->len)
	{
		uint32		size = TYPEALIGN(ROW_ROUND, row->len);
		dsa_pointer made = rt_cursor_allocate(size);

		if (!DsaPointerIsValid(made))
			return false;
		if (DsaPointerIsValid(cursor->row))
			rt_fixed_area_free(&rt_cursor_memory, cursor->row);
		cursor->row = made;
		cursor->row_size = size;
	}
	memcpy(rt_cursor_at(cursor->row), row->text, row->len);
	cursor->row_len = row->len;
	cursor->head_len = row->head_len;
	return true;
}

/* To the end of the list of its kind. */
static void
set_gone(dsa_pointer pointer, bool gone)
{
	RtCursorEntry *cursor = rt_cursor_at(pointer);

	rt_chain_remove(rt_cursor_entry_chain(cursor), pointer, RT_CURSOR_BY_TIME, rt_cursor_link);
	if (cursor->gone != gone)
		rt_cursor_topic_of(cursor)->present += gone ? -1 : 1;
	cursor->gone = gone;
	rt_chain_push(rt_cursor_entry_chain(cursor), pointer, RT_CURSOR_BY_TIME, rt_cursor_link);
}

/* Returns the gateways to be woken. */
static uint32
change(dsa_pointer pointer)
{
	RtCursorEntry *cursor = rt_cursor_at(pointer);
	RtCursorTopic *topic = rt_cursor_at(cursor->topic);

	cursor->version = topic->version = ++rt_cursor_area->version;
	rt_chain_remove(&topic->cursors, pointer, RT_CURSOR_OF_TOPIC, rt_cursor_link);
	rt_chain_push(&topic->cursors, pointer, RT_CURSOR_OF_TOPIC, rt_cursor_link);
	return rt_cursor_topic_note_change(cursor->topic);
}

static int64
move(const RtCursorName *name, const RtCursorOwner *owner, const RtCursorRow *row,
	 int64 now_ms, int64 interval_ms, uint32 *to_wake)
{
	dsa_pointer pointer = rt_cursor_entry_find_or_make(name);
	RtCursorEntry *cursor;
	bool		is_same;

	if (!DsaPointerIsValid(pointer))
		return RT_CURSOR_NO_ROOM;
	cursor = rt_cursor_at(pointer);
	if (now_ms - cursor->moved_ms < interval_ms)
		return Max(1, Min(interval_ms, cursor->moved_ms + interval_ms - now_ms));
	is_same = is_row(cursor, row);
	/* one that was made in vain is forgotten soon */
	if (!is_same && !set_row(cursor, row))
		return RT_CURSOR_NO_ROOM;
	cursor->owner = *owner;
	cursor->moved_ms = now_ms;
	set_gone(pointer, false);
	if (!is_same)
		*to_wake = change(pointer);
	return 0;
}

/* But for the gateway itself, which looks in its turn. */
static void
wake(uint32 gateways, int but)
{
	for (int i = 0; i < realtime_gateways; i++)
	{
		if (i != but && (gateways & (1 << i)) != 0)
			rt_worker_wake(RT_WORKER_GATEWAY, i);
	}
}

int64
rt_cursor_move(const RtCursorName *name, const RtCursorOwner *owner,
			   const RtCursorRow *row, int64 now_ms, int64 interval_ms)
{
	uint32		to_wake = 0;
	int64		wait;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	wait = move(name, owner, row, now_ms, interval_ms, &to_wake);
	if (wait == RT_CURSOR_NO_ROOM)
	{
		rt_cursor_entries_forget_gone(PG_INT64_MAX);
		wait = move(name, owner, row, now_ms, interval_ms, &to_wake);
	}
	LWLockRelease(rt_cursor_area->lock);
	wake(to_wake, owner->gateway);
	return wait;
}

/* ---- going ---- */

static uint32
remove_cursor(dsa_pointer pointer, int64 now_ms)
{
	((RtCursorEntry *) rt_cursor_at(pointer))->gone_ms = now_ms;
	set_gone(pointer, true);
	return change(pointer);
}

static bool
is_owned(const RtCursorEntry *cursor, const RtCursorOwner *owner)
{
	return !cursor->gone && cursor->owner.gateway == owner->gateway &&
		cursor->owner.connection == owner->connection;
}

void
rt_cursor_remove(const RtCursorName *name, const RtCursorOwner *owner, int64 now_ms)
{
	dsa_pointer pointer;
	uint32		to_wake = 0;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	pointer = rt_cursor_topic_find(name->topic, name->topic_len);
	if (DsaPointerIsValid(pointer))
		pointer = rt_cursor_entry_find(pointer, name->key, name->key_len);
	if (DsaPointerIsValid(pointer) && is_owned(rt_cursor_at(pointer), owner))
		to_wake = remove_cursor(pointer, now_ms);
	LWLockRelease(rt_cursor_area->lock);
	wake(to_wake, owner->gateway);
}

static void
close_watches(int gateway)
{
	for (int i = 0; i < RT_CURSOR_TOPIC_BUCKETS; i++)
	{
		dsa_pointer pointer = rt_cursor_area->topics[i];

		while (DsaPointerIsValid(pointer))
		{
			RtCursorTopic *topic = rt_cursor_at(pointer);
			dsa_pointer next = topic->next;

			if (topic->watches[gateway].open)
				rt_cursor_topic_close(pointer, gateway);
			pointer = next;
		}
	}
}

static uint32
remove_of_gateway(int gateway, int64 now_ms)
{
	dsa_pointer pointer = rt_cursor_area->moving.first;
	uint32		to_wake = 0;

	while (DsaPointerIsValid(pointer))
	{
		RtCursorEntry *cursor = rt_cursor_at(pointer);
		dsa_pointer next = cursor->links[RT_CURSOR_BY_TIME].next;

		if (cursor->owner.gateway == gateway)
			to_wake |= remove_cursor(pointer, now_ms);
		pointer = next;
	}
	return to_wake;
}

void
rt_cursors_abandon(int gateway, int64 now_ms)
{
	uint32		to_wake;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	close_watches(gateway);
	to_wake = remove_of_gateway(gateway, now_ms);
	LWLockRelease(rt_cursor_area->lock);
	wake(to_wake, gateway);
}

void
rt_cursors_sweep(int64 now_ms)
{
	uint32		to_wake = 0;

	LWLockAcquire(rt_cursor_area->lock, LW_EXCLUSIVE);
	while (DsaPointerIsValid(rt_cursor_area->moving.first))
	{
		dsa_pointer pointer = rt_cursor_area->moving.first;

		if (((RtCursorEntry *) rt_cursor_at(pointer))->moved_ms + realtime_cursor_ttl > now_ms)
			break;
		to_wake |= remove_cursor(pointer, now_ms);
	}
	rt_cursor_entries_forget_gone(now_ms - GONE_MS);
	LWLockRelease(rt_cursor_area->lock);
	wake(to_wake, -1);
}

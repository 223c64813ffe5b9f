/*
 * cursor_table.c
 *		Topics and cursors as they lie in shared memory.
 *
 * They lie in memory of their own and are found by fixed tables of chains.  The
 * cursors of a topic are in the order of their last change, so what has changed
 * since is at the end.  One that is gone stays there for a moment, for those who
 * have to be told; who comes later than that is told all anew, which a topic
 * knows by the number of the last one that it has forgotten.
 *
 * Of each gateway there is a chain of the topics that it tells of and that have
 * changed since it has looked.  It is woken when the first of them gets there, so
 * the most that a crowd of cursors can wake it is as often as it looks.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "storage/shmem.h"

#include "src/ipc/cursor_table.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/publish_ring.h"

RtCursorArea *rt_cursor_area = NULL;
RtFixedArea rt_cursor_memory = {0};	/* this process's attachment */
static void *place_of_memory = NULL;

static Size
memory_size(void)
{
	return MAXALIGN((Size) realtime_cursor_memory * 1024);
}

Size
rt_cursors_size(void)
{
	return add_size(MAXALIGN(sizeof(RtCursorArea)), rt_fixed_area_size(memory_size()));
}

void
rt_cursors_init(void)
{
	bool		found;

	rt_cursor_area = ShmemInitStruct("realtime cursors", rt_cursors_size(), &found);
	place_of_memory = (char *) rt_cursor_area + MAXALIGN(sizeof(RtCursorArea));
	if (found)
		return;
	memset(rt_cursor_area, 0, sizeof(RtCursorArea));
	rt_cursor_area->lock = &GetNamedLWLockTranche("RealtimeCursor")->lock;
	if (!pg_strong_random(&rt_cursor_area->seed, sizeof(rt_cursor_area->seed)))
		elog(ERROR, "could not generate a random number");
	rt_cursor_area->version = 1;
	for (int i = 0; i < RT_GATEWAYS_MAX; i++)
		pg_atomic_init_u32(&rt_cursor_area->has_changed[i], 0);
	rt_fixed_area_create(place_of_memory, memory_size(), "RealtimeCursorMemory");
}

void
rt_cursors_attach(void)
{
	rt_fixed_area_attach(&rt_cursor_memory, place_of_memory, RT_LIMIT_CURSOR_MEMORY);
}

dsa_pointer
rt_cursor_allocate(Size size)
{
	return rt_fixed_area_allocate(&rt_cursor_memory, size);
}

int64
rt_cursor_memory_used(void)
{
	return (int64) rt_fixed_area_used(place_of_memory);
}

RtChainLink *
rt_cursor_link(dsa_pointer pointer, int which)
{
	return &((RtCursorEntry *) rt_cursor_at(pointer))->links[which];
}

static RtChainLink *
watch_link(dsa_pointer pointer, int gateway)
{
	return &((RtCursorTopic *) rt_cursor_at(pointer))->watches[gateway].link;
}

/* ---- chains ---- */

static dsa_pointer *
topic_chain(uint32 hash)
{
	return &rt_cursor_area->topics[murmurhash32(hash ^ rt_cursor_area->seed) %
								   RT_CURSOR_TOPIC_BUCKETS];
}

static dsa_pointer *
cursor_chain(uint32 hash)
{
	return &rt_cursor_area->cursors[murmurhash32(hash ^ rt_cursor_area->seed) %
									RT_CURSOR_BUCKETS];
}

/* ---- topics ---- */

char *
rt_cursor_topic_name(RtCursorTopic *topic)
{
	return (char *) &topic->watches[realtime_gateways];
}

static Size
size_before_name(void)
{
	return offsetof(RtCursorTopic, watches) + realtime_gateways * sizeof(RtCursorWatch);
}

dsa_pointer
rt_cursor_topic_find(const char *name, Size len)
{
	uint32		hash = rt_topic_hash(name, len);
	dsa_pointer pointer = *topic_chain(hash);

	while (DsaPointerIsValid(pointer))
	{
		RtCursorTopic *topic = rt_cursor_at(pointer);

		if (topic->hash == hash && topic->len == len &&
			memcmp(rt_cursor_topic_name(topic), name, len) == 0)
			break;
		pointer = topic->next;
	}
	return pointer;
}

void
rt_cursor_topic_set_changed(dsa_pointer pointer, int gateway, bool changed)
{
	RtCursorWatch *watch = &((RtCursorTopic *) rt_cursor_at(pointer))->watches[gateway];

	if (watch->changed == changed)
		return;
	watch->changed = changed;
	if (changed)
		rt_chain_push(&rt_cursor_area->changed[gateway], pointer, gateway, watch_link);
	else
		rt_chain_remove(&rt_cursor_area->changed[gateway], pointer, gateway, watch_link);
	pg_atomic_write_u32(&rt_cursor_area->has_changed[gateway],
						DsaPointerIsValid(rt_cursor_area->changed[gateway].first));
}

/* Returns the gateways, as bits, that had nothing to look at before. */
uint32
rt_cursor_topic_note_change(dsa_pointer pointer)
{
	RtCursorTopic *topic = rt_cursor_at(pointer);
	uint32		to_wake = 0;

	for (int i = 0; i < realtime_gateways && topic->watched > 0; i++)
	{
		if (!topic->watches[i].open)
			continue;
		if (!DsaPointerIsValid(rt_cursor_area->changed[i].first))
			to_wake |= 1 << i;
		rt_cursor_topic_set_changed(pointer, i, true);
	}
	return to_wake;
}

void
rt_cursor_topic_free_if_unused(dsa_pointer pointer)
{
	RtCursorTopic *topic = rt_cursor_at(pointer);
	dsa_pointer *link = topic_chain(topic->hash);

	if (topic->watched > 0 || DsaPointerIsValid(topic->cursors.first))
		return;
	while (*link != pointer)
		link = &((RtCursorTopic *) rt_cursor_at(*link))->next;
	*link = topic->next;
	rt_fixed_area_free(&rt_cursor_memory, pointer);
}

void
rt_cursor_topic_close(dsa_pointer pointer, int gateway)
{
	RtCursorTopic *topic = rt_cursor_at(pointer);

	rt_cursor_topic_set_changed(pointer, gateway, false);
	topic->watches[gateway].open = false;
	topic->watched--;
	rt_cursor_topic_free_if_unused(pointer);
}

/* ---- cursors ---- */

static uint32
hash_cursor(dsa_pointer topic, const char *key, Size len)
{
	return hash_combine(hash_bytes((const unsigned char *) key, len), (uint32) (topic >> 3));
}

dsa_pointer
rt_cursor_entry_find(dsa_pointer topic, const char *key, Size len)
{
	uint32		hash = hash_cursor(topic, key, len);
	dsa_pointer pointer = *cursor_chain(hash);

	while (DsaPointerIsValid(pointer))
	{
		RtCursorEntry *cursor = rt_cursor_at(pointer);

		if (cursor->hash == hash && cursor->topic == topic && cursor->key_len == len &&
			memcmp(cursor->key, key, len) == 0)
			break;
		pointer = cursor->next;
	}
	return pointer;
}

RtChain *
rt_cursor_entry_chain(RtCursorEntry *cursor)
{
	return cursor->gone ? &rt_cursor_area->gone : &rt_cursor_area->moving;
}

static void
free_cursor(dsa_pointer pointer)
{
	RtCursorEntry *cursor = rt_cursor_at(pointer);
	dsa_pointer *link = cursor_chain(cursor->hash);

	rt_chain_remove(&rt_cursor_topic_of(cursor)->cursors, pointer, RT_CURSOR_OF_TOPIC,
					rt_cursor_link);
	rt_chain_remove(rt_cursor_entry_chain(cursor), pointer, RT_CURSOR_BY_TIME, rt_cursor_link);
	while (*link != pointer)
		link = &((RtCursorEntry *) rt_cursor_at(*link))->next;
	*link = cursor->next;
	if (DsaPointerIsValid(cursor->row))
		rt_fixed_area_free(&rt_cursor_memory, cursor->row);
	rt_fixed_area_free(&rt_cursor_memory, pointer);
}

/* Those that went before a time; who has not been told of them yet is told all anew. */
void
rt_cursor_entries_forget_gone(int64 before_ms)
{
	while (DsaPointerIsValid(rt_cursor_area->gone.first))
	{
		dsa_pointer pointer = rt_cursor_area->gone.first;
		RtCursorEntry *cursor = rt_cursor_at(pointer);
		RtCursorTopic *topic = rt_cursor_topic_of(cursor);
		dsa_pointer of = cursor->topic;

		if (cursor->gone_ms > before_ms)
			break;
		topic->forgotten = Max(topic->forgotten, cursor->version);
		free_cursor(pointer);
		rt_cursor_topic_free_if_unused(of);
	}
}

/* ---- making ---- */

dsa_pointer
rt_cursor_topic_make(const char *name, Size len)
{
	dsa_pointer pointer = rt_cursor_allocate(size_before_name() + len);
	RtCursorTopic *topic;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	topic = rt_cursor_at(pointer);
	memset(topic, 0, size_before_name());
	topic->hash = rt_topic_hash(name, len);
	topic->len = len;
	memcpy(rt_cursor_topic_name(topic), name, len);
	topic->next = *topic_chain(topic->hash);
	*topic_chain(topic->hash) = pointer;
	return pointer;
}

/* It is nowhere, and has been for ever. */
static dsa_pointer
make_entry(dsa_pointer topic, const char *key, Size len)
{
	dsa_pointer pointer = rt_cursor_allocate(offsetof(RtCursorEntry, key) + len);
	RtCursorEntry *cursor;

	if (!DsaPointerIsValid(pointer))
		return pointer;
	cursor = rt_cursor_at(pointer);
	memset(cursor, 0, offsetof(RtCursorEntry, key));
	cursor->topic = topic;
	cursor->hash = hash_cursor(topic, key, len);
	cursor->gone = true;
	cursor->version = ++rt_cursor_area->version;
	rt_cursor_topic_of(cursor)->version = cursor->version;
	cursor->moved_ms = PG_INT64_MIN / 2;
	cursor->key_len = len;
	memcpy(cursor->key, key, len);
	cursor->next = *cursor_chain(cursor->hash);
	*cursor_chain(cursor->hash) = pointer;
	rt_chain_push(&rt_cursor_topic_of(cursor)->cursors, pointer, RT_CURSOR_OF_TOPIC,
				  rt_cursor_link);
	rt_chain_push(&rt_cursor_area->gone, pointer, RT_CURSOR_BY_TIME, rt_cursor_link);
	return pointer;
}

dsa_pointer
rt_cursor_entry_find_or_make(const RtCursorName *name)
{
	dsa_pointer topic = rt_cursor_topic_find(name->topic, name->topic_len);
	dsa_pointer cursor;

	if (!DsaPointerIsValid(topic))
		topic = rt_cursor_topic_make(name->topic, name->topic_len);
	if (!DsaPointerIsValid(topic))
		return topic;
	cursor = rt_cursor_entry_find(topic, name->key, name->key_len);
	if (!DsaPointerIsValid(cursor))
		cursor = make_entry(topic, name->key, name->key_len);
	if (!DsaPointerIsValid(cursor))
		rt_cursor_topic_free_if_unused(topic);
	return cursor;
}

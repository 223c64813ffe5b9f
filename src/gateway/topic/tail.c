/*
 * tail.c
 *		The latest events of replay topics, in the gateway's own memory.
 *
 * All tails together have realtime.replay_memory, one of them an eighth of it:
 * the oldest event gives way, of the topic that has too much or of all.
 *
 * What is kept may be told as long as the table says the same, but for what
 * retention has removed meanwhile.  So all of it is forgotten when declarations
 * change, when somebody removes events, when an epoch ends or the floor is raised,
 * and when there are markers for topics that nobody names.
 */
#include "postgres.h"

#include "src/gateway/gateway.h"
#include "src/gateway/topic/tail.h"
#include "src/gateway/topic/topic_table.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/tail_hint.h"

#define TAIL_PART 8				/* this part of the memory for one topic */

typedef struct RtTail
{
	RtHashNode	node;			/* by name */
	uint32		hash;			/* rt_topic_hash() */
	size_t		size;			/* of its events */
	dlist_head	events;
	uint16		name_len;
	char		name[FLEXIBLE_ARRAY_MEMBER];
} RtTail;

typedef struct Event
{
	dlist_node	tail_node;
	dlist_node	age_node;
	RtTail	   *tail;
	int64		seq;
	uint32		len;
	char		frame[FLEXIBLE_ARRAY_MEMBER];
} Event;

static RtHashTable tails;
static dlist_head by_age = DLIST_STATIC_INIT(by_age);
static size_t size = 0;			/* of all events and tails */
static uint64 generation = 0;

void
rt_tails_init(void)
{
	rt_hash_init(&tails);
	generation = rt_tail_generation();
	rt_tail_hints_reset(rt_gateway.index, generation);
}

bool
rt_tails_any(void)
{
	return tails.members > 0;
}

static size_t
size_of_event(size_t frame_len)
{
	return offsetof(Event, frame) + frame_len;
}

static Event *
first_of(RtTail *tail)
{
	return dlist_head_element(Event, tail_node, &tail->events);
}

static Event *
last_of(RtTail *tail)
{
	return dlist_tail_element(Event, tail_node, &tail->events);
}

static RtTail *
find_tail(const char *name, size_t len)
{
	RtHashNode *node = rt_hash_first(&tails, rt_topic_secret_hash(name, len));

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtTail	   *tail = rt_hash_container(RtTail, node, node);

		if (tail->name_len == len && memcmp(tail->name, name, len) == 0)
			return tail;
	}
	return NULL;
}

static size_t
size_of_tail(size_t name_len)
{
	return offsetof(RtTail, name) + name_len;
}

static RtTail *
make_tail(const RtRingEntry *entry)
{
	RtTail	   *tail = calloc(1, size_of_tail(entry->topic_len));

	if (tail == NULL)
		return NULL;
	size += size_of_tail(entry->topic_len);
	tail->hash = entry->topic_hash;
	tail->name_len = entry->topic_len;
	memcpy(tail->name, rt_ring_entry_topic(entry), entry->topic_len);
	dlist_init(&tail->events);
	rt_hash_add(&tails, &tail->node, rt_topic_secret_hash(tail->name, tail->name_len));
	return tail;
}

/* ---- forgetting ---- */

static void
drop_event(Event *event)
{
	size_t		bytes = size_of_event(event->len);

	dlist_delete(&event->tail_node);
	dlist_delete(&event->age_node);
	event->tail->size -= bytes;
	size -= bytes;
	free(event);
}

static void
tell_hint(RtTail *tail)
{
	if (dlist_is_empty(&tail->events))
		rt_tail_hint_set(rt_gateway.index, tail->hash, 0, 0);
	else
		rt_tail_hint_set(rt_gateway.index, tail->hash, first_of(tail)->seq,
						 last_of(tail)->seq);
}

static void
free_tail(RtTail *tail)
{
	while (!dlist_is_empty(&tail->events))
		drop_event(first_of(tail));
	tell_hint(tail);
	rt_hash_remove(&tails, &tail->node);
	size -= size_of_tail(tail->name_len);
	free(tail);
}

/* The oldest of all, with its tail if there is nothing else in it. */
static void
drop_oldest(void)
{
	Event	   *event = dlist_head_element(Event, age_node, &by_age);
	RtTail	   *tail = event->tail;

	drop_event(event);
	if (dlist_is_empty(&tail->events))
		free_tail(tail);
	else
		tell_hint(tail);
}

void
rt_tails_forget(void)
{
	while (!dlist_is_empty(&by_age))
		drop_oldest();
	rt_show(remembered_bytes, size);
}

static size_t
memory(void)
{
	return (size_t) realtime_replay_memory * 1024;
}

static bool
are_valid(void)
{
	uint64		now = rt_tail_generation();

	if (generation == now && memory() > 0)
		return true;
	rt_tails_forget();
	generation = now;
	rt_tail_hints_reset(rt_gateway.index, generation);
	return memory() > 0;
}

/* ---- keeping ---- */

static bool
append(RtTail *tail, const RtRingEntry *entry)
{
	size_t		bytes = size_of_event(entry->frame_len);
	Event	   *event = bytes <= memory() / TAIL_PART ? malloc(bytes) : NULL;

	if (event == NULL)
		return false;
	event->tail = tail;
	event->seq = (int64) entry->seq;
	event->len = entry->frame_len;
	memcpy(event->frame, rt_ring_entry_frame(entry), entry->frame_len);
	dlist_push_tail(&tail->events, &event->tail_node);
	dlist_push_tail(&by_age, &event->age_node);
	tail->size += bytes;
	size += bytes;
	return true;
}

static void
keep(const RtRingEntry *entry)
{
	RtTail	   *tail = find_tail(rt_ring_entry_topic(entry), entry->topic_len);

	if (tail != NULL && last_of(tail)->seq + 1 != (int64) entry->seq)
	{
		free_tail(tail);
		tail = NULL;
	}
	if (tail == NULL)
		tail = make_tail(entry);
	if (tail == NULL)
		return;
	if (!append(tail, entry))
	{
		free_tail(tail);
		return;
	}
	while (tail->size > memory() / TAIL_PART)
	{
		rt_limit_hit(RT_LIMIT_REPLAY_MEMORY);
		drop_event(first_of(tail));
	}
	tell_hint(tail);
	rt_limit_note(RT_LIMIT_REPLAY_MEMORY, size);
	while (size > memory())
	{
		rt_limit_hit(RT_LIMIT_REPLAY_MEMORY);
		drop_oldest();
	}
	rt_show(remembered_bytes, size);
}

void
rt_tail_note(const RtRingEntry *entry, uint64 position, bool durable)
{
	RtTail	   *tail;

	if (entry->flags & RT_RING_MANY)
		rt_tails_forget();
	else if ((entry->flags & RT_RING_LOST) == 0 && durable && entry->seq != 0 &&
			 position > rt_tails_outdated_at())
	{
		if (are_valid())
			keep(entry);
	}
	else if (rt_tails_any() &&
			 (tail = find_tail(rt_ring_entry_topic(entry), entry->topic_len)) != NULL)
		free_tail(tail);
}

/* ---- reading ---- */

static void
read_event(RtTailReader *reader)
{
	const Event *event;

	reader->frame = RT_TEXT_NONE;
	if (reader->next == NULL)
		return;
	event = dlist_container(Event, tail_node, reader->next);
	reader->seq = event->seq;
	reader->frame = (RtText) {event->frame, event->len};
}

bool
rt_tail_open(RtTailReader *reader, const char *topic, size_t len, int64 since)
{
	RtTail	   *tail = are_valid() ? find_tail(topic, len) : NULL;

	if (tail == NULL || since < first_of(tail)->seq - 1 || since > last_of(tail)->seq)
		return false;
	reader->tail = tail;
	reader->seq = since;
	reader->next = &last_of(tail)->tail_node;
	if (since == last_of(tail)->seq)
		reader->next = NULL;
	/* from the end, where those who come back for a moment begin */
	while (reader->next != NULL &&
		   dlist_container(Event, tail_node, reader->next)->seq > since + 1)
		reader->next = dlist_prev_node(&tail->events, reader->next);
	read_event(reader);
	return true;
}

void
rt_tail_next(RtTailReader *reader)
{
	reader->next = dlist_has_next(&reader->tail->events, reader->next) ?
		dlist_next_node(&reader->tail->events, reader->next) : NULL;
	read_event(reader);
}

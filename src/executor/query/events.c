/*
 * events.c
 *		What the clients of live queries are told in a round.
 *
 * Entries are in the order of their topics' groups.  Those of a group are kept
 * short: where its differences would take more room than all of its rows, or
 * much of the ring, clients get the rows, and where that is more than a frame
 * takes they ask again.
 */
#include "postgres.h"

#include "src/executor/query/events.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"

#define RING_PART 8				/* of the ring, at most, for a group */
#define PLACED_OVERHEAD (RT_FRAME_OVERHEAD + 16)

void
rt_query_events_init(RtQueryEvents *events)
{
	initStringInfo(&events->entries);
}

/* ---- entries ---- */

/* Room for an entry with a frame of so many bytes at most. */
static RtRingEntry *
begin_entry(RtQueryEvents *events, const char *topic, Size frame_max)
{
	Size		topic_len = strlen(topic);
	Size		size = rt_ring_entry_size(topic_len, frame_max);
	RtRingEntry *entry;

	enlargeStringInfo(&events->entries, size);
	entry = (RtRingEntry *) (events->entries.data + events->entries.len);
	memset(entry, 0, sizeof(RtRingEntry));
	entry->topic_len = topic_len;
	entry->topic_hash = rt_topic_hash(topic, topic_len);
	entry->topic_class = RT_TOPIC_ORDERED;
	memcpy((char *) entry + sizeof(RtRingEntry), topic, topic_len);
	return entry;
}

/* What is behind the frame gets into the ring, too. */
static void
end_entry(RtQueryEvents *events, RtRingEntry *entry, Size frame_len)
{
	Size		written = sizeof(RtRingEntry) + entry->topic_len + frame_len;

	entry->frame_len = frame_len;
	entry->size = rt_ring_entry_size(entry->topic_len, frame_len);
	memset((char *) entry + written, 0, entry->size - written);
	events->entries.len += entry->size;
}

/*
 * An event for who follows a topic, with a number, or, told on another one, without
 * (-1).
 */
static void
put_event(RtQueryEvents *events, const char *topic, const char *told_on,
		  RtText name, RtText data, int64 number, const RtText *after)
{
	Size		cap = strlen(told_on) + name.len + data.len + PLACED_OVERHEAD +
		(after != NULL ? after->len : 0);
	RtRingEntry *entry = begin_entry(events, topic, RT_FRAME_HEADROOM + cap);
	char	   *frame = (char *) entry + sizeof(RtRingEntry) + entry->topic_len;
	char	   *payload = frame + RT_FRAME_HEADROOM;
	char	   *begin;
	size_t		len;

	if (after == NULL)
		len = rt_payload_event(payload, cap, RT_TEXT(told_on), name, data, number);
	else
		len = rt_payload_placed_event(payload, cap, RT_TEXT(told_on), name, data, number,
									  *after);
	Assert(len > 0);
	begin = rt_frame_seal(frame, len, RT_OPCODE_TEXT, &len);
	memmove(frame, begin, len);
	entry->flags = RT_RING_ROUND;
	entry->seq = Max(number, 0);
	end_entry(events, entry, len);
}

static void
add_event(RtQueryEvents *events, const char *topic, RtText name, RtText data,
		  const RtText *after)
{
	put_event(events, topic, topic, name, data, (int64) ++events->number, after);
}

/* It has a number as well: who has the one before cannot go on. */
void
rt_query_events_add_lost(RtQueryEvents *events, const char *topic)
{
	RtRingEntry *entry = begin_entry(events, topic, 0);

	events->number++;
	entry->flags = RT_RING_LOST;
	end_entry(events, entry, 0);
}

void
rt_query_events_add_position(RtQueryEvents *events, const char *topic,
							 uint64 position, bool for_long)
{
	RtRingEntry *entry = begin_entry(events, topic, 0);

	entry->flags = RT_RING_ROUND;
	entry->seq = position;
	if (for_long)
		entry->topic_class = RT_TOPIC_VOLATILE;
	end_entry(events, entry, 0);
}

void
rt_query_events_add_end(RtQueryEvents *events, uint64 position)
{
	rt_query_events_add_position(events, "", position, false);
}

void
rt_query_events_reserve(RtQueryEvents *events, int count)
{
	enlargeStringInfo(&events->entries,
					  (count + 1) * rt_ring_entry_size(RT_TOPIC_MAX, 0));
}

/* ---- rows ---- */

/* null for the first row */
static RtText
key_before(const RtQueryResult *result, uint32 row)
{
	RtQueryRowKey key;

	if (row == 0)
		return RT_TEXT("null");
	key = rt_query_state_key(result->state, row - 1);
	return (RtText) {key.text, key.len};
}

static void
add_deleted(RtQueryEvents *events, const char *topic, const RtQueryResult *result,
			const RtQueryState *before, uint32 row)
{
	RtQueryRowKey key = rt_query_state_key(before, row);
	char	   *data = psprintf("{%s:%.*s}", result->key_name, (int) key.len, key.text);

	add_event(events, topic, RT_TEXT("deleted"), RT_TEXT(data), NULL);
	pfree(data);
}

static void
add_row(RtQueryEvents *events, const char *topic, const RtQueryResult *result,
		const RtRowChange *change)
{
	RtText		after = {0};

	if (result->ordered)
		after = key_before(result, change->row);
	add_event(events, topic,
			  change->kind == RT_ROW_CREATED ? RT_TEXT("created") : RT_TEXT("updated"),
			  rt_query_result_row(result, change->row),
			  result->ordered ? &after : NULL);
}

uint32
rt_query_events_add_all(RtQueryEvents *events, const char *topic,
						const RtQueryResult *result)
{
	Size		len = result->rows.len + strlen(topic) + PLACED_OVERHEAD;

	if (len + RT_ROUND_OVERHEAD > RT_FRAME_PAYLOAD_MAX || len > rt_ring_capacity() / 2)
		rt_query_events_add_lost(events, topic);
	else
		add_event(events, topic, RT_TEXT("refreshed"),
				  (RtText) {result->rows.data, result->rows.len}, NULL);
	return 1;
}

static Size
differences_limit(const RtQueryResult *result)
{
	return Min(rt_ring_capacity() / RING_PART,
			   (Size) result->rows.len + RT_FRAME_PAYLOAD_MAX / RING_PART);
}

/* Bytes of a change that its event says: of the row, or of the key of one that is gone. */
static Size
data_length(const RtQueryState *before, const RtQueryResult *result,
			const RtRowChange *change)
{
	if (change->kind != RT_ROW_DELETED)
		return rt_query_result_row(result, change->row).len;
	return strlen("{:}") + strlen(result->key_name) +
		rt_query_state_key(before, change->row).len;
}

/* Of the payload of its event, at most. */
static Size
event_length(const char *topic, const RtQueryState *before,
			 const RtQueryResult *result, const RtRowChange *change)
{
	Size		len = strlen(topic) + PLACED_OVERHEAD + data_length(before, result, change);

	if (result->ordered && change->kind != RT_ROW_DELETED)
		len += key_before(result, change->row).len;
	return len;
}

/* Also if it is all of a round that its frame has room for. */
static bool
fits_frame(Size event_length)
{
	return event_length + RT_ROUND_OVERHEAD <= RT_FRAME_PAYLOAD_MAX;
}

bool
rt_query_events_fit(const char *topic, const RtQueryState *before,
					const RtQueryResult *result)
{
	const RtDifference *difference = result->difference;
	Size		size = 0;

	for (uint32 i = 0; i < difference->count; i++)
	{
		Size		len = event_length(topic, before, result, &difference->changes[i]);

		size += rt_ring_entry_size(strlen(topic), RT_FRAME_HEADROOM + len);
		if (!fits_frame(len) || size > differences_limit(result))
			return false;
	}
	return true;
}

/* Instead of differences that are too long. */
static uint32
add_all_instead(RtQueryEvents *events, int begin, uint64 number, const char *topic,
				const RtQueryResult *result)
{
	events->entries.len = begin;
	events->number = number;
	if (result->difference == NULL)
		return rt_query_events_add_all(events, topic, result);
	rt_query_events_add_lost(events, topic);
	return 1;
}

uint32
rt_query_events_add_difference(RtQueryEvents *events, const char *topic,
							   const RtQueryState *before,
							   const RtQueryResult *result,
							   const RtDifference *difference)
{
	int			begin = events->entries.len;
	uint64		number = events->number;
	Size		limit = differences_limit(result);

	for (uint32 i = 0; i < difference->count; i++)
	{
		const RtRowChange *change = &difference->changes[i];

		if (!fits_frame(event_length(topic, before, result, change)))
			return add_all_instead(events, begin, number, topic, result);
		if (change->kind == RT_ROW_DELETED)
			add_deleted(events, topic, result, before, change->row);
		else
			add_row(events, topic, result, change);
		if ((Size) (events->entries.len - begin) > limit)
			return add_all_instead(events, begin, number, topic, result);
	}
	return difference->count;
}

/* ---- errors ---- */

static void
add_system_event(RtQueryEvents *events, const char *topic, RtText name, RtText data)
{
	char	   *system_topic = psprintf(RT_SYSTEM_OF_TOPIC "%s", topic);

	put_event(events, topic, system_topic, name, data, -1, NULL);
	pfree(system_topic);
}

void
rt_query_events_add_error(RtQueryEvents *events, const char *topic,
						  const RtFault *fault)
{
	StringInfoData data;

	rt_fault_write(&data, fault);
	add_system_event(events, topic, RT_TEXT("error"), (RtText) {data.data, data.len});
	pfree(data.data);
}

void
rt_query_events_add_recovered(RtQueryEvents *events, const char *topic)
{
	add_system_event(events, topic, RT_TEXT("recovered"), RT_TEXT("null"));
}

/* ---- sending ---- */

/* As many entries as fit at once, from an offset on. */
static Size
size_of_piece(const RtQueryEvents *events, Size offset)
{
	Size		size = 0;

	while (offset + size < (Size) events->entries.len)
	{
		const RtRingEntry *entry =
			(const RtRingEntry *) (events->entries.data + offset + size);

		if (size > 0 && size + entry->size > rt_ring_capacity() / 2)
			break;
		size += entry->size;
	}
	return size;
}

void
rt_query_events_send(RtQueryEvents *events, RtDurability durability)
{
	Size		offset = 0;

	while (offset < (Size) events->entries.len)
	{
		RtRingEntry *entry = (RtRingEntry *) (events->entries.data + offset);

		rt_ring_entry_set_durability(entry, durability);
		offset += entry->size;
	}
	for (offset = 0; offset < (Size) events->entries.len;)
	{
		Size		size = size_of_piece(events, offset);

		rt_ring_append(events->entries.data + offset, size);
		offset += size;
	}
}

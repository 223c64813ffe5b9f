/*
 * presence_frame.c
 *		What clients are told of who is present.
 *
 * Two buffers of this process hold a piece each while it is written: what goes
 * into the ring, and what goes to clients.  A piece ends when it has half a frame,
 * or in the ring a quarter of what can be appended; one more of the longest
 * still fits.
 */
#include "postgres.h"

#include "src/gateway/presence_frame.h"
#include "src/ipc/publish_ring.h"
#include "src/protocol/frame.h"
#include "src/protocol/json_writer.h"

#define PIECE_BYTES (RT_FRAME_PAYLOAD_MAX / 2)
#define ROOM (PIECE_BYTES + 4 * RT_PRESENCE_DATA_MAX)

static Size entry_bytes;			/* when the frame of an entry is full */
static char *entry_buffer = NULL;	/* of an entry: header, topic, frame */
static char *roll_buffer = NULL;	/* of a roll: room for a frame's header, payload */
static RtWriter roll_writer;

void
rt_presence_frames_init(void)
{
	entry_bytes = Min(PIECE_BYTES, rt_ring_capacity() / 4);
	entry_buffer = malloc(sizeof(RtRingEntry) + RT_PRESENCE_NAME_MAX + ROOM + MAXIMUM_ALIGNOF);
	roll_buffer = malloc(RT_FRAME_HEADROOM + ROOM);
	if (entry_buffer == NULL || roll_buffer == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* ---- names ---- */

static RtText
stream_topic(char *dst, RtText topic)
{
	return (RtText) {dst, snprintf(dst, RT_PRESENCE_NAME_MAX, "%.*s" RT_PRESENCE_SUFFIX,
								   (int) topic.len, topic.ptr)};
}

static RtText
plugin_topic(char *dst, RtText topic)
{
	return (RtText) {dst, snprintf(dst, RT_PRESENCE_NAME_MAX, RT_PRESENCE_PREFIX "%.*s",
								   (int) topic.len, topic.ptr)};
}

static void
put_key(RtWriter *w, const RtPresent *present)
{
	rt_put_string(w, (RtText) {present->key, present->key_len});
}

static void
put_data(RtWriter *w, const RtPresent *present)
{
	rt_put_json(w, (RtText) {present->data, present->data_len});
}

static void
put_event_head(RtWriter *w, RtText topic, const char *event)
{
	rt_put_literal(w, "{\"topic\":\"");
	rt_put_bytes(w, topic.ptr, topic.len);
	rt_put_literal(w, "\",\"event\":\"");
	rt_put_bytes(w, event, strlen(event));
	rt_put_literal(w, "\",\"data\":");
}

/* ---- entries of the ring ---- */

/* A frame is written behind the entry's header and topic and room for its own header. */
static RtWriter
begin_entry(RtText topic)
{
	return rt_writing_begin(entry_buffer + sizeof(RtRingEntry) + topic.len + RT_FRAME_HEADROOM,
							ROOM - RT_FRAME_HEADROOM);
}

/* The frame moves to where the topic ends. */
static void
append_entry(RtText topic, RtTopicClass topic_class, const RtWriter *w)
{
	RtRingEntry *entry = (RtRingEntry *) entry_buffer;
	char	   *begin = entry_buffer + sizeof(RtRingEntry) + topic.len;
	size_t		len;
	char	   *frame = rt_frame_seal(begin, rt_writing_end(w), RT_OPCODE_TEXT, &len);

	memset(entry, 0, sizeof(RtRingEntry));
	entry->size = rt_ring_entry_size(topic.len, len);
	entry->topic_hash = rt_topic_hash(topic.ptr, topic.len);
	entry->topic_len = topic.len;
	entry->topic_class = topic_class;
	entry->frame_len = len;
	memmove(begin, frame, len);
	memset(begin + len, 0, entry_buffer + entry->size - (begin + len));
	memcpy(entry_buffer + sizeof(RtRingEntry), topic.ptr, topic.len);
	rt_ring_append(entry_buffer, entry->size);
}

/* ---- to who follows the stream ---- */

static void
put_row(RtWriter *w, const RtPresent *present)
{
	rt_put_literal(w, "{\"key\":");
	put_key(w, present);
	if (!present->leaves)
	{
		rt_put_literal(w, ",\"data\":");
		put_data(w, present);
	}
	rt_put_literal(w, "}");
}

static void
put_event(RtWriter *w, RtText topic, const RtPresent *change)
{
	put_event_head(w, topic, change->leaves ? "leave" : "join");
	put_row(w, change);
	rt_put_literal(w, "}");
}

static void
publish_apart(RtText topic, RtTopicClass topic_class, const RtPresent *changes, int count)
{
	for (int i = 0; i < count; i++)
	{
		RtWriter	w = begin_entry(topic);

		put_event(&w, topic, &changes[i]);
		append_entry(topic, topic_class, &w);
	}
}

/* Returns how many of them are in the frame. */
static int
publish_batch(RtText topic, const RtPresent *changes, int count)
{
	RtWriter	w = begin_entry(topic);
	int			i;

	rt_put_literal(&w, "{\"type\":\"batch\",\"events\":[");
	for (i = 0; i < count && (Size) (w.pos - w.begin) < entry_bytes; i++)
	{
		if (i > 0)
			rt_put_literal(&w, ",");
		put_event(&w, topic, &changes[i]);
	}
	rt_put_literal(&w, "]}");
	append_entry(topic, RT_TOPIC_TOGETHER, &w);
	return i;
}

static void
publish_events(RtText topic, const RtPresent *changes, int count)
{
	if (count == 1)
	{
		publish_apart(topic, RT_TOPIC_ORDERED, changes, count);
		return;
	}
	publish_apart(topic, RT_TOPIC_APART, changes, count);
	for (int done = 0; done < count;)
		done += publish_batch(topic, changes + done, count - done);
}

/* ---- to who has the plugin ---- */

static void
put_members(RtWriter *w, const RtPresent *changes, int count, bool leaves)
{
	bool		first = true;

	for (int i = 0; i < count; i++)
	{
		if (changes[i].leaves != leaves)
			continue;
		if (!first)
			rt_put_literal(w, ",");
		first = false;
		put_key(w, &changes[i]);
		rt_put_literal(w, ":");
		put_data(w, &changes[i]);
	}
}

static void
publish_diff(RtText topic, const RtPresent *changes, int count)
{
	RtWriter	w = begin_entry(topic);

	put_event_head(&w, topic, "presence_diff");
	rt_put_literal(&w, "{\"joins\":{");
	put_members(&w, changes, count, false);
	rt_put_literal(&w, "},\"leaves\":{");
	put_members(&w, changes, count, true);
	rt_put_literal(&w, "}}}");
	append_entry(topic, RT_TOPIC_ORDERED, &w);
}

/* How many of them surely fit into a piece. */
static int
count_fitting(const RtPresent *changes, int count)
{
	Size		bytes = 0;
	int			i = 0;

	while (i < count && bytes < entry_bytes)
	{
		bytes += 6 * changes[i].key_len + changes[i].data_len + 8;
		i++;
	}
	return i;
}

static void
publish_diffs(RtText topic, const RtPresent *changes, int count)
{
	while (count > 0)
	{
		int			n = count_fitting(changes, count);

		publish_diff(topic, changes, n);
		changes += n;
		count -= n;
	}
}

void
rt_presence_publish(const char *topic, Size len, const RtPresent *changes, int count)
{
	char		name[RT_PRESENCE_NAME_MAX];
	RtText		room = {topic, len};
	RtText		stream = stream_topic(name, room);

	if (rt_ring_interests(rt_topic_hash(stream.ptr, stream.len)))
		publish_events(stream, changes, count);
	stream = plugin_topic(name, room);
	if (rt_ring_interests(rt_topic_hash(stream.ptr, stream.len)))
		publish_diffs(stream, changes, count);
}

/* ---- all who are present ---- */

static const char *
event_of_piece(const RtPresenceRoll *roll)
{
	if (roll->form == RT_PRESENCE_HEARTBEAT)
		return "heartbeat";
	return roll->pieces == 0 ? "presence_state" : "presence_diff";
}

/* Those behind the first piece. */
static bool
is_of_joins(const RtPresenceRoll *roll)
{
	return roll->form == RT_PRESENCE_ROWS && roll->pieces > 0;
}

static void
begin_piece(RtPresenceRoll *roll)
{
	char		name[RT_PRESENCE_NAME_MAX];

	roll->count = 0;
	roll_writer = rt_writing_begin(roll_buffer + RT_FRAME_HEADROOM, ROOM);
	if (roll->form == RT_PRESENCE_ROWS)
	{
		if (!is_of_joins(roll))
			rt_put_literal(&roll_writer, "[");
		else if (roll->batch)
			rt_put_literal(&roll_writer, "{\"type\":\"batch\",\"events\":[");
		return;
	}
	put_event_head(&roll_writer, plugin_topic(name, roll->topic), event_of_piece(roll));
	if (roll->form == RT_PRESENCE_HEARTBEAT)
		rt_put_literal(&roll_writer, "[");
	else if (roll->pieces == 0)
		rt_put_literal(&roll_writer, "{");
	else
		rt_put_literal(&roll_writer, "{\"joins\":{");
}

static void
close_piece(const RtPresenceRoll *roll)
{
	if (is_of_joins(roll) && roll->batch)
		rt_put_literal(&roll_writer, "]}");
	else if (is_of_joins(roll))
		return;
	else if (roll->form == RT_PRESENCE_ROWS)
		rt_put_literal(&roll_writer, "]");
	else if (roll->form == RT_PRESENCE_HEARTBEAT)
		rt_put_literal(&roll_writer, "]}");
	else if (roll->pieces == 0)
		rt_put_literal(&roll_writer, "}}");
	else
		rt_put_literal(&roll_writer, "},\"leaves\":{}}}");
}

/* Who adds has a lock, and who takes may end connections, which want it. */
typedef struct RtPresencePiece
{
	struct RtPresencePiece *next;
	size_t		len;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];
} RtPresencePiece;

static void
keep_piece(RtPresenceRoll *roll, RtText text)
{
	RtPresencePiece *piece = malloc(offsetof(RtPresencePiece, bytes) + text.len);

	if (piece == NULL)
	{
		roll->failed = true;
		return;
	}
	piece->next = NULL;
	piece->len = text.len;
	memcpy(piece->bytes, text.ptr, text.len);
	*roll->last = piece;
	roll->bytes += text.len;
	roll->last = &piece->next;
}

static void
end_piece(RtPresenceRoll *roll)
{
	RtText		piece = {roll_buffer + RT_FRAME_HEADROOM, 0};

	close_piece(roll);
	piece.len = rt_writing_end(&roll_writer);
	if (roll->form != RT_PRESENCE_ROWS || is_of_joins(roll))
		piece.ptr = rt_frame_seal(roll_buffer, piece.len, RT_OPCODE_TEXT, &piece.len);
	keep_piece(roll, piece);
	roll->pieces++;
}

void
rt_presence_roll_begin(RtPresenceRoll *roll)
{
	roll->pieces = 0;
	roll->bytes = 0;
	roll->first = NULL;
	roll->last = &roll->first;
	roll->failed = false;
	begin_piece(roll);
}

static bool
is_full(const RtPresenceRoll *roll)
{
	if (is_of_joins(roll) && !roll->batch)
		return roll->count > 0;
	return roll_writer.pos - roll_writer.begin >= PIECE_BYTES;
}

static void
put_present(const RtPresenceRoll *roll, const RtPresent *present)
{
	char		name[RT_PRESENCE_NAME_MAX];

	if (is_of_joins(roll))
		put_event(&roll_writer, stream_topic(name, roll->topic), present);
	else if (roll->form == RT_PRESENCE_ROWS)
		put_row(&roll_writer, present);
	else
		put_key(&roll_writer, present);
	if (roll->form != RT_PRESENCE_STATE)
		return;
	rt_put_literal(&roll_writer, ":");
	put_data(&roll_writer, present);
}

void
rt_presence_roll_add(const RtPresent *present, void *arg)
{
	RtPresenceRoll *roll = arg;

	if (is_full(roll))
	{
		end_piece(roll);
		begin_piece(roll);
	}
	if (roll->count++ > 0)
		rt_put_literal(&roll_writer, ",");
	put_present(roll, present);
}

bool
rt_presence_roll_end(RtPresenceRoll *roll)
{
	RtPresencePiece *next;

	end_piece(roll);
	for (RtPresencePiece *piece = roll->first; piece != NULL; piece = next)
	{
		next = piece->next;
		if (!roll->failed)
			roll->take((RtText) {piece->bytes, piece->len}, roll->arg);
		free(piece);
	}
	return !roll->failed;
}

/*
 * cursor_frame.c
 *		What clients are told of cursors.
 *
 * Events are written behind the room for a frame's header and the beginning of
 * a batch.  Clients that take no batches get them apart: each is sealed where it
 * stands, and the next one begins behind it.
 */
#include "postgres.h"

#include "src/gateway/cursor_frame.h"
#include "src/protocol/frame.h"
#include "src/protocol/json_writer.h"

#define BATCH_HEAD "{\"type\":\"batch\",\"events\":["
#define BATCH_TAIL "]}"

typedef struct Writing
{
	RtCursorSheet *sheet;
	RtCursorBinding binding;
	RtText		topic;
	RtWriter	w;				/* of all events, or of one */
} Writing;

/* ---- rows ---- */

RtCursorRow
rt_cursor_row(RtText key, RtText user_json, RtText data_json)
{
	static char buffer[RT_CURSOR_ROW_MAX];
	RtWriter	w = rt_writing_begin(buffer, sizeof(buffer));
	RtCursorRow row = {.text = buffer};

	rt_put_literal(&w, "{\"key\":");
	rt_put_string(&w, key);
	row.head_len = w.pos - w.begin;
	rt_put_literal(&w, ",\"user\":");
	rt_put_json(&w, user_json);
	rt_put_literal(&w, ",\"data\":");
	rt_put_json(&w, data_json);
	rt_put_literal(&w, "}");
	row.len = rt_writing_end(&w);
	return row;
}

/* ---- events ---- */

static void
begin_event(Writing *writing, const char *event)
{
	RtWriter   *w = &writing->w;

	if (writing->binding == RT_CURSOR_TOGETHER && writing->sheet->events > 0)
		rt_put_literal(w, ",");
	rt_put_literal(w, "{\"topic\":\"");
	rt_put_bytes(w, writing->topic.ptr, writing->topic.len);
	rt_put_literal(w, "\",\"event\":\"");
	rt_put_bytes(w, event, strlen(event));
	rt_put_literal(w, "\",\"data\":");
}

/* The frame moves to where the one before ends. */
static void
end_frame(Writing *writing)
{
	RtCursorSheet *sheet = writing->sheet;
	char	   *begin = unconstify(char *, sheet->frames.ptr) + sheet->frames.len;
	size_t		len;
	char	   *frame = rt_frame_seal(writing->w.begin - RT_FRAME_HEADROOM,
									  rt_writing_end(&writing->w), RT_OPCODE_TEXT, &len);

	memmove(begin, frame, len);
	sheet->frames.len += len;
	begin += len + RT_FRAME_HEADROOM;
	writing->w = rt_writing_begin(begin, sheet->buffer + RT_CURSOR_SHEET_MAX - begin);
}

static void
end_event(Writing *writing)
{
	rt_put_literal(&writing->w, "}");
	writing->sheet->events++;
	if (writing->binding == RT_CURSOR_APART)
		end_frame(writing);
}

static void
put_row(Writing *writing, const RtCursorChanges *changes, int i)
{
	rt_put_bytes(&writing->w, changes->text + changes->changes[i].off, changes->changes[i].len);
}

/* All that are somewhere, in one event. */
static void
put_rows(Writing *writing, const char *event, const RtCursorChanges *changes)
{
	bool		first = true;

	begin_event(writing, event);
	rt_put_literal(&writing->w, "[");
	for (int i = 0; i < changes->count; i++)
	{
		if (changes->changes[i].gone)
			continue;
		if (!first)
			rt_put_literal(&writing->w, ",");
		first = false;
		put_row(writing, changes, i);
	}
	rt_put_literal(&writing->w, "]");
	end_event(writing);
}

/* An event for each that is gone, or that is not. */
static void
put_each(Writing *writing, const RtCursorChanges *changes, bool gone)
{
	for (int i = 0; i < changes->count; i++)
	{
		if (changes->changes[i].gone != gone)
			continue;
		begin_event(writing, gone ? "remove" : "update");
		put_row(writing, changes, i);
		end_event(writing);
	}
}

static int
count_moved(const RtCursorChanges *changes)
{
	int			moved = 0;

	for (int i = 0; i < changes->count; i++)
		moved += !changes->changes[i].gone;
	return moved;
}

static void
put_events(Writing *writing, RtCursorForm form, const RtCursorChanges *changes)
{
	if (changes->all)
	{
		put_rows(writing, form == RT_CURSOR_PLUGIN ? "snapshot" : "set", changes);
		return;
	}
	if (form == RT_CURSOR_PLUGIN && count_moved(changes) > 1)
		put_rows(writing, "bulk", changes);
	else
		put_each(writing, changes, false);
	put_each(writing, changes, true);
}

/* ---- sheets ---- */

static void
write_apart(Writing *writing, RtCursorForm form, const RtCursorChanges *changes)
{
	RtCursorSheet *sheet = writing->sheet;

	sheet->frames = (RtText) {sheet->buffer, 0};
	writing->w = rt_writing_begin(sheet->buffer + RT_FRAME_HEADROOM,
								  RT_CURSOR_SHEET_MAX - RT_FRAME_HEADROOM);
	put_events(writing, form, changes);
}

/* A single event is none of a batch. */
static void
write_together(Writing *writing, RtCursorForm form, const RtCursorChanges *changes)
{
	RtCursorSheet *sheet = writing->sheet;
	char	   *begin = sheet->buffer;
	size_t		len;

	writing->w = rt_writing_begin(begin + RT_FRAME_HEADROOM,
								  RT_CURSOR_SHEET_MAX - RT_FRAME_HEADROOM);
	rt_put_literal(&writing->w, BATCH_HEAD);
	put_events(writing, form, changes);
	if (sheet->events > 1)
		rt_put_literal(&writing->w, BATCH_TAIL);
	len = rt_writing_end(&writing->w);
	if (sheet->events == 1)
	{
		begin += strlen(BATCH_HEAD);
		len -= strlen(BATCH_HEAD);
	}
	sheet->frames.ptr = rt_frame_seal(begin, len, RT_OPCODE_TEXT, &sheet->frames.len);
}

void
rt_cursor_sheet_write(RtCursorSheet *sheet, RtCursorForm form, RtCursorBinding binding,
					  RtText topic, const RtCursorChanges *changes)
{
	Writing		writing = {.sheet = sheet,.binding = binding,.topic = topic};

	sheet->events = 0;
	if (binding == RT_CURSOR_TOGETHER)
		write_together(&writing, form, changes);
	else
		write_apart(&writing, form, changes);
}

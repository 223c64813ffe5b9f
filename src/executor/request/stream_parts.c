/*
 * stream_parts.c
 *		The reply with a value that is too long for a frame, in parts.
 *
 * For clients that put them together again.  All parts are of one snapshot and
 * are handed over at once, so no executor waits for a client; what they may take
 * is a part of the memory that answers travel in.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "src/executor/reply.h"
#include "src/executor/request/stream.h"
#include "src/protocol/envelope.h"
#include "src/protocol/json.h"

#define PART_BYTES (64 * 1024)	/* of items in a frame, unless one is longer */

/* Items in brackets, as a value of its own. */
static RtText
array_of(StringInfo buffer, const char *items, size_t len)
{
	resetStringInfo(buffer);
	appendStringInfoChar(buffer, '[');
	appendBinaryStringInfo(buffer, items, (int) len);
	appendStringInfoChar(buffer, ']');
	return (RtText) {buffer->data, buffer->len};
}

/* Whoever shares the answer may have a longer id. */
static void
check_payload(size_t len, size_t id_len)
{
	rt_stream_check_length(len + 2 * (RT_ID_MAX - id_len), RT_FRAME_PAYLOAD_MAX);
}

/* Appends a frame; the first one is the reply itself. */
static void
append_frame(RtStreamWork *stream, StringInfo frames, RtText items, bool more)
{
	RtStreamReply reply = stream->reply;
	RtText		id = rt_stream_id(stream);
	size_t		cap;
	size_t		len;
	char	   *buffer;
	char	   *frame;

	reply.data_json = items;
	reply.more = more;
	cap = rt_payload_stream_length(&reply) + 2 * id.len;
	enlargeStringInfo(frames, (int) (RT_FRAME_HEADROOM + cap));
	buffer = frames->data + frames->len;
	len = frames->len == 0 ?
		rt_payload_stream(buffer + RT_FRAME_HEADROOM, cap, id, &reply) :
		rt_payload_part(buffer + RT_FRAME_HEADROOM, cap, id, items, more);
	Assert(len > 0);
	check_payload(len, id.len);
	frame = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
	memmove(buffer, frame, len);
	frames->len += (int) len;
}

/* As many items as a part takes, one at least; the last one may be the first. */
static void
append_frames(RtStreamWork *stream, StringInfo frames, RtJsonWalk *walk)
{
	const char *text = stream->reply.data_json.ptr;
	RtSpan		part = {0, 0};
	RtSpan		item;
	StringInfoData buffer;

	initStringInfo(&buffer);
	while (rt_json_walk_element(walk, &item))
	{
		size_t		end = item.off + item.len;

		CHECK_FOR_INTERRUPTS();
		if (part.len > 0 && end - part.off > PART_BYTES)
		{
			append_frame(stream, frames, array_of(&buffer, text + part.off, part.len), true);
			part.len = 0;
		}
		if (part.len == 0)
			part.off = item.off;
		part.len = end - part.off;
	}
	append_frame(stream, frames, array_of(&buffer, text + part.off, part.len), false);
}

char *
rt_stream_parts(RtStreamWork *stream, size_t *len)
{
	RtText		data = stream->reply.data_json;
	RtSpan		whole = rt_json_whole(data.ptr, data.len);
	RtJsonWalk	walk;
	StringInfoData frames;

	/* what is no array has no parts */
	if (!rt_json_walk_array(&walk, data.ptr, whole))
		rt_stream_check_length(data.len, 0);
	/* what many need is not for one */
	if (rt_payload_is_scarce())
		rt_reply_refuse_overload();
	initStringInfo(&frames);
	append_frames(stream, &frames, &walk);
	*len = frames.len;
	return frames.data;
}

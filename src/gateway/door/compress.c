/*
 * compress.c
 *		Compressed messages, in both directions.
 *
 * As each message is compressed by itself, there is no state of a connection:
 * an event is compressed once for all its subscribers, and what a gateway
 * needs for all connections together are the three buffers here.  They grow
 * with the largest message.
 */
#include "postgres.h"

#include "src/gateway/door/compress.h"
#include "src/guc.h"
#include "src/protocol/close_code.h"
#include "src/protocol/deflate.h"
#include "src/protocol/frame.h"

typedef struct Space
{
	char	   *data;			/* malloc'd */
	size_t		size;
} Space;

static Space event_space;
static uint64 event_number = 0; /* of what is in there */
static Space frame_space;
static Space message_space;

/* What was in it is lost.  Returns false if there is no memory. */
static bool
make_space(Space *space, size_t size)
{
	if (space->size >= size)
		return true;
	free(space->data);
	space->data = malloc(size);
	space->size = space->data != NULL ? size : 0;
	return space->data != NULL;
}

/* ---- out ---- */

static RtText
compress(RtText frame, Space *space)
{
	RtText		payload = rt_frame_payload(frame.ptr);
	RtText		compressed;
	size_t		len;

	if (payload.len < (size_t) realtime_compression_min_size || payload.len == 0 ||
		!make_space(space, RT_FRAME_HEADROOM + payload.len))
		return frame;
	len = rt_deflate(payload, space->data + RT_FRAME_HEADROOM, payload.len);
	if (len == 0)
		return frame;
	compressed.ptr = rt_frame_seal(space->data, len, RT_OPCODE_TEXT_DEFLATED,
								   &compressed.len);
	return compressed;
}

RtText
rt_compress_event(RtEventFrame *frame)
{
	if (frame->compressed.ptr == NULL || frame->number != event_number)
	{
		frame->compressed = compress(frame->plain, &event_space);
		frame->number = ++event_number;
	}
	return frame->compressed;
}

RtText
rt_compress_frame(RtText frame)
{
	return compress(frame, &frame_space);
}

/* ---- in ---- */

uint16
rt_inflate_message(RtText compressed, RtText *message, const char **reason)
{
	/* what fills its place is too long */
	size_t		size = (size_t) realtime_max_payload + 1;
	RtInflateResult result = RT_INFLATE_NO_MEMORY;

	if (make_space(&message_space, size))
		result = rt_inflate(compressed, message_space.data, size, &message->len);
	message->ptr = message_space.data;
	switch (result)
	{
		case RT_INFLATE_WHOLE:
			return 0;
		case RT_INFLATE_BAD:
			*reason = "Invalid compressed data";
			return RT_CLOSE_INVALID_TEXT;
		case RT_INFLATE_TOO_LONG:
			*reason = "Message too large";
			return RT_CLOSE_TOO_LONG;
		case RT_INFLATE_NO_MEMORY:
			break;
	}
	*reason = "Out of memory";
	return RT_CLOSE_TRY_AGAIN;
}

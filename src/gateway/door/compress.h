/*
 * compress.h
 *		Text frames as they are, and compressed for connections that have agreed
 *		on that.
 */
#ifndef RT_GATEWAY_DOOR_COMPRESS_H
#define RT_GATEWAY_DOOR_COMPRESS_H

#include "src/compat.h"

#include "src/protocol/text.h"

/*
 * The frame of an event, the same for all who get it.  It is compressed for the
 * first who wants it so, which is good until the next event is.
 */
typedef struct RtEventFrame
{
	RtText		plain;
	RtText		compressed;		/* NULL = nobody has wanted it yet */
	uint64		number;			/* of the compression that it is */
} RtEventFrame;

static inline RtEventFrame
rt_event_frame(const char *bytes, size_t len)
{
	return (RtEventFrame) {{bytes, len}, RT_TEXT_NONE, 0};
}

/*
 * The compressed form; or the frame as it is, where it is short, does not get
 * shorter, or there is no memory.  Good until it is asked for again, of any event: who
 * delivers one to many may be interrupted by what has others deliver theirs.
 */
extern RtText rt_compress_event(RtEventFrame *frame);

/* The same for a frame that goes to one connection; good until the next. */
extern RtText rt_compress_frame(RtText frame);

/*
 * A message of a client as it was before it was compressed, good until the
 * next.  Returns 0, or the code to close the connection with, and why.
 */
extern uint16 rt_inflate_message(RtText compressed, RtText *message,
								 const char **reason);

#endif							/* RT_GATEWAY_DOOR_COMPRESS_H */

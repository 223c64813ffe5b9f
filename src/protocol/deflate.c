/*
 * deflate.c
 *		permessage-deflate by zlib.
 *
 * A compressed message ends with an empty block, of which the last four bytes
 * are the same for all and not sent (RFC 7692, 7.2.1).
 */
#include <limits.h>
#include <stdbool.h>
#include <zlib.h>

#include "src/protocol/deflate.h"

#define WINDOW_BITS (-15)		/* the largest window, no header of zlib's */
#define LEVEL 1					/* of 9 */
#define MEMORY_LEVEL 8			/* of 9 */

#define TAIL_LENGTH 4
static const unsigned char tail[TAIL_LENGTH] = {0x00, 0x00, 0xFF, 0xFF};

/* ---- compressing ---- */

/* The stream at its beginning, or NULL without memory. */
static z_stream *
begin_deflating(void)
{
	static z_stream stream;
	static bool made = false;

	if (made)
		return deflateReset(&stream) == Z_OK ? &stream : NULL;
	made = deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
						Z_DEFAULT_STRATEGY) == Z_OK;
	return made ? &stream : NULL;
}

size_t
rt_deflate(RtText payload, char *dst, size_t cap)
{
	z_stream   *stream = begin_deflating();

	if (stream == NULL || payload.len > UINT_MAX || cap > UINT_MAX)
		return 0;
	stream->next_in = (z_const Bytef *) payload.ptr;
	stream->avail_in = (uInt) payload.len;
	stream->next_out = (Bytef *) dst;
	stream->avail_out = (uInt) cap;
	/* it is not known to be complete unless there is room left */
	if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_out == 0)
		return 0;
	return cap - stream->avail_out - TAIL_LENGTH;
}

/* ---- inflating ---- */

static z_stream *
begin_inflating(void)
{
	static z_stream stream;
	static bool made = false;

	if (made)
		return inflateReset(&stream) == Z_OK ? &stream : NULL;
	made = inflateInit2(&stream, WINDOW_BITS) == Z_OK;
	return made ? &stream : NULL;
}

/*
 * Reads a part of a message.  A block may say that it is the last: what
 * follows begins anew then (RFC 7692, 7.2.3.4).
 */
static RtInflateResult
inflate_part(z_stream *stream, const void *bytes, size_t len)
{
	stream->next_in = (z_const Bytef *) bytes;
	stream->avail_in = (uInt) len;
	while (stream->avail_in > 0)
	{
		switch (inflate(stream, Z_SYNC_FLUSH))
		{
			case Z_OK:
				break;
			case Z_STREAM_END:
				if (inflateReset(stream) != Z_OK)
					return RT_INFLATE_BAD;
				break;
			case Z_MEM_ERROR:
				return RT_INFLATE_NO_MEMORY;
			case Z_BUF_ERROR:
				return RT_INFLATE_TOO_LONG;
			default:
				return RT_INFLATE_BAD;
		}
		if (stream->avail_out == 0)
			return RT_INFLATE_TOO_LONG;
	}
	return RT_INFLATE_WHOLE;
}

/* Whether all that has been read are whole blocks. */
static bool
is_between_blocks(const z_stream *stream)
{
	return (stream->data_type & 128) != 0;
}

/* What fills dst may be all or not, so it is too long. */
RtInflateResult
rt_inflate(RtText payload, char *dst, size_t cap, size_t *len)
{
	z_stream   *stream = begin_inflating();
	RtInflateResult result;

	if (stream == NULL)
		return RT_INFLATE_NO_MEMORY;
	if (payload.len > UINT_MAX || cap > UINT_MAX)
		return RT_INFLATE_TOO_LONG;
	stream->next_out = (Bytef *) dst;
	stream->avail_out = (uInt) cap;
	result = inflate_part(stream, payload.ptr, payload.len);
	if (result == RT_INFLATE_WHOLE)
		result = inflate_part(stream, tail, TAIL_LENGTH);
	if (result == RT_INFLATE_WHOLE && !is_between_blocks(stream))
		result = RT_INFLATE_BAD;
	*len = cap - stream->avail_out;
	return result;
}

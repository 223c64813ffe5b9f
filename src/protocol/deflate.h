/*
 * deflate.h
 *		Messages compressed by permessage-deflate (RFC 7692), each by itself:
 *		without context takeover in either direction.
 *
 * So one state of each kind is enough for all connections of a process, and
 * what was compressed once is right for everybody.  Their memory is zlib's, is
 * taken when they are first used, and kept.
 */
#ifndef RT_PROTOCOL_DEFLATE_H
#define RT_PROTOCOL_DEFLATE_H

#include "src/protocol/text.h"

/*
 * Compresses a message's payload into dst.  Returns the length, or 0 if that
 * takes more than cap bytes or there is no memory.
 */
extern size_t rt_deflate(RtText payload, char *dst, size_t cap);

typedef enum RtInflateResult
{
	RT_INFLATE_WHOLE,
	RT_INFLATE_BAD,				/* it was not compressed as it must be */
	RT_INFLATE_TOO_LONG,		/* it is as long as dst, or longer */
	RT_INFLATE_NO_MEMORY
} RtInflateResult;

/*
 * The payload of a whole message as it was before it was compressed.  Takes no
 * more time and memory than cap bytes of it cost, however long it would get.
 */
extern RtInflateResult rt_inflate(RtText payload, char *dst, size_t cap,
								  size_t *len);

#endif							/* RT_PROTOCOL_DEFLATE_H */

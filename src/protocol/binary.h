/*
 * binary.h
 *		What a client's binary frame is: a call with a payload, a piece of an
 *		upload, or the end of one.
 *
 * Integers are big-endian:
 *
 *	00 length:2 header payload					a call
 *	01 flags:1 stream:4 number:4 [length:2 header] payload
 *												a chunk, the first with a header
 *	02 10 stream:4								a cancel
 *
 * A header is JSON, of the same form as a call in a text frame.
 */
#ifndef RT_PROTOCOL_BINARY_H
#define RT_PROTOCOL_BINARY_H

#include "src/protocol/envelope.h"
#include "src/protocol/text.h"

#define RT_BINARY_CALL_OVERHEAD 3	/* bytes before a call's header */
#define RT_BINARY_CHUNK_OVERHEAD 10 /* before a chunk's payload */
#define RT_BINARY_FIRST_OVERHEAD 12 /* before the header of the first one */

typedef enum RtBinaryKind
{
	RT_BINARY_IGNORED,			/* not ours, or malformed: no answer */
	RT_BINARY_CALL,
	RT_BINARY_CHUNK,
	RT_BINARY_CANCEL
} RtBinaryKind;

typedef struct RtBinary
{
	RtBinaryKind kind;
	uint32_t	stream;			/* CHUNK, CANCEL: the client's number of it */
	uint32_t	number;			/* CHUNK: from 0 on */
	bool		last;			/* CHUNK */
	RtText		header;			/* CALL, CHUNK 0: one byte or more */
	RtText		payload;		/* CALL, CHUNK: may be empty */
} RtBinary;

/* Reads one binary frame.  Never fails: what cannot be understood is IGNORED. */
extern void rt_binary_parse(const char *bytes, size_t len, RtBinary *binary);

/*
 * Reads a header.  Returns false if it is not that of a call, or not UTF-8.  What
 * else is wrong is the call's fault; spans are positions in the header.
 */
extern bool rt_binary_read_header(RtText header, int max_depth, RtCall *call);

#endif							/* RT_PROTOCOL_BINARY_H */

/*
 * http_body.h
 *		Reads the body of an HTTP/1.1 request as it arrives.
 */
#ifndef RT_PROTOCOL_HTTP_BODY_H
#define RT_PROTOCOL_HTTP_BODY_H

#include "src/protocol/http.h"

#define RT_HTTP_CHUNK_LINE_MAX 256	/* bytes of a chunk's size and extensions */
#define RT_HTTP_TRAILERS_MAX 4096	/* bytes of headers behind the last chunk */

typedef enum RtHttpBodyState
{
	RT_HTTP_BODY_DONE,
	RT_HTTP_BODY_DATA,			/* a chunk's bytes, or all of them */
	RT_HTTP_BODY_DATA_CR,
	RT_HTTP_BODY_DATA_LF,
	RT_HTTP_BODY_SIZE,			/* digits of a chunk's size */
	RT_HTTP_BODY_EXTENSION,		/* behind a semicolon */
	RT_HTTP_BODY_EXTENSION_NAME,
	RT_HTTP_BODY_EXTENSION_EQUALS,	/* behind '=' */
	RT_HTTP_BODY_EXTENSION_VALUE,
	RT_HTTP_BODY_EXTENSION_QUOTED,
	RT_HTTP_BODY_EXTENSION_ESCAPED, /* behind a backslash */
	RT_HTTP_BODY_EXTENSION_END, /* behind a quoted value, or the size */
	RT_HTTP_BODY_SIZE_LF,
	RT_HTTP_BODY_TRAILER,		/* begin of a line */
	RT_HTTP_BODY_TRAILER_NAME,
	RT_HTTP_BODY_TRAILER_VALUE,
	RT_HTTP_BODY_TRAILER_LF,
	RT_HTTP_BODY_LAST_LF
} RtHttpBodyState;

typedef struct RtHttpBody
{
	RtHttpBodyState state;
	bool		chunked;
	bool		any_digit;		/* of the size that is being read */
	uint16_t	line;			/* bytes of it so far, or of all trailers */
	uint64_t	left;			/* bytes of the chunk or of the body */
	uint64_t	length;			/* of the content so far */
	const char *reason;			/* REFUSED (400): why, a sentence */
} RtHttpBody;

/* Stands before the body of a head that is whole. */
extern void rt_http_body_begin(RtHttpBody *body, const RtHttpHead *head);

/*
 * Reads on: *used is how many of the bytes have been read, *piece what of
 * them is content, perhaps nothing.  Is called again with those that are left
 * until it returns WHOLE or has used all.  Trailers are checked and dropped.
 */
extern RtHttpResult rt_http_body_read(RtHttpBody *body, const char *bytes,
									  size_t len, size_t *used, RtText *piece);

/*
 * The same within a buffer of *len bytes, of which the first *kept are content
 * already and the others have come since.  Content that is found is kept behind
 * them, or dropped; what is not read moves up to it.
 */
extern RtHttpResult rt_http_body_gather(RtHttpBody *body, char *bytes,
										size_t *len, size_t *kept, bool keep);

#endif							/* RT_PROTOCOL_HTTP_BODY_H */

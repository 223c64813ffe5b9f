/*
 * http.h
 *		Reads the head of an HTTP/1.1 request (RFC 9110, 9112), strictly.
 *
 * What two readers might understand differently is refused, because a proxy
 * in front of us may be the other reader: what it takes for one request must
 * be one for us.  Lines end with CR LF and nothing else, headers are not
 * folded, a name touches its colon, and where a body ends is beyond doubt.
 *
 * Nothing here allocates or fails; texts are pieces of the head.
 */
#ifndef RT_PROTOCOL_HTTP_H
#define RT_PROTOCOL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "src/protocol/text.h"

#define RT_HTTP_LINE_MAX 8192	/* bytes of a line without its end */
#define RT_HTTP_HEAD_MAX 16384	/* bytes of a head */
#define RT_HTTP_FIELDS_MAX 100	/* header lines */

/* The methods we know; one bit each, for sets of them. */
typedef enum RtHttpMethod
{
	RT_HTTP_GET = 1 << 0,
	RT_HTTP_HEAD = 1 << 1,
	RT_HTTP_POST = 1 << 2,
	RT_HTTP_PUT = 1 << 3,
	RT_HTTP_PATCH = 1 << 4,
	RT_HTTP_DELETE = 1 << 5,
	RT_HTTP_OPTIONS = 1 << 6,
	RT_HTTP_TRACE = 1 << 7
} RtHttpMethod;

/* A piece of the head. */
typedef struct RtHttpSpan
{
	uint16_t	off;
	uint16_t	len;
} RtHttpSpan;

typedef struct RtHttpField
{
	RtHttpSpan	name;
	RtHttpSpan	value;			/* without the blanks around it */
} RtHttpField;

typedef enum RtHttpFraming
{
	RT_HTTP_NO_BODY,
	RT_HTTP_LENGTH,				/* content_length bytes, not 0 */
	RT_HTTP_CHUNKED
} RtHttpFraming;

/* Begins as zero; the fields need not, if RT_HTTP_HEAD_INIT_SIZE bytes do. */
typedef struct RtHttpHead
{
	const char *bytes;			/* the text; whoever moves it sets this */
	uint16_t	line;			/* begin of the line that is not read yet */
	uint16_t	seen;			/* no end of it before here */
	bool		blank_skipped;	/* the empty line that may come first */

	uint16_t	status;			/* REFUSED: how to answer, and why */
	const char *reason;			/* a sentence */

	uint16_t	length;			/* bytes of the head; the body follows */
	RtHttpMethod method;
	uint8_t		minor;			/* version 1.x */
	RtHttpSpan	authority;		/* host and port as the client knows us; none
								 * in an HTTP/1.0 request without Host */
	RtHttpSpan	path;			/* begins with '/', or is "*"; empty = "/" */
	RtHttpSpan	query;			/* behind the '?' */
	RtHttpFraming framing;
	uint64_t	content_length;
	bool		keep_alive;		/* another request may follow */
	bool		expects_continue;	/* the client waits for a 100 */
	uint16_t	field_count;
	RtHttpField fields[RT_HTTP_FIELDS_MAX];
} RtHttpHead;

#define RT_HTTP_HEAD_INIT_SIZE offsetof(RtHttpHead, fields)

typedef enum RtHttpResult
{
	RT_HTTP_MORE,				/* all is read, and more must come */
	RT_HTTP_WHOLE,
	RT_HTTP_REFUSED				/* the connection is good for nothing more */
} RtHttpResult;

/*
 * Reads on in the text of a request, all that has come so far: a head that
 * comes byte by byte is read once nevertheless.  The text may have moved
 * since the last call.
 */
extern RtHttpResult rt_http_head_read(RtHttpHead *head, const char *bytes,
									  size_t len);

/* Refuses a request; returns false. */
extern bool rt_http_refuse(RtHttpHead *head, int status, const char *reason);

static inline RtText
rt_http_text(const RtHttpHead *head, RtHttpSpan span)
{
	return (RtText) {head->bytes + span.off, span.len};
}

/*
 * How many headers of a name there are, and the value of the first.  Names
 * are given in lower case.
 */
extern int	rt_http_field(const RtHttpHead *head, const char *name,
						  RtText *value);

/* Whether a text is a token (RFC 9110, 5.6.2), and whether it is this one in
 * any case of letters. */
extern bool rt_http_is_token(RtText text);
extern bool rt_http_is(RtText text, const char *lower);

/* The text without blanks and tabs around it. */
extern RtText rt_http_trim(RtText text);

/* Splits a text at the first of a character; false if there is none. */
extern bool rt_http_split(RtText text, char c, RtText *before, RtText *behind);

/*
 * Takes the next element off a list of elements with commas between them;
 * false at its end.  Empty elements do not count, and a comma within a quoted
 * string is none.
 */
extern bool rt_http_list_next(RtText *list, RtText *element);

/* Whether one of the headers of a name lists a token, in any case. */
extern bool rt_http_lists(const RtHttpHead *head, const char *name,
						  const char *token);

#endif							/* RT_PROTOCOL_HTTP_H */

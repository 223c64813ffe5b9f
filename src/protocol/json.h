/*
 * json.h
 *		A strict checker for JSON text and a reader of its parts by position.
 *
 * The gateway needs three things of a frame: that it is JSON, how deep it
 * nests, and where its parts begin and end.  The parts themselves stay text,
 * because the executor converts them with the server's own rules and a number
 * must not pass through a double on the way.
 *
 * Nothing here allocates.  rt_json_check() must have accepted a text before
 * any other function looks into it; those rely on it and never look twice.
 */
#ifndef RT_PROTOCOL_JSON_H
#define RT_PROTOCOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a text.  JSON strings include their quotes. */
typedef struct RtSpan
{
	uint32_t	off;			/* bytes from the beginning of the text */
	uint32_t	len;			/* bytes; 0 = absent */
} RtSpan;

typedef enum RtJsonStatus
{
	RT_JSON_OK,
	RT_JSON_INVALID,			/* not JSON (RFC 8259) */
	RT_JSON_TOO_DEEP			/* JSON down to max_depth, deeper parts are
								 * only known to be balanced; positions can
								 * still be read */
} RtJsonStatus;

#define RT_JSON_DEPTH_MAX 1024	/* a larger max_depth counts as this */

/*
 * Checks the whole text.  Depth counts arrays and objects; "[[]]" is 2.  That
 * strings are valid UTF-8 is not checked: the reader of frames did so.
 */
extern RtJsonStatus rt_json_check(const char *text, size_t len, int max_depth);

/*
 * Walks the members of an object or the elements of an array.
 * rt_json_walk_object() and rt_json_walk_array() return false if the value is
 * of another kind; rt_json_walk_member() and rt_json_walk_element() return
 * false at the end.  Walking what lies below max_depth is harmless, but the
 * parts found there need not be JSON.
 */
typedef struct RtJsonWalk
{
	const char *text;
	uint32_t	pos;
	uint32_t	end;
} RtJsonWalk;

extern bool rt_json_walk_object(RtJsonWalk *walk, const char *text,
								RtSpan value);
extern bool rt_json_walk_array(RtJsonWalk *walk, const char *text,
							   RtSpan value);
extern bool rt_json_walk_member(RtJsonWalk *walk, RtSpan *key,
								RtSpan *value);
extern bool rt_json_walk_element(RtJsonWalk *walk, RtSpan *value);

/* The value of the whole text, without the white space around it. */
extern RtSpan rt_json_whole(const char *text, size_t len);

/* The first character tells the kind: { [ " t f n or a number's. */
#define rt_json_begins_with(text, span, c) \
	((span).len > 0 && (text)[(span).off] == (c))
#define rt_json_is_string(text, span) rt_json_begins_with(text, span, '"')
#define rt_json_is_array(text, span) rt_json_begins_with(text, span, '[')
#define rt_json_is_object(text, span) rt_json_begins_with(text, span, '{')
#define rt_json_is_null(text, span) rt_json_begins_with(text, span, 'n')
#define rt_json_is_true(text, span) rt_json_begins_with(text, span, 't')
extern bool rt_json_is_number(const char *text, RtSpan span);

#define RT_JSON_INTEGER_MAX INT64_C(9007199254740991)	/* 2^53 - 1, exact in
														 * JavaScript */

/*
 * The value of a number that is written as an integer from 0 to
 * RT_JSON_INTEGER_MAX; -1 for anything else.
 */
extern int64_t rt_json_integer(const char *text, RtSpan span);

/*
 * Decodes a JSON string into UTF-8 and terminates it with a NUL.  Returns the
 * length, or -1 if it does not fit into cap bytes or holds U+0000 or half a
 * surrogate pair.
 */
extern int	rt_json_string_decode(const char *text, RtSpan string, char *dst,
								  size_t cap);

/* Whether a JSON string, once decoded, equals a C string (both ASCII). */
extern bool rt_json_string_equals(const char *text, RtSpan string,
								  const char *other);

#endif							/* RT_PROTOCOL_JSON_H */

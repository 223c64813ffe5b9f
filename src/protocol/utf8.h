/*
 * utf8.h
 *		Checks UTF-8 (RFC 3629), also of texts that arrive in pieces.
 */
#ifndef RT_PROTOCOL_UTF8_H
#define RT_PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the last character of a text still lacks; begins as zero. */
typedef struct RtUtf8
{
	uint8_t		left;			/* bytes to come; 0 = the character is whole */
	uint8_t		low;			/* bounds of the next of them */
	uint8_t		high;
} RtUtf8;

/*
 * Checks the next piece of a text.  Returns false as soon as no text could
 * begin like this; the state is good for nothing then.  At the text's end
 * state->left must be 0.
 */
extern bool rt_utf8_check(RtUtf8 *state, const char *text, size_t len);

/* Bytes of the character that a text of one byte or more begins with; 0 =
 * none. */
extern size_t rt_utf8_length(const char *text, size_t len);

#endif							/* RT_PROTOCOL_UTF8_H */

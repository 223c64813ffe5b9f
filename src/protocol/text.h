/*
 * text.h
 *		A text with its length; not terminated.
 */
#ifndef RT_PROTOCOL_TEXT_H
#define RT_PROTOCOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct RtText
{
	const char *ptr;
	size_t		len;
} RtText;

#define RT_TEXT(s) ((RtText) {(s), strlen(s)})
#define RT_TEXT_NONE ((RtText) {NULL, 0})

static inline bool
rt_texts_are_equal(RtText a, RtText b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif							/* RT_PROTOCOL_TEXT_H */

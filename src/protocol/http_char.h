/*
 * http_char.h
 *		The kinds of characters of HTTP and of addresses.
 */
#ifndef RT_PROTOCOL_HTTP_CHAR_H
#define RT_PROTOCOL_HTTP_CHAR_H

#include <stdbool.h>
#include <string.h>

static inline bool
rt_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
rt_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit, else -1. */
static inline int
rt_hex_value(char c)
{
	if (rt_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static inline bool
rt_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Of those that no header may hold: a tab is none of them. */
static inline bool
rt_is_control(char c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7F;
}

/* RFC 9110, 5.6.2 */
static inline bool
rt_is_token_char(char c)
{
	return rt_is_letter(c) || rt_is_digit(c) ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static inline char
rt_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

#endif							/* RT_PROTOCOL_HTTP_CHAR_H */

/*
 * oracle.h
 *		Compares our reader of JSON with jansson's, for tests and fuzzers.
 *
 * Both must accept the same texts and read the same values from them.  Known
 * differences: jansson refuses numbers that overflow, invalid UTF-8, half
 * surrogate pairs, a NUL in a name and very deep nesting; there its verdict
 * on the rest of the text is unknown.  And it takes the byte NUL for the end
 * of the text, which we refuse.
 */
#ifndef RT_TEST_ORACLE_H
#define RT_TEST_ORACLE_H

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "src/protocol/json.h"

#define ORACLE_MAX_DEPTH 64

static const char *oracle_compare_value(const char *text, RtSpan span,
										const json_t *expected);

static inline bool
oracle_is_known_difference(const json_error_t *error)
{
	switch (json_error_code(error))
	{
		case json_error_numeric_overflow:
		case json_error_invalid_utf8:
		case json_error_null_byte_in_key:
		case json_error_null_character:
		case json_error_stack_overflow:
			return true;
		default:
			return strncmp(error->text, "invalid Unicode", 15) == 0;
	}
}

/* Whether our string decodes to these bytes; it must not if there is a NUL. */
static inline bool
oracle_string_is(const char *text, RtSpan span, const char *bytes, size_t len)
{
	char	   *decoded;
	int			decoded_len;
	bool		same;

	if (!rt_json_is_string(text, span))
		return false;
	decoded = (char *) malloc(len + 1);
	decoded_len = rt_json_string_decode(text, span, decoded, len + 1);
	if (memchr(bytes, '\0', len) != NULL)
		same = decoded_len == -1;
	else
		same = decoded_len == (int) len && memcmp(decoded, bytes, len) == 0 &&
			decoded[len] == '\0';
	free(decoded);
	return same;
}

static inline const char *
oracle_compare_array(const char *text, RtSpan span, const json_t *expected)
{
	RtJsonWalk	walk;
	RtSpan		element;
	size_t		count = 0;

	if (!rt_json_walk_array(&walk, text, span))
		return "not an array";
	while (rt_json_walk_element(&walk, &element))
	{
		const char *difference;

		if (count >= json_array_size(expected))
			return "too many elements";
		difference = oracle_compare_value(text, element,
										  json_array_get(expected, count));
		if (difference != NULL)
			return difference;
		count++;
	}
	return count == json_array_size(expected) ? NULL : "too few elements";
}

/* jansson keeps the last of several members with one name. */
static inline const char *
oracle_compare_object(const char *text, RtSpan span, json_t *expected)
{
	const char *name;
	json_t	   *value;

	json_object_foreach(expected, name, value)
	{
		RtJsonWalk	walk;
		RtSpan		key;
		RtSpan		member;
		RtSpan		last = {0, 0};
		const char *difference;

		if (!rt_json_walk_object(&walk, text, span))
			return "not an object";
		while (rt_json_walk_member(&walk, &key, &member))
		{
			if (oracle_string_is(text, key, name, strlen(name)))
				last = member;
		}
		if (last.len == 0)
			return "a member is missing";
		difference = oracle_compare_value(text, last, value);
		if (difference != NULL)
			return difference;
	}
	if (json_object_size(expected) == 0)
	{
		RtJsonWalk	walk;
		RtSpan		key;
		RtSpan		member;

		if (!rt_json_walk_object(&walk, text, span))
			return "not an object";
		if (rt_json_walk_member(&walk, &key, &member))
			return "a member too many";
	}
	return NULL;
}

static inline bool
oracle_integer_is(const char *text, RtSpan span, json_int_t expected)
{
	char		digits[64] = {0};

	if (!rt_json_is_number(text, span) || span.len >= sizeof(digits))
		return false;
	memcpy(digits, text + span.off, span.len);
	return strtoll(digits, NULL, 10) == expected;
}

/* NULL if they are the same, else what differs. */
static const char *
oracle_compare_value(const char *text, RtSpan span, const json_t *expected)
{
	switch (json_typeof(expected))
	{
		case JSON_OBJECT:
			return oracle_compare_object(text, span, (json_t *) expected);
		case JSON_ARRAY:
			return oracle_compare_array(text, span, expected);
		case JSON_STRING:
			return oracle_string_is(text, span, json_string_value(expected),
									json_string_length(expected)) ?
				NULL : "another string";
		case JSON_INTEGER:
			return oracle_integer_is(text, span,
									 json_integer_value(expected)) ?
				NULL : "another integer";
		case JSON_REAL:
			return rt_json_is_number(text, span) ? NULL : "not a number";
		case JSON_TRUE:
			return rt_json_is_true(text, span) && span.len == 4 ?
				NULL : "not true";
		case JSON_FALSE:
			return span.len == 5 && text[span.off] == 'f' ?
				NULL : "not false";
		default:
			return rt_json_is_null(text, span) && span.len == 4 ?
				NULL : "not null";
	}
}

/* NULL if both parsers agree about a text, else what differs. */
static inline const char *
oracle_compare(const char *text, size_t len)
{
	json_error_t error;
	json_t	   *expected;
	RtJsonStatus status = rt_json_check(text, len, ORACLE_MAX_DEPTH);
	const char *difference = NULL;

	expected = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (expected == NULL)
	{
		if (status == RT_JSON_OK && !oracle_is_known_difference(&error))
			difference = "accepted by us alone";
		return difference;
	}
	if (status == RT_JSON_INVALID)
		difference = memchr(text, '\0', len) != NULL ?
			NULL : "refused by us alone";
	else if (status == RT_JSON_OK)
		difference = oracle_compare_value(text, rt_json_whole(text, len),
										  expected);
	json_decref(expected);
	return difference;
}

#endif							/* RT_TEST_ORACLE_H */

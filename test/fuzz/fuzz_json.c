/*
 * fuzz_json.c
 *		Input: a text.  It is checked with several limits of depth, compared
 *		with jansson's verdict, and walked to its last leaf.
 */
#include "test/fuzz/fuzz.h"
#include "test/unit/oracle.h"

/* Both codings of a string agree with each other. */
static void
read_string(const char *text, RtSpan span)
{
	char	   *decoded = fuzz_alloc(span.len);
	int			len = rt_json_string_decode(text, span, decoded, span.len);

	FUZZ_ASSERT(len < (int) span.len);
	if (len >= 0)
	{
		bool		ascii = true;

		FUZZ_ASSERT(decoded[len] == '\0');
		for (int i = 0; i < len; i++)
			ascii = ascii && (unsigned char) decoded[i] < 0x80;
		FUZZ_ASSERT(!ascii || strlen(decoded) != (size_t) len ||
					rt_json_string_equals(text, span, decoded));
		FUZZ_ASSERT(rt_json_string_decode(text, span, decoded, len) == -1);
	}
	free(decoded);
}

/*
 * Visits all parts of a value.  valid: each must be JSON by itself; else only
 * the bounds are asserted.  Parts follow one another without overlapping.
 */
static void
walk_value(const char *text, size_t len, RtSpan value, bool valid, int depth)
{
	RtJsonWalk	walk;
	RtSpan		key;
	RtSpan		part;
	uint32_t	behind = value.off;

	fuzz_assert_inside(value, len);
	if (valid)
	{
		FUZZ_ASSERT(value.len > 0);
		fuzz_assert_json(text, len, value);
	}
	if (rt_json_is_string(text, value))
		read_string(text, value);
	if (depth == FUZZ_MAX_DEPTH)
		return;

	if (rt_json_walk_object(&walk, text, value))
	{
		while (rt_json_walk_member(&walk, &key, &part))
		{
			FUZZ_ASSERT(key.off > behind && part.off >= key.off + key.len);
			FUZZ_ASSERT(rt_json_is_string(text, key));
			read_string(text, key);
			walk_value(text, len, part, valid, depth + 1);
			behind = part.off + part.len - 1;
		}
	}
	else if (rt_json_walk_array(&walk, text, value))
	{
		while (rt_json_walk_element(&walk, &part))
		{
			FUZZ_ASSERT(part.off > behind);
			walk_value(text, len, part, valid, depth + 1);
			behind = part.off + part.len - 1;
		}
	}
	FUZZ_ASSERT(behind < value.off + value.len || value.len == 0);
}

/* More depth never makes a text worse. */
static void
check_depths(const char *text, size_t size)
{
	static const int depths[] = {
		-1, 0, 1, 2, 3, 5, 10, 63, 64, 65, 128, 1023, 1024
	};
	RtJsonStatus before = RT_JSON_TOO_DEEP;

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
	{
		RtJsonStatus status = rt_json_check(text, size, depths[i]);

		FUZZ_ASSERT(before != RT_JSON_OK || status == RT_JSON_OK);
		FUZZ_ASSERT(before != RT_JSON_INVALID || status == RT_JSON_INVALID);
		before = status;
	}
	FUZZ_ASSERT(before == rt_json_check(text, size, 1 << 20));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *) data;
	RtSpan		whole = rt_json_whole(text, size);
	RtJsonStatus status = rt_json_check(text, size, FUZZ_MAX_DEPTH);
	const char *difference = oracle_compare(text, size);

	if (difference != NULL)
		fprintf(stderr, "%s\n", difference);
	FUZZ_ASSERT(difference == NULL);
	check_depths(text, size);
	fuzz_assert_inside(whole, size);
	if (whole.len > 0)
		walk_value(text, size, whole, status == RT_JSON_OK, 0);
	return 0;
}

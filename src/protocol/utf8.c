/*
 * utf8.c
 *		A character's first byte says how many follow and what the second may
 *		be; the rest of them may be anything from 0x80 to 0xBF.
 *
 * The bounds of the second byte keep out overlong forms, halves of surrogate
 * pairs and what lies beyond U+10FFFF.
 */
#include <string.h>

#include "src/protocol/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool begin_character(RtUtf8 *state, unsigned char first);
static const char *skip_ascii(const char *p, const char *end);

bool
rt_utf8_check(RtUtf8 *state, const char *text, size_t len)
{
	const char *p = text;
	const char *end = text + len;

	while (p < end)
	{
		unsigned char c = (unsigned char) *p;

		if (state->left > 0)
		{
			if (c < state->low || c > state->high)
				return false;
			state->left--;
			state->low = 0x80;
			state->high = 0xBF;
			p++;
		}
		else if (c < 0x80)
			p = skip_ascii(p, end);
		else if (begin_character(state, c))
			p++;
		else
			return false;
	}
	return true;
}

size_t
rt_utf8_length(const char *text, size_t len)
{
	unsigned char first = (unsigned char) text[0];
	RtUtf8		state = {0, 0, 0};
	size_t		width;

	if (first < 0x80)
		return 1;
	if (!begin_character(&state, first))
		return 0;
	width = 1 + (size_t) state.left;
	if (width > len || !rt_utf8_check(&state, text + 1, width - 1))
		return 0;
	return width;
}

/* Of more than one byte. */
static bool
begin_character(RtUtf8 *state, unsigned char first)
{
	if (first < 0xC2 || first > 0xF4)
		return false;
	state->left = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
	state->low = 0x80;
	state->high = 0xBF;
	if (first == 0xE0)
		state->low = 0xA0;		/* overlong */
	else if (first == 0xED)
		state->high = 0x9F;		/* surrogates */
	else if (first == 0xF0)
		state->low = 0x90;		/* overlong */
	else if (first == 0xF4)
		state->high = 0x8F;		/* beyond U+10FFFF */
	return true;
}

static const char *
skip_ascii(const char *p, const char *end)
{
	while (end - p >= 8)
	{
		uint64_t	word;

		memcpy(&word, p, sizeof(word));
		if ((word & HIGH_BITS) != 0)
			break;
		p += sizeof(word);
	}
	while (p < end && (*p & 0x80) == 0)
		p++;
	return p;
}

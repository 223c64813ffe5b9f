/*
 * test_utf8.c
 *		src/protocol/utf8.c: every character, every kind of fault, every cut.
 */
#include "src/protocol/utf8.h"
#include "test/unit/unit.h"

/* In memory of exactly its length, cut into pieces of a size. */
static bool
check_in_pieces(const char *text, size_t len, size_t size)
{
	RtUtf8		state = {0, 0, 0};

	for (size_t at = 0; at < len; at += size)
	{
		size_t		n = len - at < size ? len - at : size;
		char	   *piece = unit_copy(text + at, n);
		bool		good = rt_utf8_check(&state, piece, n);

		free(piece);
		if (!good)
			return false;
	}
	return state.left == 0;
}

/* The same however the text is cut. */
static bool
is_utf8(const char *text, size_t len)
{
	bool		whole = check_in_pieces(text, len, len + 1);

	for (size_t size = 1; size <= 9; size++)
		CHECK(check_in_pieces(text, len, size) == whole);
	return whole;
}

static size_t
encode(unsigned int code, char *dst)
{
	size_t		width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};

	for (size_t i = width; i-- > 1; code >>= 6)
		dst[i] = (char) (0x80 | (code & 0x3F));
	dst[0] = (char) (first[width] | code);
	return width;
}

static void
takes_every_character(void)
{
	for (unsigned int code = 0; code <= 0x110000; code += code < 0x3000 ? 1 : 37)
	{
		char		text[4];
		size_t		len = encode(code, text);
		bool		good = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);

		CHECK(is_utf8(text, len) == good);
		CHECK(rt_utf8_length(text, len) == (good ? len : 0));
		CHECK(len == 1 || !is_utf8(text, len - 1));
		CHECK(len == 1 || rt_utf8_length(text, len - 1) == 0);
	}
}

/* All texts of up to three bytes of those that make a difference. */
static void
refuses_what_is_none(void)
{
	static const unsigned char bytes[] = {
		0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2,
		0xDF, 0xE0, 0xE1, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF
	};
	int			good = 0;

	for (size_t i = 0; i < COUNT_OF(bytes); i++)
	{
		for (size_t j = 0; j < COUNT_OF(bytes); j++)
		{
			for (size_t k = 0; k < COUNT_OF(bytes); k++)
			{
				char		text[3] = {(char) bytes[i], (char) bytes[j], (char) bytes[k]};

				good += is_utf8(text, 3);
			}
		}
	}
	/* 27 of three ASCII, 3 * 2 * 12 of two bytes beside one, and the others:
	 * E0 with 2, ED with 4, E1, EE and EF with 6 each */
	CHECK(good == 27 + 2 * 3 * 12 + (2 + 4 + 3 * 6) * 6);
}

static void
finds_the_fault_at_once(void)
{
	static const struct
	{
		const char *text;
		size_t		len;
	}			cases[] = {
		{"\x80", 1}, {"\xC0", 1}, {"\xC1", 1}, {"\xF5", 1}, {"\xFF", 1},
		{"\xE0\x9F", 2}, {"\xED\xA0", 2}, {"\xF0\x8F", 2}, {"\xF4\x90", 2},
		{"\xE2\x82\x41", 3}, {"\xF0\x9F\x98\xC0", 4}, {"01234567\xFF", 9},
		{"0123456789abcdef\xE2(", 18}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
	{
		RtUtf8		state = {0, 0, 0};
		char	   *copy = unit_copy(cases[i].text, cases[i].len);

		CHECK_CASE(!rt_utf8_check(&state, copy, cases[i].len), cases[i].text);
		memset(&state, 0, sizeof(state));
		CHECK_CASE(rt_utf8_check(&state, copy, cases[i].len - 1), cases[i].text);
		free(copy);
	}
}

static void
reads_long_texts(void)
{
	char		text[64];

	for (size_t at = 0; at + 4 <= sizeof(text); at++)
	{
		memset(text, 'x', sizeof(text));
		memcpy(text + at, "\xF0\x9F\x98\x80", 4);
		CHECK(is_utf8(text, sizeof(text)));
		text[at + 3] = 'x';
		CHECK(!is_utf8(text, sizeof(text)));
	}
	CHECK(is_utf8("", 0));
}

int
main(void)
{
	RUN(takes_every_character);
	RUN(refuses_what_is_none);
	RUN(finds_the_fault_at_once);
	RUN(reads_long_texts);
	return unit_done();
}

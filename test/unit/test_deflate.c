/*
 * test_deflate.c
 *		src/protocol/deflate.c: the examples of RFC 7692, what is none of a
 *		compressed message, what gets too long.
 */
#include "src/protocol/deflate.h"
#include "test/unit/unit.h"

#define BYTES(literal) ((RtText) {(literal), sizeof(literal) - 1})
#define CAP 1000

static char *
inflated(RtText payload, size_t cap, RtInflateResult *result, size_t *len)
{
	char	   *copy = unit_copy(payload.ptr, payload.len);
	char	   *dst = malloc(cap);

	*len = 0;
	*result = rt_inflate((RtText) {copy, payload.len}, dst, cap, len);
	free(copy);
	return dst;
}

/* What becomes of a payload; its text if it is whole. */
static bool
inflates_to(RtText payload, const char *text)
{
	RtInflateResult result;
	size_t		len;
	char	   *dst = inflated(payload, CAP, &result, &len);
	bool		same = result == RT_INFLATE_WHOLE && len == strlen(text) &&
		memcmp(dst, text, len) == 0;

	free(dst);
	return same;
}

static RtInflateResult
result_of(RtText payload, size_t cap)
{
	RtInflateResult result;
	size_t		len;

	free(inflated(payload, cap, &result, &len));
	return result;
}

/* RFC 7692, 7.2.3 */
static void
reads_the_examples(void)
{
	CHECK(inflates_to(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello"));
	/* one block after the other */
	CHECK(inflates_to(BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
					  "Hello"));
	/* a block without compression */
	CHECK(inflates_to(BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), "Hello"));
	/* one that says it is the last */
	CHECK(inflates_to(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello"));
	CHECK(inflates_to(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"),
					  "HelloHello"));
	/* an empty message */
	CHECK(inflates_to(BYTES("\x00"), ""));
}

static void
refuses_what_is_none(void)
{
	CHECK(result_of(BYTES(""), CAP) == RT_INFLATE_BAD);
	CHECK(result_of(BYTES("\x06"), CAP) == RT_INFLATE_BAD);	/* no kind of block */
	CHECK(result_of(BYTES("\x00\x05\x00\xfa\xfe\x48"), CAP) == RT_INFLATE_BAD);
	CHECK(result_of(BYTES("\xf2\x48\xcd\xc9"), CAP) == RT_INFLATE_BAD);
	CHECK(result_of(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), CAP) == RT_INFLATE_BAD);
	CHECK(result_of(BYTES("Hello"), CAP) == RT_INFLATE_BAD);
	/* refers to what came before: the second "Hello" of a context taken over */
	CHECK(result_of(BYTES("\xf2\x00\x11\x00\x00"), CAP) == RT_INFLATE_BAD);
	/* and the state is good for the next */
	CHECK(inflates_to(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello"));
}

static void
stops_at_the_limit(void)
{
	static char zeros[1000000];
	static char bomb[5000];
	size_t		len = rt_deflate((RtText) {zeros, sizeof(zeros)}, bomb, sizeof(bomb));

	CHECK(len > 0);
	CHECK(result_of((RtText) {bomb, len}, 1000) == RT_INFLATE_TOO_LONG);
	CHECK(result_of((RtText) {bomb, len}, sizeof(zeros)) == RT_INFLATE_TOO_LONG);
	CHECK(result_of((RtText) {bomb, len}, sizeof(zeros) + 1) == RT_INFLATE_WHOLE);
	CHECK(result_of(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5) == RT_INFLATE_TOO_LONG);
	CHECK(result_of(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), 6) == RT_INFLATE_WHOLE);
}

/* Bytes that do not compress, or do, by the length of their alphabet. */
static void
fill(char *text, size_t len, unsigned int alphabet)
{
	static unsigned int seed = 7;

	for (size_t i = 0; i < len; i++)
	{
		seed = seed * 1103515245 + 12345;
		text[i] = (char) ((seed >> 16) % alphabet);
	}
}

static void
gives_back_what_it_took(void)
{
	static const size_t lengths[] = {0, 1, 2, 100, 32767, 32768, 32769, 65536, 200000};

	for (size_t i = 0; i < COUNT_OF(lengths); i++)
	{
		size_t		len = lengths[i];
		size_t		cap = len + len / 100 + 64;
		char	   *text = malloc(len + 1);
		char	   *compressed = malloc(cap);
		size_t		used;
		RtInflateResult result;
		size_t		got;
		char	   *back;

		fill(text, len, i % 2 == 0 ? 4 : 256);
		used = rt_deflate((RtText) {text, len}, compressed, cap);
		back = inflated((RtText) {compressed, used}, len + 1, &result, &got);
		CHECK(used > 0 && result == RT_INFLATE_WHOLE);
		CHECK(got == len && memcmp(back, text, len) == 0);
		free(back);
		free(compressed);
		free(text);
	}
}

/* No message depends on the one before: the same text, the same bytes. */
static void
compresses_each_by_itself(void)
{
	RtText		text = RT_TEXT("{\"topic\":\"a\",\"topic\":\"a\",\"topic\":\"a\"}");
	char		first[100];
	char		second[100];
	size_t		len = rt_deflate(text, first, sizeof(first));

	CHECK(len > 0 && len < text.len);
	CHECK(rt_deflate(text, second, sizeof(second)) == len);
	CHECK(memcmp(first, second, len) == 0);
}

static void
does_not_exceed_its_place(void)
{
	char	   *text = malloc(500);
	size_t		fits = 0;

	fill(text, 500, 256);
	for (size_t cap = 0; cap < 600; cap++)
	{
		char	   *dst = malloc(cap + 1);
		size_t		len = rt_deflate((RtText) {text, 500}, dst, cap);

		CHECK(len <= cap);
		CHECK(len > 0 || fits == 0);
		if (len > 0)
			fits++;
		free(dst);
	}
	CHECK(fits > 0);
	free(text);
}

int
main(void)
{
	RUN(reads_the_examples);
	RUN(refuses_what_is_none);
	RUN(stops_at_the_limit);
	RUN(gives_back_what_it_took);
	RUN(compresses_each_by_itself);
	RUN(does_not_exceed_its_place);
	return unit_done();
}

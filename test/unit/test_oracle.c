/*
 * test_oracle.c
 *		Our JSON checker and jansson's parser agree.
 *
 * The corpus is a list of texts, all their prefixes, and all texts of a few
 * tokens: small enough to be complete, large enough to hold every pair of
 * neighbours.
 */
#include "test/unit/oracle.h"
#include "test/unit/unit.h"

#define TOKENS_MAX 5			/* per generated text */
#define MUTATIONS 200000

static const char *const corpus[] = {
	"{\"rpc\":\"todos/add\",\"id\":\"j7\",\"args\":[{\"title\":\"\\u00e9\"}]}",
	"{\"batch\":[{\"rpc\":\"a/b\",\"id\":\"1\"},5],\"sequential\":true}",
	"{\"type\":\"resume\",\"sessionId\":\"x\",\"lastSeenSeqs\":{\"todos\":9}}",
	"[1,-1,0,-0,0.5,-0.5,1e5,1E-5,12.25e+10,true,false,null,\"\",[],{}]",
	"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"]",
	"[\"\xc3\xa9\xe2\x82\xac\"]",
	"{\"a\":1,\"a\":2,\"\\u0061\":3,\"\":{\"\":[]}}",
	"[9223372036854775807,-9223372036854775808,9223372036854775808]",
	"[\"\\u0000\",\"\\ud800\",\"\\udc00\\ud800\"]", "{\"\\u0000\":1}",
	"[\"\xff\"]", "[1e999]", "\xef\xbb\xbf[]", "[1]\n", "\n[1]", "[1]x",
	"[\"0123456789abcdef0123456789abcdef\\n0123456789abcdef\"]",
	" \t\r\n{ \"a\" : [ 1 , 2 ] } \t\r\n", "", " ", "nul", "\"", "\"\\",
	"[[[[[[[[[[[[[[[[[[[[{\"a\":[[[[]]]]}]]]]]]]]]]]]]]]]]]]]"
};

/* In memory of exactly its length. */
static void
compare(const char *text, size_t len)
{
	char	   *copy = unit_copy(text, len);
	const char *difference = oracle_compare(copy, len);

	free(copy);
	if (!CHECK(difference == NULL))
		printf("#   %s: %.*s\n", difference, (int) len, text);
}

static void
agrees_on_the_corpus(void)
{
	for (size_t i = 0; i < COUNT_OF(corpus); i++)
		compare(corpus[i], strlen(corpus[i]));
}

static void
agrees_on_every_prefix(void)
{
	for (size_t i = 0; i < COUNT_OF(corpus); i++)
	{
		for (size_t len = 0; len < strlen(corpus[i]); len++)
			compare(corpus[i], len);
	}
}

/* Counts through all sequences of tokens, as an odometer. */
static void
agrees_on_every_short_sequence(void)
{
	static const char *const tokens[] = {
		"[", "]", "{", "}", ",", ":", "\"a\"", "1", "null", " "
	};
	size_t		total = 1;

	for (int i = 0; i < TOKENS_MAX; i++)
		total *= COUNT_OF(tokens);
	for (size_t n = 0; n < total; n++)
	{
		char		text[TOKENS_MAX * 4 + 1];
		char	   *end = text;
		size_t		rest = n;

		for (int i = 0; i < TOKENS_MAX; i++)
		{
			end = stpcpy(end, tokens[rest % COUNT_OF(tokens)]);
			rest /= COUNT_OF(tokens);
		}
		compare(text, end - text);
	}
}

/* The same for the characters of numbers. */
static void
agrees_on_every_short_number(void)
{
	static const char alphabet[] = "-+.eE019";
	size_t		base = strlen(alphabet);

	for (size_t n = 0; n < base * base * base * base * base; n++)
	{
		char		text[5];
		size_t		rest = n;

		for (size_t i = 0; i < sizeof(text); i++)
		{
			text[i] = alphabet[rest % base];
			rest /= base;
		}
		for (size_t len = 1; len <= sizeof(text); len++)
			compare(text, len);
	}
}

/* A fixed sequence, so that a failure can be repeated. */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void
agrees_on_mutations(void)
{
	static const char bytes[] =
		"[]{},:\"\\u0019-+.eEtrufalsn \n\x01\x1f\x7f/b";
	uint32_t	state = 20240229;

	for (int i = 0; i < MUTATIONS; i++)
	{
		const char *text = corpus[next_random(&state) % COUNT_OF(corpus)];
		size_t		len = strlen(text);
		char	   *copy = unit_copy(text, len);
		int			changes = 1 + next_random(&state) % 3;

		while (len > 0 && changes-- > 0)
			copy[next_random(&state) % len] =
				bytes[next_random(&state) % (sizeof(bytes) - 1)];
		compare(copy, len);
		free(copy);
	}
}

int
main(void)
{
	RUN(agrees_on_the_corpus);
	RUN(agrees_on_every_prefix);
	RUN(agrees_on_every_short_sequence);
	RUN(agrees_on_every_short_number);
	RUN(agrees_on_mutations);
	return unit_done();
}

/*
 * test_http_body.c
 *		src/protocol/http_body.c: where bodies end, and what is in them.
 *
 * Each body is read whole, byte by byte and in pieces of three bytes, with
 * the begin of another request behind it, and must come to the same.
 */
#include "src/protocol/http_body.h"
#include "test/unit/unit.h"

#define NEXT "GET "				/* what follows a body */

typedef struct Outcome
{
	RtHttpResult result;
	size_t		used;
	char		content[20000];
	size_t		len;
	const char *reason;
} Outcome;

static Outcome outcome;

static void
begin(RtHttpBody *body, RtHttpFraming framing, uint64_t length)
{
	static RtHttpHead head;

	head.framing = framing;
	head.content_length = length;
	rt_http_body_begin(body, &head);
}

/* Hands over what has come in steps of some bytes. */
static void
read_in_steps(RtHttpBody *body, const char *text, size_t len, size_t step, Outcome *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t have = 0; have < len && out->result == RT_HTTP_MORE;)
	{
		size_t		n = len - have < step ? len - have : step;
		char	   *copy = unit_copy(text + have, n);
		size_t		at = 0;

		do
		{
			RtText		piece;
			size_t		used;

			out->result = rt_http_body_read(body, copy + at, n - at, &used, &piece);
			memcpy(out->content + out->len, piece.len > 0 ? piece.ptr : "", piece.len);
			out->len += piece.len;
			at += used;
		} while (out->result == RT_HTTP_MORE && at < n);
		have += at;
		out->used += at;
		free(copy);
	}
	out->reason = body->reason;
}

static void
read_body(RtHttpFraming framing, uint64_t length, const char *text, size_t len)
{
	static Outcome other;
	RtHttpBody	body;

	begin(&body, framing, length);
	read_in_steps(&body, text, len, len, &outcome);
	for (size_t step = 1; step <= 3; step += 2)
	{
		begin(&body, framing, length);
		read_in_steps(&body, text, len, step, &other);
		CHECK_CASE(other.result == outcome.result, text);
		CHECK_CASE(other.used == outcome.used, text);
		CHECK_CASE(other.len == outcome.len, text);
		CHECK_CASE(memcmp(other.content, outcome.content, outcome.len) == 0, text);
	}
}

/* Whether a chunked body is whole with this content, and ends at the end. */
static bool
is_chunked(const char *text, const char *content)
{
	char		followed[20000];

	snprintf(followed, sizeof(followed), "%s" NEXT, text);
	read_body(RT_HTTP_CHUNKED, 0, followed, strlen(followed));
	return outcome.result == RT_HTTP_WHOLE && outcome.used == strlen(text) &&
		outcome.len == strlen(content) &&
		memcmp(outcome.content, content, outcome.len) == 0;
}

/* Its last byte is the one that is wrong. */
static bool
is_refused(const char *text)
{
	read_body(RT_HTTP_CHUNKED, 0, text, strlen(text));
	return outcome.result == RT_HTTP_REFUSED && outcome.used == strlen(text) - 1 &&
		outcome.reason[strlen(outcome.reason) - 1] == '.';
}

static void
reads_lengths(void)
{
	RtHttpBody	body;
	RtText		piece;
	size_t		used;

	read_body(RT_HTTP_LENGTH, 5, "hello" NEXT, 9);
	CHECK(outcome.result == RT_HTTP_WHOLE && outcome.used == 5);
	CHECK(outcome.len == 5 && memcmp(outcome.content, "hello", 5) == 0);
	read_body(RT_HTTP_LENGTH, 6, "hello", 5);
	CHECK(outcome.result == RT_HTTP_MORE && outcome.used == 5 && outcome.len == 5);
	begin(&body, RT_HTTP_NO_BODY, 0);
	CHECK(rt_http_body_read(&body, NEXT, 4, &used, &piece) == RT_HTTP_WHOLE);
	CHECK(used == 0 && piece.len == 0);
	CHECK(rt_http_body_read(&body, NEXT, 0, &used, &piece) == RT_HTTP_WHOLE);
	begin(&body, RT_HTTP_LENGTH, 5);
	CHECK(rt_http_body_read(&body, "", 0, &used, &piece) == RT_HTTP_MORE && used == 0);
}

static void
reads_chunks(void)
{
	CHECK(is_chunked("0\r\n\r\n", ""));
	CHECK(is_chunked("5\r\nhello\r\n0\r\n\r\n", "hello"));
	CHECK(is_chunked("1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", "abc"));
	CHECK(is_chunked("00000000000000005\r\nhello\r\n0\r\n\r\n", "hello"));
	CHECK(is_chunked("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"));
	CHECK(is_chunked("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"));
	CHECK(is_chunked("1;a\r\nx\r\n0;b=\"c\"\r\n\r\n", "x"));
	CHECK(is_chunked("1;a;b=c;d=\"e ;=\\\"\\\\\xC3\";f\r\nx\r\n0;a\r\n\r\n", "x"));
	CHECK(is_chunked("0\r\nA: b\r\nC:\r\n\r\n", ""));
	read_body(RT_HTTP_CHUNKED, 0, "5\r\nhel", 6);
	CHECK(outcome.result == RT_HTTP_MORE && outcome.len == 3);
}

static void
refuses_what_is_unclear(void)
{
	CHECK(is_refused("\r"));
	CHECK(is_refused("\n"));
	CHECK(is_refused(";"));
	CHECK(is_refused(" "));
	CHECK(is_refused("g"));
	CHECK(is_refused("-"));
	CHECK(is_refused("0x"));
	CHECK(is_refused("5\n"));
	CHECK(is_refused("5 "));
	CHECK(is_refused("5\t"));
	CHECK(is_refused("5\rx"));
	CHECK(is_refused("5;a\n"));
	CHECK(is_refused("5;\x01"));
	CHECK(is_refused("5;\r"));
	CHECK(is_refused("5;="));
	CHECK(is_refused("5; "));
	CHECK(is_refused("5;a "));
	CHECK(is_refused("5;a=\r"));
	CHECK(is_refused("5;a=b="));
	CHECK(is_refused("5;a=b "));
	CHECK(is_refused("5;a=/"));
	CHECK(is_refused("5;a=\"\r"));
	CHECK(is_refused("5;a=\"\\\n"));
	CHECK(is_refused("5;a=\"b\"c"));
	CHECK(is_refused("1\r\nab"));
	CHECK(is_refused("1\r\na\n"));
	CHECK(is_refused("1\r\na\r\r"));
	CHECK(is_refused("1\r\na\r\n\r"));
	CHECK(is_refused("0\r\n\n"));
	CHECK(is_refused("0\r\n\r\r"));
	CHECK(is_refused("0\r\n:"));
	CHECK(is_refused("0\r\n "));
	CHECK(is_refused("0\r\na "));
	CHECK(is_refused("0\r\na\r"));
	CHECK(is_refused("0\r\na:\n"));
	CHECK(is_refused("0\r\na:\x7F"));
	CHECK(is_refused("0\r\na: b\r\r"));
	CHECK(is_refused("0\r\na: b\r\n "));
}

static void
limits_sizes(void)
{
	char		text[RT_HTTP_TRAILERS_MAX + 100];

	CHECK(is_refused("1111111111111111"));
	memset(text, '0', RT_HTTP_CHUNK_LINE_MAX);
	strcpy(text + RT_HTTP_CHUNK_LINE_MAX, "\r\n\r\n");
	CHECK(is_chunked(text, ""));
	strcpy(text + RT_HTTP_CHUNK_LINE_MAX, "0");
	CHECK(is_refused(text));
	memset(text, 'x', RT_HTTP_CHUNK_LINE_MAX);
	memcpy(text, "0;", 2);
	strcpy(text + RT_HTTP_CHUNK_LINE_MAX, "x");
	CHECK(is_refused(text));
	memset(text, 'x', sizeof(text));
	memcpy(text, "0\r\nA:", 5);
	strcpy(text + 3 + RT_HTTP_TRAILERS_MAX - 4, "\r\n\r\n");
	CHECK(is_chunked(text, ""));
	strcpy(text + 3 + RT_HTTP_TRAILERS_MAX - 4, "xxxxx");
	CHECK(is_refused(text));
}

/* Gathers what comes in steps of some bytes in one buffer. */
static RtHttpResult
gather_in_steps(RtHttpBody *body, const char *text, size_t step, bool keep,
				char **buffer, size_t *len, size_t *kept)
{
	RtHttpResult result = RT_HTTP_MORE;
	size_t		total = strlen(text);

	*buffer = malloc(1);
	*len = *kept = 0;
	for (size_t have = 0; have < total; have += step)
	{
		size_t		n = total - have < step ? total - have : step;

		*buffer = realloc(*buffer, *len + n);
		memcpy(*buffer + *len, text + have, n);
		*len += n;
		if (result == RT_HTTP_MORE)
			result = rt_http_body_gather(body, *buffer, len, kept, keep);
	}
	return result;
}

/* Whether the content stands in front of what follows the body. */
static bool
gathers(RtHttpFraming framing, uint64_t length, const char *text, const char *content)
{
	bool		good = true;

	for (size_t step = 1; step <= strlen(text); step++)
	{
		for (int keep = 0; keep <= 1; keep++)
		{
			RtHttpBody	body;
			char	   *buffer;
			size_t		len;
			size_t		kept;
			const char *wanted = keep ? content : "";

			begin(&body, framing, length);
			good = gather_in_steps(&body, text, step, keep, &buffer, &len, &kept) ==
				RT_HTTP_WHOLE && body.length == strlen(content) &&
				kept == strlen(wanted) && memcmp(buffer, wanted, kept) == 0 &&
				len == kept + strlen(NEXT) && memcmp(buffer + kept, NEXT, strlen(NEXT)) == 0 &&
				good;
			free(buffer);
		}
	}
	return good;
}

static void
gathers_content(void)
{
	RtHttpBody	body;
	char	   *buffer;
	size_t		len;
	size_t		kept;

	CHECK(gathers(RT_HTTP_NO_BODY, 0, NEXT, ""));
	CHECK(gathers(RT_HTTP_LENGTH, 5, "hello" NEXT, "hello"));
	CHECK(gathers(RT_HTTP_CHUNKED, 0, "0\r\n\r\n" NEXT, ""));
	CHECK(gathers(RT_HTTP_CHUNKED, 0, "1\r\na\r\n00e;x=\"y\"\r\n0123456789abcd\r\n"
				  "2\r\n\r\n\r\n0\r\nA: b\r\n\r\n" NEXT, "a0123456789abcd\r\n"));
	/* what is not whole yet, and what is refused, leaves what was found */
	begin(&body, RT_HTTP_CHUNKED, 0);
	CHECK(gather_in_steps(&body, "5\r\nhel", 2, true, &buffer, &len, &kept) == RT_HTTP_MORE);
	CHECK(len == 3 && kept == 3 && body.length == 3 && memcmp(buffer, "hel", 3) == 0);
	free(buffer);
	begin(&body, RT_HTTP_CHUNKED, 0);
	CHECK(gather_in_steps(&body, "1\r\naX", 5, true, &buffer, &len, &kept) == RT_HTTP_REFUSED);
	CHECK(kept == 1 && len == 2 && memcmp(buffer, "aX", 2) == 0);
	free(buffer);
}

int
main(void)
{
	RUN(reads_lengths);
	RUN(reads_chunks);
	RUN(refuses_what_is_unclear);
	RUN(limits_sizes);
	RUN(gathers_content);
	return unit_done();
}

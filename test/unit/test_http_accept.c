/*
 * test_http_accept.c
 *		src/protocol/http_accept.c: which type of content a client would like.
 */
#include "src/protocol/http_accept.h"
#include "test/unit/unit.h"

#define OPEN "application/openmetrics-text"

static bool named;
static RtHttpHead head;

static int
quality_of(const char *line, const char *type, const char *version)
{
	static char *copy = NULL;
	char		text[2000];
	int			len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", line);

	free(copy);
	copy = unit_copy(text, (size_t) len);
	memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
	CHECK_CASE(rt_http_head_read(&head, copy, (size_t) len) == RT_HTTP_WHOLE, text);
	return rt_http_quality(&head, type, version, &named);
}

static int
open_of(const char *line)
{
	return quality_of(line, OPEN, "1.0.0");
}

static void
takes_what_is_named(void)
{
	CHECK(open_of("Accept: " OPEN "\r\n") == 1000 && named);
	CHECK(open_of("accept: text/html , " OPEN " ;q=0.5\r\n") == 500 && named);
	CHECK(open_of("Accept: " OPEN "; version=1.0.0; q=0.75\r\n") == 750 && named);
	CHECK(open_of("Accept: " OPEN ";version=\"1.0.0\"\r\n") == 1000 && named);
	CHECK(open_of("Accept: APPLICATION/OPENMETRICS-TEXT\r\n") == 1000 && named);
	CHECK(open_of("Accept: " OPEN ";version=0.0.1,text/plain\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";version=0.0.1;q=0.2," OPEN ";version=1.0.0;q=0.4\r\n") == 400 && named);
	CHECK(open_of("Accept: text/plain\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=0\r\n") == 0 && named);
}

static void
takes_what_is_in_a_range(void)
{
	CHECK(open_of("") == 1000 && !named);
	CHECK(open_of("Accept: */*\r\n") == 1000 && !named);
	CHECK(open_of("Accept: application/*;q=0.3, */*;q=0.9\r\n") == 300 && !named);
	CHECK(open_of("Accept: */*;q=0.9, application/*;q=0.3\r\n") == 300 && !named);
	CHECK(open_of("Accept: */*, " OPEN ";q=0.1\r\n") == 100 && named);
	CHECK(open_of("Accept: text/*, app/*\r\n") == 0 && !named);
	CHECK(quality_of("Accept: text/*\r\n", "text/plain", "0.0.4") == 1000 && !named);
}

static void
passes_over_what_it_cannot_read(void)
{
	CHECK(open_of("Accept: \r\n") == 0 && !named);
	CHECK(open_of("Accept: ,,;,;q=1,/,*\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=2\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=1.001\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=0.12345\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=x\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";q=\r\n") == 0 && !named);
	CHECK(open_of("Accept: " OPEN ";;;\r\n") == 1000 && named);
	CHECK(open_of("Accept: " OPEN ";version=;q=0.5\r\n") == 500 && named);
}

static bool
takes_gzip(const char *line)
{
	(void) quality_of(line, OPEN, "1.0.0");
	return rt_http_takes_coding(&head, "gzip");
}

static void
takes_a_coding_that_is_named(void)
{
	CHECK(takes_gzip("Accept-Encoding: gzip\r\n"));
	CHECK(takes_gzip("accept-encoding: br , GZIP ;q=0.1\r\n"));
	CHECK(takes_gzip("Accept-Encoding: identity, *\r\n"));
	CHECK(takes_gzip("Accept-Encoding: *;q=0, gzip\r\n"));
	CHECK(!takes_gzip(""));
	CHECK(!takes_gzip("Accept-Encoding: \r\n"));
	CHECK(!takes_gzip("Accept-Encoding: br, deflate\r\n"));
	CHECK(!takes_gzip("Accept-Encoding: gzip;q=0, *\r\n"));
	CHECK(!takes_gzip("Accept-Encoding: *;q=0\r\n"));
	CHECK(!takes_gzip("Accept-Encoding: gzip;q=2\r\n"));
	CHECK(!takes_gzip("Accept-Encoding: gzipped, x-gzip\r\n"));
}

int
main(void)
{
	RUN(takes_what_is_named);
	RUN(takes_what_is_in_a_range);
	RUN(passes_over_what_it_cannot_read);
	RUN(takes_a_coding_that_is_named);
	return unit_done();
}

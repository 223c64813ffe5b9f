/*
 * test_forwarded.c
 *		src/protocol/forwarded.c: whom a request is from that proxies have passed
 *		on.  Those in 10.0.0.0/8 and fd00::/8 are trusted.
 */
#include <arpa/inet.h>

#include "src/protocol/forwarded.h"
#include "test/unit/unit.h"

#define PEER "10.0.0.9"

static bool
is_trusted(const unsigned char *address)
{
	RtHostNetwork four;
	RtHostNetwork six;

	return rt_host_read_network("10.0.0.0/8", 10, &four) &&
		rt_host_read_network("fd00::/8", 8, &six) &&
		(rt_host_is_within(address, &four) || rt_host_is_within(address, &six));
}

/* Whether a request with these header lines is from an address. */
static bool
is_from(RtForwardedHeader header, const char *lines, const char *wanted)
{
	RtHttpHead	head;
	char		text[10000];
	int			len = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
	char	   *copy = unit_copy(text, (size_t) len);
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	unsigned char expected[RT_HOST_ADDRESS_SIZE];

	memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
	CHECK_CASE(rt_http_head_read(&head, copy, (size_t) len) == RT_HTTP_WHOLE, lines);
	CHECK(rt_host_read_peer(PEER, strlen(PEER), address));
	CHECK(rt_host_read_peer(wanted, strlen(wanted), expected));
	rt_forwarded_client(&head, header, is_trusted, address);
	free(copy);
	return memcmp(address, expected, sizeof(address)) == 0;
}

static void
the_last_untrusted_counts(void)
{
	static const struct
	{
		const char *lines;
		const char *address;
	}			cases[] = {
		{"", PEER},
		{"X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 10.0.0.6, 1.2.3.4, 10.0.0.1, 10.0.0.2\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 10.0.0.3, 10.0.0.1\r\n", "10.0.0.3"},
		{"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 10.0.0.1\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 1.2.3.4:5678, fd00::1\r\n", "1.2.3.4"},
		{"X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
		{"X-Forwarded-For: [2001:db8::1]:99,, \t10.0.0.1 \r\n", "2001:db8::1"},
		{"X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.1\r\n", "10.0.0.1"},
		{"X-Forwarded-For: 6.6.6.6, unknown\r\n", PEER},
		{"X-Forwarded-For: 6.6.6.6, example.com\r\n", PEER},
		{"X-Forwarded-For: \"1.2.3.4\"\r\n", PEER},
		{"X-Forwarded-For:\r\n", PEER},
		{"X-Forwarded-For: \", 1.2.3.4\r\n", "1.2.3.4"},
		{"X-Forwarded-For: \"6.6.6.6, 1.2.3.4, 10.0.0.1\r\n", "1.2.3.4"},
		{"X-Forwarded-For: \"\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"},
		{"X-Forwarded-For: \"a, 6.6.6.6\", 1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: for=1.2.3.4\r\n", PEER},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(is_from(RT_FORWARDED_X_FOR, cases[i].lines, cases[i].address), cases[i].lines);
}

static void
the_standard_one_is_read(void)
{
	static const struct
	{
		const char *lines;
		const char *address;
	}			cases[] = {
		{"Forwarded: for=1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: For=\"1.2.3.4:5\";proto=https;by=10.0.0.1\r\n", "1.2.3.4"},
		{"Forwarded: proto=http;for=\"[2001:db8:cafe::17]:4711\"\r\n", "2001:db8:cafe::17"},
		{"Forwarded: for=6.6.6.6, for=1.2.3.4;by=10.0.0.1, for=10.0.0.2\r\n", "1.2.3.4"},
		{"Forwarded: for=6.6.6.6\r\nForwarded: for=1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: host=\"a,b;for=6.6.6.6\";for=1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: for=6.6.6.6, for=_hidden, for=10.0.0.1\r\n", "10.0.0.1"},
		{"Forwarded: for=6.6.6.6, for=unknown\r\n", PEER},
		{"Forwarded: for=6.6.6.6, by=10.0.0.1\r\n", PEER},
		{"Forwarded: for=6.6.6.6, for\r\n", PEER},
		{"Forwarded: for=6.6.6.6, for=\"1.2.3.4\r\n", PEER},
		{"Forwarded: for=\"\"\r\n", PEER},
		{"Forwarded: \", for=1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: for=\"6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.1\r\n", "1.2.3.4"},
		{"Forwarded: for=\"6.6.6.6, for=\"[2001:db8::1]:9\", for=\"10.0.0.1\"\r\n", "2001:db8::1"},
		{"Forwarded: for=6.6.6.6;host=\"\\\", for=1.2.3.4\r\n", "1.2.3.4"},
		{"Forwarded: for=1.2.3.4;host=\"a\\\",b\"\r\n", "1.2.3.4"},
		{"Forwarded: for=\r\n", PEER},
		{"X-Forwarded-For: 6.6.6.6\r\n", PEER},
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(is_from(RT_FORWARDED_STANDARD, cases[i].lines, cases[i].address), cases[i].lines);
}

int
main(void)
{
	RUN(the_last_untrusted_counts);
	RUN(the_standard_one_is_read);
	return unit_done();
}

/*
 * test_http.c
 *		src/protocol/http.c: every rule about a request's head.
 *
 * Each head is read at once and byte by byte, in memory of exactly its
 * length; both must come to the same.
 */
#include "src/protocol/http.h"
#include "src/protocol/http_target.h"
#include "test/unit/unit.h"

#define HOST "Host: example.org\r\n"

static RtHttpHead head;
static char *head_text;

/* Reads what there is of a head in steps of some bytes. */
static RtHttpResult
read_in_steps(RtHttpHead *into, const char *text, size_t len, size_t step)
{
	RtHttpResult result = RT_HTTP_MORE;

	memset(into, 0, RT_HTTP_HEAD_INIT_SIZE);
	for (size_t have = step; result == RT_HTTP_MORE; have += step)
	{
		size_t		n = have < len ? have : len;

		free(head_text);
		head_text = unit_copy(text, n);
		result = rt_http_head_read(into, head_text, n);
		if (n == len)
			break;
	}
	return result;
}

/* Into head, whose text stays until the next. */
static RtHttpResult
read_bytes(const char *text, size_t len)
{
	static RtHttpHead slowly;
	RtHttpResult result = read_in_steps(&slowly, text, len, 1);

	CHECK_CASE(read_in_steps(&head, text, len, len) == result, text);
	CHECK_CASE(head.status == slowly.status || result == RT_HTTP_MORE, text);
	CHECK_CASE(head.length == slowly.length, text);
	CHECK_CASE(head.field_count == slowly.field_count, text);
	return result;
}

static RtHttpResult
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static bool
is_whole(const char *text)
{
	bool		whole = read_text(text) == RT_HTTP_WHOLE;

	if (!whole)
		printf("# %d %s\n", head.status, head.reason != NULL ? head.reason : "");
	return whole;
}

/* Whether it is refused with a status, and with a sentence. */
static bool
is_refused(int status, const char *text)
{
	if (read_text(text) != RT_HTTP_REFUSED || head.status != status)
	{
		printf("# %d\n", head.status);
		return false;
	}
	return head.reason[0] >= 'A' && head.reason[0] <= 'Z' &&
		head.reason[strlen(head.reason) - 1] == '.';
}

static bool
span_is(RtHttpSpan span, const char *text)
{
	return span.len == strlen(text) &&
		memcmp(head.bytes + span.off, text, span.len) == 0;
}

/* A request with this line or these headers. */
static const char *
with(const char *before, const char *middle, const char *behind)
{
	static char text[40000];

	snprintf(text, sizeof(text), "%s%s%s", before, middle, behind);
	return text;
}

static const char *
with_line(const char *line)
{
	return with(line, "\r\n" HOST, "\r\n");
}

static const char *
with_header(const char *header)
{
	return with("GET / HTTP/1.1\r\n" HOST, header, "\r\n\r\n");
}

static void
reads_a_request(void)
{
	RtText		value;

	CHECK(is_whole("GET /a/b?c=d HTTP/1.1\r\nHost: example.org:8080\r\n"
				   "X-Empty:\r\nX-Blanks: \t a b \t \r\n\r\n"));
	CHECK(head.method == RT_HTTP_GET && head.minor == 1);
	CHECK(span_is(head.path, "/a/b") && span_is(head.query, "c=d"));
	CHECK(span_is(head.authority, "example.org:8080"));
	CHECK(head.field_count == 3 && head.keep_alive);
	CHECK(head.framing == RT_HTTP_NO_BODY && !head.expects_continue);
	CHECK(rt_http_field(&head, "x-empty", &value) == 1 && value.len == 0);
	CHECK(rt_http_field(&head, "x-blanks", &value) == 1 &&
		  value.len == 3 && memcmp(value.ptr, "a b", 3) == 0);
	CHECK(rt_http_field(&head, "x", &value) == 0);
	CHECK(rt_http_field(&head, "x-empty-too", &value) == 0);
}

static void
waits_for_the_rest(void)
{
	const char *text = "GET / HTTP/1.1\r\n" HOST "\r\n";

	for (size_t len = 0; len < strlen(text); len++)
		CHECK(read_bytes(text, len) == RT_HTTP_MORE);
	CHECK(read_text(text) == RT_HTTP_WHOLE && head.length == strlen(text));
	CHECK(read_text(with(text, "GET ", "")) == RT_HTTP_WHOLE);
	CHECK(head.length == strlen(text));
}

/* An empty line before a request may be left over from the one before. */
static void
skips_one_empty_line(void)
{
	CHECK(is_whole("\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
	CHECK(is_refused(400, "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"));
}

static void
knows_methods(void)
{
	static const char *const names[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"
	};

	for (size_t i = 0; i < COUNT_OF(names); i++)
	{
		CHECK(is_whole(with(names[i], " / HTTP/1.1\r\n" HOST, "\r\n")));
		CHECK(head.method == (RtHttpMethod) (1 << i));
	}
	CHECK(is_refused(501, with_line("get / HTTP/1.1")));
	CHECK(is_refused(501, with_line("Get / HTTP/1.1")));
	CHECK(is_refused(501, with_line("GETS / HTTP/1.1")));
	CHECK(is_refused(501, with_line("GE / HTTP/1.1")));
	CHECK(is_refused(501, with_line("BREW / HTTP/1.1")));
	CHECK(is_refused(501, with_line("CONNECT example.org:80 HTTP/1.1")));
	CHECK(is_refused(400, with_line("G@T / HTTP/1.1")));
	CHECK(is_refused(400, with_line("\"GET\" / HTTP/1.1")));
	CHECK(is_refused(400, with_line("G\xC3\x89T / HTTP/1.1")));
	CHECK(is_refused(400, with_line(" / HTTP/1.1")));
	CHECK(is_refused(400, with_line(" GET / HTTP/1.1")));
}

static void
knows_versions(void)
{
	CHECK(is_whole(with_line("GET / HTTP/1.0")) && head.minor == 0 && !head.keep_alive);
	CHECK(is_whole("GET / HTTP/1.0\r\n\r\n") && head.authority.len == 0);
	CHECK(is_whole(with_line("GET / HTTP/1.2")) && head.minor == 2);
	CHECK(is_refused(505, with_line("GET / HTTP/2.0")));
	CHECK(is_refused(505, with_line("GET / HTTP/0.9")));
	CHECK(is_refused(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	CHECK(is_refused(400, with_line("GET / FOO/1.1")));
	CHECK(is_refused(400, with_line("GET / http/1.1")));
	CHECK(is_refused(400, with_line("GET / HTTP/1.10")));
	CHECK(is_refused(400, with_line("GET / HTTP/11")));
	CHECK(is_refused(400, with_line("GET / HTTP/a.1")));
	CHECK(is_refused(400, with_line("GET / HTTP/1,1")));
	CHECK(is_refused(400, with_line("GET / HTTP")));
	CHECK(is_refused(400, with_line("GET / ")));
	CHECK(is_refused(400, with_line("GET /")));
	CHECK(is_refused(400, with_line("GET")));
	CHECK(is_refused(400, with_line("GET  / HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /  HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET / HTTP/1.1 ")));
	CHECK(is_refused(400, with_line("GET\t/ HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /a b HTTP/1.1")));
}

static void
reads_targets(void)
{
	CHECK(is_whole(with_line("GET /?a?b=/c HTTP/1.1")) && span_is(head.query, "a?b=/c"));
	CHECK(is_whole(with_line("GET /? HTTP/1.1")) && head.query.len == 0);
	CHECK(is_whole(with_line("GET /a%20b HTTP/1.1")) && span_is(head.path, "/a%20b"));
	CHECK(is_whole(with_line("GET /?a=%zz|{}^`[]\\ HTTP/1.1")));
	CHECK(is_whole(with_line("OPTIONS * HTTP/1.1")) && span_is(head.path, "*"));
	CHECK(is_refused(400, with_line("GET * HTTP/1.1")));
	CHECK(is_refused(400, with_line("OPTIONS ** HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET a HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET ?a HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET example.org:80 HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /a#b HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /a\"b HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /<a> HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /\xC3\xA9 HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /\ta HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /% HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /%a HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /%zz HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET /%a?b HTTP/1.1")));
}

/* RFC 9112, 3.2.2: its host counts, and not the header's. */
static void
reads_absolute_targets(void)
{
	CHECK(is_whole(with_line("GET http://a.example:81/b?c HTTP/1.1")));
	CHECK(span_is(head.path, "/b") && span_is(head.query, "c"));
	CHECK(span_is(head.authority, "a.example:81"));
	CHECK(is_whole(with_line("GET HTTPS://a.example HTTP/1.1")));
	CHECK(head.path.len == 0 && head.query.len == 0);
	CHECK(is_whole(with_line("GET http://a.example?b HTTP/1.1")));
	CHECK(head.path.len == 0 && span_is(head.query, "b"));
	CHECK(is_whole(with_line("GET http://[::1]:8/ HTTP/1.1")) && span_is(head.authority, "[::1]:8"));
	CHECK(is_refused(400, "GET http://a.example/ HTTP/1.1\r\n\r\n"));
	CHECK(is_refused(400, "GET http://a.example/ HTTP/1.1\r\nHost: ?\r\n\r\n"));
	CHECK(is_refused(400, with_line("GET ftp://a.example/ HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET http:/a HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET http:///a HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET http:// HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET http://u:p@a.example/ HTTP/1.1")));
	CHECK(is_refused(400, with_line("GET http://a.example:x/ HTTP/1.1")));
}

static void
reads_hosts(void)
{
	static const char *const good[] = {
		"a", "example.org", "example.org:80", "127.0.0.1", "[::1]", "[::1]:7432",
		"[::ffff:127.0.0.1]", "a_b", "a:", "A-b.c", "a:65535", "a.", "xn--bcher-kva.example"
	};
	static const char *const bad[] = {
		"", " ", ":80", "a b", "a,b", "a/b", "a@b", "a?b", "a\\b", "a:b", "a:80:80",
		"a:65536", "a:000080", "[::1", "[]", "[:", "[::1]x", "[g::]", "::1",
		"a%41b", "\"a\"", "a\tb", "http://a", "\xC3\xA4"
	};

	for (size_t i = 0; i < COUNT_OF(good); i++)
	{
		CHECK_CASE(is_whole(with("GET / HTTP/1.1\r\nHost: ", good[i], "\r\n\r\n")), good[i]);
		CHECK_CASE(span_is(head.authority, good[i]), good[i]);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		CHECK_CASE(is_refused(400, with("GET / HTTP/1.1\r\nHost: ", bad[i], "\r\n\r\n")), bad[i]);
	CHECK(is_refused(400, "GET / HTTP/1.1\r\n\r\n"));
	CHECK(is_refused(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"));
	CHECK(is_refused(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nhOST: b\r\n\r\n"));
	CHECK(is_refused(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"));
}

static void
refuses_bad_lines(void)
{
	CHECK(is_refused(400, "GET / HTTP/1.1\nHost: a\n\n"));
	CHECK(is_refused(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"));
	CHECK(is_refused(400, "GET / HTTP/1.1\rHost: a\r\n\r\n"));
	CHECK(is_refused(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"));
	CHECK(is_refused(400, with_header("X: a\rb")));
	CHECK(is_refused(400, with_header("X: a\nY: b")));
	CHECK(is_refused(400, with_header(" X: folded at first")));
	CHECK(is_refused(400, with_header("X: a\r\n b")));
	CHECK(is_refused(400, with_header("X: a\r\n\tb")));
	CHECK(is_refused(400, with_header("no colon")));
	CHECK(is_refused(400, with_header("X : a")));
	CHECK(is_refused(400, with_header("X\t: a")));
	CHECK(is_refused(400, with_header(": a")));
	CHECK(is_refused(400, with_header("X Y: a")));
	CHECK(is_refused(400, with_header("X(Y): a")));
	CHECK(is_refused(400, with_header("X\xC3\xA4: a")));
	CHECK(is_whole(with_header("X:a")));
	CHECK(is_whole(with_header("X: a\tb \xC3\xA4 \xFF ~")));
	CHECK(is_whole(with_header("!#$%&'*+-.^_`|~09azAZ: a")));
}

static void
refuses_control_characters(void)
{
	char		text[] = "GET / HTTP/1.1\r\n" HOST "X: a?b\r\n\r\n";
	char	   *at = strchr(text, '?');

	for (int c = 0; c < 256; c++)
	{
		bool		bad = (c < 0x20 && c != '\t') || c == 0x7F;

		*at = (char) c;
		CHECK(read_bytes(text, sizeof(text) - 1) ==
			  (bad ? RT_HTTP_REFUSED : RT_HTTP_WHOLE));
		CHECK(!bad || head.status == 400);
	}
	CHECK(read_bytes("\x16\x03\x01\x02\x00\x01", 6) == RT_HTTP_REFUSED);
}

/* Each beginning of a header's name is a header's name. */
static void
takes_any_name(void)
{
	static const char name[] = "Sec-WebSocket-Extensions-And-More";
	char		header[64];

	for (size_t len = 1; len < sizeof(name); len++)
	{
		snprintf(header, sizeof(header), "%.*s: t", (int) len, name);
		CHECK_CASE(is_whole(with_header(header)), header);
	}
}

static char *
repeat(const char *text, size_t count)
{
	size_t		len = strlen(text);
	char	   *all = malloc(len * count + 1);

	for (size_t i = 0; i < count; i++)
		memcpy(all + i * len, text, len);
	all[len * count] = '\0';
	return all;
}

static void
limits_sizes(void)
{
	char	   *line = repeat("x", RT_HTTP_LINE_MAX - 14);
	char	   *value = repeat("x", RT_HTTP_LINE_MAX - 3);
	char	   *fields = repeat("X: y\r\n", RT_HTTP_FIELDS_MAX - 1);
	char	   *long_fields = repeat("X: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
									 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
									 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n", 90);
	char	   *endless = repeat("x", RT_HTTP_HEAD_MAX);

	CHECK(is_whole(with("GET /", line, " HTTP/1.1\r\n" HOST "\r\n")));
	CHECK(is_refused(414, with("GET /x", line, " HTTP/1.1\r\n" HOST "\r\n")));
	CHECK(read_text(with("GET /", line, " HTTP/1.1")) == RT_HTTP_MORE);
	CHECK(is_refused(414, with("GET /", line, " HTTP/1.1x")));
	CHECK(is_refused(414, with("GET /", line, " HTTP/1.1x\x01\r\n\r\n")));
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n" HOST "X: x", value, "\x01\r\n\r\n")));
	CHECK(is_whole(with("GET / HTTP/1.1\r\n" HOST "X: ", value, "\r\n\r\n")));
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n" HOST "X: x", value, "\r\n\r\n")));
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n" HOST "X: x", value, "")));
	CHECK(is_whole(with("GET / HTTP/1.1\r\n" HOST, fields, "\r\n")));
	CHECK(head.field_count == RT_HTTP_FIELDS_MAX);
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n" HOST "X: y\r\n", fields, "\r\n")));
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n" HOST, long_fields, "\r\n")));
	CHECK(is_refused(414, endless));
	CHECK(is_refused(431, with("GET / HTTP/1.1\r\n", endless, "")));
	free(line);
	free(value);
	free(fields);
	free(long_fields);
	free(endless);
}

/* A head may fill all that a head may have, and not a byte more. */
static void
limits_heads_exactly(void)
{
	static char text[RT_HTTP_HEAD_MAX + 2];
	char	   *p = text + sprintf(text, "GET / HTTP/1.1\r\n" HOST);

	for (int i = 0; i < 2; i++)
	{
		p += sprintf(p, "X: ");
		memset(p, 'x', 6000);
		p += 6000;
		p += sprintf(p, "\r\n");
	}
	p += sprintf(p, "Y: ");
	memset(p, 'y', (size_t) (text + RT_HTTP_HEAD_MAX - 4 - p));
	memcpy(text + RT_HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
	CHECK(read_bytes(text, RT_HTTP_HEAD_MAX) == RT_HTTP_WHOLE);
	CHECK(head.length == RT_HTTP_HEAD_MAX);
	memcpy(text + RT_HTTP_HEAD_MAX - 4, "y\r\n\r\n", 5);
	CHECK(read_bytes(text, RT_HTTP_HEAD_MAX + 1) == RT_HTTP_REFUSED);
	CHECK(head.status == 431);
}

static void
reads_connection(void)
{
	static const char *const closes[] = {
		"Connection: close", "Connection: Close", "Connection: a, close",
		"Connection: , ,close,", "connection:\tclose\t", "Connection: a\r\nConnection: close"
	};
	static const char *const keeps[] = {
		"Connection: keep-alive", "Connection:", "Connection: closed", "Connection: a close",
		"Connection: \"close\"", "X-Connection: close"
	};

	for (size_t i = 0; i < COUNT_OF(closes); i++)
		CHECK_CASE(is_whole(with_header(closes[i])) && !head.keep_alive, closes[i]);
	for (size_t i = 0; i < COUNT_OF(keeps); i++)
		CHECK_CASE(is_whole(with_header(keeps[i])) && head.keep_alive, keeps[i]);
}

static void
reads_framing(void)
{
	CHECK(is_whole(with_header("Content-Length: 5")));
	CHECK(head.framing == RT_HTTP_LENGTH && head.content_length == 5);
	CHECK(is_whole(with_header("Content-Length: 0")) && head.framing == RT_HTTP_NO_BODY);
	CHECK(is_whole(with_header("Content-Length: 0005")) && head.content_length == 5);
	CHECK(is_whole(with_header("Content-Length: 999999999999999999")));
	CHECK(head.content_length == UINT64_C(999999999999999999));
	CHECK(is_refused(413, with_header("Content-Length: 9999999999999999999")));
	CHECK(is_refused(413, with_header("Content-Length: 18446744073709551621")));
	CHECK(is_refused(400, with_header("Content-Length: 5\r\nContent-Length: 5")));
	CHECK(is_refused(400, with_header("Content-Length: 5\r\nContent-Length: 6")));
	CHECK(is_refused(400, with_header("Content-Length: 5, 5")));
	CHECK(is_refused(400, with_header("Content-Length:")));
	CHECK(is_refused(400, with_header("Content-Length: -5")));
	CHECK(is_refused(400, with_header("Content-Length: +5")));
	CHECK(is_refused(400, with_header("Content-Length: 0x5")));
	CHECK(is_refused(400, with_header("Content-Length: 5.0")));
	CHECK(is_refused(400, with_header("Content-Length: 5 5")));

	CHECK(is_whole(with_header("Transfer-Encoding: chunked")) && head.framing == RT_HTTP_CHUNKED);
	CHECK(is_whole(with_header("transfer-encoding:CHUNKED")) && head.framing == RT_HTTP_CHUNKED);
	CHECK(is_whole(with_header("Transfer-Encoding: , chunked,")) && head.framing == RT_HTTP_CHUNKED);
	CHECK(is_refused(501, with_header("Transfer-Encoding: gzip, chunked")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: gzip")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: identity")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: chunked, gzip")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: chunked, chunked")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: chunked;a=b")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: xchunked")));
	CHECK(is_refused(400, with_header("Transfer-Encoding:")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")));
	CHECK(is_refused(400, with_header("Transfer-Encoding: chunked\r\nContent-Length: 5")));
	CHECK(is_refused(400, with_header("Content-Length: 0\r\nTransfer-Encoding: chunked")));
	CHECK(is_refused(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"));
}

static void
reads_expectations(void)
{
	CHECK(is_whole(with_header("Expect: 100-continue\r\nContent-Length: 1")) && head.expects_continue);
	CHECK(is_whole(with_header("Expect: 100-Continue\r\nTransfer-Encoding: chunked")) && head.expects_continue);
	CHECK(is_whole(with_header("Expect: 100-continue")) && !head.expects_continue);
	CHECK(is_refused(417, with_header("Expect: more")));
	CHECK(is_refused(417, with_header("Expect: 100-continue\r\nExpect: 100-continue")));
	CHECK(is_whole("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: more\r\n\r\n"));
	CHECK(!head.expects_continue);
}

static void
reads_lists(void)
{
	RtText		list = RT_TEXT(" , a ,,\tb c\t, \"d,\\\",e\" ,f;g=\"h,i\",");
	static const char *const elements[] = {"a", "b c", "\"d,\\\",e\"", "f;g=\"h,i\""};
	RtText		element;

	for (size_t i = 0; i < COUNT_OF(elements); i++)
	{
		CHECK(rt_http_list_next(&list, &element));
		CHECK(element.len == strlen(elements[i]) &&
			  memcmp(element.ptr, elements[i], element.len) == 0);
	}
	CHECK(!rt_http_list_next(&list, &element));
	list = RT_TEXT("\"a,b");
	CHECK(rt_http_list_next(&list, &element) && element.len == 4);
	CHECK(!rt_http_list_next(&list, &element));
}

/* ---- paths ---- */

static const char *
path_of(const char *target)
{
	static char path[256];

	if (!is_whole(with("GET ", target, " HTTP/1.1\r\n" HOST "\r\n")))
		return "not whole";
	return rt_http_path(&head, path, sizeof(path)) < 0 ? "none" : path;
}

static void
decodes_paths(void)
{
	static const struct
	{
		const char *target;
		const char *path;
	}			cases[] = {
		{"/", "/"}, {"/a", "/a"}, {"/a/", "/a/"}, {"/a/b.c?d", "/a/b.c"},
		{"http://a", "/"}, {"http://a?b", "/"},
		{"/%61%2E%2e", "/a.."}, {"/a%20b", "/a b"}, {"/%C3%A9", "/\xC3\xA9"},
		{"/a//b", "/a/b"}, {"//a", "/a"}, {"///", "/"}, {"/a//", "/a/"},
		{"/.", "/"}, {"/./", "/"}, {"/a/.", "/a/"}, {"/a/./b", "/a/b"}, {"/a/%2e/b", "/a/b"},
		{"/a/..", "/"}, {"/a/../", "/"}, {"/a/../b", "/b"}, {"/a/b/../../c", "/c"},
		{"/a/%2E%2e/b", "/b"}, {"/a/b/..", "/a/"}, {"/...", "/..."}, {"/.a", "/.a"},
		{"/a/..b", "/a/..b"}, {"/..;/a", "/..;/a"}, {"/%25", "/%"}, {"/%2525", "/%25"},
		{"/..", "none"}, {"/../a", "none"}, {"/a/../../b", "none"}, {"/%2e%2e/a", "none"},
		{"/a%2fb", "none"}, {"/..%2Fa", "none"}, {"/a%00", "none"}, {"/%00", "none"}
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++)
		CHECK_CASE(strcmp(path_of(cases[i].target), cases[i].path) == 0, cases[i].target);
}

static void
bounds_paths(void)
{
	char	   *small = malloc(6);

	CHECK(is_whole("GET /abcd HTTP/1.1\r\n" HOST "\r\n"));
	CHECK(rt_http_path(&head, small, 6) == -1);
	CHECK(is_whole("GET /abc HTTP/1.1\r\n" HOST "\r\n"));
	CHECK(rt_http_path(&head, small, 6) == 4 && strcmp(small, "/abc") == 0);
	free(small);
}

int
main(void)
{
	RUN(reads_a_request);
	RUN(waits_for_the_rest);
	RUN(skips_one_empty_line);
	RUN(knows_methods);
	RUN(knows_versions);
	RUN(reads_targets);
	RUN(reads_absolute_targets);
	RUN(reads_hosts);
	RUN(refuses_bad_lines);
	RUN(refuses_control_characters);
	RUN(takes_any_name);
	RUN(limits_sizes);
	RUN(limits_heads_exactly);
	RUN(reads_connection);
	RUN(reads_framing);
	RUN(reads_expectations);
	RUN(reads_lists);
	RUN(decodes_paths);
	RUN(bounds_paths);
	free(head_text);
	return unit_done();
}

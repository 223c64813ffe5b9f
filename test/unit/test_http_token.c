/*
 * test_http_token.c
 *		src/protocol/http_token.c and the queries of http_target.c: where a
 *		request may carry a token.
 */
#include "src/protocol/http_target.h"
#include "src/protocol/http_token.h"
#include "test/unit/unit.h"

static RtHttpHead head;
static char *head_text;

/* Reads a request for a target with these header lines. */
static void
read_request(const char *target, const char *lines)
{
	char		text[10000];
	int			len = snprintf(text, sizeof(text),
							   "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, lines);

	free(head_text);
	head_text = unit_copy(text, (size_t) len);
	memset(&head, 0, RT_HTTP_HEAD_INIT_SIZE);
	CHECK_CASE(rt_http_head_read(&head, head_text, (size_t) len) == RT_HTTP_WHOLE, text);
}

static bool
text_is(RtText text, const char *wanted)
{
	return text.len == strlen(wanted) && memcmp(text.ptr, wanted, text.len) == 0;
}

/* ---- Authorization ---- */

static bool
bears(const char *lines, const char *wanted)
{
	RtText		token;

	read_request("/", lines);
	return rt_http_bearer(&head, &token) == RT_HTTP_BEARER_FOUND && text_is(token, wanted);
}

static RtHttpBearer
bearer_of(const char *lines)
{
	RtText		token;

	read_request("/", lines);
	return rt_http_bearer(&head, &token);
}

static void
reads_bearers(void)
{
	CHECK(bears("Authorization: Bearer abc\r\n", "abc"));
	CHECK(bears("authorization:bearer   a.b-c_d~e+f/g==\r\n", "a.b-c_d~e+f/g=="));
	CHECK(bears("AUTHORIZATION: BEARER 1 \r\n", "1"));
	CHECK(bearer_of("") == RT_HTTP_BEARER_NONE);
	CHECK(bearer_of("Authorization: Basic abc\r\n") == RT_HTTP_BEARER_NONE);
	CHECK(bearer_of("Authorization: Bearerabc\r\n") == RT_HTTP_BEARER_NONE);
	CHECK(bearer_of("Authorization:\r\n") == RT_HTTP_BEARER_NONE);
	CHECK(bearer_of("Authorization: Bearer\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer a b\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer a,b\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer =\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer a=b\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer \"a\"\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer a\xC3\xA4\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Bearer a\r\nAuthorization: Bearer a\r\n") == RT_HTTP_BEARER_BAD);
	CHECK(bearer_of("Authorization: Basic a\r\nAuthorization: Bearer a\r\n") == RT_HTTP_BEARER_BAD);
}

/* ---- cookies ---- */

/* How many there are of the name "t", the first with this value. */
static int
cookies(const char *lines, const char *wanted)
{
	RtText		value = RT_TEXT_NONE;
	int			count;

	read_request("/", lines);
	count = rt_http_cookie(&head, "t", &value);
	return count > 0 && !text_is(value, wanted) ? -1 : count;
}

static void
reads_cookies(void)
{
	CHECK(cookies("Cookie: t=abc\r\n", "abc") == 1);
	CHECK(cookies("Cookie: a=b; t=abc; c=d\r\n", "abc") == 1);
	CHECK(cookies("Cookie: t=\"abc\"\r\n", "abc") == 1);
	CHECK(cookies("Cookie: t=\r\n", "") == 1);
	CHECK(cookies("Cookie: t=a=b==\r\n", "a=b==") == 1);
	CHECK(cookies("Cookie: t=!#$%&'()*+-./:<=>?@[]^_`{|}~\r\n", "!#$%&'()*+-./:<=>?@[]^_`{|}~") == 1);
	CHECK(cookies("Cookie: t=1; t=2\r\n", "1") == 2);
	CHECK(cookies("Cookie: a=b\r\nCookie: t=2; t=3\r\nCookie: t=4\r\n", "2") == 3);
	CHECK(cookies("", "") == 0);
	CHECK(cookies("Cookie: a=b\r\n", "") == 0);
	CHECK(cookies("Cookie:\r\n", "") == 0);
	CHECK(cookies("X-Cookie: t=1\r\n", "") == 0);
}

/* Names differ by case, and what is written otherwise is no cookie. */
static void
ignores_what_is_no_cookie(void)
{
	CHECK(cookies("Cookie: T=1\r\n", "") == 0);
	CHECK(cookies("Cookie: t\r\n", "") == 0);
	CHECK(cookies("Cookie: tt=1; xt=2\r\n", "") == 0);
	CHECK(cookies("Cookie: t =1\r\n", "") == 0);
	CHECK(cookies("Cookie: t= 1\r\n", "") == 0);
	CHECK(cookies("Cookie: t=a b\r\n", "") == 0);
	CHECK(cookies("Cookie: t=a,b\r\n", "") == 0);
	CHECK(cookies("Cookie: t=a\\b\r\n", "") == 0);
	CHECK(cookies("Cookie: t=\"a\r\n", "") == 0);
	CHECK(cookies("Cookie: t=a\"\r\n", "") == 0);
	CHECK(cookies("Cookie: t=\"a\"b\"\r\n", "") == 0);
	CHECK(cookies("Cookie: t=\"\r\n", "") == 0);
	CHECK(cookies("Cookie: t=\xC3\xA4\r\n", "") == 0);
	CHECK(cookies("Cookie: a=\"b; t=1\"\r\n", "") == 0);
	CHECK(cookies("Cookie: a=b;t=1\r\n", "") == 0);
	CHECK(cookies("Cookie: a=b;\tt=1\r\n", "") == 0);
	CHECK(cookies("Cookie: a=b;  t=1\r\n", "") == 0);
	CHECK(cookies("Cookie: a=b,t=1\r\n", "") == 0);
	CHECK(cookies("Cookie: t=1;\r\n", "1") == 1);
	CHECK(cookies("Cookie: ; t=1\r\n", "1") == 1);
}

/* ---- queries ---- */

/* The same for the names "t" of a query; what cannot be read is -1. */
static int
in_query(const char *target, const char *wanted)
{
	char	   *value = malloc(10);
	size_t		len = 0;
	int			count;

	read_request(target, "");
	count = rt_http_query_value(&head, "t", value, 10, &len);
	if (count > 0 && !text_is((RtText) {value, len}, wanted))
		count = -2;
	free(value);
	return count;
}

static void
reads_queries(void)
{
	CHECK(in_query("/?t=abc", "abc") == 1);
	CHECK(in_query("/?a=b&t=abc&c", "abc") == 1);
	CHECK(in_query("/?t", "") == 1);
	CHECK(in_query("/?t=", "") == 1);
	CHECK(in_query("/?t=a=b", "a=b") == 1);
	CHECK(in_query("/?t=a+b%20c%2B", "a b c+") == 1);
	CHECK(in_query("/?%74=%C3%a4", "\xC3\xA4") == 1);
	CHECK(in_query("/?t=1&t=2&t=%zz", "1") == 3);
	CHECK(in_query("/?t=0123456789", "0123456789") == 1);
	CHECK(in_query("http://a/?t=1", "1") == 1);
	CHECK(in_query("/", "") == 0);
	CHECK(in_query("/?", "") == 0);
	CHECK(in_query("/?&&=&", "") == 0);
	CHECK(in_query("/?T=1&tt=2&a=t", "") == 0);
	CHECK(in_query("/?%zz=1&%7=1&%=1", "") == 0);
	CHECK(in_query("/t=1", "") == 0);
	CHECK(in_query("/?a=b;t=1", "") == 0);
}

static void
refuses_values_that_are_no_text(void)
{
	CHECK(in_query("/?t=01234567890", "") == -1);
	CHECK(in_query("/?t=%00", "") == -1);
	CHECK(in_query("/?t=%zz", "") == -1);
	CHECK(in_query("/?t=%4", "") == -1);
	CHECK(in_query("/?t=%", "") == -1);
	CHECK(in_query("/?t=%ff", "") == -1);
	CHECK(in_query("/?t=%C3", "") == -1);
}

/* The token of a request, wherever it is; what is no token gives "-". */
static bool
token_is(const char *target, const char *headers, const char *wanted)
{
	char		request[1024];
	char		token[40];
	int			len;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", target, headers);
	memset(&head, 0, sizeof(head));
	if (!CHECK(rt_http_head_read(&head, request, strlen(request)) == RT_HTTP_WHOLE))
		return false;
	len = rt_http_find_token(&head, "jwt", token, sizeof(token));
	if (len < 0)
		return strcmp(wanted, "-") == 0;
	return (size_t) len == strlen(wanted) && memcmp(token, wanted, len) == 0;
}

static void
finds_tokens_wherever_they_are(void)
{
	CHECK(token_is("/", "", ""));
	CHECK(token_is("/?token=q", "", "q"));
	CHECK(token_is("/?access_token=q", "", "q"));
	CHECK(token_is("/?access_token=q&token=r", "", "r"));
	CHECK(token_is("/?token=q", "Cookie: jwt=c\r\n", "c"));
	CHECK(token_is("/?token=q", "Cookie: jwt=c\r\nAuthorization: Bearer b\r\n", "b"));
	CHECK(token_is("/?token=q", "Authorization: Basic b\r\n", "q"));
	CHECK(token_is("/", "Cookie: other=c\r\n", ""));
	CHECK(token_is("/", "Sec-WebSocket-Protocol: realtime, token.p\r\n", "p"));
	CHECK(token_is("/", "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: token.p\r\n", "p"));
	CHECK(token_is("/?token=q", "Sec-WebSocket-Protocol: token.p\r\n", "q"));
	CHECK(token_is("/", "Sec-WebSocket-Protocol: token, token.\r\n", ""));
}

static void
takes_no_other_for_a_bad_token(void)
{
	const char *longest = "0123456789012345678901234567890123456789";
	char		header[128];

	CHECK(token_is("/?token=q", "Authorization: Bearer\r\n", "-"));
	CHECK(token_is("/?token=q", "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n", "-"));
	CHECK(token_is("/?token=%00", "", "-"));
	CHECK(token_is("/?token=", "", "-"));
	CHECK(token_is("/?token=a&token=b", "", "-"));
	snprintf(header, sizeof(header), "Cookie: jwt=%s\r\n", longest);
	CHECK(token_is("/", header, longest));
	snprintf(header, sizeof(header), "Cookie: jwt=%sx\r\n", longest);
	CHECK(token_is("/?token=q", header, "-"));
	snprintf(header, sizeof(header), "Sec-WebSocket-Protocol: token.%sx\r\n", longest);
	CHECK(token_is("/", header, "-"));
}

int
main(void)
{
	RUN(finds_tokens_wherever_they_are);
	RUN(takes_no_other_for_a_bad_token);
	RUN(reads_bearers);
	RUN(reads_cookies);
	RUN(ignores_what_is_no_cookie);
	RUN(reads_queries);
	RUN(refuses_values_that_are_no_text);
	free(head_text);
	return unit_done();
}

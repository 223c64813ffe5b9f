/*
 * fuzz_http.c
 *		Input: what a client sends.  Read at once and byte by byte it must come
 *		to the same requests with the same bodies.
 */
#include "src/protocol/envelope.h"
#include "src/protocol/forwarded.h"
#include "src/protocol/handshake.h"
#include "src/protocol/host.h"
#include "src/protocol/http_accept.h"
#include "src/protocol/http_body.h"
#include "src/protocol/http_target.h"
#include "src/protocol/http_token.h"
#include "src/protocol/request_id.h"
#include "test/fuzz/fuzz.h"

#define REQUESTS_MAX 8			/* looked at in one input */

/* What is found out about one request and its body. */
typedef struct Request
{
	RtHttpResult result;
	RtHttpHead	head;
	RtHttpResult body_result;
	size_t		content_len;
	uint32_t	content_hash;
	size_t		length;			/* of head and body */
} Request;

static void
assert_span(const RtHttpHead *head, RtHttpSpan span)
{
	FUZZ_ASSERT((size_t) span.off + span.len <= head->length);
}

static void
check_path(const RtHttpHead *head)
{
	char	   *path = fuzz_alloc(head->path.len + 2u);
	int			len = rt_http_path(head, path, head->path.len + 2u);

	if (len >= 0)
	{
		FUZZ_ASSERT(path[0] == '/' && strlen(path) == (size_t) len);
		FUZZ_ASSERT(strstr(path, "//") == NULL && strstr(path, "/./") == NULL);
		FUZZ_ASSERT(strstr(path, "/../") == NULL);
		FUZZ_ASSERT(len < 3 || strcmp(path + len - 3, "/..") != 0);
	}
	free(path);
}

static RtText
fuzz_request_id(const RtHttpHead *head)
{
	RtText		id;

	if (!rt_request_id_read(head, &id))
		return RT_TEXT("none");
	FUZZ_ASSERT(id.len > 0 && id.len <= RT_REQUEST_ID_MAX && memchr(id.ptr, '\r', id.len) == NULL);
	return id;
}

static void
check_accept(const RtHttpHead *head)
{
	bool		named;
	int			quality = rt_http_quality(head, "text/plain", "0.0.4", &named);

	FUZZ_ASSERT(quality >= 0 && quality <= RT_HTTP_QUALITY_MAX);
}

static void
check_handshake(const RtHttpHead *head)
{
	RtHandshake handshake;
	char	   *answer;

	rt_handshake_read(head, &handshake);
	FUZZ_ASSERT((handshake.status == 101) == (handshake.reason == NULL));
	if (handshake.status != 101)
		return;
	FUZZ_ASSERT(handshake.key.len == RT_HANDSHAKE_KEY_LENGTH);
	answer = fuzz_alloc(RT_HANDSHAKE_ANSWER_MAX);
	FUZZ_ASSERT(rt_handshake_accept(answer, "0123456789abcdef0123456789ab",
									handshake.protocol, handshake.deflate,
									fuzz_request_id(head)) < RT_HANDSHAKE_ANSWER_MAX);
	free(answer);
}

static void
assert_within(const RtHttpHead *head, RtText text)
{
	FUZZ_ASSERT(text.len == 0 || (text.ptr >= head->bytes &&
								  text.ptr + text.len <= head->bytes + head->length));
}

static bool
is_odd(const unsigned char *address)
{
	return (address[RT_HOST_ADDRESS_SIZE - 1] & 1) != 0;
}

/* Whom it is from: of addresses that are trusted, or of none that is. */
static void
check_forwarded(const RtHttpHead *head)
{
	static const RtForwardedHeader headers[] = {RT_FORWARDED_X_FOR, RT_FORWARDED_STANDARD};

	for (size_t i = 0; i < 2; i++)
	{
		unsigned char address[RT_HOST_ADDRESS_SIZE] = {1};

		rt_forwarded_client(head, headers[i], is_odd, address);
	}
}

/* Wherever a token may be. */
static void
check_token(const RtHttpHead *head)
{
	RtText		text = RT_TEXT_NONE;
	size_t		cap = head->query.len / 2u;
	char	   *value = fuzz_alloc(cap);
	size_t		len = 0;

	if (rt_http_bearer(head, &text) == RT_HTTP_BEARER_FOUND)
	{
		FUZZ_ASSERT(text.len > 0);
		assert_within(head, text);
	}
	text = RT_TEXT_NONE;
	if (rt_http_cookie(head, "a", &text) > 0)
		assert_within(head, text);
	if (rt_http_query_value(head, "a", value, cap, &len) > 0)
		FUZZ_ASSERT(len <= cap && memchr(value, 0, len) == NULL);
	FUZZ_ASSERT(rt_http_find_token(head, "a", value, cap) <= (int) cap);
	free(value);
}

/* What is asked of a stream for a page: its path and arguments. */
static void
check_page_load(const RtHttpHead *head)
{
	static const char prefix[] = "/__realtime/load/";
	size_t		cap = head->query.len;
	char	   *path = fuzz_alloc(head->path.len + 2u);
	char	   *args = fuzz_alloc(cap);
	size_t		len = 0;

	if (rt_http_path(head, path, head->path.len + 2u) > 0 &&
		strncmp(path, prefix, strlen(prefix)) == 0 &&
		rt_path_is_valid(path + strlen(prefix), strlen(path + strlen(prefix))) &&
		rt_http_query_value(head, "args", args, cap, &len) > 0 && len > 0 &&
		rt_json_check(args, len, FUZZ_MAX_DEPTH) == RT_JSON_OK)
		(void) rt_json_is_array(args, rt_json_whole(args, len));
	free(path);
	free(args);
}

/* Every pair of the query, as the function that admits clients gets it. */
static void
check_query(const RtHttpHead *head)
{
	RtText		rest = rt_http_text(head, head->query);
	RtText		name;
	RtText		value;

	while (rt_http_query_next(&rest, &name, &value))
	{
		char	   *text = fuzz_alloc(name.len + value.len);
		size_t		len;

		assert_within(head, name);
		assert_within(head, value);
		if (rt_http_form_text(name, text, name.len, &len))
			FUZZ_ASSERT(len <= name.len);
		if (rt_http_form_text(value, text, value.len, &len))
			FUZZ_ASSERT(len <= value.len && memchr(text, 0, len) == NULL);
		free(text);
	}
}

/* And every cookie. */
static void
check_cookies(const RtHttpHead *head)
{
	RtText		header = RT_TEXT_NONE;
	RtText		name;
	RtText		value;

	if (rt_http_field(head, "cookie", &header) == 0)
		return;
	while (rt_http_cookie_next(&header, &name, &value))
	{
		assert_within(head, name);
		assert_within(head, value);
	}
}

/* Whom it is for, by its own account. */
static void
check_host(const RtHttpHead *head)
{
	RtText		text = rt_http_text(head, head->authority);
	RtHost		host;
	RtHost		pattern;

	if (!rt_host_read(text.ptr, text.len, &host))
		return;
	FUZZ_ASSERT(host.name == NULL ||
				(host.name_len > 0 && host.name_len <= RT_HOST_NAME_MAX &&
				 host.name >= text.ptr && host.name + host.name_len <= text.ptr + text.len));
	(void) rt_host_is_local(&host);
	FUZZ_ASSERT(!rt_host_read_pattern("a.example", strlen("a.example"), &pattern) ||
				!rt_host_matches(&host, &pattern) || host.name_len == strlen("a.example"));
}

static void
check_head(const RtHttpHead *head)
{
	FUZZ_ASSERT(head->length >= 18 && head->length <= RT_HTTP_HEAD_MAX);
	FUZZ_ASSERT(memcmp(head->bytes + head->length - 4, "\r\n\r\n", 4) == 0);
	assert_span(head, head->authority);
	assert_span(head, head->path);
	assert_span(head, head->query);
	for (int i = 0; i < head->field_count; i++)
	{
		assert_span(head, head->fields[i].name);
		assert_span(head, head->fields[i].value);
		FUZZ_ASSERT(rt_http_is_token(rt_http_text(head, head->fields[i].name)));
	}
	check_path(head);
	check_token(head);
	check_forwarded(head);
	check_handshake(head);
	check_page_load(head);
	check_query(head);
	check_cookies(head);
	check_host(head);
	check_accept(head);
}

/* The head, of which more and more comes, in memory of exactly that length. */
static void
read_head(Request *request, const char *text, size_t size, size_t step)
{
	char	   *copy = NULL;

	memset(&request->head, 0, RT_HTTP_HEAD_INIT_SIZE);
	request->result = RT_HTTP_MORE;
	for (size_t have = step; request->result == RT_HTTP_MORE; have += step)
	{
		size_t		n = have < size ? have : size;

		free(copy);
		copy = fuzz_alloc(n);
		memcpy(copy, text, n);
		request->result = rt_http_head_read(&request->head, copy, n);
		if (n == size)
			break;
	}
	if (request->result == RT_HTTP_WHOLE)
		check_head(&request->head);
	request->length = request->head.length;
	free(copy);
}

static void
note_content(Request *request, RtText piece)
{
	for (size_t i = 0; i < piece.len; i++)
		request->content_hash = request->content_hash * 31 + (unsigned char) piece.ptr[i];
	request->content_len += piece.len;
}

static void
read_body(Request *request, const char *text, size_t size, size_t step)
{
	RtHttpBody	body;

	request->content_len = 0;
	request->content_hash = 0;
	rt_http_body_begin(&body, &request->head);
	do
	{
		size_t		left = size - request->length;
		size_t		n = left < step ? left : step;
		char	   *copy = fuzz_alloc(n);
		RtText		piece;
		size_t		used;

		memcpy(copy, text + request->length, n);
		request->body_result = rt_http_body_read(&body, copy, n, &used, &piece);
		FUZZ_ASSERT(used <= n);
		FUZZ_ASSERT(used > 0 || n == 0 || request->body_result != RT_HTTP_MORE);
		note_content(request, piece);
		request->length += used;
		free(copy);
	} while (request->body_result == RT_HTTP_MORE && request->length < size);
}

static void
read_request(Request *request, const char *text, size_t size, size_t step)
{
	read_head(request, text, size, step);
	if (request->result == RT_HTTP_WHOLE)
		read_body(request, text, size, step);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Request whole;
	static Request slow;
	const char *text = (const char *) data;

	for (int i = 0; i < REQUESTS_MAX && size > 0; i++)
	{
		read_request(&whole, text, size, size);
		read_request(&slow, text, size, 1);
		FUZZ_ASSERT(whole.result == slow.result);
		FUZZ_ASSERT(whole.head.status == slow.head.status);
		FUZZ_ASSERT(whole.head.reason == slow.head.reason);
		if (whole.result != RT_HTTP_WHOLE)
			break;
		FUZZ_ASSERT(whole.head.length == slow.head.length);
		FUZZ_ASSERT(whole.head.field_count == slow.head.field_count);
		FUZZ_ASSERT(whole.body_result == slow.body_result);
		FUZZ_ASSERT(whole.length == slow.length);
		FUZZ_ASSERT(whole.content_len == slow.content_len);
		FUZZ_ASSERT(whole.content_hash == slow.content_hash);
		if (whole.body_result != RT_HTTP_WHOLE)
			break;
		text += whole.length;
		size -= whole.length;
	}
	return 0;
}

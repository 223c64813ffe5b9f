/*
 * cross_origin.c
 *		What pages of other origins may ask over HTTP, and read.
 */
#include "postgres.h"

#include "src/gateway/cross_origin.h"
#include "src/gateway/door/origin.h"
#include "src/gateway/door/tag.h"
#include "src/gateway/login.h"
#include "src/protocol/frame.h"

#define ORIGIN_MAX 512			/* bytes of an origin */
#define HEADERS_MAX (ORIGIN_MAX + 256)

/* What lets a page of an allowed origin read the answer. */
static void
write_cors(const RtHttpHead *head, char dst[HEADERS_MAX])
{
	RtText		origin;

	dst[0] = '\0';
	if (rt_http_field(head, "origin", &origin) == 1 && origin.len <= ORIGIN_MAX &&
		rt_origin_is_allowed(head))
		snprintf(dst, HEADERS_MAX,
				 "Access-Control-Allow-Origin: %.*s\r\n"
				 "Access-Control-Allow-Credentials: true\r\n"
				 "Vary: Origin\r\n", (int) origin.len, origin.ptr);
}

static const char *
header_of_status(int status)
{
	return status == 401 ? "WWW-Authenticate: Bearer\r\n" :
		status == 503 ? "Retry-After: 1\r\n" : "";
}

void
rt_cross_origin_answer(RtHttp *http, int status, const char *type, RtText content,
				   RtText more)
{
	static char headers[HEADERS_MAX + RT_LOGIN_HEADERS_MAX];
	RtHttpAnswer answer = {
		.status = status,.headers = headers,.type = type,
		.text = type != NULL ? content.ptr : NULL,
		.length = type != NULL ? content.len : 0
	};
	size_t		len;

	write_cors(&http->head, headers);
	strlcat(headers, "Cache-Control: no-store\r\n", sizeof(headers));
	strlcat(headers, header_of_status(status), sizeof(headers));
	len = strlen(headers);
	more.len = Min(more.len, sizeof(headers) - 1 - len);
	if (more.len > 0)
		memcpy(headers + len, more.ptr, more.len);
	headers[len + more.len] = '\0';
	rt_http_answer(http, &answer);
}

void
rt_cross_origin_answer_tagged(RtHttp *http, const char *type, RtText content,
							  const char *tag, const char *more)
{
	char		headers[HEADERS_MAX + 256];
	bool		known = rt_tag_is_known(&http->head, tag);
	RtHttpAnswer answer = {
		.status = known ? 304 : 200,.headers = headers,.type = known ? NULL : type,
		.text = known ? NULL : content.ptr,.length = known ? 0 : content.len
	};
	size_t		len;

	write_cors(&http->head, headers);
	len = strlen(headers);
	snprintf(headers + len, sizeof(headers) - len,
			 "ETag: %s\r\nCache-Control: no-cache\r\n%s", tag, more != NULL ? more : "");
	rt_http_answer(http, &answer);
}

void
rt_cross_origin_refuse(RtHttp *http, int status, RtText code, RtText message, RtText more)
{
	char		content[512];
	size_t		len = rt_content_failure(content, sizeof(content), code, message,
										 RT_TEXT_NONE);

	rt_cross_origin_answer(http, status, "application/json", (RtText) {content, len}, more);
}

/* Where the request comes from, if it says so (the standard Fetch Metadata). */
static bool
is_cross_site(const RtHttpHead *head)
{
	RtText		site;

	return rt_http_field(head, "sec-fetch-site", &site) > 0 &&
		!rt_http_is(site, "same-origin") && !rt_http_is(site, "none");
}

bool
rt_cross_origin_may_ask(const RtHttpHead *head)
{
	RtText		origin;

	if (rt_http_field(head, "origin", &origin) == 0)
		return !is_cross_site(head);
	return rt_origin_is_allowed(head);
}

void
rt_cross_origin_answer_options(RtHttp *http, const char *methods)
{
	char		headers[256];
	int			len = snprintf(headers, sizeof(headers),
							   "Access-Control-Allow-Methods: %s\r\n"
							   "Access-Control-Allow-Headers: authorization, content-type, x-requested-with\r\n"
							   "Access-Control-Max-Age: 600\r\n", methods);

	rt_cross_origin_answer(http, 204, NULL, RT_TEXT_NONE, (RtText) {headers, len});
}

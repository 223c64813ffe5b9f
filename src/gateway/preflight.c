/*
 * preflight.c
 *		Who somebody is, asked over HTTP before a WebSocket is opened.
 *
 * The same question as when a connection opens (login.c), but the session that
 * comes with the answer is nobody's: only the verdict counts, and the cookies
 * with which the hook lets the client come back.
 */
#include "postgres.h"

#include "src/gateway/cross_origin.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/preflight.h"

/*
 * The published client takes any status of 400 and more for the last word.  Who is
 * only too early is to come back, so that is 503 here.
 */
static void
refuse(RtHttp *http, int status, RtText code, RtText message, RtText more)
{
	char		line[256];
	size_t		len = snprintf(line, sizeof(line), "%.*s\n", (int) message.len, message.ptr);

	rt_cross_origin_answer(http, status == 429 ? 503 : status, "text/plain; charset=utf-8",
					   (RtText) {line, Min(len, sizeof(line) - 1)}, more);
}

void
rt_preflight(RtHttp *http, const char *path)
{
	static const RtHttpService service = {
		.methods = "POST",.is_rated = true,.refuse = refuse
	};

	rt_http_ask(http, &service, NULL);
}

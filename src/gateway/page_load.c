/*
 * page_load.c
 *		The value of a stream for a page that is rendered elsewhere.
 */
#include "postgres.h"

#include "src/gateway/cross_origin.h"
#include "src/gateway/gateway.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/page_load.h"
#include "src/guc.h"
#include "src/protocol/envelope.h"
#include "src/protocol/http_target.h"
#include "src/protocol/json.h"

/* Of the address; good until the next one is read.  Returns what is wrong with it. */
static const char *
read_load(const RtHttpHead *head, RtQuestionTexts *texts)
{
	static char path[RT_HTTP_LINE_MAX + 2];
	static char args[RT_HTTP_LINE_MAX + 1];
	size_t		len = 0;

	if (rt_http_path(head, path, sizeof(path)) < 0)
		return "Invalid path";
	texts->path = RT_TEXT(path + strlen(RT_PAGE_LOAD_PATH));
	if (!rt_path_is_valid(texts->path.ptr, texts->path.len))
		return "Invalid path";
	if (rt_http_query_value(head, "args", args, RT_HTTP_LINE_MAX, &len) < 0 ||
		(len > 0 && rt_json_check(args, len, realtime_max_depth) != RT_JSON_OK) ||
		(len > 0 && !rt_json_is_array(args, rt_json_whole(args, len))))
		return "args must be an array";
	texts->args = (RtText) {args, len};
	return NULL;
}

static void
answer(RtHttp *http, int status, RtText content, RtText headers)
{
	rt_cross_origin_answer(http, status, "application/json", content, headers);
}

void
rt_page_load(RtHttp *http, const char *path)
{
	static const RtHttpService service = {
		.methods = "GET, HEAD",.asks = true,.kind = RT_REQUEST_LOAD,
		.answer = answer,.refuse = rt_cross_origin_refuse
	};
	RtQuestionTexts texts = {.path = RT_TEXT_NONE};
	const char *fault = http->head.method == RT_HTTP_OPTIONS ? NULL :
		read_load(&http->head, &texts);

	if (fault != NULL)
		rt_cross_origin_refuse(http, 400, RT_TEXT(rt_code_wire(RT_CODE_INVALID_REQUEST)),
						   RT_TEXT(fault), RT_TEXT_NONE);
	else
		rt_http_ask(http, &service, &texts);
}

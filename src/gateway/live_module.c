/*
 * live_module.c
 *		Modules of what is declared, as realtime.client_module() and
 *		realtime.typescript() write them.
 *
 * An executor is asked each time, once for all who ask at the same time; who has
 * the same text already is told so.  The text is the same for everybody, so nobody
 * is asked who he is.  It has the names of all paths of the module: therefore it is
 * served only where the setting says so.
 */
#include "postgres.h"

#include "src/gateway/cross_origin.h"
#include "src/gateway/door/tag.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/live_module.h"
#include "src/guc.h"
#include "src/protocol/envelope.h"

static void
answer_as(RtHttp *http, int status, RtText content, const char *type)
{
	char		tag[RT_TAG_SIZE];

	if (status != 200)
	{
		rt_cross_origin_answer(http, status, "application/json", content, RT_TEXT_NONE);
		return;
	}
	rt_tag_of_content(content.ptr, content.len, tag);
	rt_cross_origin_answer_tagged(http, type, content, tag, NULL);
}

static void
answer_script(RtHttp *http, int status, RtText content, RtText headers)
{
	answer_as(http, status, content, "text/javascript; charset=utf-8");
}

static void
answer_types(RtHttp *http, int status, RtText content, RtText headers)
{
	answer_as(http, status, content, "text/plain; charset=utf-8");
}

static const RtHttpService scripts = {
	.methods = "GET, HEAD",.asks = true,.as_nobody = true,.kind = RT_REQUEST_MODULE,
	.answer = answer_script,.refuse = rt_cross_origin_refuse
};

static const RtHttpService types = {
	.methods = "GET, HEAD",.asks = true,.as_nobody = true,.kind = RT_REQUEST_MODULE,
	.answer = answer_types,.refuse = rt_cross_origin_refuse
};

static bool
ends_with(RtText text, const char *ending)
{
	size_t		len = strlen(ending);

	return text.len > len && memcmp(text.ptr + text.len - len, ending, len) == 0;
}

/* A module is what paths begin with. */
static bool
is_module(RtText module)
{
	char		path[RT_PATH_MAX + 1];
	int			len = snprintf(path, sizeof(path), "%.*s/x", (int) module.len, module.ptr);

	return len < sizeof(path) && rt_path_is_valid(path, len);
}

/* NULL if the address is none of a module. */
static const RtHttpService *
read_name(RtText name, RtQuestionTexts *texts)
{
	bool		is_types = ends_with(name, ".d.ts");
	bool		is_script = ends_with(name, ".js");

	name.len -= is_types ? strlen(".d.ts") : is_script ? strlen(".js") : 0;
	if ((!is_types && !is_script) || !is_module(name))
		return NULL;
	texts->path = name;
	texts->args = is_types ? RT_TEXT("ts") : RT_TEXT("js");
	return is_types ? &types : &scripts;
}

/* The path is the module's name, or empty. */
static const RtHttpService *
read_address(const char *path, RtQuestionTexts *texts)
{
	if (strcmp(path, RT_LIVE_TYPES_PATH) != 0)
		return read_name(RT_TEXT(path + strlen(RT_LIVE_MODULE_PATH)), texts);
	texts->path = RT_TEXT("");
	texts->args = RT_TEXT("ts");
	return &types;
}

static bool
is_served(void)
{
	return realtime_serve_modules == RT_SERVE_ON ||
		(realtime_serve_modules == RT_SERVE_DEVELOPMENT &&
		 realtime_mode == RT_MODE_DEVELOPMENT);
}

void
rt_live_module_answer(RtHttp *http, const char *path)
{
	RtQuestionTexts texts = {.path = RT_TEXT_NONE};
	const RtHttpService *service = read_address(path, &texts);

	if (!is_served())
		rt_http_answer_text(http, 404, "Modules are not served here, see realtime.serve_modules.", NULL);
	else if (service == NULL)
		rt_http_answer_text(http, 404, "A module is NAME.js, and its types are NAME.d.ts.", NULL);
	else
		rt_http_ask(http, service, &texts);
}

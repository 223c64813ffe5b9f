/*
 * route.c
 *		The table of what a gateway serves over HTTP.
 *
 * Whatever else is asked for is a file below realtime.document_root, if there
 * is one.
 */
#include "postgres.h"

#include "src/gateway/client_file.h"
#include "src/gateway/door/allowed_host.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/file.h"
#include "src/gateway/door/route.h"
#include "src/gateway/door/upgrade.h"
#include "src/gateway/gateway.h"
#include "src/gateway/live_module.h"
#include "src/gateway/page_load.h"
#include "src/gateway/preflight.h"
#include "src/gateway/scrape.h"
#include "src/gateway/webhook.h"
#include "src/guc.h"
#include "src/ipc/breaker.h"
#include "src/ipc/pressure.h"
#include "src/ipc/ready.h"
#include "src/ipc/service.h"
#include "src/protocol/handshake.h"
#include "src/protocol/http_target.h"

typedef struct Route
{
	const bool *enabled;		/* NULL = always */
	const char *path;
	char	  **setting;		/* or the setting that has the path */
	bool		below;			/* and all that begins with it */
	bool		any_host;		/* whatever the client says that we are */
	int			methods;		/* RtHttpMethod, bits */
	uint32		max_body;		/* bytes that it takes; 0 = none, or BODY_AS_MESSAGE */
	void		(*answer) (RtHttp *http, const char *path);
} Route;

#define BODY_AS_MESSAGE PG_UINT32_MAX	/* realtime.max_payload */

static void answer_health(RtHttp *http, const char *path);
static void answer_ready(RtHttp *http, const char *path);
static void answer_socket(RtHttp *http, const char *path);

/*
 * Who watches over servers asks for their health by addresses that they need
 * not know.
 */
static const Route routes[] = {
	{NULL, "/healthz", NULL, false, true, RT_HTTP_GET | RT_HTTP_HEAD, 0, answer_health},
	{NULL, "/readyz", NULL, false, true, RT_HTTP_GET | RT_HTTP_HEAD, 0, answer_ready},
	{NULL, NULL, &realtime_metrics_path, false, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, rt_scrape},
	{NULL, NULL, &realtime_path, false, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, answer_socket},
	{NULL, NULL, &realtime_auth_path, false, false, RT_HTTP_POST | RT_HTTP_OPTIONS, RT_LOGIN_BODY_MAX, rt_preflight},
	{NULL, RT_PAGE_LOAD_PATH, NULL, true, false, RT_HTTP_GET | RT_HTTP_HEAD | RT_HTTP_OPTIONS, 0, rt_page_load},
	{NULL, RT_LIVE_TYPES_PATH, NULL, false, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, rt_live_module_answer},
	{NULL, RT_LIVE_MODULE_PATH, NULL, true, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, rt_live_module_answer},
	{&realtime_serve_client, RT_CLIENT_FILE_PATH, NULL, true, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, rt_client_file_answer},
	{NULL, RT_WEBHOOK_PATH, NULL, true, false, RT_HTTP_POST, BODY_AS_MESSAGE, rt_webhook},
};

static const Route files = {NULL, NULL, NULL, true, false, RT_HTTP_GET | RT_HTTP_HEAD, 0, rt_file_answer};

static void
answer_health(RtHttp *http, const char *path)
{
	RtServiceState state = rt_service_state();
	RtPressure	pressure;
	char		text[256];

	rt_pressure_measure(&pressure);
	snprintf(text, sizeof(text), "%s%s%s%s%s", rt_service_state_text(state),
			 rt_breakers_any_broken() ? "\ndegraded: a circuit breaker is broken" : "",
			 rt_service_is_marked_degraded() ? "\ndegraded: an administrator says so" : "",
			 pressure.reason != RT_PRESSURE_NONE ? "\npressure: " : "",
			 pressure.reason != RT_PRESSURE_NONE ? rt_pressure_name(pressure.reason) : "");
	rt_http_answer_text(http, state == RT_SERVICE_READY ? 200 : 503, text, NULL);
}

/* Whether new clients should come here. */
static void
answer_ready(RtHttp *http, const char *path)
{
	const char *reason = rt_gateway.stopping ? "the server is stopping" : rt_ready_reason();

	rt_http_answer_text(http, reason == NULL ? 200 : 503,
						reason == NULL ? "ready" : reason, NULL);
}

/* What opens a WebSocket does not come here. */
static void
answer_socket(RtHttp *http, const char *path)
{
	rt_http_answer_text(http, 426,
						"This is the address of a WebSocket. If you have opened one, a proxy has dropped the header Upgrade.",
						"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
}

static bool
leads_to(const Route *route, const char *path)
{
	const char *own = route->setting != NULL ? *route->setting : route->path;

	if (route->enabled != NULL && !*route->enabled)
		return false;
	return route->below ? strncmp(own, path, strlen(own)) == 0 : strcmp(own, path) == 0;
}

static const Route *
find_route(const char *path)
{
	for (int i = 0; i < lengthof(routes); i++)
	{
		if (leads_to(&routes[i], path))
			return &routes[i];
	}
	return realtime_document_root[0] != '\0' ? &files : NULL;
}

static void
refuse_method(RtHttp *http, int methods)
{
	static const char *const names[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"
	};
	char		allow[128] = "Allow: ";
	const char *separator = "";

	for (int i = 0; i < lengthof(names); i++)
	{
		if ((methods & (1 << i)) == 0)
			continue;
		strlcat(allow, separator, sizeof(allow));
		strlcat(allow, names[i], sizeof(allow));
		separator = ", ";
	}
	strlcat(allow, "\r\n", sizeof(allow));
	rt_http_answer_text(http, 405, "This method is not allowed here.", allow);
}

static RtHostVerdict
judge_host(const RtHttp *http)
{
	RtText		host = rt_http_text(&http->head, http->head.authority);

	return rt_allowed_host_check(host.ptr, host.len,
								 rt_event_loop_descriptor(http->socket->wsi));
}

/* Whether a request is for a host that is ours; if not, it is answered. */
static bool
check_host(RtHttp *http)
{
	switch (judge_host(http))
	{
		case RT_HOST_ALLOWED:
			return true;
		case RT_HOST_UNREADABLE:
			rt_http_answer_text(http, 400, "There is no Host.", NULL);
			break;
		case RT_HOST_UNKNOWN:
			rt_http_answer_text(http, 421, "Host not allowed: this server is not known by that name, see realtime.allowed_hosts.", NULL);
			break;
	}
	return false;
}

/* What will be refused anyway is not taken. */
uint32
rt_route_body_max(const RtHttp *http)
{
	char		path[RT_HTTP_LINE_MAX + 2];
	const Route *route;

	if (rt_http_path(&http->head, path, sizeof(path)) < 0)
		return 0;
	route = find_route(path);
	if (route == NULL || (route->methods & http->head.method) == 0 ||
		(!route->any_host && judge_host(http) != RT_HOST_ALLOWED))
		return 0;
	return route->max_body == BODY_AS_MESSAGE ? realtime_max_payload : route->max_body;
}

void
rt_route_request(RtHttp *http)
{
	char		path[RT_HTTP_LINE_MAX + 2];
	const Route *route;

	if (rt_http_path(&http->head, path, sizeof(path)) < 0)
	{
		rt_http_answer_text(http, 400, "The path leads nowhere.", NULL);
		return;
	}
	route = find_route(path);
	if ((route == NULL || !route->any_host) && !check_host(http))
		return;
	if (rt_handshake_is_wanted(&http->head))
		rt_upgrade(http, path);
	else if (route == NULL)
		rt_http_answer_text(http, 404, "There is nothing here.", NULL);
	else if ((route->methods & http->head.method) == 0)
		refuse_method(http, route->methods);
	else
		route->answer(http, path);
}

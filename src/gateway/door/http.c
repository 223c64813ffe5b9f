/*
 * http.c
 *		What a gateway answers before, or instead of, a WebSocket.
 *
 * An upgrade is checked in this order: host (421), path, service, number of
 * connections, rate of its address (429), origin (403).  A client cannot tell
 * these apart and tries again; who must be refused for good is accepted and
 * closed with a final code instead.
 *
 * Plain requests are to be GET or HEAD and have no body.  All others are
 * refused before the library does anything with them, and their connection
 * closed.  The host is checked first here, too, but for /healthz: who watches
 * over servers asks them by addresses that they need not know.
 */
#include "postgres.h"

#include <ctype.h>
#include <libwebsockets.h>

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "src/gateway/door/allowed_host.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/door/http.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/worker_slot.h"

#define HEADER_MAX 512			/* bytes of an Origin or Host that we look at */
#define HEALTH_PATH "/healthz"

/* realtime.allowed_origins, taken apart */
static char **origins = NULL;
static int	origin_count = 0;

static void
configure_origins(void)
{
	static MemoryContext context = NULL;
	MemoryContext old;
	List	   *list = NIL;
	ListCell   *cell;
	char	   *copy;

	if (context == NULL)
		context = AllocSetContextCreate(rt_gateway.context,
										"realtime allowed origins",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	origins = NULL;
	origin_count = 0;

	old = MemoryContextSwitchTo(context);
	copy = pstrdup(realtime_allowed_origins);
	if (!SplitGUCList(copy, ',', &list))
		ereport(LOG,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid list syntax in parameter \"%s\"",
						"realtime.allowed_origins"),
				 errdetail("No browser can connect until it is corrected.")));
	else
	{
		origins = palloc0(sizeof(char *) * (list_length(list) + 1));
		foreach(cell, list)
			origins[origin_count++] = pstrdup((char *) lfirst(cell));
	}
	MemoryContextSwitchTo(old);
}

void
rt_http_configure(void)
{
	configure_origins();
	rt_allowed_hosts_configure();
}

/* ---- the host ---- */

/* The status of a refusal and its reason, or 0. */
static unsigned int
host_fault(struct lws *wsi, const char **reason)
{
	char		host[HEADER_MAX];
	int			len = lws_hdr_copy(wsi, host, sizeof(host), WSI_TOKEN_HOST);

	switch (rt_allowed_host_check(host, Max(len, 0), lws_get_socket_fd(wsi)))
	{
		case RT_HOST_ALLOWED:
			return 0;
		case RT_HOST_UNREADABLE:
			*reason = "The Host header is missing or no host.\n";
			return 400;
		case RT_HOST_UNKNOWN:
			break;
	}
	*reason = "Host not allowed: this server is not known by that name, see realtime.allowed_hosts.\n";
	return 421;
}

/* ---- upgrades ---- */

static bool
origin_is_same(const char *origin, const char *host)
{
	const char *rest = strstr(origin, "://");

	return rest != NULL && host[0] != '\0' && pg_strcasecmp(rest + 3, host) == 0;
}

static bool
origin_is_allowed(struct lws *wsi)
{
	char		origin[HEADER_MAX];
	char		host[HEADER_MAX];
	int			len = lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN);

	if (len == 0)
		return true;			/* no browser */
	if (len < 0)
		return false;			/* too long to be one of ours */
	if (lws_hdr_copy(wsi, host, sizeof(host), WSI_TOKEN_HOST) <= 0)
		host[0] = '\0';

	for (int i = 0; i < origin_count; i++)
	{
		if (strcmp(origins[i], "*") == 0)
			return true;
		if (strcmp(origins[i], "same-origin") == 0 && origin_is_same(origin, host))
			return true;
		if (pg_strcasecmp(origins[i], origin) == 0)
			return true;
	}
	return false;
}

static int
refuse_upgrade(struct lws *wsi, unsigned int status, const char *text)
{
	rt_count(refused);
	return lws_return_http_status(wsi, status, text) != 0 ? -1 : 1;
}

/* Whether calls can be answered, now or soon. */
static bool
service_is_up(RtServiceState state)
{
	return state == RT_SERVICE_READY || state == RT_SERVICE_STARTING ||
		state == RT_SERVICE_VACATED;
}

/*
 * To what, is asked for here: the text that comes with the callback has been
 * freed if the library does not know it.
 */
int
rt_http_on_upgrade(struct lws *wsi)
{
	char		protocol[16];
	char		path[HEADER_MAX];
	RtServiceState service = rt_service_state();
	const char *reason;
	unsigned int status;

	if (lws_hdr_copy(wsi, protocol, sizeof(protocol), WSI_TOKEN_UPGRADE) <= 0 ||
		pg_strcasecmp(protocol, "websocket") != 0)
		return -1;
	status = host_fault(wsi, &reason);
	if (status != 0)
		return refuse_upgrade(wsi, status, reason);
	if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0 ||
		strcmp(path, realtime_path) != 0)
		return refuse_upgrade(wsi, 404, "Not found");
	if (!service_is_up(service))
		return refuse_upgrade(wsi, 503, rt_service_state_text(service));
	if (rt_gateway.stopping ||
		rt_connection_count() >= realtime_max_connections)
		return refuse_upgrade(wsi, 503, "Please retry");
	if (!rt_upgrade_is_allowed(lws_get_socket_fd(wsi)))
		return refuse_upgrade(wsi, 429, "Too many upgrade requests");
	if (!origin_is_allowed(wsi))
		return refuse_upgrade(wsi, 403, "Origin not allowed");
	return 0;
}

/* ---- requests ---- */

static bool
has_header(struct lws *wsi, enum lws_token_indexes header)
{
	return lws_hdr_total_length(wsi, header) > 0;
}

/*
 * Writes a whole small answer of plain text, within the callback.  more is
 * a header or NULL.
 */
static bool
write_text(struct lws *wsi, unsigned int status, const char *text,
		   const char *more, const char *value)
{
	unsigned char buffer[LWS_PRE + 1024];
	unsigned char *start = buffer + LWS_PRE;
	unsigned char *p = start;
	unsigned char *end = buffer + sizeof(buffer) - 1;
	size_t		len = strlen(text);

	if (lws_add_http_common_headers(wsi, status, "text/plain; charset=utf-8",
									len, &p, end) ||
		(more != NULL &&
		 lws_add_http_header_by_name(wsi, (const unsigned char *) more,
									 (const unsigned char *) value,
									 strlen(value), &p, end)) ||
		lws_finalize_write_http_header(wsi, start, &p, end))
		return false;
	if (has_header(wsi, WSI_TOKEN_HEAD_URI))
		return true;
	memcpy(start, text, len);
	return lws_write(wsi, start, len, LWS_WRITE_HTTP_FINAL) >= 0;
}

static int
answer_text(struct lws *wsi, unsigned int status, const char *text)
{
	if (!write_text(wsi, status, text, NULL, NULL))
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* Answers and closes the connection. */
static int
refuse_request(struct lws *wsi, unsigned int status, const char *text)
{
	if (status == 405)
		(void) write_text(wsi, status, text, "allow:", "GET, HEAD");
	else
		(void) write_text(wsi, status, text, "connection:", "close");
	return -1;
}

static bool
has_body(struct lws *wsi)
{
	char		length[32];

	if (has_header(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING))
		return true;
	return has_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) &&
		(lws_hdr_copy(wsi, length, sizeof(length),
					  WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0 ||
		 strspn(length, "0") != strlen(length));
}

/*
 * The library resolves ".." in paths, but not before a zero byte (%00), with
 * which the path ends for it later.
 */
static bool
path_climbs(const char *path)
{
	size_t		len = strlen(path);

	return strstr(path, "/../") != NULL ||
		(len >= 3 && strcmp(path + len - 3, "/..") == 0);
}

int
rt_http_on_filter(struct lws *wsi, const char *path)
{
	const char *reason;
	unsigned int status = strcmp(path, HEALTH_PATH) == 0 ? 0 : host_fault(wsi, &reason);

	if (status != 0)
		return refuse_request(wsi, status, reason);
	if (!has_header(wsi, WSI_TOKEN_GET_URI) &&
		!has_header(wsi, WSI_TOKEN_HEAD_URI))
		return refuse_request(wsi, 405, "Method not allowed\n");
	if (has_body(wsi) || path_climbs(path))
		return refuse_request(wsi, 400, "Bad request\n");
	return 0;
}

static int
answer_health(struct lws *wsi)
{
	RtServiceState state = rt_service_state();
	char		text[128];

	snprintf(text, sizeof(text), "%s\n", rt_service_state_text(state));
	return answer_text(wsi, state == RT_SERVICE_READY ? 200 : 503, text);
}

int
rt_http_on_request(struct lws *wsi)
{
	char	   *path;
	int			len;

	/* within a mount the library passes only what follows the mount point */
	if (lws_http_get_uri_and_method(wsi, &path, &len) < 0)
		return -1;
	if (strcmp(path, HEALTH_PATH) == 0)
		return answer_health(wsi);
	if (strcmp(path, realtime_path) == 0)
		return answer_text(wsi, 426, "This is the address of a WebSocket.\n");
	return answer_text(wsi, 404, "Not found\n");
}

/* ---- files ---- */

const struct lws_http_mount *
rt_http_mounts(void)
{
	static struct lws_http_mount files;
	static struct lws_http_mount health;
	static struct lws_http_mount socket;

	if (realtime_document_root[0] == '\0')
		return NULL;

	/* the callback answers these two whatever the folder holds */
	health.mountpoint = HEALTH_PATH;
	health.mountpoint_len = strlen(health.mountpoint);
	health.origin = "http";
	health.protocol = "http";
	health.origin_protocol = LWSMPRO_CALLBACK;
	health.mount_next = &socket;

	socket.mountpoint = realtime_path;
	socket.mountpoint_len = strlen(realtime_path);
	socket.origin = "http";
	socket.protocol = "http";
	socket.origin_protocol = LWSMPRO_CALLBACK;
	socket.mount_next = &files;

	files.mountpoint = "/";
	files.mountpoint_len = 1;
	files.origin = realtime_document_root;
	files.def = "index.html";
	files.origin_protocol = LWSMPRO_FILE;
	return &health;
}

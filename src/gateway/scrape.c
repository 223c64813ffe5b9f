/*
 * scrape.c
 *		Metrics over HTTP, for who watches over servers.
 *
 * They are not for everybody: who reads them has the token, or comes from an
 * address that may, by default from the same machine.  So that a proxy on that
 * machine does not let the whole world in, a request counts as from there only
 * if nothing in it tells of a proxy, and it is for the machine itself.
 */
#include "postgres.h"

#include <openssl/crypto.h>

#include "lib/stringinfo.h"

#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/setting_list.h"
#include "src/gateway/scrape.h"
#include "src/guc.h"
#include "src/metrics/metrics.h"
#include "src/protocol/http_accept.h"
#include "src/protocol/http_token.h"

static RtHostNetwork *networks = NULL;
static int	network_count = 0;

void
rt_scrape_configure(void)
{
	static MemoryContext context = NULL;
	MemoryContext old = rt_setting_begin(&context, "metrics_addresses");
	List	   *names = rt_setting_split(realtime_metrics_addresses);
	ListCell   *cell;

	network_count = 0;
	networks = palloc(sizeof(RtHostNetwork) * (list_length(names) + 1));
	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		if (rt_host_read_network(name, strlen(name), &networks[network_count]))
			network_count++;
	}
	MemoryContextSwitchTo(old);
}

/* ---- who may ---- */

static bool
is_within_networks(const unsigned char *address)
{
	for (int i = 0; i < network_count; i++)
	{
		if (rt_host_is_within(address, &networks[i]))
			return true;
	}
	return false;
}

static bool
is_loopback(const unsigned char *address)
{
	RtHost		host = {.name = NULL};

	memcpy(host.address, address, sizeof(host.address));
	return rt_host_is_local(&host);
}

static bool
tells_of_proxy(const RtHttpHead *head)
{
	static const char *const names[] = {
		"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
		"x-real-ip", "via"
	};
	RtText		value;

	for (int i = 0; i < lengthof(names); i++)
	{
		if (rt_http_field(head, names[i], &value) > 0)
			return true;
	}
	return false;
}

static bool
is_for_local_host(const RtHttpHead *head)
{
	RtText		authority = rt_http_text(head, head->authority);
	RtHost		host;

	return rt_host_read(authority.ptr, authority.len, &host) && rt_host_is_local(&host);
}

/* A proxy that is trusted says who it is; others are in the way. */
static bool
comes_from_networks(const RtHttp *http)
{
	unsigned char peer[RT_HOST_ADDRESS_SIZE];
	unsigned char client[RT_HOST_ADDRESS_SIZE];

	if (!rt_address_of_peer(rt_event_loop_descriptor(http->socket->wsi), peer) ||
		!rt_http_client_address(http, client) || !is_within_networks(client))
		return false;
	if (memcmp(peer, client, sizeof(peer)) == 0 && tells_of_proxy(&http->head))
		return false;
	return !is_loopback(client) || is_for_local_host(&http->head);
}

/* In a time that does not depend on how much of it is right. */
static bool
has_token(const RtHttp *http)
{
	size_t		len = strlen(realtime_metrics_token);
	RtText		token;

	return len > 0 && rt_http_bearer(&http->head, &token) == RT_HTTP_BEARER_FOUND &&
		token.len == len && CRYPTO_memcmp(token.ptr, realtime_metrics_token, len) == 0;
}

static void
refuse(RtHttp *http)
{
	if (realtime_metrics_token[0] != '\0')
		rt_http_answer_text(http, 401, "Metrics are read with a token, see realtime.metrics_token.",
							"WWW-Authenticate: Bearer realm=\"metrics\"\r\n");
	else
		rt_http_answer_text(http, 403, "Metrics are not for this address, see realtime.metrics_addresses.",
							NULL);
}

/* ---- the answer ---- */

/* Who does not ask for the newer format by its name gets the older one. */
static RtMetricsFormat
choose_format(const RtHttpHead *head)
{
	bool		named;
	bool		text_named;
	int			open = rt_http_quality(head, "application/openmetrics-text", "1.0.0", &named);
	int			text = rt_http_quality(head, "text/plain", "0.0.4", &text_named);

	return named && open > 0 && open >= text ? RT_METRICS_OPEN : RT_METRICS_TEXT;
}

static void
answer_metrics(RtHttp *http)
{
	RtMetricsFormat format = choose_format(&http->head);
	RtHttpAnswer answer = {
		.status = 200,
		.type = format == RT_METRICS_OPEN ? RT_METRICS_OPEN_TYPE : RT_METRICS_TEXT_TYPE,
		.headers = "Cache-Control: no-store\r\nVary: Accept\r\n"
	};
	StringInfoData text;

	initStringInfo(&text);
	rt_metrics_write(&text, format);
	answer.text = text.data;
	answer.length = text.len;
	rt_http_answer(http, &answer);
	pfree(text.data);
}

void
rt_scrape(RtHttp *http, const char *path)
{
	if (!realtime_metrics)
		rt_http_answer_text(http, 404, "There are no metrics here, see realtime.metrics.", NULL);
	else if (has_token(http) || comes_from_networks(http))
		answer_metrics(http);
	else
		refuse(http);
}

/*
 * proxy.c
 *		Proxies that are trusted to say whom a request is from.
 *
 * On a connection of a proxy the requests of many clients follow each other, so
 * the address is a request's and not the socket's.
 */
#include "postgres.h"

#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/setting_list.h"
#include "src/guc.h"
#include "src/protocol/forwarded.h"
#include "src/protocol/request_id.h"

static RtHostNetwork *trusted = NULL;
static int	trusted_count = 0;

void
rt_proxies_configure(void)
{
	static MemoryContext context = NULL;
	MemoryContext old = rt_setting_begin(&context, "trusted_proxies");
	List	   *names = rt_setting_split(realtime_trusted_proxies);
	ListCell   *cell;

	trusted_count = 0;
	trusted = palloc(sizeof(RtHostNetwork) * (list_length(names) + 1));
	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		if (rt_host_read_network(name, strlen(name), &trusted[trusted_count]))
			trusted_count++;
	}
	MemoryContextSwitchTo(old);
}

static bool
is_trusted(const unsigned char *address)
{
	for (int i = 0; i < trusted_count; i++)
	{
		if (rt_host_is_within(address, &trusted[i]))
			return true;
	}
	return false;
}

RtText
rt_http_request_id(const RtHttp *http)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	RtText		id;

	if (trusted_count > 0 && http->socket != NULL &&
		rt_address_of_peer(rt_event_loop_descriptor(http->socket->wsi), address) &&
		is_trusted(address) && rt_request_id_read(&http->head, &id))
		return id;
	return RT_TEXT_NONE;
}

bool
rt_http_client_address(const RtHttp *http, unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	if (http->socket == NULL ||
		!rt_address_of_peer(rt_event_loop_descriptor(http->socket->wsi), address))
		return false;
	if (is_trusted(address))
		rt_forwarded_client(&http->head, (RtForwardedHeader) realtime_forwarded_header,
							is_trusted, address);
	return true;
}

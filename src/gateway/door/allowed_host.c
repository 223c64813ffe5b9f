/*
 * allowed_host.c
 *		Which hosts a request may be for.
 *
 * Always known are localhost, loopback addresses, what stands in
 * realtime.listen_addresses, and the address that the connection was made to:
 * a page at an address came from that address.  realtime.allowed_hosts adds
 * the names of the public ones, those of a proxy, say.
 */
#include "postgres.h"

#include "src/gateway/door/address.h"
#include "src/gateway/door/allowed_host.h"
#include "src/gateway/door/setting_list.h"
#include "src/guc.h"
#include "src/protocol/host.h"

static RtHost *known = NULL;
static int	known_count = 0;
static bool any_host = false;	/* "*" is in realtime.allowed_hosts */

/* ---- the settings ---- */

/* What is no host in listen_addresses ("*") says nothing about one. */
static void
add_hosts(List *names)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		const char *name = lfirst(cell);

		if (rt_host_read_pattern(name, strlen(name), &known[known_count]))
			known_count++;
	}
}

static bool
list_has(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

void
rt_allowed_hosts_configure(void)
{
	static MemoryContext context = NULL;
	MemoryContext old = rt_setting_begin(&context, "allowed_hosts");
	List	   *allowed = rt_setting_split(realtime_allowed_hosts);
	List	   *listening = rt_setting_split(realtime_listen_addresses);

	/* the names stay in the context: hosts point to them */
	known_count = 0;
	known = palloc(sizeof(RtHost) * (list_length(allowed) + list_length(listening) + 1));
	add_hosts(allowed);
	add_hosts(listening);
	any_host = list_has(allowed, "*");
	MemoryContextSwitchTo(old);
}

/* ---- requests ---- */

static bool
is_address_of_socket(const RtHost *host, int fd)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	return host->name == NULL && rt_address_of_socket(fd, address) &&
		memcmp(host->address, address, sizeof(address)) == 0;
}

RtHostVerdict
rt_allowed_host_check(const char *text, size_t len, int fd)
{
	RtHost		host;

	if (!rt_host_read(text, len, &host))
		return RT_HOST_UNREADABLE;
	if (any_host || rt_host_is_local(&host) || is_address_of_socket(&host, fd))
		return RT_HOST_ALLOWED;
	for (int i = 0; i < known_count; i++)
	{
		if (rt_host_matches(&host, &known[i]))
			return RT_HOST_ALLOWED;
	}
	return RT_HOST_UNKNOWN;
}

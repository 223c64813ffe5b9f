/*
 * forwarded.c
 *		Who a request is from that proxies have passed on.
 */
#include <string.h>

#include "src/protocol/forwarded.h"

/* What is known of the list so far, from its begin on. */
typedef struct Walk
{
	bool		(*is_trusted) (const unsigned char *address);
	bool		found;			/* an address is */
	bool		is_client;		/* it is not that of a trusted proxy */
	unsigned char address[RT_HOST_ADDRESS_SIZE];
} Walk;

/*
 * The walk goes forward and the trust backward: of addresses that are not
 * trusted the last one counts, of those that are the first, and what is no
 * address ends all that is before it.
 */
static void
take_entry(Walk *walk, RtText entry)
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	bool		is_client;

	if (!rt_host_read_peer(entry.ptr, entry.len, address))
	{
		walk->found = walk->is_client = false;
		return;
	}
	is_client = !walk->is_trusted(address);
	if (!is_client && walk->found)
		return;
	walk->found = true;
	walk->is_client = is_client;
	memcpy(walk->address, address, sizeof(address));
}

/*
 * Takes the next of the pairs with semicolons between them off an element;
 * false at its end, or if it is none.  The value is without its quotes.
 */
static bool
next_pair(RtText *rest, RtText *name, RtText *value)
{
	const char *quote;
	RtText		behind;

	if (!rt_http_split(*rest, '=', name, &behind))
		return false;
	*name = rt_http_trim(*name);
	if (behind.len > 0 && behind.ptr[0] == '"')
	{
		quote = memchr(behind.ptr + 1, '"', behind.len - 1);
		if (quote == NULL)
			return false;
		*value = (RtText) {behind.ptr + 1, (size_t) (quote - behind.ptr) - 1};
		behind = (RtText) {quote + 1, behind.len - value->len - 2};
		if (!rt_http_split(behind, ';', &(RtText) {0}, rest))
			*rest = RT_TEXT_NONE;
		return true;
	}
	if (!rt_http_split(behind, ';', value, rest))
	{
		*value = behind;
		*rest = RT_TEXT_NONE;
	}
	*value = rt_http_trim(*value);
	return true;
}

/* What "for" says; nothing if it is not there. */
static RtText
find_for(RtText element)
{
	RtText		name;
	RtText		value;

	while (next_pair(&element, &name, &value))
	{
		if (rt_http_is(name, "for"))
			return value;
	}
	return RT_TEXT_NONE;
}

void
rt_forwarded_client(const RtHttpHead *head, RtForwardedHeader header,
					bool (*is_trusted) (const unsigned char *address),
					unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	bool		standard = header == RT_FORWARDED_STANDARD;
	Walk		walk = {.is_trusted = is_trusted};

	for (int i = 0; i < head->field_count; i++)
	{
		RtText		list = rt_http_text(head, head->fields[i].value);
		RtText		element;

		if (!rt_http_is(rt_http_text(head, head->fields[i].name),
						standard ? "forwarded" : "x-forwarded-for"))
			continue;
		while (rt_http_list_next(&list, &element))
			take_entry(&walk, standard ? find_for(element) : element);
	}
	if (walk.found)
		memcpy(address, walk.address, sizeof(walk.address));
}

/*
 * ticket.c
 *		Numbers under which something is asked, and what it was asked for.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/ticket.h"

static uint32
hash_of(uint64 number)
{
	return murmurhash32((uint32) number);
}

void
rt_ticket_add(RtHashTable *table, RtTicket *ticket, uint64 number)
{
	Assert(number != 0);
	ticket->number = number;
	rt_hash_add(table, &ticket->node, hash_of(number));
}

void
rt_ticket_remove(RtHashTable *table, RtTicket *ticket)
{
	rt_hash_remove(table, &ticket->node);
}

RtTicket *
rt_ticket_find(const RtHashTable *table, uint64 number)
{
	RtHashNode *node = rt_hash_first(table, hash_of(number));

	for (; node != NULL; node = rt_hash_next(node))
	{
		RtTicket   *ticket = rt_hash_container(RtTicket, node, node);

		if (ticket->number == number)
			return ticket;
	}
	return NULL;
}

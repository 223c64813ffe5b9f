/*
 * ticket.h
 *		Numbers under which something is asked, and what it was asked for.
 *
 * What waits for an answer has a ticket as a part of it, and is found by the
 * number that the request brings back, or not any more.
 */
#ifndef RT_GATEWAY_TICKET_H
#define RT_GATEWAY_TICKET_H

#include "src/gateway/topic/hash_table.h"

typedef struct RtTicket
{
	RtHashNode	node;
	uint64		number;
} RtTicket;

/* Numbers are unique in a table, and never 0. */
extern void rt_ticket_add(RtHashTable *table, RtTicket *ticket, uint64 number);
extern void rt_ticket_remove(RtHashTable *table, RtTicket *ticket);

/* NULL if there is none. */
extern RtTicket *rt_ticket_find(const RtHashTable *table, uint64 number);

#endif							/* RT_GATEWAY_TICKET_H */

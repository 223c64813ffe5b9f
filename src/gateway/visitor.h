/*
 * visitor.h
 *		Addresses with requests over HTTP under way.
 */
#ifndef RT_GATEWAY_VISITOR_H
#define RT_GATEWAY_VISITOR_H

#include "src/gateway/ask.h"
#include "src/gateway/turns.h"

typedef struct RtVisitor
{
	dlist_node	node;
	uint64		address;		/* hash of it */
	RtTaker		taker;			/* of turns: requests that wait */
	int			waiting;
	RtFlow		flow;			/* of those that are asked */
} RtVisitor;

/* The address's own, made if there is none; NULL without memory. */
extern RtVisitor *rt_visitor_of(uint64 address);

/* Frees it if it has nothing under way. */
extern void rt_visitor_leave(RtVisitor *visitor);

/* Of all; each may be freed meanwhile. */
extern void rt_visitors_each(void (*tell) (RtVisitor *visitor));

#endif							/* RT_GATEWAY_VISITOR_H */

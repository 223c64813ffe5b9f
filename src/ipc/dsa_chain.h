/*
 * dsa_chain.h
 *		A doubly linked list through memory that has no fixed address.
 *
 * What is in it has a link for each chain that it can be in, which a function of
 * its owner finds.
 */
#ifndef RT_IPC_DSA_CHAIN_H
#define RT_IPC_DSA_CHAIN_H

#include "src/compat.h"

#include "utils/dsa.h"

typedef struct RtChain
{
	dsa_pointer first;
	dsa_pointer last;
} RtChain;

typedef struct RtChainLink
{
	dsa_pointer next;
	dsa_pointer previous;
} RtChainLink;

/* The link of an element for chains of a kind. */
typedef RtChainLink *(*RtChainLinkOf) (dsa_pointer element, int which);

static inline void
rt_chain_push(RtChain *list, dsa_pointer pointer, int which, RtChainLinkOf link_of)
{
	RtChainLink *link = link_of(pointer, which);

	link->next = InvalidDsaPointer;
	link->previous = list->last;
	if (DsaPointerIsValid(list->last))
		link_of(list->last, which)->next = pointer;
	else
		list->first = pointer;
	list->last = pointer;
}

static inline void
rt_chain_remove(RtChain *list, dsa_pointer pointer, int which, RtChainLinkOf link_of)
{
	RtChainLink *link = link_of(pointer, which);

	if (DsaPointerIsValid(link->previous))
		link_of(link->previous, which)->next = link->next;
	else
		list->first = link->next;
	if (DsaPointerIsValid(link->next))
		link_of(link->next, which)->previous = link->previous;
	else
		list->last = link->previous;
}

#endif							/* RT_IPC_DSA_CHAIN_H */

/*
 * visitor.c
 *		Addresses with requests over HTTP under way.
 */
#include "postgres.h"

#include "src/gateway/visitor.h"

static dlist_head visitors = DLIST_STATIC_INIT(visitors);

/* There are few: each has something under way. */
static RtVisitor *
find_visitor(uint64 address)
{
	dlist_iter	iter;

	dlist_foreach(iter, &visitors)
	{
		RtVisitor  *visitor = dlist_container(RtVisitor, node, iter.cur);

		if (visitor->address == address)
			return visitor;
	}
	return NULL;
}

RtVisitor *
rt_visitor_of(uint64 address)
{
	RtVisitor  *visitor = find_visitor(address);

	if (visitor != NULL)
		return visitor;
	visitor = calloc(1, sizeof(RtVisitor));
	if (visitor == NULL)
		return NULL;
	visitor->address = address;
	rt_flow_init(&visitor->flow);
	dlist_push_tail(&visitors, &visitor->node);
	return visitor;
}

void
rt_visitor_leave(RtVisitor *visitor)
{
	if (visitor->waiting > 0 || visitor->flow.in_flight > 0)
		return;
	dlist_delete(&visitor->node);
	free(visitor);
}

void
rt_visitors_each(void (*tell) (RtVisitor *visitor))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &visitors)
		tell(dlist_container(RtVisitor, node, iter.cur));
}

/*
 * query_hold.h
 *		Which groups of live queries this gateway has subscribers of.
 *
 * A topic of a live query is held as long as any group of subscriptions (group.h)
 * follows it, or a value in parts is on its way to clients that will: executors
 * keep what they know of its rows that long.
 */
#ifndef RT_GATEWAY_TOPIC_QUERY_HOLD_H
#define RT_GATEWAY_TOPIC_QUERY_HOLD_H

#include "lib/ilist.h"

#include "src/gateway/topic/topic_table.h"
#include "src/ipc/query_group.h"
#include "src/protocol/text.h"

/* Begins with none; what another gateway in this place has held is let go. */
extern void rt_query_holds_init(void);

/*
 * One group more or less, or one whose value has been loaded again.  hold
 * returns the serial of what executors know of it, 0 = nothing: then its value has
 * to be loaded anew.
 */
extern uint64 rt_query_hold(RtTopic *topic);
extern uint64 rt_query_hold_again(RtTopic *topic);
extern void rt_query_let_go(RtTopic *topic);

/* A value that takes long to be told.  Both with the name of its topic. */
typedef struct RtQueryValue
{
	bool		is_held;
	RtQueryGroupHash hash;
	dlist_node	node;
} RtQueryValue;

extern void rt_query_hold_value(RtQueryValue *value, RtText topic);
extern void rt_query_let_value_go(RtQueryValue *value, RtText topic);

#endif							/* RT_GATEWAY_TOPIC_QUERY_HOLD_H */

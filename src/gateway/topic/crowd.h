/*
 * crowd.h
 *		Those who share an answer, and go on behind it together.
 */
#ifndef RT_GATEWAY_TOPIC_CROWD_H
#define RT_GATEWAY_TOPIC_CROWD_H

#include "src/gateway/topic/subscription.h"

/* From begin to end those who go on are gathered. */
extern void rt_crowd_begin(void);
extern void rt_crowd_end(void);

/*
 * A subscription has begun behind a position of the ring, and gets what its topic
 * has seen since: at once, or with the others.  follows_query: its connection is
 * told then how far it is.
 */
extern void rt_crowd_go_on(RtSubscription *subscription, bool follows_query);

/* It is about to be freed. */
extern void rt_crowd_forget(RtSubscription *subscription);

#endif							/* RT_GATEWAY_TOPIC_CROWD_H */

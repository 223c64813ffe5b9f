/*
 * conflate.h
 *		Of events that wait for a slow connection, only the newest of each key.
 *
 * For topics whose streams have coalesce_by: their events have keys.  As long
 * as a connection's socket takes what is written its events are written; what
 * comes while it takes nothing waits here, and a newer event of a key takes the
 * place of the older one.  So what waits is bounded by the number of keys, and
 * each key's turn comes, however often it changes.  Events without a key wait
 * among the others, and nothing takes the place of what came before them.
 */
#ifndef RT_GATEWAY_TOPIC_CONFLATE_H
#define RT_GATEWAY_TOPIC_CONFLATE_H

#include "src/gateway/topic/subscription.h"
#include "src/ipc/publish_ring.h"

extern void rt_conflate_init(void);

/* Whether the event is to wait here. */
extern bool rt_conflate_wants(RtSubscription *subscription,
							  const RtRingEntry *entry);

/*
 * Has it wait.  Returns false if the connection has no room for it: then it is
 * lost.
 */
extern bool rt_conflate_keep(RtSubscription *subscription,
							 const RtRingEntry *entry);

/*
 * The same for what is sent to a connection and not published: if it has a key it
 * takes the place of what waits with the same one.  If there is no room for it the
 * connection ends.
 */
extern bool rt_conflate_wants_sent(RtConnection *connection, const RtRingEntry *entry);
extern void rt_conflate_keep_sent(RtConnection *connection, const RtRingEntry *entry);

/* Sends what waits: about as much as one write takes, or all of it. */
extern bool rt_conflate_send(RtConnection *connection);
extern void rt_conflate_send_all(RtConnection *connection);

/* What waits for a subscription is not needed any more. */
extern void rt_conflate_forget(RtSubscription *subscription);

/* Likewise what is sent to a connection, which has no subscriptions any more. */
extern void rt_conflate_forget_sent(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_CONFLATE_H */

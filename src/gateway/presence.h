/*
 * presence.h
 *		Connections that are present on topics, and those who see it.
 */
#ifndef RT_GATEWAY_PRESENCE_H
#define RT_GATEWAY_PRESENCE_H

#include "src/gateway/topic/subscription.h"

extern void rt_presence_start(void);

/*
 * A connection is present on a topic because a function says so, or for each
 * subscription that does.  Data are what others see; NULL of data leaves what
 * is there.  Returns false if there is no room for it.
 */
extern bool rt_presence_join(RtConnection *connection, RtText topic, RtText data,
							 bool by_subscription);
extern void rt_presence_part(RtConnection *connection, RtText topic, bool by_subscription);

/* What a transaction orders for a connection: see executor/presence.c. */
extern void rt_presence_command(RtConnection *connection, RtText command);

/* It is somebody else from now on; it ends, without a word.  Neither throws. */
extern void rt_presence_rename(RtConnection *connection);
extern void rt_presence_forget(RtConnection *connection);

/* Events of a subscription to what the plugin is told were lost: it gets all anew. */
extern void rt_presence_send_state(RtSubscription *subscription);
extern bool rt_presence_is_plugin_topic(const char *topic, Size len);

/* Tells what is to be told by now; how long until there is something, -1 = nothing. */
extern void rt_presence_tell(void);
extern long rt_presence_timeout(void);

#endif							/* RT_GATEWAY_PRESENCE_H */

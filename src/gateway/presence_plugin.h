/*
 * presence_plugin.h
 *		Connections that are told who is present as the presence plugin understands it.
 */
#ifndef RT_GATEWAY_PRESENCE_PLUGIN_H
#define RT_GATEWAY_PRESENCE_PLUGIN_H

#include "src/gateway/topic/subscription.h"

extern void rt_presence_plugin_start(void);

extern bool rt_presence_is_plugin_topic(const char *topic, Size len);

/* It gets everybody who is present on a topic, and then what changes; or not any more. */
extern void rt_presence_watch(RtConnection *connection, RtText topic);
extern void rt_presence_watch_no_more(RtConnection *connection, RtText topic);

/* Events of such a subscription were lost: it gets everybody anew. */
extern void rt_presence_send_anew(RtSubscription *subscription);

/* The subscription ends, whatever it waits for. */
extern void rt_presence_forget_state(RtSubscription *subscription);

/* Changes have been told: those who wait get everybody; whether anybody does. */
extern void rt_presence_send_states(void);
extern bool rt_presence_states_wait(void);

/* All output of a connection is written: sends what follows, if something is to. */
extern bool rt_presence_send_more(RtConnection *connection);

/* Those who have read all of it get what changes; whether anybody waits for that. */
extern void rt_presence_finish_states(void);
extern bool rt_presence_states_are_due(void);

/* Tells who watches the keys of all who are there, if it is time. */
extern void rt_presence_beat_if_due(void);

#endif							/* RT_GATEWAY_PRESENCE_PLUGIN_H */

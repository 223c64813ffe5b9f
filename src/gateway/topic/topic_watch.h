/*
 * topic_watch.h
 *		Warnings for developers: topics that are published too often, and
 *		subscribed ones on which nothing is published.
 *
 * Only with realtime.mode = development.  Otherwise an event costs a branch on
 * rt_topics_are_watched, and that is all.
 */
#ifndef RT_GATEWAY_TOPIC_TOPIC_WATCH_H
#define RT_GATEWAY_TOPIC_TOPIC_WATCH_H

#include "src/gateway/topic/topic_table.h"
#include "src/ipc/publish_ring.h"

extern bool rt_topics_are_watched;

/* Reads the settings; at start and after a reload. */
extern void rt_topic_watch_configure(void);

/* Counts an event of a topic that somebody is subscribed to. */
extern void rt_topic_watch_event(const RtTopic *topic, const RtRingEntry *entry);

/* Looks at all topics, about once a second; warns in the server's log. */
extern void rt_topic_watch_sweep(void);

#endif							/* RT_GATEWAY_TOPIC_TOPIC_WATCH_H */

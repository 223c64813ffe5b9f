/*
 * subscriber_count.h
 *		How many connections are subscribed to a topic, as any session can see it.
 *
 * A gateway counts its own, in a table of a fixed size that it alone writes.  As
 * long as there are topics that had no place in it nobody knows all counts.
 */
#ifndef RT_IPC_SUBSCRIBER_COUNT_H
#define RT_IPC_SUBSCRIBER_COUNT_H

#include "src/compat.h"

#define RT_SUBSCRIBERS_UNKNOWN (-1)

extern Size rt_subscriber_counts_size(void);
extern void rt_subscriber_counts_init(void);

/* Topics of a gateway that there is room to count, if they do not meet in one place. */
extern int64 rt_subscriber_counts_max(void);

/* A gateway begins, with no subscribers. */
extern void rt_subscriber_counts_reset(int gateway);

/* One more, or one less. */
extern void rt_subscriber_note_come(int gateway, const char *topic, Size len);
extern void rt_subscriber_note_gone(int gateway, const char *topic, Size len);

/* Those of all gateways, as of a moment ago, or RT_SUBSCRIBERS_UNKNOWN. */
extern int64 rt_subscriber_count(const char *topic, Size len);

#endif							/* RT_IPC_SUBSCRIBER_COUNT_H */

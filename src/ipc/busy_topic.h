/*
 * busy_topic.h
 *		The topics with the most events, as gateways have seen them.
 */
#ifndef RT_IPC_BUSY_TOPIC_H
#define RT_IPC_BUSY_TOPIC_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#define RT_BUSY_TOPICS 8
#define RT_BUSY_TOPIC_MAX 256	/* bytes of a name */

typedef struct RtBusyTopic
{
	uint32		rate;			/* events per second, of the last second */
	uint16		len;
	char		name[RT_BUSY_TOPIC_MAX];
} RtBusyTopic;

extern Size rt_busy_topics_size(void);
extern void rt_busy_topics_init(void);

/* A gateway tells its own, the busiest first, in place of those before. */
extern void rt_busy_topics_tell(int gateway, const RtBusyTopic *topics, int count);

/*
 * Those of all gateways, the busiest first; returns how many.  Gateways see the
 * same events, so of each topic the highest rate counts.
 */
extern int	rt_busy_topics_read(RtBusyTopic topics[RT_BUSY_TOPICS]);

/* The same for SQL: [{"topic": ..., "rate": ...}, ...] */
extern void rt_busy_topics_write(StringInfo out);

/* Puts one among those that are there, if it is one of the busiest. */
extern int	rt_busy_topic_insert(RtBusyTopic topics[RT_BUSY_TOPICS], int count,
								 const RtBusyTopic *topic);

#endif							/* RT_IPC_BUSY_TOPIC_H */

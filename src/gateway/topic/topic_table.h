/*
 * topic_table.h
 *		The topics that somebody is subscribed to, and their subscribers.
 */
#ifndef RT_GATEWAY_TOPIC_TOPIC_TABLE_H
#define RT_GATEWAY_TOPIC_TOPIC_TABLE_H

#include "src/gateway/topic/hash_table.h"

struct RtGroupTopic;
struct RtSubscription;

typedef struct RtTopic
{
	RtHashNode node; /* by name */
	uint32 hash;     /* rt_topic_hash(): its partition */
	uint16 name_len;
	uint32 subscriber_count;
	uint32 subscriber_size;
	struct RtSubscription **subscribers; /* each knows its place in it */
	uint32 open_generation; /* of declarations when found open; 0 = not */
	int64 last_event_ms;    /* 0 = none while it is here */
	uint64 events;          /* since then */
	uint64 query_true_to;   /* a live query that is behind others: up to where;
								 * 0 = it is not */
	int64 query_late_ms;    /* since when; 0 = it is not to be waited for */
	dlist_node query_late_node; /* among those that are; zeroed = not */
	uint32 query_holds;     /* groups that follow it, see query_hold.h */
	struct RtGroupTopic *group_topic; /* its groups; NULL = none */
	char name[FLEXIBLE_ARRAY_MEMBER]; /* terminated */
} RtTopic;

extern void rt_topics_init(void);

/* NULL if nobody is subscribed to it. */
extern RtTopic *rt_topic_find(const char *name, size_t len);

/* A hash of names that clients cannot foresee. */
extern uint32 rt_topic_secret_hash(const char *name, size_t len);

/* Whether anybody is subscribed to anything. */
extern bool rt_topics_any(void);

/* How many topics that are. */
extern uint32 rt_topics_count(void);

/* Looks whether there are more than realtime.topic_count_warning. */
extern void rt_topics_sweep(void);

/* Calls visit() for each topic that somebody is subscribed to. */
extern void
rt_topics_visit(void (*visit)(RtTopic *topic, void *argument), void *argument);

/*
 * Puts a subscription among the subscribers of a topic, which is made if it
 * is not there; tells its place.  NULL without memory.  remove frees the topic
 * with its last subscriber.
 */
extern RtTopic *rt_topic_add_subscriber(const char *name, size_t len,
										struct RtSubscription *subscription);
extern void rt_topic_remove_subscriber(RtTopic *topic, uint32 index);

#endif /* RT_GATEWAY_TOPIC_TOPIC_TABLE_H */

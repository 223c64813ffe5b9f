/*
 * subscription.h
 *		Who is subscribed to what, both ways.
 */
#ifndef RT_GATEWAY_SUBSCRIPTION_H
#define RT_GATEWAY_SUBSCRIPTION_H

#include "src/gateway/connection.h"

struct RtTopic;

typedef enum RtSubscriptionState
{
	RT_SUBSCRIPTION_PENDING,	/* a verdict is awaited; next: ACTIVE or freed */
	RT_SUBSCRIPTION_ACTIVE
} RtSubscriptionState;

typedef struct RtSubscription
{
	RtConnection *connection;
	struct RtTopic *topic;
	uint32		index;			/* in the topic's array */
	RtSubscriptionState state;
	bool		lost;			/* events were dropped, the marker is due */
	uint64		since;			/* ring position when it was asked for */
	uint64		ticket;			/* of the verdict awaited; 0 = not asked yet */
	struct RtSubscription *next_of_connection;
	struct RtSubscription *previous_of_connection;
} RtSubscription;

typedef struct RtTopic
{
	uint32		hash;
	uint16		name_len;
	uint32		subscriber_count;
	uint32		subscriber_size;
	RtSubscription **subscribers;
	uint32		open_generation;	/* of declarations when found open; 0 = not */
	char		name[FLEXIBLE_ARRAY_MEMBER];	/* terminated */
} RtTopic;

extern void rt_subscriptions_init(void);

extern RtTopic *rt_topic_find(const char *name, size_t len, uint32 hash);

/* Whether anybody is subscribed to anything. */
extern bool rt_topics_any(void);

/* Calls visit() for each topic that somebody is subscribed to. */
extern void rt_topics_visit(void (*visit) (RtTopic *topic, void *argument),
							void *argument);

extern RtSubscription *rt_subscription_find(RtConnection *connection,
											const char *name, size_t len);

/* Makes a PENDING subscription, or finds the one there is. */
extern RtSubscription *rt_subscription_make(RtConnection *connection,
											const char *name, size_t len);
extern void rt_subscription_drop(RtSubscription *subscription);
extern void rt_unsubscribe_all(RtConnection *connection);

/* Notes that a subscriber misses events of its topic. */
extern void rt_subscription_mark_lost(RtSubscription *subscription);

/* Appends the marker for each lost subscription of a drained connection. */
extern void rt_subscriptions_send_markers(RtConnection *connection);

#endif							/* RT_GATEWAY_SUBSCRIPTION_H */

/*
 * subscription.h
 *		Who is subscribed to what, both ways.
 */
#ifndef RT_GATEWAY_TOPIC_SUBSCRIPTION_H
#define RT_GATEWAY_TOPIC_SUBSCRIPTION_H

#include "src/gateway/door/connection.h"

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
	bool		lost;			/* events were dropped: nothing more is sent
								 * until they are repaired or marked */
	uint64		since;			/* ring position when it was asked for */
	uint64		ticket;			/* of the verdict awaited; 0 = not asked yet */

	/* topics of class replay */
	int64		last_seq;		/* number of the last event sent; -1 = not
								 * known, and a loss cannot be repaired */
	int64		base_seq;		/* while it is not: number up to which nothing
								 * need be sent; -1 = not known either */
	uint64		repair;			/* ticket of the repair in flight; 0 = none */
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

/*
 * Notes that a subscriber misses events of its topic.  What is known of their
 * numbers says whether they can be had later.
 */
extern void rt_subscription_mark_lost(RtSubscription *subscription);

/* The same for what cannot be repaired. */
extern void rt_subscription_mark_lost_for_good(RtSubscription *subscription);

/* What was missing has been sent. */
extern void rt_subscription_clear_lost(RtSubscription *subscription);

/*
 * Appends the marker for each subscription of a drained connection that has
 * lost what cannot be repaired.  Returns one that can be, or NULL.
 */
extern RtSubscription *rt_subscriptions_send_markers(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_SUBSCRIPTION_H */

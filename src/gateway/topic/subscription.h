/*
 * subscription.h
 *		What a connection gets of a topic, and from where on.
 *
 * A subscription has a state, a place in the ring and, on topics of class
 * replay, a number; it may be lost, which is repaired or told.  Others read
 * these, but only the verbs below change them, so that they fit together.
 */
#ifndef RT_GATEWAY_TOPIC_SUBSCRIPTION_H
#define RT_GATEWAY_TOPIC_SUBSCRIPTION_H

#include "src/gateway/door/connection.h"
#include "src/gateway/topic/topic_table.h"
#include "src/ipc/member.h"

typedef enum RtSubscriptionState
{
	RT_SUBSCRIPTION_PENDING, /* a verdict is awaited; next: ACTIVE or freed */
	RT_SUBSCRIPTION_ACTIVE
} RtSubscriptionState;

/* The stream because of which a connection has a topic. */
typedef struct RtFollowedPath
{
	uint32 hash;  /* rt_recheck_path_hash(); 0 = none */
	bool several; /* the last of several */
	bool judged;  /* functions have decided that it may */
	bool ended;   /* it is to ask anew, and has not been told yet */
	bool named;   /* it may have the topic by its name as well */
	int stat;     /* number of its path in statistics + 1; 0 = none */
} RtFollowedPath;

typedef struct RtSubscription
{
	RtConnection *connection;
	RtTopic *topic;
	uint32 index; /* in the topic's array */
	RtSubscriptionState state;
	bool lost;             /* events were dropped: nothing more is sent
								 * until they are repaired or told as lost */
	uint64 position;       /* in the ring: what is behind it is sent */
	uint64 verdict_ticket; /* of the verdict awaited; 0 = not asked yet */
	uint64 repair_ticket;  /* of the repair in flight; 0 = none */

	/* topics of class replay */
	int64 last_seq; /* number of the last event sent; -1 = not
								 * known, and a loss cannot be repaired */
	int64 base_seq; /* while it is not: number up to which nothing
								 * need be sent; -1 = not known either */

	RtHashNode node; /* by connection and topic */
	dlist_node connection_node;
	dlist_node loss_node; /* in one of the connection's lists of losses */
	int member;           /* a stream wants to know of it; see member.h */
	uint8 presence;       /* it makes its connection present, see presence.h */
	struct RtPresenceState *presence_state; /* it is to be told who is, see
											 * presence_plugin.h; NULL = is not */
	RtFollowedPath followed;
	struct RtGroup *group; /* with whom it loads anew; NULL = never */
	dlist_node group_node;
	dlist_node query_node;     /* of its connection's live queries */
	dlist_head waiting_events; /* see conflate.h */
	struct RtCursorFollower *cursors; /* it is told of; NULL = of none */
	bool hand;            /* it lets its connection move a cursor there */
	bool in_crowd;        /* see crowd.h */
} RtSubscription;

extern void rt_subscriptions_init(void);

extern RtSubscription *
rt_subscription_find(RtConnection *connection, const char *name, size_t len);

/*
 * Makes a PENDING subscription that gets what is published from here on, once
 * it is active.  The connection must not have one to the topic.  NULL, and
 * why, if its budget or our memory is used up.
 */
extern RtSubscription *
rt_subscription_make(RtConnection *connection, const char *name, size_t len,
					 RtBudgetVerdict *verdict);
extern void rt_subscription_drop(RtSubscription *subscription);

/*
 * Drops those of a connection, as many as the quota allows, and takes that off
 * it.  Returns whether that were all.
 */
extern bool rt_subscriptions_drop_some(RtConnection *connection, int *quota);

/* A verdict is asked for, under this ticket; it has been granted. */
extern void rt_subscription_ask(RtSubscription *subscription, uint64 ticket);
extern void rt_subscription_activate(RtSubscription *subscription);

/* It gets nothing until it is active again, whatever it has lost. */
extern void rt_subscription_suspend(RtSubscription *subscription);

/*
 * It goes on behind a position of the ring: having the events up to a number,
 * or not known which it has, but none up to a base is needed.
 */
extern void rt_subscription_go_on(RtSubscription *subscription,
								  uint64 position, int64 seq);
extern void rt_subscription_go_on_from_base(RtSubscription *subscription,
											uint64 position, int64 base_seq);

/* What was missing has been sent, or is not needed any more. */
extern void rt_subscription_make_good(RtSubscription *subscription);

/* Whatever it was, lost or in repair, it is made good, and goes on. */
extern void rt_subscription_restart(RtSubscription *subscription,
									uint64 position, int64 seq);

/*
 * Whether an event with a number is the next: the subscriber has all before
 * it and not itself.  If some before it are missing, that is a loss.
 */
extern bool rt_subscription_expects(RtSubscription *subscription, int64 seq);
extern void rt_subscription_note_sent(RtSubscription *subscription, int64 seq);

/* The stream of a path brings it; judged: functions have decided so. */
extern void rt_subscription_follow(RtSubscription *subscription, RtText path,
								   bool judged);

/* It may have the topic by its name. */
extern void rt_subscription_note_named(RtSubscription *subscription);

/*
 * It gets nothing more by a stream, until it has asked for this anew, which it is
 * told to do; unless it has the topic by its name as well it ends then.
 */
extern void rt_subscription_end_stream(RtSubscription *subscription);

/* ---- losses ---- */

/*
 * Events are missing.  What is known of their numbers says whether they can be
 * had later; for_good: they cannot.  before: the one with this number and all
 * after it (0 = it has no number).  until: nothing but up to a number is known
 * to be had, the rest is missing.
 */
extern void rt_subscription_lose(RtSubscription *subscription);
extern void rt_subscription_lose_for_good(RtSubscription *subscription);
extern void rt_subscription_lose_from(RtSubscription *subscription, int64 seq);
extern void
rt_subscription_lose_behind(RtSubscription *subscription, int64 seq);

/* Whether a connection has subscriptions whose loss is to be made good. */
extern bool rt_subscriptions_are_lost(RtConnection *connection);

/*
 * Appends markers for subscriptions that have lost what cannot be repaired,
 * not more than a write.  Returns whether there are more to be sent.
 */
extern bool rt_subscriptions_send_markers(RtConnection *connection);

/* One that can be repaired, or NULL. */
extern RtSubscription *rt_subscription_to_repair(RtConnection *connection);

/* A repair begins, under a ticket; it ended; returns false if it means nothing. */
extern void
rt_subscription_begin_repair(RtSubscription *subscription, uint64 ticket);
extern bool
rt_subscription_end_repair(RtSubscription *subscription, uint64 ticket);

/* A piece of it has come: the events up to a number. */
extern void
rt_subscription_note_repaired(RtSubscription *subscription, int64 seq);

/* It can not be repaired after all. */
extern void rt_subscription_give_up_repair(RtSubscription *subscription);

#endif /* RT_GATEWAY_TOPIC_SUBSCRIPTION_H */

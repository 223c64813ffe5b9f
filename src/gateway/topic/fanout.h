/*
 * fanout.h
 *		From the publish ring to the subscribers.
 */
#ifndef RT_GATEWAY_TOPIC_FANOUT_H
#define RT_GATEWAY_TOPIC_FANOUT_H

#include "src/gateway/topic/subscription.h"

typedef enum RtFanoutResult
{
	RT_FANOUT_IDLE,				/* nothing left to deliver */
	RT_FANOUT_MORE,				/* stopped for fairness: call again */
	RT_FANOUT_WAITING			/* the next event is not durable yet */
} RtFanoutResult;

extern void rt_fanout_init(void);

extern RtFanoutResult rt_fanout_run(void);

/* Position behind which nothing has been delivered yet. */
extern uint64 rt_fanout_position(void);

/*
 * Whether there is anything to read; to be asked before sleeping.  Partitions
 * without subscribers here do not wake us and are skipped later.
 */
extern bool rt_fanout_pending(void);

/* After WAITING: whether it is by now, and whether standbys are to confirm it. */
extern bool rt_fanout_is_durable(const RtDurable *now);
extern bool rt_fanout_for_standbys(void);

/* About once a second: how many there were in it. */
extern void rt_fanout_sweep(void);

/* How many events have been read, with and without subscribers. */
extern uint64 rt_fanout_events(void);

/*
 * Delivers to subscriptions that have just become active what their topics saw
 * since they were asked for.  One reading serves them all;
 * the array is changed.
 */
extern void rt_fanout_catch_up(RtSubscription **subscriptions, int count);

#endif							/* RT_GATEWAY_TOPIC_FANOUT_H */

/*
 * group.h
 *		Those who follow a stream alike, and loading its value anew for them.
 *
 * A group is the subscriptions that the same load serves: the same topic, path
 * and arguments and, unless the stream is shared, the same session.  What has
 * it loaded anew is realtime.invalidate(), an event that the stream depends on,
 * or a silence longer than stale_after.
 */
#ifndef RT_GATEWAY_TOPIC_GROUP_H
#define RT_GATEWAY_TOPIC_GROUP_H

#include "src/gateway/topic/stream_answer.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/request.h"

extern void rt_groups_init(void);

/*
 * A stream with a loader has been granted.  Puts the subscription into its
 * group, and out of another.  Returns why it cannot be.
 */
extern RtBudgetVerdict rt_group_enter(RtSubscription *subscription,
									  const RtStreamAnswer *answer);

/* A subscription that is in one is dropped. */
extern void rt_group_exit(RtSubscription *subscription);

/*
 * Loads anew the streams whose topics match a pattern, or the one of a path:
 * values that are of before a position of the ring.
 */
extern void rt_groups_reload_topics(const char *pattern, size_t len,
									uint64 position);
extern void rt_groups_reload_path(const char *path, size_t len, uint64 position);

/* Those that have been silent for too long. */
extern void rt_groups_sweep(void);

/* Asks executors for what is to be loaded, as much as may be asked. */
extern void rt_groups_begin(void);
extern bool rt_groups_waiting(void);

/* Until the first group has had its silence, in ms; -1 = none waits for it. */
extern long rt_groups_timeout(void);

/* An answer of kind RELOAD. */
extern void rt_group_answer(RtRequest *request);

#endif							/* RT_GATEWAY_TOPIC_GROUP_H */

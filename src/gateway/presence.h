/*
 * presence.h
 *		Connections that are present on topics.
 */
#ifndef RT_GATEWAY_PRESENCE_H
#define RT_GATEWAY_PRESENCE_H

#include "src/gateway/topic/stream_answer.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/command.h"

extern void rt_presence_start(void);

/* When settings may have changed. */
extern void rt_presence_configure(void);

/*
 * A subscription that a stream grants makes its connection present on the stream's
 * topic, or on that of which it is the stream of who is present; until it is dropped,
 * and as another one of the connection then does not.  If there is no room for
 * it, or others are to see nothing, it does not.
 */
extern void rt_presence_follow(RtSubscription *subscription, const RtStreamAnswer *answer);
extern void rt_presence_follow_no_more(RtSubscription *subscription);

/* The same before there is one: it is present for a moment. */
extern void rt_presence_arrive(RtConnection *connection, const RtStreamAnswer *answer);

/* The topic that an answer makes somebody present on, or of which it tells. */
extern RtText rt_presence_topic(const RtStreamAnswer *answer);

/* What a transaction orders for a connection: see executor/presence.c. */
extern void rt_presence_command(RtConnection *connection, RtCommandVerb verb, RtText topic,
								RtText data);

/* It is somebody else from now on; it ends, without a word.  Neither throws. */
extern void rt_presence_rename(RtConnection *connection);
extern void rt_presence_forget(RtConnection *connection);

/* Tells what is to be told by now; how long until there is something, -1 = nothing. */
extern void rt_presence_tell(void);
extern long rt_presence_timeout(void);

#endif							/* RT_GATEWAY_PRESENCE_H */

/*
 * member.h
 *		Tells streams who begins and ceases to follow them.
 */
#ifndef RT_GATEWAY_TOPIC_MEMBER_H
#define RT_GATEWAY_TOPIC_MEMBER_H

#include "src/gateway/topic/subscription.h"
#include "src/ipc/request.h"

/* Takes over what this gateway has left behind in an earlier life. */
extern void rt_members_inherit(void);

/*
 * A subscription is granted by a stream that wants to know.  Returns false if
 * there are too many; then nothing has happened.  One that is a member already
 * stays the member it is.
 */
extern bool rt_member_enter(RtSubscription *subscription, const char *path,
							size_t path_len);

/*
 * The same for one by name, whose end is to be told.  What was granted to a
 * connection that has it no more, or is gone, has ended already.
 */
extern bool rt_member_enter_by_name(RtSubscription *subscription);
extern void rt_member_note_missed(RtRequest *request, const char *topic, size_t len);

/* A subscription that is one is dropped. */
extern void rt_member_exit(RtSubscription *subscription);

/* Asks executors to tell what has not been told, as many as may be asked. */
extern void rt_members_begin(void);

/* Whether some wait to be asked. */
extern bool rt_members_waiting(void);

/* An answer of kind JOIN or LEAVE. */
extern void rt_member_answer(const RtRequest *request);

#endif							/* RT_GATEWAY_TOPIC_MEMBER_H */

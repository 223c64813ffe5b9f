/*
 * recipient.h
 *		Connections as recipients of what is sent to a user, or to all who have
 *		something in common.
 */
#ifndef RT_GATEWAY_TOPIC_RECIPIENT_H
#define RT_GATEWAY_TOPIC_RECIPIENT_H

#include "src/gateway/door/connection.h"
#include "src/ipc/publish_ring.h"

extern void rt_recipients_init(void);

/*
 * The connection is from now on what its session says: its user, and what of
 * the claims named by realtime.attribute_claims is a scalar.  Returns false
 * without memory.
 */
extern bool rt_recipient_enroll(RtConnection *connection);
extern void rt_recipient_leave(RtConnection *connection);

/* Whether anybody can be sent something: also who is nobody, by his connection. */
extern bool rt_recipients_any(void);

/*
 * Delivers an entry of class RT_TOPIC_SENT; what is not durable is missed.  Whatever
 * was sent since a position of the ring is, or may be.
 */
extern void rt_recipients_deliver(const RtRingEntry *entry, uint64 position, bool durable);
extern void rt_recipients_miss(uint64 since);

/* Who has missed something is told so, once the connection has drained. */
extern void rt_recipient_tell_missed(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_RECIPIENT_H */

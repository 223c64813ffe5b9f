/*
 * push.h
 *		What sessions ask clients: from shared memory to the socket and back.
 */
#ifndef RT_GATEWAY_PUSH_H
#define RT_GATEWAY_PUSH_H

#include "src/gateway/door/connection.h"
#include "src/protocol/envelope.h"

/* Sends what is asked, as many as take a moment. */
extern void rt_pushes_send(void);

/* A frame "reply". */
extern void rt_push_reply_frame(RtConnection *connection, const char *text,
								const RtEnvelope *envelope);

/* The connection ends.  Does not throw. */
extern void rt_push_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_PUSH_H */

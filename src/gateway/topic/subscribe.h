/*
 * subscribe.h
 *		The frames subscribe, subscribe-batch and unsubscribe, and the
 *		executors' verdicts.
 */
#ifndef RT_GATEWAY_TOPIC_SUBSCRIBE_H
#define RT_GATEWAY_TOPIC_SUBSCRIBE_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"
#include "src/protocol/envelope.h"

extern void rt_subscribe_one(RtConnection *connection, const char *text,
							 const RtEnvelope *envelope);
extern void rt_subscribe_batch(RtConnection *connection, const char *text,
							   const RtEnvelope *envelope);
extern void rt_unsubscribe(RtConnection *connection, const char *text,
						   const RtEnvelope *envelope);

/* An answered RT_REQUEST_SUBSCRIBE of a living connection. */
extern void rt_subscribe_verdicts(RtConnection *connection, RtRequest *request);

#endif							/* RT_GATEWAY_TOPIC_SUBSCRIBE_H */

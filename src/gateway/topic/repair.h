/*
 * repair.h
 *		Gives subscriptions to replay topics the events they have lost.
 */
#ifndef RT_GATEWAY_TOPIC_REPAIR_H
#define RT_GATEWAY_TOPIC_REPAIR_H

#include "src/gateway/door/connection.h"
#include "src/ipc/request.h"

/* A drained connection has a subscription that can be repaired. */
extern void rt_repair_want(RtConnection *connection);

/* Begins the repairs that are wanted; called once a turn. */
extern void rt_repairs_begin(void);

/* Whether some wait for a better moment: look again before long. */
extern bool rt_repairs_waiting(void);

/* An answered request of kind REPAIR of a living connection, or of any. */
extern void rt_repair_answer(RtConnection *connection, RtRequest *request);
extern void rt_repair_ended(void);

/* The connection is about to be freed. */
extern void rt_repair_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_TOPIC_REPAIR_H */

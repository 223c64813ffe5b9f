/*
 * recheck.h
 *		Asking again whether a connection may have its subscriptions, because it
 *		is somebody else now, or somebody says so.
 */
#ifndef RT_GATEWAY_TOPIC_RECHECK_H
#define RT_GATEWAY_TOPIC_RECHECK_H

#include "src/gateway/door/connection.h"
#include "src/ipc/client_order.h"

/* All of a connection's; it gets events as before until it is known. */
extern void rt_recheck_connection(RtConnection *connection);

/* The same of some of it; streams that it is about end. */
extern void rt_recheck_what(RtConnection *connection, RtRecheck what);

/* The same, but only of topics with a hash. */
extern void rt_recheck_topic(RtConnection *connection, uint32 topic_hash);

extern void rt_recheck_answer(RtConnection *connection, RtRequest *request);

/*
 * An answer has been given to who the connection was when it asked: if that is
 * somebody else by now, or it was ordered meanwhile, its subscriptions are asked
 * about once more.
 */
extern void rt_recheck_if_another(RtConnection *connection, int session,
								  uint64 orders);

#endif							/* RT_GATEWAY_TOPIC_RECHECK_H */

/*
 * outbox.h
 *		Output of connections: collected during a turn, written once at its end.
 */
#ifndef RT_GATEWAY_DOOR_OUTBOX_H
#define RT_GATEWAY_DOOR_OUTBOX_H

#include "src/gateway/door/connection.h"

/* Bytes that wait, those inside libwebsockets not counted. */
extern size_t rt_outbox_pending(const RtConnection *connection);

/* The most that may wait of what must arrive; there is more, so the connection ends. */
extern size_t rt_outbox_limit(void);
extern void rt_outbox_overflow(RtConnection *connection);

/* Says that what is missing of a topic will not come. */
extern void rt_outbox_send_marker(RtConnection *connection, RtText topic);

#endif							/* RT_GATEWAY_DOOR_OUTBOX_H */

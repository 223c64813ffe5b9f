/*
 * outbox.h
 *		Output of connections: collected during a turn, written once at its end.
 */
#ifndef RT_GATEWAY_DOOR_OUTBOX_H
#define RT_GATEWAY_DOOR_OUTBOX_H

#include "src/gateway/door/connection.h"

/* Appends without any limit; closes the connection without memory. */
extern void rt_outbox_append(RtConnection *connection, const char *bytes, size_t len);

/* Whether so much has been appended in this turn that it should end. */
extern bool rt_outbox_is_time_to_write(void);

/* Bytes that wait, those inside libwebsockets not counted. */
extern size_t rt_outbox_pending(const RtConnection *connection);

/* Forgets what waits. */
extern void rt_outbox_drop(RtConnection *connection);

/* The connection is about to be freed. */
extern void rt_outbox_forget(RtConnection *connection);

#endif							/* RT_GATEWAY_DOOR_OUTBOX_H */

/*
 * inbox.h
 *		Input of connections: frames are read as they arrive, messages kept
 *		until the loop handles them.
 */
#ifndef RT_GATEWAY_DOOR_INBOX_H
#define RT_GATEWAY_DOOR_INBOX_H

#include "src/gateway/door/connection.h"

/* callback: bytes have come, which are unmasked where they are. */
extern void rt_inbox_receive(RtConnection *connection, char *bytes, size_t len);

/*
 * A text message as if it had just come, behind those that have.  Returns false if
 * it is not taken: the connection ends, or there is no memory.
 */
extern bool rt_inbox_put(RtConnection *connection, RtText text);

/*
 * Calls handle() for each message that has come in, in order, and forgets it.
 * Returns whether there are more, for the next turn.
 */
typedef void (*RtMessageHandler) (RtConnection *connection, const char *text,
								  uint32 len, bool binary);
extern bool rt_connections_handle_messages(RtMessageHandler handle);

/*
 * What has come and what comes waits, in order, and soon in the kernel, until it
 * is released by all who hold it.
 */
extern void rt_inbox_hold(RtConnection *connection, RtInboxHold reason);
extern void rt_inbox_release(RtConnection *connection, RtInboxHold reason);

/* Whether messages wait for nothing but to be handled. */
extern bool rt_inboxes_are_ready(void);

/* The connection is about to be freed. */
extern void rt_inbox_forget(RtConnection *connection);

/*
 * For error recovery: the connection whose messages were being handled, if
 * any.  They are not any more.
 */
extern RtConnection *rt_connection_take_current(void);

#endif							/* RT_GATEWAY_DOOR_INBOX_H */

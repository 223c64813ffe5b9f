/*
 * cursor.h
 *		Connections that move cursors; who sees them is in cursor_board.h.
 *
 * A position costs no executor anything: who may move a cursor on a topic is
 * decided once, by the function, or the stream, that lets a connection do so.
 */
#ifndef RT_GATEWAY_CURSOR_H
#define RT_GATEWAY_CURSOR_H

#include "src/gateway/door/connection.h"
#include "src/gateway/topic/subscription.h"
#include "src/ipc/command.h"
#include "src/protocol/envelope.h"

extern void rt_cursors_start(void);

/*
 * A connection may move a cursor on a topic because a function says so, or for
 * each subscription that does.  user: what others see of him, JSON; with none what
 * is there stays, which is {} at first.  Returns false if there is no room.
 */
extern bool rt_cursor_join(RtConnection *connection, RtText topic, RtText user,
						   bool by_subscription);
extern void rt_cursor_part(RtConnection *connection, RtText topic, bool by_subscription);

/*
 * A stream of the cursors of a topic grants a subscription: it is told of them; and,
 * if there is what others see of him, lets its connection move one, until it is
 * dropped.
 */
extern void rt_cursor_enter(RtSubscription *subscription, RtText user);
extern void rt_cursor_leave(RtSubscription *subscription);

/* Frames "cursor" and "cursor-snapshot". */
extern void rt_cursor_frame(RtConnection *connection, const char *text,
							const RtEnvelope *envelope);
extern void rt_cursor_snapshot_frame(RtConnection *connection, const char *text,
									 const RtEnvelope *envelope);

/* What a transaction orders for a connection: see executor/cursor.c. */
extern void rt_cursor_command(RtConnection *connection, RtCommandVerb verb, RtText topic,
							  RtText data);

/* It is somebody else from now on; it ends.  Neither throws. */
extern void rt_cursor_rename(RtConnection *connection);
extern void rt_cursor_forget(RtConnection *connection);

/* Has what is to be told by now told; how long until there is something, -1 = never. */
extern void rt_cursors_tell(void);
extern long rt_cursors_timeout(void);

#endif							/* RT_GATEWAY_CURSOR_H */

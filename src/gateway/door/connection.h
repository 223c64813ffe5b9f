/*
 * connection.h
 *		One client's socket: what came in, what is to go out, how it ends.
 *
 * Functions marked "callback" are called from inside libwebsockets: they copy
 * and note, never throw, and leave the work to the verbs of the loop.
 */
#ifndef RT_GATEWAY_DOOR_CONNECTION_H
#define RT_GATEWAY_DOOR_CONNECTION_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/budget.h"
#include "src/gateway/door/buffer.h"

struct lws;
struct RtSequentialBatch;

typedef enum RtConnectionState
{
	RT_CONNECTION_OPEN,			/* next: CLOSING or GONE */
	RT_CONNECTION_CLOSING,		/* our close frame is on its way */
	RT_CONNECTION_GONE			/* no socket any more; freed at the turn's end */
} RtConnectionState;

typedef struct RtConnection
{
	struct lws *wsi;			/* NULL once GONE */
	uint64		serial;
	uint32		index;			/* in the table of connections */
	RtConnectionState state;
	bool		caps_batch;		/* takes batched events */
	bool		in_ready;		/* on the list of those with messages */
	bool		in_dirty;		/* on the list of those with output */
	bool		blocked;		/* the socket takes no more at the moment */
	bool		is_behind;		/* see behind.h */
	int			session;		/* identity, referenced */
	char		id[37];			/* uuid text */
	uint32		in_flight;		/* requests that executors have not answered */
	int64		last_received_ms;
	int64		last_sent_ms;
	int64		last_ping_ms;

	RtBudget	budget;			/* what it makes us keep */
	RtBuffer	inbox;			/* whole messages and perhaps a part of one */
	uint32		message_at;		/* where the unfinished message begins */
	bool		in_message;
	uint16		refusal;		/* close code: the message is too long; 0 = not */
	RtBuffer	outbox;
	uint32		handed_over;	/* bytes that the library may hold of it */

	dlist_node	ready_node;
	dlist_node	dirty_node;
	dlist_node	behind_node;
	int64		behind_since_ms;
	int64		unread_seen_ms; /* when a look saw input that nobody has read */
	int64		advanced_ms;	/* when a look saw that it has taken something */
	uint64		taken;			/* bytes, at the last look */
	dlist_node	gone_node;

	dlist_head	subscriptions;
	uint32		subscription_count;
	dlist_head	to_repair;		/* subscriptions that have lost events */
	dlist_head	to_tell;		/* the same, which cannot be repaired */
	bool		marked;			/* a marker has been sent, once at least */
	struct RtSequentialBatch *sequences;	/* sequential batches under way */
	uint32		sequence_count;

	uint32		reserved;		/* bytes of events that answers may bring */
	uint32		streams;		/* requests to follow a stream in flight */
	struct RtUnsubscribed *unsubscribed;	/* meanwhile; NULL = nothing */
	uint32		unsubscribed_count;

	uint64		repair;			/* ticket of the repair in flight; 0 = none */
	int			repair_failures;	/* since the last one that worked */
	int64		repair_after_ms;	/* not before this time */
	bool		in_repair;		/* on the list of those that want one */
	dlist_node	repair_node;
} RtConnection;

extern void rt_connections_init(void);
extern int	rt_connection_count(void);

/* callback: NULL if there are too many or no memory. */
extern RtConnection *rt_connection_open(struct lws *wsi);

/*
 * callback: a piece of a message.  One that is longer than
 * realtime.max_payload, or than there is memory for, ends the connection later.
 */
extern void rt_connection_receive(RtConnection *connection, const char *bytes,
								  size_t len, bool first, bool last, bool binary);

/* callback: the socket takes output again; a pong came; the socket is gone. */
extern void rt_connection_writable(RtConnection *connection);
extern void rt_connection_alive(RtConnection *connection);
extern void rt_connection_gone(RtConnection *connection);

/* The connection of a request's answer, or NULL if it is gone. */
extern RtConnection *rt_connection_find(uint32 index, uint64 serial);

/*
 * Calls handle() for each message that has come in, in order, and forgets it.
 */
typedef void (*RtMessageHandler) (RtConnection *connection, const char *text,
								  uint32 len, bool binary);
extern void rt_connections_handle_messages(RtMessageHandler handle);

/*
 * send appends a frame that must arrive; a connection that cannot take it is
 * closed.  deliver appends an event unless that would exceed
 * realtime.max_backpressure, and says so.
 */
extern void rt_connection_send(RtConnection *connection, const char *frame, size_t len);
extern bool rt_connection_deliver(RtConnection *connection, const char *frame, size_t len);

/*
 * A text frame of our own: the payload is written into the buffer, which holds
 * one at a time, and then sent; nothing is sent if its length is 0.
 */
extern char *rt_frame_buffer(size_t payload_cap);
extern void rt_connection_send_payload(RtConnection *connection, size_t payload_len);

/* Has the connection looked at when output is written. */
extern void rt_connection_mark_dirty(RtConnection *connection);

/* Writes every connection that has output, once. */
extern void rt_connections_flush(void);

/* Ends a connection from our side: with a close frame, or without a word. */
extern void rt_connection_close(RtConnection *connection, int code, const char *reason);
extern void rt_connection_kill(RtConnection *connection);
extern void rt_connections_close_all(int code, const char *reason);

/*
 * Frees those whose socket is gone, so many as take a moment.  Returns whether
 * there are more.
 */
extern bool rt_connections_reap(void);

/* Pings the silent and closes the dead; called about once a second. */
extern void rt_connections_sweep(void);

/*
 * For error recovery: the connection whose messages were being handled, if
 * any.  They are not any more.
 */
extern RtConnection *rt_connection_take_current(void);

#endif							/* RT_GATEWAY_DOOR_CONNECTION_H */

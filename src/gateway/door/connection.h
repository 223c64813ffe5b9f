/*
 * connection.h
 *		One client's WebSocket: what came in, what is to go out, how it ends.
 *
 * send and finish are called from inside libwebsockets too, where control
 * frames are answered (inbox.c): they note and append, and never throw.
 */
#ifndef RT_GATEWAY_DOOR_CONNECTION_H
#define RT_GATEWAY_DOOR_CONNECTION_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/backlog.h"
#include "src/gateway/budget.h"
#include "src/gateway/door/buffer.h"
#include "src/gateway/door/compress.h"
#include "src/gateway/door/socket.h"
#include "src/gateway/turns.h"
#include "src/ipc/client_order.h"
#include "src/protocol/host.h"
#include "src/protocol/request_id.h"
#include "src/protocol/websocket.h"

struct RtSequentialBatch;

typedef enum RtConnectionState
{
	RT_CONNECTION_OPEN,			/* next: CLOSING or GONE */
	RT_CONNECTION_CLOSING,		/* our close frame is on its way */
	RT_CONNECTION_GONE			/* no socket any more; freed at the turn's end */
} RtConnectionState;

/* Why messages wait, bits. */
typedef enum RtInboxHold
{
	RT_HOLD_LOGIN = 1 << 0,		/* it is not known who sends them */
	RT_HOLD_UPLOAD = 1 << 1		/* a handler has not read what came before */
} RtInboxHold;

/* What is told of live queries, see topic/round_frame.h. */
typedef struct RtConnectionRound
{
	RtBuffer	events;			/* of the round that is being read */
	bool		holds;			/* it has some, now or in the frames before */
	bool		awaits;			/* it is to be told when a position is reached */
	uint64		awaited;		/* that one */
	uint64		told;			/* the last one that it was told */
	dlist_head	queries;		/* subscriptions: the live queries that it follows */
	dlist_node	holds_node;
	dlist_node	awaits_node;
} RtConnectionRound;

typedef struct RtConnection
{
	RtSocket   *socket;			/* NULL once GONE */
	uint64		serial;
	uint32		index;			/* in the table of connections */
	RtConnectionState state;
	bool		caps_batch;		/* takes batched events */
	bool		caps_parts;		/* and long values in parts */
	bool		caps_pos;		/* and what live queries tell in rounds */
	bool		in_ready;		/* on the list of those with messages */
	int			session;		/* identity, referenced */
	uint64		rechecked[RT_RECHECK_SCOPES];	/* what it may see, by these
											 * orders, client.h */
	int64		expires;		/* the identity, in seconds since 1970; 0 = never */
	bool		expiry_told;	/* that it is about to */
	uint8		held;			/* RtInboxHold; 0 = its messages are handled */
	bool		departs;		/* its end may have to be told, see departure.h */
	char		id[RT_CONNECTION_ID_SIZE];	/* uuid text */
	unsigned char address[RT_HOST_ADDRESS_SIZE];	/* of its client */
	char		request_id[RT_REQUEST_ID_MAX + 1];	/* by a trusted proxy; "" =
													 * its own id */
	uint32		in_flight;		/* requests that executors have not answered */
	size_t		in_flight_bytes;	/* of their texts */
	RtBacklog	backlog;		/* what it has asked beyond them */
	int			last_request;	/* number of the last one's slot */
	int64		last_received_ms;
	int64		last_ping_ms;

	RtBudget	budget;			/* what it makes us keep, but for output */
	RtWebSocketReader reader;
	RtBuffer	inbox;			/* whole messages and perhaps a part of one */
	RtBuffer	control;		/* a part of a control frame */
	uint32		message_at;		/* where the unfinished message begins */
	bool		in_message;
	uint16		end_code;		/* how to close when the inbox is handled; 0 =
								 * not at all */
	const char *end_reason;

	dlist_node	ready_node;
	dlist_node	gone_node;

	uint32		pushes;			/* that it has been asked and not answered */
	dlist_head	recipients;		/* that it is, topic/recipient.h */
	bool		missed;			/* something that was sent to it, and is to be told so */
	struct RtPresenceState *presence_state; /* of which something is to follow,
											 * presence_plugin.h; NULL = of none */
	dlist_head	presence_states;	/* that wait until it takes more */
	dlist_head	stays;			/* where it is present, presence.h */
	size_t		stay_bytes;		/* that these take */
	dlist_head	hands;			/* with which it moves cursors, cursor.h */
	size_t		hand_bytes;		/* that these take */
	dlist_head	cursors_behind; /* that it is to be told of, cursor_board.h */
	dlist_head	subscriptions;
	uint32		subscription_count;
	dlist_head	to_repair;		/* subscriptions that have lost events */
	dlist_head	to_tell;		/* the same, which cannot be repaired */
	bool		marked;			/* a marker has been sent, once at least */
	dlist_head	waiting_events; /* of which only the newest counts, conflate.h */
	size_t		conflated;		/* bytes of them */
	dlist_head	uploads;		/* under way, upload.h */
	uint32		upload_count;
	bool		cap_told;		/* how long its frames may be */
	struct RtSequentialBatch *sequences;	/* sequential batches under way */
	uint32		sequence_count;

	uint32		reserved;		/* bytes of events that answers may bring */
	uint32		streams;		/* requests to follow a stream in flight, its own
								 * and those that it has joined */
	dlist_head	follows;		/* those that it has joined, flight.c */
	uint64		told;			/* of them: begun before it was told something */
	RtTaker		reloads;		/* groups to be loaded anew in its turn, group.c */
	dlist_head	deliveries;		/* of values in parts, parts.h */
	struct RtUnsubscribed *unsubscribed;	/* meanwhile; NULL = nothing */
	uint32		unsubscribed_count;

	RtConnectionRound round;

	uint64		repair;			/* ticket of the repair in flight; 0 = none */
	int			repair_failures;	/* since the last one that worked */
	int64		repair_after_ms;	/* not before this time */
	bool		in_repair;		/* on the list of those that want one */
	dlist_node	repair_node;
} RtConnection;

extern void rt_connections_init(void);
extern int	rt_connection_count(void);

/* A new one, of a connection or of what is asked without one. */
extern bool rt_connection_make_id(char dst[RT_CONNECTION_ID_SIZE]);

/*
 * Makes a connection of a socket over which HTTP was spoken; NULL if there
 * are too many or no memory, and the socket as it was.  The address is its
 * client's.  begin sends the first frame.
 */
extern RtConnection *rt_connection_open(RtSocket *socket,
										const unsigned char address[RT_HOST_ADDRESS_SIZE]);
extern void rt_connection_begin(RtConnection *connection);

/* The connection of a request's answer, or NULL if it is gone. */
extern RtConnection *rt_connection_find(uint32 index, uint64 serial);

/*
 * send appends frames that must arrive; a connection that cannot take them is
 * closed.  deliver appends an event unless that would exceed
 * realtime.max_backpressure, and says so.
 */
extern void rt_connection_send(RtConnection *connection, const char *frames, size_t len);
extern bool rt_connection_deliver(RtConnection *connection, RtEventFrame *event);

/*
 * A text frame of our own: the payload is written into the buffer, which holds
 * one at a time, and then sent; nothing is sent if its length is 0.
 */
extern char *rt_frame_buffer(size_t payload_cap);
extern void rt_connection_send_payload(RtConnection *connection, size_t payload_len);

/* Has the connection looked at when output is written. */
extern void rt_connection_mark_dirty(RtConnection *connection);

/* What its opening request is called in logs. */
static inline const char *
rt_connection_request_id(const RtConnection *connection)
{
	return connection->request_id[0] != '\0' ? connection->request_id : connection->id;
}

/* Whether its messages may be compressed. */
static inline bool
rt_connection_compresses(const RtConnection *connection)
{
	return connection->reader.may_compress;
}

/* Whether its socket takes nothing at the moment. */
static inline bool
rt_connection_is_blocked(const RtConnection *connection)
{
	return connection->socket == NULL || rt_socket_is_blocked(connection->socket);
}

/* Who it is to others: its user, or itself. */
extern RtText rt_connection_key(const RtConnection *connection);

/*
 * Ends a connection from our side: with a close frame (1005 = without a code),
 * which the peer has some time to answer, or without a word.  finish is for
 * what ends when our close frame is written, because the peer has sent its own
 * or cannot be understood any more.
 */
extern void rt_connection_close(RtConnection *connection, int code, const char *reason);
extern void rt_connection_finish(RtConnection *connection);
extern void rt_connection_kill(RtConnection *connection);
extern void rt_connections_close_all(int code, const char *reason);

/* Of all that are open. */
extern void rt_connections_each(void (*tell) (RtConnection *connection));

/*
 * Frees those whose socket is gone, so many as take a moment.  Returns whether
 * there are more.
 */
extern bool rt_connections_reap(void);

/* Pings the silent and closes the dead; called about once a second. */
extern void rt_connections_sweep(void);

#endif							/* RT_GATEWAY_DOOR_CONNECTION_H */

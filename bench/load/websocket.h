/*
 * websocket.h
 *		Many WebSocket connections to one server.
 */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include "load.h"
#include "loop.h"

typedef struct Connection
{
	Source		source;
	int			number;			/* 0, 1, 2, ... */
	enum
	{
		CONNECTION_CONNECTING,	/* TCP */
		CONNECTION_UPGRADING,	/* the request is sent */
		CONNECTION_OPEN,		/* upgraded; not ready before its welcome */
		CONNECTION_READY,
		CONNECTION_CLOSED
	}			state;
	bool		waits_to_write;

	/* the beginning of a frame whose rest has not arrived */
	char	   *in;
	size_t		in_len;
	size_t		in_size;

	/* what the kernel has not taken yet, from out_sent on */
	char	   *out;
	size_t		out_sent;
	size_t		out_len;
	size_t		out_size;

	void	   *mode;			/* of the mode that runs */
} Connection;

/* What a mode wants to hear. */
typedef struct Handlers
{
	void		(*on_ready) (Connection *connection);
	/* a text message, without those that make a connection ready */
	void		(*on_message) (Connection *connection, const char *text, size_t len);
	/* one that is compressed, as it came; NULL = there are none */
	void		(*on_compressed) (Connection *connection, size_t len);
} Handlers;

extern Connection *connections;

/*
 * Opens options.connections connections and returns the seconds that passed
 * until the last was ready.  Ends the program if one fails.
 */
extern double websocket_open_all(const Handlers *handlers);

/*
 * Room for a text frame of at most this many bytes; to be followed by
 * websocket_commit() with the length that it has got.
 */
extern char *websocket_reserve(Connection *connection, size_t max_len);
extern void websocket_commit(Connection *connection, size_t len);

/*
 * Writes what was committed.  Needed outside on_message only: after a turn's
 * messages this is done for their connection.
 */
extern void websocket_flush(Connection *connection);

/* The time at which the messages now handed over were received. */
extern uint64_t websocket_received_ns;

/*
 * From here on a closed connection is counted and does not end the program.
 */
extern void websocket_tolerate_close(void);
extern int	websocket_closed_count(void);

#endif							/* BENCH_WEBSOCKET_H */

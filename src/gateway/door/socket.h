/*
 * socket.h
 *		A client's stream of bytes, whatever is spoken over it: what is to be
 *		written, when it is read, how it ends.
 *
 * Who uses a socket is told of its life by calls.  Those marked "callback" are
 * made from inside libwebsockets: they copy and note, and never throw.
 */
#ifndef RT_GATEWAY_DOOR_SOCKET_H
#define RT_GATEWAY_DOOR_SOCKET_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/budget.h"
#include "src/gateway/door/buffer.h"

struct lws;

typedef struct RtSocketCalls
{
	/* callback: bytes have come; they may be changed where they are. */
	void		(*receive) (void *user, char *bytes, size_t len);

	/*
	 * All output is written and more would be taken.  Returns whether more
	 * was appended.
	 */
	bool		(*drained) (void *user);

	/* It ends by force: nothing more is taken, and nothing will come. */
	void		(*dropped) (void *user);

	/* callback: there is no socket any more, and the memory is given back. */
	void		(*gone) (void *user);
} RtSocketCalls;

/* Why nothing is read from a socket, bits. */
typedef enum RtSocketPause
{
	RT_SOCKET_BLOCKED = 1 << 0, /* by its peer, who does not read either */
	RT_SOCKET_BUSY = 1 << 1,	/* by its user */
	RT_SOCKET_HELD = 1 << 2		/* by its user, who waits for somebody else */
} RtSocketPause;

typedef struct RtSocket
{
	struct lws *wsi;
	const RtSocketCalls *calls;
	void	   *user;
	RtBudget	budget;			/* for its output */
	RtBuffer	outbox;
	uint32		handed_over;	/* bytes that the library may hold of it */
	uint8		paused;			/* RtSocketPause; 0 = it is read */
	bool		has_begun;		/* something has come */
	bool		in_dirty;		/* on the list of those with output */
	bool		is_behind;		/* see behind.h */
	bool		finishing;		/* ends when all is written */
	bool		shut;			/* all is written, and the peer knows */
	bool		dropped;		/* ends by force */
	bool		ends;			/* has its end node in a list */
	int64		end_ms;			/* when it is to be closed, unless it has been */
	int64		written_ms;		/* when bytes were last handed over */
	dlist_node	dirty_node;
	dlist_node	end_node;
	dlist_node	behind_node;
	int64		behind_since_ms;
	int64		advanced_ms;	/* when a look saw that it has taken something */
	uint64		taken;			/* bytes, at the last look */
} RtSocket;

/* Memory for a socket, NULL if there is none; it has no peer yet. */
extern RtSocket *rt_socket_create(const RtSocketCalls *calls, void *user);

/* Who uses it from now on. */
extern void rt_socket_hand_over(RtSocket *socket, const RtSocketCalls *calls,
								void *user);

/* callbacks of the event loop: what happens to it */
extern void rt_socket_received(RtSocket *socket, char *bytes, size_t len);
extern void rt_socket_writable(RtSocket *socket);
extern void rt_socket_gone(RtSocket *socket);

/*
 * Appends bytes that must be written; drops the socket if there is no memory
 * for them, even at the cost of those who do not read.
 */
extern void rt_socket_append(RtSocket *socket, const char *bytes, size_t len);

/*
 * Makes room for len bytes at the outbox's end without ending anybody who has
 * read within the last moment.  Returns false if there is no memory.
 */
extern bool rt_socket_make_room(RtSocket *socket, size_t len);

/* Bytes that wait, those inside libwebsockets not counted. */
static inline size_t
rt_socket_pending(const RtSocket *socket)
{
	return rt_buffer_used(&socket->outbox);
}

static inline bool
rt_socket_is_blocked(const RtSocket *socket)
{
	return (socket->paused & RT_SOCKET_BLOCKED) != 0;
}

/* Has the socket looked at when output is written. */
extern void rt_socket_mark_dirty(RtSocket *socket);

/* Writes every socket that has output, once. */
extern void rt_sockets_flush(void);

/* Whether so much has been appended in this turn that it should end. */
extern bool rt_sockets_are_full(void);

/* Whether much more has, so that it must be written in its middle. */
extern bool rt_sockets_overflow(void);

/* What comes stays in the kernel, and soon with the peer, until resumed. */
extern void rt_socket_pause(RtSocket *socket, RtSocketPause reason);
extern void rt_socket_resume(RtSocket *socket, RtSocketPause reason);

/*
 * Ends the stream when all is written: the peer has some seconds to end its
 * own, and what it sends until then is dropped.
 */
extern void rt_socket_finish(RtSocket *socket, int seconds);

/* It is closed after some seconds, if it has not ended by itself. */
extern void rt_socket_end_after(RtSocket *socket, int seconds);

/* Ends it by force, without a word: its peer sees a reset. */
extern void rt_socket_drop(RtSocket *socket);

/* Notes, about once a second, which are to be closed by now. */
extern void rt_sockets_sweep(void);

/*
 * Closes those, and what has been dropped, at the end of a turn.  Returns whether
 * there are more.
 */
extern bool rt_sockets_close(void);

#endif							/* RT_GATEWAY_DOOR_SOCKET_H */

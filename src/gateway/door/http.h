/*
 * http.h
 *		The HTTP side of a socket: it reads requests one after the other and
 *		has each answered, until one of them opens a WebSocket or the last is
 *		answered.
 *
 * Who answers a request (route.c) does so at once, when all of it has come, or
 * says that it will, with what is in memory or with a source of pieces that are
 * sent as fast as the client reads, and as the source has them.  The request is
 * good until then.
 */
#ifndef RT_GATEWAY_DOOR_HTTP_H
#define RT_GATEWAY_DOOR_HTTP_H

#include "src/compat.h"

#include "lib/ilist.h"

#include "src/gateway/door/socket.h"
#include "src/protocol/http.h"
#include "src/protocol/http_body.h"

typedef enum RtHttpState
{
	RT_HTTP_READING,			/* a head; or idle, between requests */
	RT_HTTP_IN_BODY,			/* which the route wants, or nobody */
	RT_HTTP_ASKED,				/* the answer comes later */
	RT_HTTP_ANSWERING,			/* by the pieces of a source */
	RT_HTTP_WAITING,			/* the same, for its source to have one */
	RT_HTTP_OVER				/* no more requests */
} RtHttpState;

/* What ends the content of an answer for its client. */
typedef enum RtHttpEnd
{
	RT_HTTP_END_LENGTH,			/* which was told before */
	RT_HTTP_END_CHUNK,			/* an empty one */
	RT_HTTP_END_CLOSE			/* of the connection, for HTTP/1.0 */
} RtHttpEnd;

#define RT_HTTP_LATER (-2)		/* next: nothing yet; see rt_http_continue */

/*
 * Where the pieces of an answer come from.  next writes one of up to size bytes
 * and returns its length, which is 0 at the end of a content whose length was
 * not known; with less than 0, or at the end of one that should be longer, the
 * answer cannot be ended well.  close is called once, whatever becomes of the
 * answer, perhaps in a callback of the library: until then the RtHttp is there.
 */
typedef struct RtHttpSource
{
	ssize_t		(*next) (struct RtHttpSource *source, char *piece, size_t size);
	void		(*close) (struct RtHttpSource *source);
	int			file;			/* for their use */
	uint64		at;
} RtHttpSource;

typedef struct RtHttp
{
	RtSocket   *socket;
	RtHttpState state;
	bool		keep_alive;		/* another request may follow this one */
	bool		is_idle;		/* nothing of the next request has come */
	bool		in_ready;		/* on the list of those with input */
	bool		held;			/* requests wait until answers are written */
	int64		deadline_ms;	/* for what the state waits for */
	RtBuffer	inbox;			/* from the begin of the request on */
	uint32		next_at;		/* where what is not read begins in it */
	RtHttpHead	head;
	RtHttpBody	body;
	uint32		body_max;		/* bytes that the route takes; 0 = none */
	RtHttpSource source;		/* of the answer; next is NULL if there is none */
	RtHttpEnd	end;			/* of what it gives */
	uint64		left;			/* bytes that it has to give, or may */
	uint64		serial;			/* ASKED: unique in the gateway's life */
	dlist_node	asked_node;
	dlist_node	node;
	dlist_node	ready_node;
} RtHttp;

/* callback: a socket was accepted; closes it if there is no memory. */
extern void rt_http_accept(int fd);

/* Reads and answers what has come. */
extern void rt_http_handle_requests(void);

/*
 * Ends those that take too long; called about once a second.  Returns whether there
 * may be more, for which it is called in the next turn.
 */
extern bool rt_http_sweep(void);

typedef struct RtHttpAnswer
{
	int			status;
	const char *type;			/* Content-Type, NULL = no content */
	const char *headers;		/* more of them, each with its end; or NULL */
	const char *text;			/* the content, or NULL = from the source */
	RtHttpSource source;
	uint64		length;			/* of the content; of a source's it may be
								 * RT_HTTP_LENGTH_UNKNOWN */
} RtHttpAnswer;

#define RT_HTTP_LENGTH_UNKNOWN PG_UINT64_MAX

/* The body of the request, if its route takes one. */
static inline RtText
rt_http_request_body(const RtHttp *http)
{
	return (RtText) {http->inbox.data + http->inbox.start + http->head.length,
		http->body_max > 0 ? http->next_at - http->head.length : 0};
}

/* Answers the request; with HEAD without the content. */
extern void rt_http_answer(RtHttp *http, const RtHttpAnswer *answer);

/* The same with a line of text and perhaps headers. */
extern void rt_http_answer_text(RtHttp *http, int status, const char *text,
								const char *headers);

/*
 * The answer comes later, with the same functions: whoever finds the request
 * again, by what this returns, answers it.  It is not found if its client is gone.
 * Not for use in callbacks.
 */
extern uint64 rt_http_defer(RtHttp *http);
extern RtHttp *rt_http_find(uint64 serial);

/* It is not to be answered, but goes on as what it is; the first thing done with it. */
extern void rt_http_end_asking(RtHttp *http);

/*
 * A source that had nothing yet is asked again; does nothing else.  Not for use
 * in callbacks.
 */
extern void rt_http_continue(RtHttp *http);

/* No request follows this one. */
extern void rt_http_end(RtHttp *http);

/*
 * The socket is no longer ours: gives up all but what has come behind the
 * request, which is handed to somebody before it is given up, too.
 */
extern void rt_http_leave(RtHttp *http,
						  void (*take) (void *user, char *bytes, size_t len),
						  void *user);

#endif							/* RT_GATEWAY_DOOR_HTTP_H */

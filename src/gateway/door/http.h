/*
 * http.h
 *		The HTTP side of a socket: it reads requests one after the other and
 *		has each answered, until one of them opens a WebSocket or the last is
 *		answered.
 *
 * Who answers a request (route.c) does so at once, with what is in memory or
 * with a file that is sent as fast as the client reads.  The request is good
 * until then.
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
	RT_HTTP_SKIPPING,			/* a body, which nobody wants */
	RT_HTTP_ANSWERING,			/* a file is being sent */
	RT_HTTP_OVER				/* no more requests */
} RtHttpState;

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
	uint32		next_at;		/* where the next one begins in it */
	RtHttpHead	head;
	RtHttpBody	body;
	uint64		body_length;	/* so far */
	int			file;			/* that is being sent; -1 = none */
	uint64		file_at;
	uint64		file_left;
	dlist_node	node;
	dlist_node	ready_node;
} RtHttp;

/* callback: a socket was accepted; closes it if there is no memory. */
extern void rt_http_accept(int fd);

/* Reads and answers what has come. */
extern void rt_http_handle_requests(void);

/* Ends those that take too long; called about once a second. */
extern void rt_http_sweep(void);

/* An answer.  A file is closed in the end, whatever becomes of the answer. */
typedef struct RtHttpAnswer
{
	int			status;
	const char *type;			/* Content-Type, NULL = no content */
	const char *headers;		/* more of them, each with its end; or NULL */
	const char *text;			/* the content, or NULL = the file */
	int			file;
	uint64		length;			/* of the content */
} RtHttpAnswer;

/* Answers the request; with HEAD without the content. */
extern void rt_http_answer(RtHttp *http, const RtHttpAnswer *answer);

/* The same with a line of text and perhaps headers. */
extern void rt_http_answer_text(RtHttp *http, int status, const char *text,
								const char *headers);

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

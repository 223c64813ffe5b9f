/*
 * event_loop.h
 *		libwebsockets on a libuv loop under PostgreSQL's WaitEventSet.
 */
#ifndef RT_GATEWAY_DOOR_EVENT_LOOP_H
#define RT_GATEWAY_DOOR_EVENT_LOOP_H

#include <stdbool.h>
#include <uv.h>

struct lws;
struct RtSocket;

/*
 * Builds loop, context and wait set, for descriptors below the process's limit of
 * them; ereports FATAL if it cannot.
 */
extern void rt_event_loop_init(int descriptors);

/* Reads the certificate anew; for connections that come from now on. */
extern void rt_event_loop_configure_tls(void);

extern uv_loop_t *rt_event_loop_uv(void);

/* Takes over a socket that was accepted; closes it if that fails. */
extern bool rt_event_loop_adopt(int fd, struct RtSocket *socket);

/*
 * Has the library close a socket.  Not from a callback: its own, that it is gone,
 * runs before this returns.
 */
extern void rt_event_loop_close(struct lws *wsi);

/* Tells the peer that nothing more will be written. */
extern void rt_event_loop_shut(struct lws *wsi);

/* Whether what comes is to be read. */
extern void rt_event_loop_read(struct lws *wsi, bool wanted);

/* Has the socket called back when the kernel takes output. */
extern void rt_event_loop_ask_writable(struct lws *wsi);

extern int	rt_event_loop_descriptor(struct lws *wsi);

/* Sockets that the library holds now. */
extern int	rt_event_loop_sockets(void);

/* Runs everything that is due, without waiting. */
extern void rt_event_loop_run(void);

/*
 * Waits until the process's latch is set, a socket is ready or timeout_ms has
 * passed (-1 = no limit); returns at once if the loop has work left.
 */
extern void rt_event_loop_wait(long timeout_ms);

/* Whether a callback of the library is on the stack. */
extern bool rt_event_loop_in_callback(void);

#endif							/* RT_GATEWAY_DOOR_EVENT_LOOP_H */

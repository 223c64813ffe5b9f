/*
 * event_loop.h
 *		libwebsockets on a libuv loop under PostgreSQL's WaitEventSet.
 */
#ifndef RT_GATEWAY_DOOR_EVENT_LOOP_H
#define RT_GATEWAY_DOOR_EVENT_LOOP_H

#include <stdbool.h>
#include <uv.h>

struct lws;

/* Builds loop, context and wait set; ereports FATAL if it cannot. */
extern void rt_event_loop_init(int max_sockets);

extern uv_loop_t *rt_event_loop_uv(void);

/* Takes over an accepted socket.  The library closes it if it fails. */
extern bool rt_event_loop_adopt(int fd);

/*
 * Has the library close a socket by force, after some seconds or now.  Now is
 * without a word: the peer sees a reset.  The socket's callbacks do not run
 * before this returns.
 */
extern void rt_event_loop_close_after(struct lws *wsi, int seconds);
extern void rt_event_loop_kill(struct lws *wsi);

extern int	rt_event_loop_descriptor(struct lws *wsi);

/* Sockets that the library holds now. */
extern int	rt_event_loop_sockets(void);

/* Runs everything that is due, without waiting. */
extern void rt_event_loop_run(void);

/* Whether sockets have been ready for many turns and nothing came of it. */
extern bool rt_event_loop_spins(void);

/*
 * Waits until the process's latch is set, a socket is ready or timeout_ms has
 * passed (-1 = no limit); returns at once if the loop has work left.
 */
extern void rt_event_loop_wait(long timeout_ms);

/* Whether a callback of the library is on the stack. */
extern bool rt_event_loop_in_callback(void);

#endif							/* RT_GATEWAY_DOOR_EVENT_LOOP_H */

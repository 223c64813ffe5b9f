/*
 * listener.h
 *		The listening sockets.
 */
#ifndef RT_GATEWAY_DOOR_LISTENER_H
#define RT_GATEWAY_DOOR_LISTENER_H

#include <stdbool.h>

/*
 * Tries to bind every address of realtime.listen_addresses.  Returns whether
 * we listen on any; if not, try again later.  Logs the first failure.
 * max_sockets is the most the process may hold.
 */
extern bool rt_listener_open(int max_sockets);

/* No new sockets from here on. */
extern void rt_listener_close(void);

#endif							/* RT_GATEWAY_DOOR_LISTENER_H */

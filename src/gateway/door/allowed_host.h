/*
 * allowed_host.h
 *		Which hosts a request may be for (realtime.allowed_hosts).
 *
 * A page of any name can have its own name resolve to the address of this
 * server, and then its requests are of the same origin to the browser, and to
 * us, if we believe the Host header that comes with them ("DNS rebinding").  So
 * only names and addresses are served that this server is known by.
 */
#ifndef RT_GATEWAY_DOOR_ALLOWED_HOST_H
#define RT_GATEWAY_DOOR_ALLOWED_HOST_H

#include <stddef.h>

/* What a request that names a host gets. */
typedef enum RtHostVerdict
{
	RT_HOST_ALLOWED,
	RT_HOST_UNREADABLE,			/* there is none, or it is no host */
	RT_HOST_UNKNOWN				/* not ours */
} RtHostVerdict;

/*
 * callback: looks at the Host header, or what stands in its place, of a
 * request that has come over a socket.
 */
extern RtHostVerdict rt_allowed_host_check(const char *text, size_t len, int fd);

/* Reads realtime.allowed_hosts again, outside the library's frames. */
extern void rt_allowed_hosts_configure(void);

#endif							/* RT_GATEWAY_DOOR_ALLOWED_HOST_H */

/*
 * upgrade_rate.h
 *		How fast one address may connect (realtime.upgrade_rate).
 */
#ifndef RT_GATEWAY_DOOR_UPGRADE_RATE_H
#define RT_GATEWAY_DOOR_UPGRADE_RATE_H

#include <stdbool.h>

/*
 * callback: counts an upgrade of the peer of a socket.  Returns false if its
 * address has used up realtime.upgrade_rate.
 */
extern bool rt_upgrade_is_allowed(int fd);

#endif							/* RT_GATEWAY_DOOR_UPGRADE_RATE_H */

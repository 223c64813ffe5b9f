/*
 * upgrade_rate.h
 *		How fast one address may connect, and ask who it is before it does
 *		(realtime.upgrade_rate, each by itself).
 */
#ifndef RT_GATEWAY_DOOR_UPGRADE_RATE_H
#define RT_GATEWAY_DOOR_UPGRADE_RATE_H

#include <stdbool.h>

typedef enum RtRate
{
	RT_RATE_UPGRADE,
	RT_RATE_LOGIN,				/* over HTTP */
	RT_RATES
} RtRate;

/*
 * callback: counts one of the peer of a socket.  Returns false if its address
 * has used up the rate.
 */
extern bool rt_rate_allows(int fd, RtRate rate);

#endif							/* RT_GATEWAY_DOOR_UPGRADE_RATE_H */

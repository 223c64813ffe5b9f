/*
 * upgrade_rate.h
 *		How fast one address may connect, and ask who it is before it does
 *		(realtime.upgrade_rate, each by itself).
 */
#ifndef RT_GATEWAY_DOOR_UPGRADE_RATE_H
#define RT_GATEWAY_DOOR_UPGRADE_RATE_H

#include <stdbool.h>

#include "src/ipc/address_rate.h"
#include "src/protocol/host.h"

/* Counts one of an address; returns false if it has used up the rate. */
extern bool rt_rate_allows(const unsigned char address[RT_HOST_ADDRESS_SIZE],
						   RtRate rate);

#endif							/* RT_GATEWAY_DOOR_UPGRADE_RATE_H */

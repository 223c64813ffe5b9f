/*
 * address.h
 *		The two addresses of a connected socket, IPv4 as ::ffff:a.b.c.d.
 */
#ifndef RT_GATEWAY_DOOR_ADDRESS_H
#define RT_GATEWAY_DOOR_ADDRESS_H

#include <stdbool.h>

#include "src/protocol/host.h"

/* Where the peer is, or false if it is gone. */
extern bool rt_address_of_peer(int fd, unsigned char address[RT_HOST_ADDRESS_SIZE]);

/* Where the peer has reached us. */
extern bool rt_address_of_socket(int fd, unsigned char address[RT_HOST_ADDRESS_SIZE]);

#endif							/* RT_GATEWAY_DOOR_ADDRESS_H */

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

#define RT_ADDRESS_TEXT_MAX 46	/* bytes with the zero at the end */

/* An address as text, IPv4 in its own form. */
extern void rt_address_write(const unsigned char address[RT_HOST_ADDRESS_SIZE],
							 char dst[RT_ADDRESS_TEXT_MAX]);

/*
 * Of what counts as one address: IPv6 addresses of one network of 64 bits do,
 * because who has such a network chooses the rest.  Never 0.
 */
extern uint64 rt_address_hash(const unsigned char address[RT_HOST_ADDRESS_SIZE]);

#endif							/* RT_GATEWAY_DOOR_ADDRESS_H */

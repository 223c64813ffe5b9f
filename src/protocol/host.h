/*
 * host.h
 *		Names and addresses of hosts: what a client says it has connected to
 *		(the Host header), and what a server is known by.
 */
#ifndef RT_PROTOCOL_HOST_H
#define RT_PROTOCOL_HOST_H

#include <stdbool.h>
#include <stddef.h>

#define RT_HOST_NAME_MAX 253	/* bytes */
#define RT_HOST_ADDRESS_SIZE 16

/* A name is a piece of the text that was read. */
typedef struct RtHost
{
	const char *name;			/* without a dot at its end; NULL = an address */
	size_t		name_len;
	bool		below;			/* pattern: any name that ends with "." and this */
	unsigned char address[RT_HOST_ADDRESS_SIZE];	/* IPv4 as ::ffff:a.b.c.d */
} RtHost;

/*
 * Reads "name", "name:port", "1.2.3.4:port" or "[::1]:port"; the port does not
 * matter.  Returns false if it is anything else.
 */
extern bool rt_host_read(const char *text, size_t len, RtHost *host);

/*
 * Reads an entry of a list of hosts: the same without a port, "*.name" for all
 * names below one, and IPv6 addresses with or without brackets.
 */
extern bool rt_host_read_pattern(const char *text, size_t len, RtHost *pattern);

/* Whether a host that was read is what a pattern says. */
extern bool rt_host_matches(const RtHost *host, const RtHost *pattern);

/*
 * Whether it can be nothing but the machine that the client runs on: localhost,
 * a name below it, or a loopback address.  No name server is asked for these.
 */
extern bool rt_host_is_local(const RtHost *host);

/*
 * Leaves of an address what one customer of a network provider has: all of an
 * IPv4 one, the first 64 bits of an IPv6 one, who may choose the others.
 */
extern void rt_host_address_customer(unsigned char address[RT_HOST_ADDRESS_SIZE]);

/*
 * Reads the address of the other end of a connection: an address as in a host,
 * with or without a port, and IPv6 addresses without brackets, too.
 */
extern bool rt_host_read_peer(const char *text, size_t len,
							  unsigned char address[RT_HOST_ADDRESS_SIZE]);

/* The addresses that have their first bits in common. */
typedef struct RtHostNetwork
{
	unsigned char address[RT_HOST_ADDRESS_SIZE];
	int			bits;			/* of 128, also for IPv4 */
} RtHostNetwork;

/* Reads "10.0.0.0/8", "fd00::/8", or an address alone. */
extern bool rt_host_read_network(const char *text, size_t len, RtHostNetwork *network);

extern bool rt_host_is_within(const unsigned char address[RT_HOST_ADDRESS_SIZE],
							  const RtHostNetwork *network);

#endif							/* RT_PROTOCOL_HOST_H */

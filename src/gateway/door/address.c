/*
 * address.c
 *		The two addresses of a connected socket.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/hashfn.h"

#include "src/gateway/door/address.h"

#define IPV4_AT 12				/* of a mapped address */

static bool
take_address(const struct sockaddr_storage *from, unsigned char *address)
{
	memset(address, 0, RT_HOST_ADDRESS_SIZE);
	if (from->ss_family == AF_INET6)
	{
		memcpy(address, &((const struct sockaddr_in6 *) from)->sin6_addr,
			   RT_HOST_ADDRESS_SIZE);
		return true;
	}
	if (from->ss_family != AF_INET)
		return false;
	address[IPV4_AT - 2] = address[IPV4_AT - 1] = 0xFF;
	memcpy(address + IPV4_AT, &((const struct sockaddr_in *) from)->sin_addr,
		   sizeof(struct in_addr));
	return true;
}

bool
rt_address_of_peer(int fd, unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	struct sockaddr_storage peer;
	socklen_t	len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *) &peer, &len) == 0 &&
		take_address(&peer, address);
}

bool
rt_address_of_socket(int fd, unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	struct sockaddr_storage own;
	socklen_t	len = sizeof(own);

	return getsockname(fd, (struct sockaddr *) &own, &len) == 0 &&
		take_address(&own, address);
}

void
rt_address_write(const unsigned char address[RT_HOST_ADDRESS_SIZE],
				 char dst[RT_ADDRESS_TEXT_MAX])
{
	bool		is_ipv4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) address);

	if (inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? address + IPV4_AT : address,
				  dst, RT_ADDRESS_TEXT_MAX) == NULL)
		dst[0] = '\0';
}

uint64
rt_address_hash(const unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	unsigned char customer[RT_HOST_ADDRESS_SIZE];

	memcpy(customer, address, sizeof(customer));
	rt_host_address_customer(customer);
	return Max(1, hash_bytes_extended(customer, sizeof(customer), 0));
}

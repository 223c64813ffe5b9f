/*
 * forwarded.h
 *		Who a request is from that proxies have passed on: X-Forwarded-For, or
 *		Forwarded (RFC 7239).
 *
 * Each proxy adds at the end whom it has the request from.  What stands before
 * can have been written by anybody, so the list is believed from its end on, as
 * long as its entries are proxies that are trusted.
 */
#ifndef RT_PROTOCOL_FORWARDED_H
#define RT_PROTOCOL_FORWARDED_H

#include "src/protocol/host.h"
#include "src/protocol/http.h"

/* Only one is looked at: proxies pass on headers that they do not know. */
typedef enum RtForwardedHeader
{
	RT_FORWARDED_X_FOR,
	RT_FORWARDED_STANDARD
} RtForwardedHeader;

/*
 * Sets the address to the last one in the list that is not trusted, or to the
 * first if all are.  What is behind an entry that is no address counts alone.
 * Leaves the address, which is that of a trusted peer, if there is nothing.
 */
extern void rt_forwarded_client(const RtHttpHead *head, RtForwardedHeader header,
								bool (*is_trusted) (const unsigned char *address),
								unsigned char address[RT_HOST_ADDRESS_SIZE]);

#endif							/* RT_PROTOCOL_FORWARDED_H */

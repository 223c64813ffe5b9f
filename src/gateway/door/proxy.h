/*
 * proxy.h
 *		Proxies that are trusted to say whom a request is from.
 */
#ifndef RT_GATEWAY_DOOR_PROXY_H
#define RT_GATEWAY_DOOR_PROXY_H

#include "src/gateway/door/address.h"
#include "src/gateway/door/http.h"

/* Reads realtime.trusted_proxies, anew. */
extern void rt_proxies_configure(void);

/* Where a request comes from, or false if its peer is gone. */
extern bool rt_http_client_address(const RtHttp *http,
								   unsigned char address[RT_HOST_ADDRESS_SIZE]);

/*
 * The name that a trusted proxy has given to a request; len 0 if none has.  What
 * others say does not count: a client could write somebody else's.
 */
extern RtText rt_http_request_id(const RtHttp *http);

#endif							/* RT_GATEWAY_DOOR_PROXY_H */

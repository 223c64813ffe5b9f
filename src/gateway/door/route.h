/*
 * route.h
 *		Who answers which request.
 */
#ifndef RT_GATEWAY_DOOR_ROUTE_H
#define RT_GATEWAY_DOOR_ROUTE_H

#include "src/gateway/door/http.h"

/* Has a request answered, or makes a WebSocket of its socket. */
extern void rt_route_request(RtHttp *http);

#endif							/* RT_GATEWAY_DOOR_ROUTE_H */

/*
 * route.h
 *		Who answers which request.
 */
#ifndef RT_GATEWAY_DOOR_ROUTE_H
#define RT_GATEWAY_DOOR_ROUTE_H

#include "src/gateway/door/http.h"

/* How many bytes of body a request's route takes; 0 if it takes none. */
extern uint32 rt_route_body_max(const RtHttp *http);

/* Has a request answered, or makes a WebSocket of its socket. */
extern void rt_route_request(RtHttp *http);

#endif							/* RT_GATEWAY_DOOR_ROUTE_H */

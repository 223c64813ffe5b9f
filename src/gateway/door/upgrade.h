/*
 * upgrade.h
 *		From a request to a WebSocket.
 */
#ifndef RT_GATEWAY_DOOR_UPGRADE_H
#define RT_GATEWAY_DOOR_UPGRADE_H

#include "src/gateway/door/http.h"

/* Opens a connection on the socket of a request, or says why not. */
extern void rt_upgrade(RtHttp *http, const char *path);

#endif							/* RT_GATEWAY_DOOR_UPGRADE_H */

/*
 * origin.h
 *		Pages of which origins may talk to us (realtime.allowed_origins).
 */
#ifndef RT_GATEWAY_DOOR_ORIGIN_H
#define RT_GATEWAY_DOOR_ORIGIN_H

#include "src/protocol/http.h"

/* Reads realtime.allowed_origins again. */
extern void rt_origins_configure(void);

/* Who sends none is no browser, and may. */
extern bool rt_origin_is_allowed(const RtHttpHead *head);

#endif							/* RT_GATEWAY_DOOR_ORIGIN_H */

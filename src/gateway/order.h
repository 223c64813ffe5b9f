/*
 * order.h
 *		Carrying out what transactions order about connections.
 */
#ifndef RT_GATEWAY_ORDER_H
#define RT_GATEWAY_ORDER_H

#include "src/gateway/door/connection.h"

/* Some of what is ordered: the rest comes in the next turn. */
extern void rt_orders_carry_out(void);

/*
 * A connection has become somebody, as was known after the order of a number:
 * ends it, and returns true, if that is somebody who has been disconnected since.
 */
extern bool rt_order_reaches(RtConnection *connection, uint64 number);

#endif							/* RT_GATEWAY_ORDER_H */

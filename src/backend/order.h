/*
 * order.h
 *		realtime.disconnect() and realtime.recheck().
 */
#ifndef RT_BACKEND_ORDER_H
#define RT_BACKEND_ORDER_H

extern void rt_order_install(void);

#endif							/* RT_BACKEND_ORDER_H */

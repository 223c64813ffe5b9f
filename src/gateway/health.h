/*
 * health.h
 *		Tells clients that something behind the database is out of order.
 */
#ifndef RT_GATEWAY_HEALTH_H
#define RT_GATEWAY_HEALTH_H

#include "src/gateway/door/connection.h"

/* Once a turn: tells everybody, if it has changed. */
extern void rt_health_look(void);

/* Tells one that has just come. */
extern void rt_health_greet(RtConnection *connection);

/* Tells one that goes on where another connection of it has been cut off. */
extern void rt_health_greet_returning(RtConnection *connection);

#endif							/* RT_GATEWAY_HEALTH_H */

/*
 * club.h
 *		Connections that are in groups of realtime.group().
 */
#ifndef RT_GATEWAY_CLUB_H
#define RT_GATEWAY_CLUB_H

#include "src/gateway/door/connection.h"
#include "src/ipc/command.h"

/*
 * What a transaction orders for a connection: see executor/club.c.  connection
 * NULL: it was this gateway's and is gone.  late: it may have missed what has come
 * behind the order.
 */
extern void rt_club_command(RtConnection *connection, RtCommandVerb verb, RtText topic,
							RtText data, bool late);

/* Whether a topic is that of a group. */
extern bool rt_club_is_topic(const char *topic, Size len);

#endif							/* RT_GATEWAY_CLUB_H */

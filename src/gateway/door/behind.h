/*
 * behind.h
 *		Sockets whose output waits for their clients to read.
 *
 * A socket is behind from the moment it takes no more until all its output has
 * been taken.  They are kept in the order in which they fell behind: the first
 * has not caught up for the longest time.
 */
#ifndef RT_GATEWAY_DOOR_BEHIND_H
#define RT_GATEWAY_DOOR_BEHIND_H

#include "src/gateway/door/socket.h"

extern void rt_behind_add(RtSocket *socket);
extern void rt_behind_remove(RtSocket *socket);

/*
 * Ends the first of them, for its memory, if it has been behind for so long.
 * Returns false if it has not, if there is none, or if it is the one for whom
 * the memory is wanted.
 */
extern bool rt_behind_end_first(const RtSocket *beneficiary, int64 patience_ms);

/*
 * Ends those that take nothing at all for realtime.stall_timeout, whatever
 * they send.
 */
extern void rt_behind_sweep(void);

#endif							/* RT_GATEWAY_DOOR_BEHIND_H */

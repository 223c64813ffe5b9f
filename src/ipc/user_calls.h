/*
 * user_calls.h
 *		How many calls of a user executors have, over all gateways.
 *
 * Users are known by a hash, and counted in a count-min sketch (Cormode and
 * Muthukrishnan, 2005): in one cell of each of its rows, of which the least counts.
 * So a user never seems to have fewer than he has, and more only if others who have
 * many share both his cells.  Only its gateway writes a sketch: nothing is locked.
 */
#ifndef RT_IPC_USER_CALLS_H
#define RT_IPC_USER_CALLS_H

#include "src/compat.h"

extern Size rt_user_calls_size(void);
extern void rt_user_calls_init(void);

/* The gateway begins: it has none. */
extern void rt_user_calls_reset(int gateway);

/* One more, or one less; of nobody (0) nothing is counted. */
extern void rt_user_calls_add(int gateway, uint64 user, int change);

/* Whether he may have one more (realtime.max_calls_in_flight_per_user). */
extern bool rt_user_calls_allow(uint64 user);

#endif							/* RT_IPC_USER_CALLS_H */

/*
 * round_group.h
 *		Which groups of live queries there are.  All of this in a round.
 */
#ifndef RT_EXECUTOR_QUERY_ROUND_GROUP_H
#define RT_EXECUTOR_QUERY_ROUND_GROUP_H

#include "src/compat.h"

#include "src/ipc/query_group.h"

/*
 * A group for a key, made if there is none; NULL without room, or if who has
 * asked for it has got a large part of all that there may be.
 */
extern RtQueryGroup *rt_round_group(Oid declaration, const char *key, uint32 len,
									uint64 maker);

/* Groups that nobody follows, and nobody may come back to, give way. */
extern void rt_round_make_room(void);

/* The same about once a second, of those that nobody has followed for a while. */
extern void rt_round_remove_idle(int64 now_ms);

/* One that would have to be run, for nobody: it is removed; returns whether it is. */
extern bool rt_round_group_is_left(RtQueryGroup *group, int64 now_ms);

#endif							/* RT_EXECUTOR_QUERY_ROUND_GROUP_H */

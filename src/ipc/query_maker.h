/*
 * query_maker.h
 *		How many groups of live queries there are that somebody has asked for first.
 *
 * A maker is a connection, for as long as its gateway lives.  Only who has the round
 * (query_round.h) counts and looks.
 */
#ifndef RT_IPC_QUERY_MAKER_H
#define RT_IPC_QUERY_MAKER_H

#include "src/compat.h"

extern Size rt_query_makers_size(void);
extern void rt_query_makers_init(void);

/* It has one more, or one less. */
extern void rt_query_maker_add(uint64 maker);
extern void rt_query_maker_remove(uint64 maker);

extern int	rt_query_maker_groups(uint64 maker);

#endif							/* RT_IPC_QUERY_MAKER_H */

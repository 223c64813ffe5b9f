/*
 * client_index.h
 *		Finds places of the directory of connections (client.h) by what they have in
 *		common: an address, a user, or the id of the connection.
 *
 * A key is known by a hash of 64 bits that is not 0.  All places with the same hash
 * are one list, and lists are found by fixed tables of chains; so to count a list,
 * and to enter or leave it, costs the same however many connections there are.
 *
 * Only its gateway changes a place.  A list does not change while somebody looks at
 * it, for which its part of the table is locked.
 */
#ifndef RT_IPC_CLIENT_INDEX_H
#define RT_IPC_CLIENT_INDEX_H

#include "src/compat.h"

#define RT_CLIENT_NO_PLACE PG_UINT32_MAX
#define RT_CLIENT_INDEX_LOCKS 64

typedef enum RtClientKey
{
	RT_CLIENT_ADDRESS,
	RT_CLIENT_USER,
	RT_CLIENT_ID,
	RT_CLIENT_KEYS
} RtClientKey;

extern Size rt_client_index_size(void);
extern void rt_client_index_init(void);

/*
 * A place has this key from now on, 0 = none.  Who looks at its lists has ended when
 * it returns, also if it has had the same.
 */
extern void rt_client_index_set(RtClientKey key, uint32 place, uint64 hash);

/* What it has; of its gateway. */
extern uint64 rt_client_index_get(RtClientKey key, uint32 place);

/* How many places have this key, or any; 0 of hash 0. */
extern uint32 rt_client_index_count(RtClientKey key, uint64 hash);
extern uint64 rt_client_index_total(RtClientKey key);

/*
 * The first place that has a key, and the next one, or RT_CLIENT_NO_PLACE; between
 * begin and end the list is locked, if there is one or not.
 */
extern uint32 rt_client_index_begin(RtClientKey key, uint64 hash);
extern uint32 rt_client_index_next(RtClientKey key, uint32 place);
extern void rt_client_index_end(RtClientKey key, uint64 hash);

#endif							/* RT_IPC_CLIENT_INDEX_H */

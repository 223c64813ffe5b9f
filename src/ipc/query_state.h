/*
 * query_state.h
 *		What a group of a live query knows of the rows that its clients have:
 *		their keys and what they hash to.
 *
 * One flat piece of memory without pointers, so that it can be built in private
 * memory, compared with the one before, and copied into shared memory at once.
 * It may have room for more rows than there are, so that what few rows have
 * changed in costs what these rows cost, however many there are.
 *
 * A row takes 20 bytes, 1 to 2 for each chain that it stands in, 16 for each cut
 * but that which is the key itself, and the key's text.  Of the cut that is the
 * key nothing is kept but a part of the hash that finds the key: who must know that
 * a row has a value, and not one with the same part, looks at the text, which says
 * it for the types that such a key has (rt_query_key_cut()).
 *
 * A key is the JSON text that the clients get: two keys that clients cannot
 * tell apart are one, whatever SQL says, and the other way round.
 */
#ifndef RT_IPC_QUERY_STATE_H
#define RT_IPC_QUERY_STATE_H

#include "src/compat.h"

#define RT_QUERY_ROW_NONE PG_UINT32_MAX

typedef struct RtQueryRow
{
	uint64		hash;			/* of what is sent of it */
	uint32		key_at;			/* among the texts: its length, its bytes */
	uint32		key_next;		/* in the chain of its key */
} RtQueryRow;

typedef struct RtQueryState
{
	Size		size;			/* of all of it */
	uint32		row_max;
	uint32		row_count;
	uint32		bucket_count;	/* a power of 2; of keys and of each other cut */
	uint32		text_max;		/* bytes of keys, each with its length */
	uint32		text_used;
	uint32		cut_count;		/* of the query */
	int			key_cut;		/* the one that is the key, or -1 */
	uint64		cuts;			/* which they are: a hash of them */

	/* nothing is known of its rows but how many there were, and there are none here */
	bool		is_keyless;
	uint32		known_count;

	/* of groups that are counted (query/tally.h): what they have come to */
	bool		is_tallied;		/* each row has more with it */

	/* of a window (window.h), whose rows are in order; clients have a part of it */
	bool		is_window;		/* likewise */
	bool		is_all;			/* there are no rows behind it */
	uint32		shown_from;
	uint32		shown_count;
	/* rows; hashes of their values in cuts; chains; hashes of keys; buckets; texts */
} RtQueryState;

typedef struct RtQueryRowKey
{
	const char *text;
	uint32		len;
	uint32		hash;			/* of the text, or the row's hash in the key's cut */
} RtQueryRowKey;

/*
 * How much memory so many rows take whose keys have so many bytes together, with
 * those of the caller and RT_QUERY_MORE_OVERHEAD for each row that has more with it;
 * 0 = more than there can be.
 */
#define RT_QUERY_MORE_OVERHEAD sizeof(uint32)
extern Size rt_query_state_size(uint32 row_count, Size key_bytes, uint32 cut_count,
								int key_cut);

/* Makes an empty one in so much memory. */
extern void rt_query_state_init(void *place, uint32 row_count, Size key_bytes,
								uint32 cut_count, int key_cut);

/* How many rows there are, or were, as far as is known. */
static inline uint32
rt_query_state_rows(const RtQueryState *state)
{
	return state->is_keyless ? state->known_count : state->row_count;
}

/* Rows stand in the order in which they are added. */
extern void rt_query_state_add(RtQueryState *state, const RtQueryRowKey *key,
							   uint64 hash, const uint64 *cuts);

/* One of another state with the same cuts, and what more it has, if this one's have. */
extern void rt_query_state_copy(RtQueryState *state, const RtQueryState *from, uint32 row);

/* The same with bytes of the caller's, if rows have more. */
extern void rt_query_state_add_with(RtQueryState *state, const RtQueryRowKey *key,
									uint64 hash, const uint64 *cuts,
									const void *more, uint32 more_len);
extern const char *rt_query_state_more(const RtQueryState *state, uint32 row,
									   uint32 *len);

extern const RtQueryRow *rt_query_state_row(const RtQueryState *state, uint32 row);
extern RtQueryRowKey rt_query_state_key(const RtQueryState *state, uint32 row);

/*
 * The number of the row with a key, or RT_QUERY_ROW_NONE.  The key may be one of
 * another state with the same cuts.
 */
extern uint32 rt_query_state_find(const RtQueryState *state,
								  const RtQueryRowKey *key);

/* The hash of the value that a row has in a cut; of the key's, the lower half. */
extern uint64 rt_query_state_cut(const RtQueryState *state, uint32 row, int cut);

/* Whether that may be the hash of a value. */
static inline bool
rt_query_state_is_cut(const RtQueryState *state, uint32 row, int cut, uint64 hash)
{
	return rt_query_state_cut(state, row, cut) ==
		(cut == state->key_cut ? (uint32) hash : hash);
}

/* Those of all cuts but the key's, one behind the other. */
extern const uint64 *rt_query_state_cuts(const RtQueryState *state, uint32 row);

/*
 * The rows that may have a value in a cut, one after the other: the next after one,
 * RT_QUERY_ROW_NONE to begin and end.
 */
extern uint32 rt_query_state_next_in(const RtQueryState *state, int cut, uint64 hash,
									 uint32 row);

/* ---- in place, where rows have no order ---- */

/* Whether there is room for so many rows more, whose keys have so many bytes. */
extern bool rt_query_state_has_room(const RtQueryState *state, uint32 row_count,
									Size key_bytes);

/*
 * A row is what another state has, with the same key.  If rows have more there is
 * room for that, unless it is as long as before.
 */
extern void rt_query_state_change(RtQueryState *state, uint32 row,
								  const RtQueryState *from, uint32 other);

/* The last row takes its place. */
extern void rt_query_state_remove(RtQueryState *state, uint32 row);

#endif							/* RT_IPC_QUERY_STATE_H */

/*
 * query_state.c
 *		The rows of a group of a live query, in one flat piece of memory.
 *
 * Header, rows, hashes in cuts, links of the chains of cuts, links of those of
 * keys, buckets of keys and of each cut, texts of keys.  Keys are unique, so
 * their chains are short; many rows may have the same value in a cut, so those
 * chains are linked both ways.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "src/ipc/query_state.h"

#define ROWS_MAX (UINT32_C(1) << 30)

typedef struct Link
{
	uint32		next;
	uint32		previous;
} Link;

static RtQueryRow *
rows_of(const RtQueryState *state)
{
	return (RtQueryRow *) ((char *) state + MAXALIGN(sizeof(RtQueryState)));
}

static uint64 *
cuts_of(const RtQueryState *state, uint32 row)
{
	return (uint64 *) (rows_of(state) + state->row_max) + (Size) row * state->cut_count;
}

static Link *
links_of(const RtQueryState *state, uint32 row)
{
	return (Link *) cuts_of(state, state->row_max) + (Size) row * state->cut_count;
}

/* Of each row, the next one in the chain of its key. */
static uint32 *
key_links(const RtQueryState *state)
{
	return (uint32 *) links_of(state, state->row_max);
}

/* Of keys first, then of each cut. */
static uint32 *
buckets_of(const RtQueryState *state)
{
	return key_links(state) + state->row_max;
}

static uint32 *
key_bucket(const RtQueryState *state, uint32 key_hash)
{
	return &buckets_of(state)[key_hash & (state->bucket_count - 1)];
}

static uint32 *
cut_bucket(const RtQueryState *state, int cut, uint64 hash)
{
	return &buckets_of(state)[(Size) (cut + 1) * state->bucket_count +
							  (hash & (state->bucket_count - 1))];
}

static char *
texts_of(const RtQueryState *state)
{
	return (char *) (buckets_of(state) +
					 (Size) (state->cut_count + 1) * state->bucket_count);
}

static uint32
bucket_count_for(uint32 row_count)
{
	return pg_nextpower2_32(Max(row_count, 1));
}

/* ---- making ---- */

Size
rt_query_state_size(uint32 row_count, Size key_bytes, uint32 cut_count)
{
	Size		texts = key_bytes + (Size) row_count * sizeof(uint32);
	Size		row = sizeof(RtQueryRow) + sizeof(uint32) +
		cut_count * (sizeof(uint64) + sizeof(Link));

	if (row_count > ROWS_MAX || texts > PG_UINT32_MAX)
		return 0;
	return MAXALIGN(sizeof(RtQueryState)) + row_count * row +
		(Size) bucket_count_for(row_count) * (cut_count + 1) * sizeof(uint32) + texts;
}

void
rt_query_state_init(void *place, uint32 row_count, Size key_bytes, uint32 cut_count)
{
	RtQueryState *state = place;

	memset(state, 0, sizeof(RtQueryState));
	state->size = rt_query_state_size(row_count, key_bytes, cut_count);
	state->cut_count = cut_count;
	state->row_max = row_count;
	state->bucket_count = bucket_count_for(row_count);
	state->text_max = key_bytes + (Size) row_count * sizeof(uint32);
	memset(buckets_of(state), 0xFF,
		   (Size) state->bucket_count * (cut_count + 1) * sizeof(uint32));
}

static uint32
add_text(RtQueryState *state, const void *text, uint32 len)
{
	char	   *place = texts_of(state) + state->text_used;
	uint32		at = state->text_used;

	Assert(state->text_max - at >= len + sizeof(uint32));
	memcpy(place, &len, sizeof(uint32));
	memcpy(place + sizeof(uint32), text, len);
	state->text_used += sizeof(uint32) + len;
	return at;
}

/* ---- chains ---- */

static void
link_key(RtQueryState *state, uint32 row)
{
	uint32	   *bucket = key_bucket(state, rows_of(state)[row].key_hash);

	key_links(state)[row] = *bucket;
	*bucket = row;
}

static void
unlink_key(RtQueryState *state, uint32 row)
{
	uint32	   *link = key_bucket(state, rows_of(state)[row].key_hash);

	while (*link != row)
		link = &key_links(state)[*link];
	*link = key_links(state)[row];
}

static void
link_cut(RtQueryState *state, uint32 row, int cut)
{
	uint32	   *bucket = cut_bucket(state, cut, cuts_of(state, row)[cut]);
	Link	   *link = &links_of(state, row)[cut];

	link->next = *bucket;
	link->previous = RT_QUERY_ROW_NONE;
	if (*bucket != RT_QUERY_ROW_NONE)
		links_of(state, *bucket)[cut].previous = row;
	*bucket = row;
}

static void
unlink_cut(RtQueryState *state, uint32 row, int cut)
{
	const Link *link = &links_of(state, row)[cut];

	if (link->next != RT_QUERY_ROW_NONE)
		links_of(state, link->next)[cut].previous = link->previous;
	if (link->previous != RT_QUERY_ROW_NONE)
		links_of(state, link->previous)[cut].next = link->next;
	else
		*cut_bucket(state, cut, cuts_of(state, row)[cut]) = link->next;
}

static void
link_row(RtQueryState *state, uint32 row)
{
	link_key(state, row);
	for (int cut = 0; cut < (int) state->cut_count; cut++)
		link_cut(state, row, cut);
}

static void
unlink_row(RtQueryState *state, uint32 row)
{
	unlink_key(state, row);
	for (int cut = 0; cut < (int) state->cut_count; cut++)
		unlink_cut(state, row, cut);
}

/* ---- rows ---- */

void
rt_query_state_add(RtQueryState *state, const RtQueryRowKey *key, uint64 hash,
				   const uint64 *cuts)
{
	RtQueryRow *row = &rows_of(state)[state->row_count];

	Assert(state->row_count < state->row_max);
	row->hash = hash;
	memcpy(cuts_of(state, state->row_count), cuts, state->cut_count * sizeof(uint64));
	row->key_hash = key->hash;
	row->key_at = add_text(state, key->text, key->len);
	link_row(state, state->row_count++);
}

void
rt_query_state_add_with(RtQueryState *state, const RtQueryRowKey *key, uint64 hash,
						const uint64 *cuts, const void *more, uint32 more_len)
{
	Assert(state->is_window);
	rt_query_state_add(state, key, hash, cuts);
	(void) add_text(state, more, more_len);
}

bool
rt_query_state_has_room(const RtQueryState *state, uint32 row_count, Size key_bytes)
{
	return state->row_max - state->row_count >= row_count &&
		state->text_max - state->text_used >= key_bytes + row_count * sizeof(uint32);
}

void
rt_query_state_change(RtQueryState *state, uint32 row, uint64 hash, const uint64 *cuts)
{
	uint64	   *values = cuts_of(state, row);

	rows_of(state)[row].hash = hash;
	for (int cut = 0; cut < (int) state->cut_count; cut++)
	{
		if (values[cut] == cuts[cut])
			continue;
		unlink_cut(state, row, cut);
		values[cut] = cuts[cut];
		link_cut(state, row, cut);
	}
}

/* Its text stays until the state is made anew. */
void
rt_query_state_remove(RtQueryState *state, uint32 row)
{
	uint32		last = state->row_count - 1;

	unlink_row(state, row);
	if (row != last)
	{
		unlink_row(state, last);
		rows_of(state)[row] = rows_of(state)[last];
		memcpy(cuts_of(state, row), cuts_of(state, last),
			   state->cut_count * sizeof(uint64));
		link_row(state, row);
	}
	state->row_count--;
}

/* ---- looking ---- */

const RtQueryRow *
rt_query_state_row(const RtQueryState *state, uint32 row)
{
	Assert(row < state->row_count);
	return &rows_of(state)[row];
}

RtQueryRowKey
rt_query_state_key(const RtQueryState *state, uint32 row)
{
	const RtQueryRow *found = rt_query_state_row(state, row);
	const char *place = texts_of(state) + found->key_at;
	RtQueryRowKey key = {.text = place + sizeof(uint32),.hash = found->key_hash};

	memcpy(&key.len, place, sizeof(uint32));
	return key;
}

const char *
rt_query_state_more(const RtQueryState *state, uint32 row, uint32 *len)
{
	RtQueryRowKey key = rt_query_state_key(state, row);

	Assert(state->is_window);
	memcpy(len, key.text + key.len, sizeof(uint32));
	return key.text + key.len + sizeof(uint32);
}

static bool
keys_are_equal(const RtQueryRowKey *a, const RtQueryRowKey *b)
{
	return a->hash == b->hash && a->len == b->len &&
		memcmp(a->text, b->text, a->len) == 0;
}

uint32
rt_query_state_find(const RtQueryState *state, const RtQueryRowKey *key)
{
	uint32		row = *key_bucket(state, key->hash);

	while (row != RT_QUERY_ROW_NONE)
	{
		RtQueryRowKey other = rt_query_state_key(state, row);

		if (keys_are_equal(&other, key))
			break;
		row = key_links(state)[row];
	}
	return row;
}

const uint64 *
rt_query_state_cuts(const RtQueryState *state, uint32 row)
{
	Assert(row < state->row_count);
	return cuts_of(state, row);
}

uint32
rt_query_state_next_in(const RtQueryState *state, int cut, uint64 hash, uint32 row)
{
	row = row == RT_QUERY_ROW_NONE ? *cut_bucket(state, cut, hash) :
		links_of(state, row)[cut].next;
	while (row != RT_QUERY_ROW_NONE && cuts_of(state, row)[cut] != hash)
		row = links_of(state, row)[cut].next;
	return row;
}

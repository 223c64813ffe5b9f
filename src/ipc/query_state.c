/*
 * query_state.c
 *		The rows of a group of a live query, in one flat piece of memory.
 *
 * Header, rows, hashes in cuts, links of the chains of cuts, hashes of keys,
 * buckets of keys and of each cut, texts of keys.  Keys are unique, so their
 * chains are short; many rows may have the same value in a cut, so those chains
 * are linked both ways.  A cut that is the key has the chains of keys, and its
 * hashes are those of keys.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "src/ipc/query_state.h"

#define ROWS_MAX (UINT32_C(1) << 30)
#define LONG_TEXT 128			/* bytes */

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

/* Cuts that have chains of their own. */
static uint32
chained_cuts(uint32 cut_count, int key_cut)
{
	return key_cut < 0 ? cut_count : cut_count - 1;
}

static uint32
own_cuts(const RtQueryState *state)
{
	return chained_cuts(state->cut_count, state->key_cut);
}

/* The number of a cut among them. */
static int
chain_of(const RtQueryState *state, int cut)
{
	return state->key_cut >= 0 && cut > state->key_cut ? cut - 1 : cut;
}

static Link *
links_of(const RtQueryState *state, uint32 row)
{
	return (Link *) cuts_of(state, state->row_max) + (Size) row * own_cuts(state);
}

static Link *
link_of(const RtQueryState *state, uint32 row, int cut)
{
	return &links_of(state, row)[chain_of(state, cut)];
}

/* There are none if a cut is the key. */
static uint32 *
key_hashes(const RtQueryState *state)
{
	return (uint32 *) links_of(state, state->row_max);
}

static uint32
key_hash(const RtQueryState *state, uint32 row)
{
	return state->key_cut < 0 ? key_hashes(state)[row] :
		(uint32) cuts_of(state, row)[state->key_cut];
}

/* Of keys first, then of each other cut. */
static uint32 *
buckets_of(const RtQueryState *state)
{
	return key_hashes(state) + (state->key_cut < 0 ? state->row_max : 0);
}

static uint32 *
key_bucket(const RtQueryState *state, uint32 hash)
{
	return &buckets_of(state)[hash & (state->bucket_count - 1)];
}

static uint32 *
cut_bucket(const RtQueryState *state, int cut, uint64 hash)
{
	return &buckets_of(state)[(Size) (chain_of(state, cut) + 1) * state->bucket_count +
							  (hash & (state->bucket_count - 1))];
}

static char *
texts_of(const RtQueryState *state)
{
	return (char *) (buckets_of(state) +
					 (Size) (own_cuts(state) + 1) * state->bucket_count);
}

/* So that chains have one row or two. */
static uint32
bucket_count_for(uint32 row_count)
{
	return pg_nextpower2_32(Max(row_count, 2)) / 2;
}

/* ---- making ---- */

/* With lengths of one byte, but five of long ones. */
static Size
text_size(uint32 count, Size bytes)
{
	return bytes + count + bytes / LONG_TEXT * sizeof(uint32);
}

Size
rt_query_state_size(uint32 row_count, Size key_bytes, uint32 cut_count, int key_cut)
{
	uint32		own = chained_cuts(cut_count, key_cut);
	Size		texts = text_size(row_count, key_bytes);
	Size		row = sizeof(RtQueryRow) + cut_count * sizeof(uint64) +
		own * sizeof(Link) + (key_cut < 0 ? sizeof(uint32) : 0);

	if (row_count > ROWS_MAX || texts > PG_UINT32_MAX)
		return 0;
	return MAXALIGN(sizeof(RtQueryState)) + row_count * row +
		(Size) bucket_count_for(row_count) * (own + 1) * sizeof(uint32) + texts;
}

void
rt_query_state_init(void *place, uint32 row_count, Size key_bytes, uint32 cut_count,
					int key_cut)
{
	RtQueryState *state = place;

	memset(state, 0, sizeof(RtQueryState));
	state->size = rt_query_state_size(row_count, key_bytes, cut_count, key_cut);
	state->cut_count = cut_count;
	state->key_cut = key_cut;
	state->row_max = row_count;
	state->bucket_count = bucket_count_for(row_count);
	state->text_max = text_size(row_count, key_bytes);
	memset(buckets_of(state), 0xFF,
		   (Size) state->bucket_count * (own_cuts(state) + 1) * sizeof(uint32));
}

/* ---- texts ---- */

static char *
put_length(char *to, uint32 len)
{
	*to++ = (char) Min(len, LONG_TEXT);
	if (len >= LONG_TEXT)
	{
		memcpy(to, &len, sizeof(uint32));
		to += sizeof(uint32);
	}
	return to;
}

static const char *
take_length(const char *from, uint32 *len)
{
	*len = (unsigned char) *from++;
	if (*len == LONG_TEXT)
	{
		memcpy(len, from, sizeof(uint32));
		from += sizeof(uint32);
	}
	return from;
}

static uint32
add_text(RtQueryState *state, const void *text, uint32 len)
{
	uint32		at = state->text_used;
	char	   *to = put_length(texts_of(state) + at, len);

	memcpy(to, text, len);
	state->text_used = to + len - texts_of(state);
	Assert(state->text_used <= state->text_max);
	return at;
}

/* ---- chains ---- */

static void
link_key(RtQueryState *state, uint32 row)
{
	uint32	   *bucket = key_bucket(state, key_hash(state, row));

	rows_of(state)[row].key_next = *bucket;
	*bucket = row;
}

static void
unlink_key(RtQueryState *state, uint32 row)
{
	uint32	   *link = key_bucket(state, key_hash(state, row));

	while (*link != row)
		link = &rows_of(state)[*link].key_next;
	*link = rows_of(state)[row].key_next;
}

static void
link_cut(RtQueryState *state, uint32 row, int cut)
{
	uint32	   *bucket;
	Link	   *link;

	if (cut == state->key_cut)
	{
		link_key(state, row);
		return;
	}
	bucket = cut_bucket(state, cut, cuts_of(state, row)[cut]);
	link = link_of(state, row, cut);
	link->next = *bucket;
	link->previous = RT_QUERY_ROW_NONE;
	if (*bucket != RT_QUERY_ROW_NONE)
		link_of(state, *bucket, cut)->previous = row;
	*bucket = row;
}

static void
unlink_cut(RtQueryState *state, uint32 row, int cut)
{
	const Link *link;

	if (cut == state->key_cut)
	{
		unlink_key(state, row);
		return;
	}
	link = link_of(state, row, cut);
	if (link->next != RT_QUERY_ROW_NONE)
		link_of(state, link->next, cut)->previous = link->previous;
	if (link->previous != RT_QUERY_ROW_NONE)
		link_of(state, link->previous, cut)->next = link->next;
	else
		*cut_bucket(state, cut, cuts_of(state, row)[cut]) = link->next;
}

static void
link_row(RtQueryState *state, uint32 row)
{
	if (state->key_cut < 0)
		link_key(state, row);
	for (int cut = 0; cut < (int) state->cut_count; cut++)
		link_cut(state, row, cut);
}

static void
unlink_row(RtQueryState *state, uint32 row)
{
	if (state->key_cut < 0)
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
	if (state->key_cut < 0)
		key_hashes(state)[state->row_count] = key->hash;
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
		state->text_max - state->text_used >= text_size(row_count, key_bytes);
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
		if (state->key_cut < 0)
			key_hashes(state)[row] = key_hashes(state)[last];
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
	const char *place = texts_of(state) + rt_query_state_row(state, row)->key_at;
	RtQueryRowKey key = {.hash = key_hash(state, row)};

	key.text = take_length(place, &key.len);
	return key;
}

const char *
rt_query_state_more(const RtQueryState *state, uint32 row, uint32 *len)
{
	RtQueryRowKey key = rt_query_state_key(state, row);

	Assert(state->is_window);
	return take_length(key.text + key.len, len);
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
		row = rows_of(state)[row].key_next;
	}
	return row;
}

const uint64 *
rt_query_state_cuts(const RtQueryState *state, uint32 row)
{
	Assert(row < state->row_count);
	return cuts_of(state, row);
}

static uint32
next_in_chain(const RtQueryState *state, int cut, uint32 row)
{
	return cut == state->key_cut ? rows_of(state)[row].key_next :
		link_of(state, row, cut)->next;
}

uint32
rt_query_state_next_in(const RtQueryState *state, int cut, uint64 hash, uint32 row)
{
	if (row != RT_QUERY_ROW_NONE)
		row = next_in_chain(state, cut, row);
	else if (cut == state->key_cut)
		row = *key_bucket(state, (uint32) hash);
	else
		row = *cut_bucket(state, cut, hash);
	while (row != RT_QUERY_ROW_NONE && cuts_of(state, row)[cut] != hash)
		row = next_in_chain(state, cut, row);
	return row;
}

/*
 * query_state.c
 *		The rows of a group of a live query, in one flat piece of memory.
 *
 * Header, rows, hashes in cuts, links of the chains of cuts, hashes of keys,
 * buckets of keys and of each cut, texts of keys.  Keys are unique, so their
 * chains are short; many rows may have the same value in a cut, so those chains
 * are linked both ways.  A cut that is the key has the chains of keys, and its
 * hashes are those of keys, so it stands nowhere else.
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

static uint64 *
cuts_of(const RtQueryState *state, uint32 row)
{
	return (uint64 *) (rows_of(state) + state->row_max) + (Size) row * own_cuts(state);
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

static uint32 *
key_hashes(const RtQueryState *state)
{
	return (uint32 *) links_of(state, state->row_max);
}

/* Of keys first, then of each other cut. */
static uint32 *
buckets_of(const RtQueryState *state)
{
	return key_hashes(state) + state->row_max;
}

static uint32 *
key_bucket(const RtQueryState *state, uint32 hash)
{
	return &buckets_of(state)[hash & (state->bucket_count - 1)];
}

static uint32 *
chain_bucket(const RtQueryState *state, uint32 chain, uint64 hash)
{
	return &buckets_of(state)[(Size) (chain + 1) * state->bucket_count +
							  (hash & (state->bucket_count - 1))];
}

static char *
texts_of(const RtQueryState *state)
{
	return (char *) (buckets_of(state) +
					 (Size) (own_cuts(state) + 1) * state->bucket_count);
}

/* So that chains have two rows to four. */
static uint32
bucket_count_for(uint32 row_count)
{
	return pg_nextpower2_32(Max(row_count, 4)) / 4;
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
	Size		row = sizeof(RtQueryRow) + own * (sizeof(uint64) + sizeof(Link)) +
		sizeof(uint32);

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
	uint32	   *bucket = key_bucket(state, key_hashes(state)[row]);

	rows_of(state)[row].key_next = *bucket;
	*bucket = row;
}

static void
unlink_key(RtQueryState *state, uint32 row)
{
	uint32	   *link = key_bucket(state, key_hashes(state)[row]);

	while (*link != row)
		link = &rows_of(state)[*link].key_next;
	*link = rows_of(state)[row].key_next;
}

/* Chains have the numbers of cuts that have them. */
static void
link_cut(RtQueryState *state, uint32 row, uint32 chain)
{
	uint32	   *bucket = chain_bucket(state, chain, cuts_of(state, row)[chain]);
	Link	   *link = &links_of(state, row)[chain];

	link->next = *bucket;
	link->previous = RT_QUERY_ROW_NONE;
	if (*bucket != RT_QUERY_ROW_NONE)
		links_of(state, *bucket)[chain].previous = row;
	*bucket = row;
}

static void
unlink_cut(RtQueryState *state, uint32 row, uint32 chain)
{
	const Link *link = &links_of(state, row)[chain];

	if (link->next != RT_QUERY_ROW_NONE)
		links_of(state, link->next)[chain].previous = link->previous;
	if (link->previous != RT_QUERY_ROW_NONE)
		links_of(state, link->previous)[chain].next = link->next;
	else
		*chain_bucket(state, chain, cuts_of(state, row)[chain]) = link->next;
}

static void
link_row(RtQueryState *state, uint32 row)
{
	link_key(state, row);
	for (uint32 chain = 0; chain < own_cuts(state); chain++)
		link_cut(state, row, chain);
}

static void
unlink_row(RtQueryState *state, uint32 row)
{
	unlink_key(state, row);
	for (uint32 chain = 0; chain < own_cuts(state); chain++)
		unlink_cut(state, row, chain);
}

/* ---- rows ---- */

/* Its own cuts have been set. */
static void
add_row(RtQueryState *state, const RtQueryRowKey *key, uint64 hash)
{
	RtQueryRow *row = &rows_of(state)[state->row_count];

	row->hash = hash;
	key_hashes(state)[state->row_count] = key->hash;
	row->key_at = add_text(state, key->text, key->len);
	link_row(state, state->row_count++);
}

void
rt_query_state_add(RtQueryState *state, const RtQueryRowKey *key, uint64 hash,
				   const uint64 *cuts)
{
	uint64	   *own = cuts_of(state, state->row_count);

	Assert(state->row_count < state->row_max);
	for (int cut = 0; cut < (int) state->cut_count; cut++)
	{
		if (cut != state->key_cut)
			*own++ = cuts[cut];
	}
	add_row(state, key, hash);
}

static bool
has_more(const RtQueryState *state)
{
	return state->is_window || state->is_tallied;
}

void
rt_query_state_copy(RtQueryState *state, const RtQueryState *from, uint32 row)
{
	RtQueryRowKey key = rt_query_state_key(from, row);

	Assert(state->row_count < state->row_max);
	Assert(state->key_cut == from->key_cut && state->cut_count == from->cut_count);
	memcpy(cuts_of(state, state->row_count), cuts_of(from, row),
		   own_cuts(state) * sizeof(uint64));
	add_row(state, &key, rt_query_state_row(from, row)->hash);
	if (has_more(state))
	{
		uint32		len;
		const char *more = rt_query_state_more(from, row, &len);

		(void) add_text(state, more, len);
	}
}

void
rt_query_state_add_with(RtQueryState *state, const RtQueryRowKey *key, uint64 hash,
						const uint64 *cuts, const void *more, uint32 more_len)
{
	Assert(has_more(state));
	rt_query_state_add(state, key, hash, cuts);
	(void) add_text(state, more, more_len);
}

bool
rt_query_state_has_room(const RtQueryState *state, uint32 row_count, Size key_bytes)
{
	return state->row_max - state->row_count >= row_count &&
		state->text_max - state->text_used >= text_size(row_count, key_bytes);
}

/* In its place if it is as long, or else behind the others with the key once more. */
static void
change_more(RtQueryState *state, uint32 row, const RtQueryState *from, uint32 other)
{
	uint32		len;
	uint32		len_before;
	const char *more = rt_query_state_more(from, other, &len);
	const char *before = rt_query_state_more(state, row, &len_before);
	RtQueryRowKey key = rt_query_state_key(state, row);

	if (len == len_before)
		memcpy(unconstify(char *, before), more, len);
	else
	{
		rows_of(state)[row].key_at = add_text(state, key.text, key.len);
		(void) add_text(state, more, len);
	}
}

void
rt_query_state_change(RtQueryState *state, uint32 row, const RtQueryState *from, uint32 other)
{
	uint64	   *values = cuts_of(state, row);
	const uint64 *cuts = cuts_of(from, other);

	Assert(state->key_cut == from->key_cut && state->cut_count == from->cut_count);
	rows_of(state)[row].hash = rows_of(from)[other].hash;
	if (has_more(state))
		change_more(state, row, from, other);
	for (uint32 chain = 0; chain < own_cuts(state); chain++)
	{
		if (values[chain] == cuts[chain])
			continue;
		unlink_cut(state, row, chain);
		values[chain] = cuts[chain];
		link_cut(state, row, chain);
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
		memcpy(cuts_of(state, row), cuts_of(state, last), own_cuts(state) * sizeof(uint64));
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
	RtQueryRowKey key = {.hash = key_hashes(state)[row]};

	key.text = take_length(place, &key.len);
	return key;
}

const char *
rt_query_state_more(const RtQueryState *state, uint32 row, uint32 *len)
{
	RtQueryRowKey key = rt_query_state_key(state, row);

	Assert(has_more(state));
	return take_length(key.text + key.len, len);
}

static bool
has_key(const RtQueryState *state, uint32 row, const RtQueryRowKey *key)
{
	RtQueryRowKey own;

	/* the text is elsewhere in memory */
	if (key_hashes(state)[row] != key->hash)
		return false;
	own = rt_query_state_key(state, row);
	return own.len == key->len && memcmp(own.text, key->text, key->len) == 0;
}

uint32
rt_query_state_find(const RtQueryState *state, const RtQueryRowKey *key)
{
	uint32		row = *key_bucket(state, key->hash);

	while (row != RT_QUERY_ROW_NONE && !has_key(state, row, key))
		row = rows_of(state)[row].key_next;
	return row;
}

const uint64 *
rt_query_state_cuts(const RtQueryState *state, uint32 row)
{
	Assert(row < state->row_count);
	return cuts_of(state, row);
}

uint64
rt_query_state_cut(const RtQueryState *state, uint32 row, int cut)
{
	Assert(row < state->row_count);
	return cut == state->key_cut ? key_hashes(state)[row] :
		cuts_of(state, row)[chain_of(state, cut)];
}

static uint32
next_in_chain(const RtQueryState *state, int cut, uint32 row)
{
	return cut == state->key_cut ? rows_of(state)[row].key_next :
		links_of(state, row)[chain_of(state, cut)].next;
}

uint32
rt_query_state_next_in(const RtQueryState *state, int cut, uint64 hash, uint32 row)
{
	if (row != RT_QUERY_ROW_NONE)
		row = next_in_chain(state, cut, row);
	else if (cut == state->key_cut)
		row = *key_bucket(state, (uint32) hash);
	else
		row = *chain_bucket(state, chain_of(state, cut), hash);
	while (row != RT_QUERY_ROW_NONE && !rt_query_state_is_cut(state, row, cut, hash))
		row = next_in_chain(state, cut, row);
	return row;
}

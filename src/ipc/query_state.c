/*
 * query_state.c
 *		The rows of a group of a live query, in one flat piece of memory.
 *
 * Header, rows, hashes in cuts, buckets of keys, texts of keys.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "src/ipc/query_state.h"

#define ROWS_MAX (UINT32_C(1) << 30)

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

static uint32 *
buckets_of(const RtQueryState *state)
{
	return (uint32 *) cuts_of(state, state->row_max);
}

static char *
texts_of(const RtQueryState *state)
{
	return (char *) (buckets_of(state) + state->bucket_count);
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

	if (row_count > ROWS_MAX || texts > PG_UINT32_MAX)
		return 0;
	return MAXALIGN(sizeof(RtQueryState)) +
		(Size) row_count * (sizeof(RtQueryRow) + cut_count * sizeof(uint64)) +
		(Size) bucket_count_for(row_count) * sizeof(uint32) + texts;
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
		   (Size) state->bucket_count * sizeof(uint32));
}

static uint32
add_text(RtQueryState *state, const RtQueryRowKey *key)
{
	char	   *place = texts_of(state) + state->text_used;
	uint32		at = state->text_used;

	Assert(state->text_max - at >= key->len + sizeof(uint32));
	memcpy(place, &key->len, sizeof(uint32));
	memcpy(place + sizeof(uint32), key->text, key->len);
	state->text_used += sizeof(uint32) + key->len;
	return at;
}

void
rt_query_state_add(RtQueryState *state, const RtQueryRowKey *key, uint64 hash,
				   const uint64 *cuts)
{
	uint32		mask = state->bucket_count - 1;
	uint32	   *bucket = &buckets_of(state)[key->hash & mask];
	RtQueryRow *row = &rows_of(state)[state->row_count];

	Assert(state->row_count < state->row_max);
	row->hash = hash;
	memcpy(cuts_of(state, state->row_count), cuts, state->cut_count * sizeof(uint64));
	row->key_hash = key->hash;
	row->key_at = add_text(state, key);
	row->next = *bucket;
	*bucket = state->row_count++;
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

static bool
keys_are_equal(const RtQueryRowKey *a, const RtQueryRowKey *b)
{
	return a->hash == b->hash && a->len == b->len &&
		memcmp(a->text, b->text, a->len) == 0;
}

uint32
rt_query_state_find(const RtQueryState *state, const RtQueryRowKey *key)
{
	uint32		row = buckets_of(state)[key->hash & (state->bucket_count - 1)];

	while (row != RT_QUERY_ROW_NONE)
	{
		RtQueryRowKey other = rt_query_state_key(state, row);

		if (keys_are_equal(&other, key))
			break;
		row = rows_of(state)[row].next;
	}
	return row;
}

const uint64 *
rt_query_state_cuts(const RtQueryState *state, uint32 row)
{
	Assert(row < state->row_count);
	return cuts_of(state, row);
}

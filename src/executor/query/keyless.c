/*
 * keyless.c
 *		Groups of which no rows are remembered.
 */
#include "postgres.h"

#include "src/executor/query/keyless.h"
#include "src/guc.h"

#define MEMORY_PART 16			/* of the memory, for the rows of one group */

bool
rt_keyless_is_possible(const RtStreamDeclaration *declaration, const RtQuery *query)
{
	/* who keeps only some rows must know which are new */
	return query->keyless && declaration->max == 0 &&
		!declaration->functions[RT_STREAM_TRANSFORM].declared;
}

/* ---- what is remembered instead ---- */

/* Here nothing may fail. */
static const RtQueryState *
state_without_rows(const RtQueryState *state)
{
	static union
	{
		RtQueryState state;
		char		bytes[sizeof(RtQueryState) + 64];
	}			place;

	Assert(rt_query_state_size(0, 0, state->cut_count, state->key_cut) <= sizeof(place));
	rt_query_state_init(&place, 0, 0, state->cut_count, state->key_cut);
	place.state.cuts = state->cuts;
	place.state.is_keyless = true;
	place.state.known_count = rt_query_state_rows(state);
	return &place.state;
}

static bool
is_long(const RtQueryState *state)
{
	return state->size > (Size) realtime_query_memory * 1024 / MEMORY_PART;
}

bool
rt_keyless_set_state(RtQueryGroup *group, const RtQueryState *state,
					 bool keyless_is_possible)
{
	if (!(keyless_is_possible && is_long(state)) && rt_query_group_set_state(group, state))
		return true;
	return keyless_is_possible &&
		rt_query_group_set_state(group, state_without_rows(state));
}

/* ---- what has changed ---- */

/*
 * Keys that were asked for and are not there, as a state of their own.  The
 * values are those of rows that have been in the result.
 */
static RtQueryState *
find_gone(const RtCollector *collector, const RtQueryState *found)
{
	const RtRestriction *restriction = collector->restriction;
	RtQueryRowKey *keys = palloc(sizeof(RtQueryRowKey) * (restriction->count + 1));
	uint32		count = 0;
	Size		bytes = 0;
	RtQueryState *gone;

	for (int i = 0; i < restriction->count; i++)
	{
		RtQueryRowKey key = rt_collector_key_of(collector, &restriction->values[i]);

		if (restriction->values[i].is_null ||
			rt_query_state_find(found, &key) != RT_QUERY_ROW_NONE)
			continue;
		bytes += key.len;
		keys[count++] = key;
	}
	gone = palloc(rt_query_state_size(count, bytes, found->cut_count, found->key_cut));
	rt_query_state_init(gone, count, bytes, found->cut_count, found->key_cut);
	for (uint32 i = 0; i < count; i++)
		rt_query_state_add(gone, &keys[i], 0, NULL);
	return gone;
}

/* Which of them clients have nobody knows: "created" puts a row in either way. */
RtQueryResult *
rt_keyless_result(RtCollector *collector, RtQueryResult *result)
{
	const RtQueryState *found = result->state;
	RtDifference *difference = palloc0(sizeof(RtDifference));

	result->gone = find_gone(collector, found);
	difference->changes = palloc(sizeof(RtRowChange) *
								 (result->gone->row_count + found->row_count + 1));
	for (uint32 row = 0; row < result->gone->row_count; row++)
		difference->changes[difference->count++] = (RtRowChange) {RT_ROW_DELETED, row};
	for (uint32 row = 0; row < found->row_count; row++)
		difference->changes[difference->count++] = (RtRowChange) {RT_ROW_CREATED, row};
	result->difference = difference;
	result->restricted = true;
	return result;
}

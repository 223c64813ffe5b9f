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
	uint32		count = 0;
	RtCutValue **values = palloc(sizeof(RtCutValue *) * (restriction->count + 1));
	StringInfoData keys;
	int		   *ends = palloc(sizeof(int) * (restriction->count + 1));
	RtQueryState *gone;

	initStringInfo(&keys);
	for (int i = 0; i < restriction->count; i++)
	{
		RtCutValue *value = &restriction->values[i];

		if (value->is_null || rt_query_state_next_in(found, value->cut, value->hash,
													 RT_QUERY_ROW_NONE) != RT_QUERY_ROW_NONE)
			continue;
		rt_value_write(collector->key_writers[0], &keys, value->value, false);
		ends[count] = keys.len;
		values[count++] = value;
	}
	gone = palloc(rt_query_state_size(count, keys.len, found->cut_count, found->key_cut));
	rt_query_state_init(gone, count, keys.len, found->cut_count, found->key_cut);
	for (uint32 i = 0; i < count; i++)
	{
		int			begin = i == 0 ? 0 : ends[i - 1];
		RtQueryRowKey key = {keys.data + begin, ends[i] - begin, (uint32) values[i]->hash};

		rt_query_state_add(gone, &key, 0, &values[i]->hash);
	}
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

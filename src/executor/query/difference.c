/*
 * difference.c
 *		What turns the rows that clients have into those that they should have.
 */
#include "postgres.h"

#include "src/executor/query/difference.h"

typedef struct Comparison
{
	const RtQueryState *before;
	const RtQueryState *after;
	uint32	   *old_rows;		/* for each row of after; NONE = it is new */
	bool	   *stays;			/* likewise: it need not be moved */
	RtDifference *difference;
} Comparison;

static void *
allocate(Size count, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * size);
}

static void
add_change(Comparison *comparison, RtRowChangeKind kind, uint32 row)
{
	RtDifference *difference = comparison->difference;

	difference->changes[difference->count++] = (RtRowChange) {kind, row};
}

static void
find_deleted(Comparison *comparison)
{
	for (uint32 row = 0; row < comparison->before->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(comparison->before, row);

		if (rt_query_state_find(comparison->after, &key) == RT_QUERY_ROW_NONE)
			add_change(comparison, RT_ROW_DELETED, row);
	}
}

static void
find_old_rows(Comparison *comparison)
{
	for (uint32 row = 0; row < comparison->after->row_count; row++)
	{
		RtQueryRowKey key = rt_query_state_key(comparison->after, row);

		comparison->old_rows[row] = rt_query_state_find(comparison->before, &key);
	}
}

/* The first of n ends, which grow, whose old row is not before that one. */
static uint32
place_among(const Comparison *comparison, const uint32 *ends, uint32 n, uint32 old)
{
	uint32		low = 0;

	while (low < n)
	{
		uint32		middle = low + (n - low) / 2;

		if (comparison->old_rows[ends[middle]] < old)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/*
 * The longest sequence of rows that stand in the order in which they stood:
 * these stay.  ends[i] is where the sequence of i + 1 rows ends whose end was
 * first, links is what came before each row in its sequence.
 */
static void
find_staying(Comparison *comparison)
{
	uint32		count = comparison->after->row_count;
	uint32	   *ends = allocate(count, sizeof(uint32));
	uint32	   *links = allocate(count, sizeof(uint32));
	uint32		longest = 0;
	uint32		row;

	for (row = 0; row < count; row++)
	{
		uint32		place;

		comparison->stays[row] = false;
		if (comparison->old_rows[row] == RT_QUERY_ROW_NONE)
			continue;
		place = place_among(comparison, ends, longest, comparison->old_rows[row]);
		links[row] = place > 0 ? ends[place - 1] : RT_QUERY_ROW_NONE;
		ends[place] = row;
		longest = Max(longest, place + 1);
	}
	row = longest > 0 ? ends[longest - 1] : RT_QUERY_ROW_NONE;
	for (; row != RT_QUERY_ROW_NONE; row = links[row])
		comparison->stays[row] = true;
	pfree(ends);
	pfree(links);
}

static bool
is_same(const Comparison *comparison, uint32 row)
{
	uint32		old = comparison->old_rows[row];

	return comparison->stays[row] &&
		rt_query_state_row(comparison->before, old)->hash ==
		rt_query_state_row(comparison->after, row)->hash;
}

static void
find_changed(Comparison *comparison)
{
	for (uint32 row = 0; row < comparison->after->row_count; row++)
	{
		if (comparison->old_rows[row] == RT_QUERY_ROW_NONE)
			add_change(comparison, RT_ROW_CREATED, row);
		else if (!is_same(comparison, row))
			add_change(comparison, RT_ROW_UPDATED, row);
	}
}

void
rt_difference_find(RtDifference *difference, const RtQueryState *before,
				   const RtQueryState *after, bool ordered)
{
	Comparison	comparison = {
		.before = before,
		.after = after,
		.old_rows = allocate(after->row_count, sizeof(uint32)),
		.stays = allocate(after->row_count, sizeof(bool)),
		.difference = difference
	};

	difference->count = 0;
	difference->changes = allocate((Size) before->row_count + after->row_count,
								   sizeof(RtRowChange));
	find_deleted(&comparison);
	find_old_rows(&comparison);
	if (ordered)
		find_staying(&comparison);
	else
		memset(comparison.stays, true, after->row_count);
	find_changed(&comparison);
	pfree(comparison.old_rows);
	pfree(comparison.stays);
}

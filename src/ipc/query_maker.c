/*
 * query_maker.c
 *		How many groups of live queries there are that somebody has asked for first.
 *
 * Chains by hash, with as many places as there may be groups: each maker has one at
 * least.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/query_maker.h"

#define NONE (-1)

typedef struct Maker
{
	uint64		maker;
	int			groups;
	int			next;			/* in its chain, or free */
} Maker;

typedef struct MakerTable
{
	int			free;
	Maker		makers[FLEXIBLE_ARRAY_MEMBER];
	/* heads of the chains, as many */
} MakerTable;

static MakerTable *table = NULL;
static int *chains = NULL;

Size
rt_query_makers_size(void)
{
	return add_size(offsetof(MakerTable, makers),
					mul_size(realtime_max_query_groups, sizeof(Maker) + sizeof(int)));
}

void
rt_query_makers_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime query makers", rt_query_makers_size(), &found);
	chains = (int *) &table->makers[realtime_max_query_groups];
	if (found)
		return;
	table->free = 0;
	for (int i = 0; i < realtime_max_query_groups; i++)
	{
		table->makers[i].next = i + 1 < realtime_max_query_groups ? i + 1 : NONE;
		chains[i] = NONE;
	}
}

/* What refers to it, or where it would be referred to. */
static int *
find(uint64 maker)
{
	uint32		hash = murmurhash32((uint32) maker ^ (uint32) (maker >> 32) * 31);
	int		   *link = &chains[hash % (uint32) realtime_max_query_groups];

	while (*link != NONE && table->makers[*link].maker != maker)
		link = &table->makers[*link].next;
	return link;
}

void
rt_query_maker_add(uint64 maker)
{
	int		   *link = find(maker);

	if (*link == NONE)
	{
		int			number = table->free;

		Assert(number != NONE);
		table->free = table->makers[number].next;
		table->makers[number] = (Maker) {.maker = maker,.next = NONE};
		*link = number;
	}
	table->makers[*link].groups++;
}

void
rt_query_maker_remove(uint64 maker)
{
	int		   *link = find(maker);
	int			number = *link;

	if (--table->makers[number].groups > 0)
		return;
	*link = table->makers[number].next;
	table->makers[number].next = table->free;
	table->free = number;
}

int
rt_query_maker_groups(uint64 maker)
{
	int			number = *find(maker);

	return number == NONE ? 0 : table->makers[number].groups;
}

/*
 * query_group.c
 *		The groups of live queries.
 *
 * A table of fixed size with chains by hash.  Its LWLock is for chains, free
 * list, keys and states: who has the round takes it to change them, others to
 * look; nothing else is locked while it is held but the area's own locks.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

#include "src/guc.h"
#include "src/ipc/change_ring.h"
#include "src/ipc/clock.h"
#include "src/ipc/fixed_area.h"
#include "src/ipc/limit.h"
#include "src/ipc/query_group.h"
#include "src/ipc/query_maker.h"
#include "src/ipc/request_queue.h"

#define NONE (-1)

typedef struct GroupTable
{
	LWLock	   *lock;
	uint64		seeds[2];		/* nobody outside can make keys collide */
	uint64		last_serial;	/* protected by lock, as all below */
	int			free;
	int			used;			/* no place from here on was ever used */
	int			count;			/* of groups */
	int			open;			/* the first of those; of who has the round */
	RtQueryGroup groups[FLEXIBLE_ARRAY_MEMBER];
	/* heads of the chains, as many as there can be groups */
} GroupTable;

static GroupTable *table = NULL;
static int *chains = NULL;
static void *place = NULL;
static RtFixedArea area = {0};	/* this process's attachment */

/* ---- setting up ---- */

static Size
table_size(void)
{
	Size		one = sizeof(RtQueryGroup) + sizeof(int);

	return add_size(offsetof(GroupTable, groups),
					mul_size(realtime_max_query_groups, one));
}

static Size
area_size(void)
{
	return mul_size(realtime_query_memory, 1024);
}

Size
rt_query_groups_size(void)
{
	return add_size(MAXALIGN(table_size()), rt_fixed_area_size(area_size()));
}

static void
init_table(void)
{
	memset(table, 0, table_size());
	table->lock = &GetNamedLWLockTranche("RealtimeQueryGroup")->lock;
	table->open = NONE;
	for (int i = 0; i < lengthof(table->seeds); i++)
	{
		if (!pg_strong_random(&table->seeds[i], sizeof(table->seeds[i])))
			table->seeds[i] = pg_prng_uint64(&pg_global_prng_state);
	}
	for (int i = 0; i < realtime_max_query_groups; i++)
	{
		RtQueryGroup *group = &table->groups[i];

		pg_atomic_init_u32(&group->gateways, 0);
		pg_atomic_init_u64(&group->left_ms, 0);
		pg_atomic_init_u32(&group->loader, 0);
		pg_atomic_init_u64(&group->told, 0);
		group->next = i + 1 < realtime_max_query_groups ? i + 1 : NONE;
		chains[i] = NONE;
	}
}

static void
init_area(void)
{
	bool		found;

	area.dsa = NULL;
	place = ShmemInitStruct("realtime query memory", rt_fixed_area_size(area_size()), &found);
	if (!found)
		rt_fixed_area_create(place, area_size(), "RealtimeQueryMemory");
}

void
rt_query_groups_init(void)
{
	bool		found;

	table = ShmemInitStruct("realtime query groups", table_size(), &found);
	chains = (int *) &table->groups[realtime_max_query_groups];
	if (!found)
		init_table();
	init_area();
}

void
rt_query_groups_attach(void)
{
	rt_fixed_area_attach(&area, place, RT_LIMIT_QUERY_MEMORY);
}

int64
rt_query_memory_used(void)
{
	return (int64) rt_fixed_area_used(place);
}

/* ---- finding ---- */

RtQueryGroupHash
rt_query_group_hash(const char *key, uint32 len)
{
	RtQueryGroupHash hash;

	for (int i = 0; i < lengthof(hash.words); i++)
		hash.words[i] = hash_bytes_extended((const unsigned char *) key, len,
											table->seeds[i]);
	return hash;
}

static int *
chain_of(const RtQueryGroupHash *hash)
{
	return &chains[hash->words[0] % realtime_max_query_groups];
}

static bool
has_key(const RtQueryGroup *group, const char *key, uint32 len)
{
	return group->key_len == len && memcmp(rt_query_group_key(group), key, len) == 0;
}

/* Under the lock, or by who has the round. */
static RtQueryGroup *
find_by_hash(const RtQueryGroupHash *hash)
{
	int			number = *chain_of(hash);

	while (number != NONE &&
		   memcmp(&table->groups[number].hash, hash, sizeof(*hash)) != 0)
		number = table->groups[number].next;
	return number == NONE ? NULL : &table->groups[number];
}

RtQueryGroup *
rt_query_group_find(const RtQueryGroupHash *hash, const char *key, uint32 len)
{
	RtQueryGroup *group = find_by_hash(hash);

	if (group != NULL && !has_key(group, key, len))
		elog(ERROR, "two groups of live queries have the same hash");
	return group;
}

RtQueryGroup *
rt_query_group_next(RtQueryGroup *group)
{
	int			number = group == NULL ? 0 : group - table->groups + 1;

	while (number < table->used && table->groups[number].serial == 0)
		number++;
	return number < table->used ? &table->groups[number] : NULL;
}

/* ---- open ones ---- */

static RtQueryGroup *
group_at(int number)
{
	return number == NONE ? NULL : &table->groups[number];
}

void
rt_query_group_open(RtQueryGroup *group)
{
	if (group->open)
		return;
	group->open = true;
	group->previous_open = NONE;
	group->next_open = table->open;
	if (table->open != NONE)
		table->groups[table->open].previous_open = group - table->groups;
	table->open = group - table->groups;
}

void
rt_query_group_close(RtQueryGroup *group)
{
	if (!group->open)
		return;
	group->open = false;
	if (group->previous_open == NONE)
		table->open = group->next_open;
	else
		table->groups[group->previous_open].next_open = group->next_open;
	if (group->next_open != NONE)
		table->groups[group->next_open].previous_open = group->previous_open;
}

RtQueryGroup *
rt_query_group_next_open(RtQueryGroup *group)
{
	return group_at(group == NULL ? table->open : group->next_open);
}

const char *
rt_query_group_key(const RtQueryGroup *group)
{
	return rt_fixed_area_at(&area, group->key);
}

const RtQueryState *
rt_query_group_state(const RtQueryGroup *group)
{
	return DsaPointerIsValid(group->state) ?
		rt_fixed_area_at(&area, group->state) : NULL;
}

RtQueryState *
rt_query_group_state_changed(RtQueryGroup *group)
{
	return rt_fixed_area_at(&area, group->state);
}

/* ---- making and removing ---- */

static dsa_pointer
allocate_copy(const void *bytes, Size size)
{
	dsa_pointer copy = rt_fixed_area_allocate(&area, size);

	if (DsaPointerIsValid(copy))
		memcpy(rt_fixed_area_at(&area, copy), bytes, size);
	return copy;
}

/*
 * Below 2^52, so that clients can count on: numbers of one group say nothing about
 * another one, nor about how much happens elsewhere.
 */
static uint64
draw_number(void)
{
	return (pg_prng_uint64(&pg_global_prng_state) >> 12) + 1;
}

static void
fill_group(RtQueryGroup *group, const RtQueryGroupHash *hash, Oid declaration,
		   dsa_pointer key, uint32 len)
{
	int		   *chain = chain_of(hash);

	table->free = group->next;
	table->used = Max(table->used, (int) (group - table->groups) + 1);
	rt_limit_note(RT_LIMIT_QUERY_GROUPS, ++table->count);
	memset(group, 0, offsetof(RtQueryGroup, loader));
	pg_atomic_write_u32(&group->loader, 0);
	pg_atomic_write_u32(&group->gateways, 0);
	pg_atomic_write_u64(&group->left_ms, 0);
	pg_atomic_write_u64(&group->told, 0);
	group->number = group->first_number = draw_number();
	group->hash = *hash;
	group->declaration = declaration;
	group->key = key;
	group->key_len = len;
	group->state = InvalidDsaPointer;
	group->joined_ms = rt_clock_ms();
	group->next = *chain;
	*chain = group - table->groups;
	group->serial = ++table->last_serial;
}

RtQueryGroup *
rt_query_group_make(const RtQueryGroupHash *hash, const RtQueryGroupMarks *marks,
					Oid declaration, const char *key, uint32 len, uint64 maker)
{
	dsa_pointer copy = allocate_copy(key, len);
	RtQueryGroup *group = NULL;

	if (!DsaPointerIsValid(copy))
		return NULL;
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	if (table->free != NONE)
	{
		group = &table->groups[table->free];
		fill_group(group, hash, declaration, copy, len);
		group->marks = *marks;
		group->maker = maker;
	}
	LWLockRelease(table->lock);
	if (group == NULL)
	{
		rt_fixed_area_free(&area, copy);
		return NULL;
	}
	rt_query_group_open(group);
	rt_query_maker_add(maker);
	rt_change_listener_add();
	return group;
}

bool
rt_query_groups_are_all(void)
{
	return table->free == NONE;
}

static void
take_out(RtQueryGroup *group)
{
	int			number = group - table->groups;
	int		   *link = chain_of(&group->hash);

	while (*link != number)
		link = &table->groups[*link].next;
	*link = group->next;
	group->serial = 0;
	group->next = table->free;
	table->free = number;
	table->count--;
}

bool
rt_query_group_remove(RtQueryGroup *group)
{
	bool		removed;

	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	removed = pg_atomic_read_u32(&group->gateways) == 0;
	if (removed)
	{
		take_out(group);
		rt_fixed_area_free(&area, group->key);
		if (DsaPointerIsValid(group->state))
			rt_fixed_area_free(&area, group->state);
	}
	LWLockRelease(table->lock);
	if (removed)
	{
		rt_query_group_close(group);
		rt_query_maker_remove(group->maker);
		rt_change_listener_remove();
	}
	return removed;
}

bool
rt_query_group_set_state(RtQueryGroup *group, const RtQueryState *state)
{
	dsa_pointer before = group->state;
	dsa_pointer copy = InvalidDsaPointer;

	if (state != NULL)
	{
		copy = allocate_copy(state, state->size);
		if (!DsaPointerIsValid(copy))
		{
			rt_limit_hit(RT_LIMIT_QUERY_MEMORY);
			return false;
		}
	}
	LWLockAcquire(table->lock, LW_EXCLUSIVE);
	group->state = copy;
	if (DsaPointerIsValid(before))
		rt_fixed_area_free(&area, before);
	LWLockRelease(table->lock);
	if (state == NULL)
		rt_query_group_open(group);
	return true;
}

bool
rt_query_group_is_followed(const RtQueryGroup *group)
{
	return pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &group->gateways)) != 0;
}

int64
rt_query_group_wanted_ms(const RtQueryGroup *group, int64 now_ms)
{
	int64		left_ms;

	if (rt_query_group_is_followed(group))
		return now_ms;
	pg_read_barrier();
	left_ms = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &group->left_ms));
	return Max(group->joined_ms, left_ms);
}

/* A failure, or that there is nothing any more, is told to who loads. */
void
rt_query_group_tell_number(RtQueryGroup *group)
{
	bool		goes_on = DsaPointerIsValid(group->state) && !group->failing && !group->gone;

	pg_atomic_write_u64(&group->told, goes_on ? group->number : 0);
	pg_memory_barrier();
}

/* ---- loading ---- */

bool
rt_query_group_is_loading(const RtQueryGroup *group)
{
	return pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &group->loader)) != 0;
}

void
rt_query_groups_abandon(int executor)
{
	for (int i = 0; i < realtime_max_query_groups; i++)
	{
		uint32		mine = executor + 1;

		if (table->groups[i].serial != 0)
			(void) pg_atomic_compare_exchange_u32(&table->groups[i].loader, &mine, 0);
	}
}

/* ---- gateways ---- */

uint64
rt_query_group_hold(int gateway, const RtQueryGroupHash *hash)
{
	RtQueryGroup *group;
	uint64		serial = 0;

	LWLockAcquire(table->lock, LW_SHARED);
	group = find_by_hash(hash);
	if (group != NULL)
	{
		pg_atomic_fetch_or_u32(&group->gateways, UINT32_C(1) << gateway);
		serial = group->serial;
	}
	LWLockRelease(table->lock);
	return serial;
}

/*
 * Returns whether it was the last that followed it.  Who sees that nobody does sees
 * since when.
 */
static bool
let_go(RtQueryGroup *group, int gateway)
{
	uint32		own = UINT32_C(1) << gateway;

	if ((pg_atomic_read_u32(&group->gateways) & own) == 0)
		return false;
	pg_atomic_write_u64(&group->left_ms, rt_clock_ms());
	return pg_atomic_fetch_and_u32(&group->gateways, ~own) == own;
}

void
rt_query_group_release(int gateway, const RtQueryGroupHash *hash)
{
	RtQueryGroup *group;
	bool		left = false;

	LWLockAcquire(table->lock, LW_SHARED);
	group = find_by_hash(hash);
	if (group != NULL)
		left = let_go(group, gateway);
	LWLockRelease(table->lock);
	if (left)
		rt_round_want_by(rt_clock_ms() + RT_QUERY_LINGER_MS);
}

void
rt_query_groups_release_all(int gateway)
{
	bool		left = false;

	for (int i = 0; i < realtime_max_query_groups; i++)
		left |= let_go(&table->groups[i], gateway);
	if (left)
		rt_round_want_by(rt_clock_ms() + RT_QUERY_LINGER_MS);
}

/* ---- looking ---- */

uint64
rt_query_group_numbers(const RtQueryGroupHash *hash, const char *key, uint32 len,
					   RtQueryNumbers *numbers)
{
	RtQueryGroup *group;
	uint64		serial = 0;

	pg_memory_barrier();
	LWLockAcquire(table->lock, LW_SHARED);
	group = find_by_hash(hash);
	if (group != NULL && has_key(group, key, len))
	{
		numbers->first = group->first_number;
		numbers->last = pg_atomic_read_u64(&group->told);
		serial = numbers->last != 0 ? group->serial : 0;
	}
	LWLockRelease(table->lock);
	return serial;
}

int
rt_query_group_count(void)
{
	return realtime_max_query_groups;
}

int
rt_query_groups_in_use(void)
{
	return table->count;
}

bool
rt_query_group_look(int number, RtQueryGroupView *view)
{
	RtQueryGroup *group = &table->groups[number];
	char	   *key = NULL;
	uint32		key_len = 0;
	const RtQueryState *state;

	for (;;)
	{
		LWLockAcquire(table->lock, LW_SHARED);
		if (group->serial == 0 || group->key_len <= key_len)
			break;
		key_len = group->key_len;
		LWLockRelease(table->lock);
		key = palloc(key_len);
	}
	view->group = *group;
	view->key = key;
	view->row_count = 0;
	view->keyless = false;
	view->memory = sizeof(RtQueryGroup);
	if (group->serial != 0)
	{
		memcpy(key, rt_query_group_key(group), group->key_len);
		state = rt_query_group_state(group);
		view->row_count = state == NULL ? 0 :
			state->is_window ? state->shown_count : rt_query_state_rows(state);
		view->keyless = state != NULL && state->is_keyless;
		view->memory += group->key_len + (state == NULL ? 0 : state->size);
	}
	LWLockRelease(table->lock);
	return view->group.serial != 0;
}

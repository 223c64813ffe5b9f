/*
 * fixed_area.c
 *		A DSA area of a fixed size inside the main shared memory segment.
 *
 * Before what is handed out lies its size, so that who gives it back need not know.
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

#include "src/ipc/fixed_area.h"

#define CHUNK_HEAD MAXALIGN(sizeof(uint64))

typedef struct Head
{
	pg_atomic_uint64 used;
} Head;

static Size
head_size(void)
{
	return CACHELINEALIGN(sizeof(Head));
}

static void *
dsa_place(void *place)
{
	return (char *) place + head_size();
}

Size
rt_fixed_area_size(Size size)
{
	return add_size(head_size(), size);
}

void
rt_fixed_area_create(void *place, Size size, const char *tranche)
{
	int			id = GetNamedLWLockTranche(tranche)->lock.tranche;
	dsa_area   *area = dsa_create_in_place(dsa_place(place), size, id, NULL);

	pg_atomic_init_u64(&((Head *) place)->used, 0);
	dsa_pin(area);
	dsa_set_size_limit(area, size);
	dsa_detach(area);
}

void
rt_fixed_area_attach(RtFixedArea *area, void *place, RtLimitKind limit)
{
	MemoryContext old;

	if (area->dsa != NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	area->dsa = dsa_attach_in_place(dsa_place(place), NULL);
	area->used = &((Head *) place)->used;
	area->limit = limit;
	dsa_pin_mapping(area->dsa);
	MemoryContextSwitchTo(old);
	/* attachments are counted, and any session may make one */
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(dsa_place(place)));
}

dsa_pointer
rt_fixed_area_allocate(const RtFixedArea *area, Size size)
{
	dsa_pointer chunk = dsa_allocate_extended(area->dsa, CHUNK_HEAD + size,
											  DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);

	if (!DsaPointerIsValid(chunk))
		return InvalidDsaPointer;
	*(uint64 *) rt_fixed_area_at(area, chunk) = size;
	rt_limit_note(area->limit, pg_atomic_add_fetch_u64(area->used, (int64) size));
	return chunk + CHUNK_HEAD;
}

void
rt_fixed_area_free(const RtFixedArea *area, dsa_pointer pointer)
{
	dsa_pointer chunk = pointer - CHUNK_HEAD;

	pg_atomic_fetch_sub_u64(area->used, (int64) *(uint64 *) rt_fixed_area_at(area, chunk));
	dsa_free(area->dsa, chunk);
}

uint64
rt_fixed_area_used(void *place)
{
	return pg_atomic_read_u64(&((Head *) place)->used);
}

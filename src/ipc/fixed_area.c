/*
 * fixed_area.c
 *		A DSA area of a fixed size inside the main shared memory segment.
 */
#include "postgres.h"

#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

#include "src/ipc/fixed_area.h"

void
rt_fixed_area_create(void *place, Size size, const char *tranche)
{
	int			id = GetNamedLWLockTranche(tranche)->lock.tranche;
	dsa_area   *area = dsa_create_in_place(place, size, id, NULL);

	dsa_pin(area);
	dsa_set_size_limit(area, size);
	dsa_detach(area);
}

dsa_area *
rt_fixed_area_attach(void *place)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	dsa_area   *area = dsa_attach_in_place(place, NULL);

	dsa_pin_mapping(area);
	MemoryContextSwitchTo(old);
	/* attachments are counted, and any session may make one */
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(place));
	return area;
}

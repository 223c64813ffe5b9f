/*
 * fixed_area.h
 *		A DSA area of a fixed size inside the main shared memory segment, which
 *		knows how much of it is taken.
 *
 * It never asks the kernel for more, so a full /dev/shm cannot fail it, and
 * the server's restart after a crash makes it anew.
 *
 * Counted is what has been asked for; what DSA adds, to round it and to find it
 * again, is not, so an area can be full with less than its size.
 */
#ifndef RT_IPC_FIXED_AREA_H
#define RT_IPC_FIXED_AREA_H

#include "src/compat.h"

#include "port/atomics.h"
#include "utils/dsa.h"

#include "src/ipc/limit.h"

/* What a process has of one.  Zero it. */
typedef struct RtFixedArea
{
	dsa_area   *dsa;			/* NULL = not attached */
	pg_atomic_uint64 *used;		/* bytes, of all processes */
	RtLimitKind limit;			/* whose peak it notes */
} RtFixedArea;

/* Room for an area of these bytes, and making one there; its locks are of the tranche. */
extern Size rt_fixed_area_size(Size size);
extern void rt_fixed_area_create(void *place, Size size, const char *tranche);

/* For the life of this process, which may be any session's; a second time does nothing. */
extern void rt_fixed_area_attach(RtFixedArea *area, void *place, RtLimitKind limit);

/* Without memory InvalidDsaPointer; nothing is raised. */
extern dsa_pointer rt_fixed_area_allocate(const RtFixedArea *area, Size size);
extern void rt_fixed_area_free(const RtFixedArea *area, dsa_pointer pointer);

/* Of a place, attached or not. */
extern uint64 rt_fixed_area_used(void *place);

static inline void *
rt_fixed_area_at(const RtFixedArea *area, dsa_pointer pointer)
{
	return dsa_get_address(area->dsa, pointer);
}

#endif							/* RT_IPC_FIXED_AREA_H */

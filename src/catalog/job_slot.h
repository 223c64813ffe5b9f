/*
 * job_slot.h
 *		Columns of a job, by their numbers.
 */
#ifndef RT_CATALOG_JOB_SLOT_H
#define RT_CATALOG_JOB_SLOT_H

#include "src/compat.h"

#include "executor/tuptable.h"

static inline int64
slot_int64(TupleTableSlot *slot, int anum)
{
	bool		is_null;

	return DatumGetInt64(slot_getattr(slot, anum, &is_null));
}

static inline int
slot_int32(TupleTableSlot *slot, int anum)
{
	bool		is_null;

	return DatumGetInt32(slot_getattr(slot, anum, &is_null));
}

static inline bool
slot_bool(TupleTableSlot *slot, int anum)
{
	bool		is_null;

	return DatumGetBool(slot_getattr(slot, anum, &is_null));
}

#endif							/* RT_CATALOG_JOB_SLOT_H */

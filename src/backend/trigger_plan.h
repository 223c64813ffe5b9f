/*
 * trigger_plan.h
 *		What triggers of ours know about the relation that they are on, found
 *		out once per trigger and session, and again when the relation changes.
 */
#ifndef RT_BACKEND_TRIGGER_PLAN_H
#define RT_BACKEND_TRIGGER_PLAN_H

#include "src/compat.h"

#include "executor/tuptable.h"
#include "utils/hsearch.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

/* A plan begins with this, which is filled in for it. */
typedef struct RtTriggerPlan
{
	Oid			trigger;
	Oid			relation;
	bool		valid;
	MemoryContext context;		/* holds all of the plan */
	struct RtTriggerPlan *next_retired;
} RtTriggerPlan;

/* The plans of one kind of trigger; all but the first two members are 0. */
typedef struct RtTriggerPlans
{
	const char *name;			/* "realtime ..." */
	RtTriggerPlan *(*make) (Relation relation, const Trigger *trigger);
	HTAB	   *table;
	RtTriggerPlan *retired;		/* used by this transaction, perhaps */
	struct RtTriggerPlans *next;
} RtTriggerPlans;

/* Once per process; plans must stay where it is. */
extern void rt_trigger_plans_install(RtTriggerPlans *plans);

/* The plan of a trigger; valid to the end of the transaction. */
extern RtTriggerPlan *rt_trigger_plan(RtTriggerPlans *plans, Relation relation,
									  const Trigger *trigger);

/*
 * Whether a column, from 1, has the same value in two rows, to the last bit.
 * by_value and length are those of its type.
 */
extern bool rt_slots_same_value(int attnum, bool by_value, int16 length,
								TupleTableSlot *a, TupleTableSlot *b);

#endif							/* RT_BACKEND_TRIGGER_PLAN_H */

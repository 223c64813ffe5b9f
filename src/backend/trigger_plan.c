/*
 * trigger_plan.c
 *		What triggers of ours know about the relation that they are on.
 *
 * A plan belongs to a trigger, that is, to one table or partition: those may
 * have their columns in another order.  It ends with any change of the relation.
 * A callback of the invalidation machinery only marks it, because the plan may
 * be in use: writing a value can run functions of the user.  Who asks next makes
 * a new one, and the old one is freed with the transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "src/backend/trigger_plan.h"

#define PLANS_AT_FIRST 16

typedef struct PlanEntry
{
	Oid			trigger;		/* hash key */
	RtTriggerPlan *plan;
} PlanEntry;

static RtTriggerPlans *kinds = NULL;
static uint64 invalidations = 0;

static void on_relation_invalidation(Datum arg, Oid relation);
static void on_transaction_end(XactEvent event, void *arg);

void
rt_trigger_plans_install(RtTriggerPlans *plans)
{
	if (kinds == NULL)
	{
		CacheRegisterRelcacheCallback(on_relation_invalidation, (Datum) 0);
		RegisterXactCallback(on_transaction_end, NULL);
	}
	plans->next = kinds;
	kinds = plans;
}

/* ---- invalidation ---- */

static void
invalidate(RtTriggerPlans *plans, Oid relation)
{
	HASH_SEQ_STATUS status;
	PlanEntry  *entry;

	hash_seq_init(&status, plans->table);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (!OidIsValid(relation) || entry->plan->relation == relation)
			entry->plan->valid = false;
	}
}

static void
on_relation_invalidation(Datum arg, Oid relation)
{
	invalidations++;
	for (RtTriggerPlans *plans = kinds; plans != NULL; plans = plans->next)
	{
		if (plans->table != NULL)
			invalidate(plans, relation);
	}
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	for (RtTriggerPlans *plans = kinds; plans != NULL; plans = plans->next)
	{
		while (plans->retired != NULL)
		{
			RtTriggerPlan *plan = plans->retired;

			plans->retired = plan->next_retired;
			MemoryContextDelete(plan->context);
		}
	}
}

/* Also those of triggers that are no more. */
static void
retire_invalid(RtTriggerPlans *plans)
{
	HASH_SEQ_STATUS status;
	PlanEntry  *entry;

	hash_seq_init(&status, plans->table);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->plan->valid)
			continue;
		entry->plan->next_retired = plans->retired;
		plans->retired = entry->plan;
		hash_search(plans->table, &entry->trigger, HASH_REMOVE, NULL);
	}
}

/* ---- plans ---- */

static RtTriggerPlan *
make_plan(RtTriggerPlans *plans, Relation relation, const Trigger *trigger)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "realtime trigger",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	uint64		seen = invalidations;
	Oid			oid = trigger->tgoid;
	RtTriggerPlan *plan = plans->make(relation, trigger);

	MemoryContextSwitchTo(old_context);
	MemoryContextSetParent(context, CacheMemoryContext);
	plan->trigger = oid;
	plan->relation = RelationGetRelid(relation);
	plan->context = context;
	plan->valid = (seen == invalidations);
	return plan;
}

RtTriggerPlan *
rt_trigger_plan(RtTriggerPlans *plans, Relation relation, const Trigger *trigger)
{
	PlanEntry  *entry;
	RtTriggerPlan *plan;

	if (likely(plans->table != NULL))
	{
		entry = hash_search(plans->table, &trigger->tgoid, HASH_FIND, NULL);
		if (likely(entry != NULL && entry->plan->valid))
			return entry->plan;
		retire_invalid(plans);
	}
	else
	{
		HASHCTL		control = {
			.keysize = sizeof(Oid),
			.entrysize = sizeof(PlanEntry)
		};

		plans->table = hash_create(plans->name, PLANS_AT_FIRST, &control,
								   HASH_ELEM | HASH_BLOBS);
	}
	plan = make_plan(plans, relation, trigger);
	entry = hash_search(plans->table, &plan->trigger, HASH_ENTER, NULL);
	entry->plan = plan;
	return plan;
}

bool
rt_slots_same_value(int attnum, bool by_value, int16 length,
					TupleTableSlot *a, TupleTableSlot *b)
{
	int			i = attnum - 1;
	Pointer		x;
	Pointer		y;

	if (a->tts_isnull[i] || b->tts_isnull[i])
		return a->tts_isnull[i] == b->tts_isnull[i];
	if (by_value)
		return a->tts_values[i] == b->tts_values[i];
	if (length != -1)
		return datum_image_eq(a->tts_values[i], b->tts_values[i], false, length);

	/* an unchanged value that is stored apart is the same pointer to it */
	x = DatumGetPointer(a->tts_values[i]);
	y = DatumGetPointer(b->tts_values[i]);
	if (VARSIZE_ANY(x) == VARSIZE_ANY(y) && memcmp(x, y, VARSIZE_ANY(x)) == 0)
		return true;
	return datum_image_eq(a->tts_values[i], b->tts_values[i], false, -1);
}

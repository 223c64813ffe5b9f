/*
 * plan.c
 *		Which columns of a watched table are told, found out once.
 *
 * Columns are named in the arguments of the trigger: those that are told, an
 * empty argument, and those that only have to differ.  One that is not there any
 * more is left out: nobody can be reading it.  The trigger of a partition is a
 * copy of that of the partitioned table, whose numbers the columns get.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_trigger.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "src/backend/watch/plan.h"

#define VALUE_MAX 8192			/* bytes of one value */

static RtTriggerPlan *make_plan(Relation relation, const Trigger *trigger);

static RtTriggerPlans plans = {
	.name = "realtime watched tables",
	.make = make_plan
};

void
rt_watch_plan_install(void)
{
	rt_trigger_plans_install(&plans);
}

RtWatchPlan *
rt_watch_plan(Relation relation, const Trigger *trigger)
{
	return (RtWatchPlan *) rt_trigger_plan(&plans, relation, trigger);
}

/* ---- what a plan is used for ---- */

bool
rt_watch_plan_same(const RtWatchPlan *plan, TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < plan->column_count; i++)
	{
		const RtWatchColumn *column = &plan->columns[i];

		if (!rt_slots_same_value(column->attnum, column->by_value,
								 column->length, a, b))
			return false;
	}
	return true;
}

/* Fetches and unpacks a value; returns false if it is too long. */
static bool
flatten(Datum *value)
{
	struct varlena *pointer = (struct varlena *) DatumGetPointer(*value);

	if (!VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer))
		return VARSIZE_ANY_EXHDR(pointer) <= VALUE_MAX;
	if (toast_raw_datum_size(*value) - VARHDRSZ > VALUE_MAX)
		return false;
	*value = PointerGetDatum(detoast_attr(pointer));
	return true;
}

MinimalTuple
rt_watch_plan_image(RtWatchPlan *plan, TupleTableSlot *slot)
{
	for (int i = 0; i < plan->told_count; i++)
	{
		const RtWatchColumn *column = &plan->columns[i];

		plan->values[i] = slot->tts_values[column->attnum - 1];
		plan->nulls[i] = slot->tts_isnull[column->attnum - 1];
		if (!plan->nulls[i] && column->length == -1 && !flatten(&plan->values[i]))
			return NULL;
	}
	return rt_form_minimal_tuple(plan->desc, plan->values, plan->nulls);
}

/* ---- making a plan ---- */

/* The row of a trigger in its catalog. */
static FormData_pg_trigger
read_trigger(Oid oid)
{
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	FormData_pg_trigger form;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(catalog, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "could not find trigger %u", oid);
	memcpy(&form, GETSTRUCT(tuple), offsetof(FormData_pg_trigger, tgattr));
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return form;
}

/* The table on which the trigger was made that this one is a copy of. */
static Oid
watched_table(Relation relation, const Trigger *trigger)
{
	FormData_pg_trigger form;
	Oid			oid = trigger->tgoid;

	if (!trigger->tgisclone)
		return RelationGetRelid(relation);
	do
	{
		form = read_trigger(oid);
		oid = form.tgparentid;
	} while (OidIsValid(oid));
	return form.tgrelid;
}

static AttrNumber
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(desc, i)->attname), name) == 0)
			return i + 1;
	}
	return InvalidAttrNumber;
}

static void
add_column(RtWatchPlan *plan, TupleDesc desc, const char *name, bool told)
{
	AttrNumber	attnum = find_column(desc, name);
	AttrNumber	watched = get_attnum(plan->table.relation, name);
	int			i = plan->column_count;
	Form_pg_attribute attribute;

	if (attnum == InvalidAttrNumber || watched == InvalidAttrNumber)
		return;
	attribute = TupleDescAttr(desc, attnum - 1);
	if (rt_attribute_is_virtual(attribute))
	{
		plan->blind = true;
		return;
	}
	plan->columns[i] = (RtWatchColumn) {attnum, attribute->attbyval, attribute->attlen};
	plan->described[i] = (RtChangeColumn) {attribute->atttypid, watched, 0};
	plan->last_attnum = Max(plan->last_attnum, attnum);
	plan->column_count++;
	plan->told_count += told;
}

static RtTriggerPlan *
make_plan(Relation relation, const Trigger *trigger)
{
	RtWatchPlan *plan = palloc0(sizeof(RtWatchPlan));
	TupleDesc	desc = RelationGetDescr(relation);
	int			most = Max(trigger->tgnargs, 1);
	bool		told = true;

	plan->table.relation = watched_table(relation, trigger);
	plan->columns = palloc(sizeof(RtWatchColumn) * most);
	plan->described = palloc(sizeof(RtChangeColumn) * most);
	plan->values = palloc(sizeof(Datum) * most);
	plan->nulls = palloc(sizeof(bool) * most);
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (trigger->tgargs[i][0] == '\0')
			told = false;
		else
			add_column(plan, desc, trigger->tgargs[i], told);
	}

	plan->desc = CreateTemplateTupleDesc(plan->told_count);
	for (int i = 0; i < plan->told_count; i++)
		TupleDescCopyEntry(plan->desc, i + 1, desc, plan->columns[i].attnum);
	return &plan->base;
}

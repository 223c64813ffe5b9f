/*
 * trigger.c
 *		The trigger of watched tables: notes which rows have changed.
 *
 * It tells the columns that queries look at, of the row before and after, and
 * nothing if none of them differs.  It never rejects a row: what cannot be told
 * row by row is told as "anything".  In a database that no client is connected
 * to nothing happens.
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"

#include "src/backend/publish/publish.h"
#include "src/backend/trigger_argument.h"
#include "src/backend/watch/plan.h"
#include "src/backend/watch/watch.h"

PG_FUNCTION_INFO_V1(realtime_query_table_changed);

void
rt_watch_install(void)
{
	rt_watch_plan_install();
	rt_watch_pending_install();
}

const Trigger *
rt_watch_row_trigger(Relation relation)
{
	return rt_trigger_find(relation, RT_WATCH_FUNCTION, TRIGGER_TYPE_ROW);
}

/* A row as it was or is; NULL = there was, or is, none. */
typedef struct Change
{
	TupleTableSlot *old_slot;
	TupleTableSlot *new_slot;
} Change;

static Change
change_of(const TriggerData *data)
{
	Change		change = {NULL, NULL};

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		change.new_slot = data->tg_trigslot;
	else
		change.old_slot = data->tg_trigslot;
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		change.new_slot = data->tg_newslot;
	return change;
}

/* Returns false if it is too long. */
static bool
make_image(RtWatchPlan *plan, TupleTableSlot *slot, MinimalTuple *image)
{
	*image = slot == NULL ? NULL : rt_watch_plan_image(plan, slot);
	return slot == NULL || *image != NULL;
}

static void
add_row(RtWatchPlan *plan, const Change *change)
{
	RtChange	head = {
		.relation = plan->table.relation,
		.row_relation = plan->base.relation,
		.flags = (change->old_slot != NULL ? RT_CHANGE_OLD : 0) |
		(change->new_slot != NULL ? RT_CHANGE_NEW : 0),
		.column_count = plan->told_count
	};
	MinimalTuple old_image;
	MinimalTuple new_image;

	if (make_image(plan, change->old_slot, &old_image) &&
		make_image(plan, change->new_slot, &new_image))
		rt_watch_add_row(&plan->table, &head, plan->described, old_image, new_image);
	else
		rt_watch_add_any(&plan->table);
}

static void
row_changed(RtWatchPlan *plan, const TriggerData *data)
{
	Change		change = change_of(data);

	if (!rt_watch_wants_rows(&plan->table))
		return;
	if (plan->blind)
	{
		rt_watch_add_any(&plan->table);
		return;
	}
	if (change.old_slot != NULL)
		slot_getsomeattrs(change.old_slot, plan->last_attnum);
	if (change.new_slot != NULL)
		slot_getsomeattrs(change.new_slot, plan->last_attnum);
	if (change.old_slot == NULL || change.new_slot == NULL ||
		!rt_watch_plan_same(plan, change.old_slot, change.new_slot))
		add_row(plan, &change);
}

Datum
realtime_query_table_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) !=
		TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called as the trigger of a watched table",
						"realtime." RT_WATCH_FUNCTION),
				 errhint("Use realtime.query().")));
	if (!rt_publish_is_possible())
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		RtWatchedTable table = {.relation = RelationGetRelid(data->tg_relation)};

		rt_watch_add_any(&table);
	}
	else
		row_changed(rt_watch_plan(data->tg_relation, data->tg_trigger), data);
	return PointerGetDatum(NULL);
}

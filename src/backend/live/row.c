/*
 * row.c
 *		The trigger of live tables: rows that change become events.
 *
 * It never rejects a row.  What cannot be published becomes a marker that makes
 * the topic's subscribers load again (live_lost.c); a row that has no topic
 * concerns nobody; in a database that no client is connected to nothing
 * happens.  What remains are errors of the columns' own output functions, and
 * those of any statement: cancelled, out of memory.
 *
 * An event tells the newest version of its row.  Triggers run after the
 * statement, and one of the user, called for the same row or an earlier one,
 * may have changed the row once more by then: that change has been published
 * by the time ours is called for the first one.  To tell now what the row was
 * like then would leave clients with it.  (For one row ours is called before
 * those of the user, because its name comes first.)
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/backend/live/lost.h"
#include "src/backend/live/plan.h"
#include "src/backend/live/table.h"
#include "src/backend/publish/transform.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/protocol/frame.h"

static void row_changed(RtLivePlan *plan, TriggerData *data);
static void superseded(RtLivePlan *plan, Relation relation,
					   TupleTableSlot *old_slot, TupleTableSlot *new_slot,
					   HeapTuple new_tuple);
static void created(RtLivePlan *plan, TupleTableSlot *slot);
static void updated(RtLivePlan *plan, TupleTableSlot *old_slot,
					TupleTableSlot *new_slot);
static void deleted(RtLivePlan *plan, TupleTableSlot *slot);
static void lost(RtLivePlan *plan, TupleTableSlot *slot);
static bool find_topic(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event,
					   char *buffer);
static void publish_row(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event);
static void publish_deleted_row(RtLivePlan *plan, TupleTableSlot *slot,
								RtEvent *event);
static bool publish(RtEvent *event, const StringInfo data);
static bool fits(const RtEvent *event);
static bool is_superseded(HeapTuple tuple);
static TupleTableSlot *newest_version(Relation relation, HeapTuple tuple);
static bool can_publish(void);
static void warn_fault(RtLivePlan *plan, Relation relation);
static void warn_topic(RtLivePlan *plan);
static void describe_trigger(void *arg);

PG_FUNCTION_INFO_V1(realtime_live_table_changed);

Datum
realtime_live_table_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	ErrorContextCallback callback;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(data->tg_event) !=
		TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called as the trigger of a live table",
						"realtime.live_table_changed"),
				 errhint("Use realtime.live_table().")));
	if (!can_publish())
		return PointerGetDatum(NULL);

	callback.callback = describe_trigger;
	callback.arg = data->tg_relation;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
	{
		if (data->tg_trigger->tgnargs > 0)
			rt_live_truncated(data->tg_trigger->tgargs[RT_LIVE_TOPIC]);
	}
	else
	{
		RtLivePlan *plan = rt_live_plan(data->tg_relation, data->tg_trigger);

		if (likely(plan->fault == NULL))
			row_changed(plan, data);
		else
			warn_fault(plan, data->tg_relation);
	}
	error_context_stack = callback.previous;
	return PointerGetDatum(NULL);
}

/* ---- what has happened ---- */

static void
row_changed(RtLivePlan *plan, TriggerData *data)
{
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	TupleTableSlot *old_slot = data->tg_trigslot;
	TupleTableSlot *new_slot = is_update ? data->tg_newslot : data->tg_trigslot;
	HeapTuple	new_tuple = is_update ? data->tg_newtuple : data->tg_trigtuple;

	slot_getsomeattrs(old_slot, plan->last_attnum);
	slot_getsomeattrs(new_slot, plan->last_attnum);
	if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		deleted(plan, old_slot);
	else if (plan->heap && unlikely(is_superseded(new_tuple)))
		superseded(plan, data->tg_relation, is_update ? old_slot : NULL,
				   new_slot, new_tuple);
	else if (is_update)
		updated(plan, old_slot, new_slot);
	else
		created(plan, new_slot);
}

/*
 * The new row has been changed again, or deleted, and that has been told: also
 * that it is gone from where it was in between.  Whether something else has
 * come to the place of the old row since is not known, so rather than saying
 * that it is gone from there clients are made to load again.  old_slot is
 * NULL if the row was inserted.
 */
static void
superseded(RtLivePlan *plan, Relation relation, TupleTableSlot *old_slot,
		   TupleTableSlot *new_slot, HeapTuple new_tuple)
{
	TupleTableSlot *newest = newest_version(relation, new_tuple);

	if (newest != NULL)
		slot_getsomeattrs(newest, plan->last_attnum);
	if (old_slot != NULL &&
		!rt_live_plan_same_place(plan, old_slot, newest != NULL ? newest : new_slot))
	{
		lost(plan, old_slot);
		old_slot = NULL;
	}
	if (newest == NULL)
		return;
	if (old_slot != NULL)
		updated(plan, old_slot, newest);
	else
		created(plan, newest);
	ExecDropSingleTupleTableSlot(newest);
}

/* Nobody knows any more which topics the rows had. */
void
rt_live_truncated(const char *tpl)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	RtEvent		event = {0};
	char		topic[RT_TOPIC_MAX];

	if (!can_publish() ||
		rt_template_check(tpl, strlen(tpl)) != RT_TEMPLATE_OK ||
		rt_topic_is_system(tpl, strlen(tpl)))
		return;
	if (rt_template_names(tpl, strlen(tpl), names) > 0)
	{
		rt_live_lost_add_template(tpl);
		return;
	}
	event.topic = topic;
	event.topic_len = rt_live_plan_literal(tpl, 0, strlen(tpl), topic);
	rt_publish_resolve(&event);
	rt_live_lost_add(&event);
}

static void
created(RtLivePlan *plan, TupleTableSlot *slot)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "created"};

	if (find_topic(plan, slot, &event, topic))
		publish_row(plan, slot, &event);
}

static void
updated(RtLivePlan *plan, TupleTableSlot *old_slot, TupleTableSlot *new_slot)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "updated"};

	if (!rt_live_plan_same_place(plan, old_slot, new_slot))
	{
		deleted(plan, old_slot);
		created(plan, new_slot);
	}
	else if (!rt_live_plan_same_row(plan, old_slot, new_slot) &&
			 find_topic(plan, new_slot, &event, topic))
		publish_row(plan, new_slot, &event);
}

static void
deleted(RtLivePlan *plan, TupleTableSlot *slot)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "deleted"};

	if (find_topic(plan, slot, &event, topic))
		publish_deleted_row(plan, slot, &event);
}

/* What has become of the row cannot be told. */
static void
lost(RtLivePlan *plan, TupleTableSlot *slot)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {0};

	if (find_topic(plan, slot, &event, topic))
		rt_live_lost_add(&event);
}

/* ---- publishing ---- */

/*
 * Fills in the topic.  Returns false if no event is needed: the row has none,
 * or subscribers of it will have to load again anyway.
 */
static bool
find_topic(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event, char *buffer)
{
	int			len = rt_live_plan_topic(plan, slot, buffer);

	if (unlikely(len < 0))
		warn_topic(plan);
	if (len <= 0 || rt_live_lost_covers(buffer, len))
		return false;
	event->topic = buffer;
	event->topic_len = len;
	rt_publish_resolve(event);
	return true;
}

static void
publish_row(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event)
{
	StringInfoData data;

	rt_live_plan_begin(plan, &data);
	if (unlikely(!rt_live_plan_row(plan, slot, &data) || !publish(event, &data)))
		rt_live_lost_add(event);
}

/*
 * A row that is too long can still be deleted by its key.  Where rows are not
 * shown as they are, a deleted one tells nothing else.
 */
static void
publish_deleted_row(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event)
{
	StringInfoData data;

	rt_live_plan_begin(plan, &data);
	if (likely((event->declaration == NULL ||
				!event->declaration->transform.declared) &&
			   rt_live_plan_row(plan, slot, &data) && publish(event, &data)))
		return;
	resetStringInfo(&data);
	if (!rt_live_plan_key(plan, slot, &data) || !publish(event, &data))
		rt_live_lost_add(event);
}

/* Returns false if it does not fit. */
static bool
publish(RtEvent *event, const StringInfo data)
{
	event->event_len = strlen(event->event);
	if (unlikely(rt_transform_applies(event)))
	{
		RtTransformed transformed = rt_transform_text(event, data);

		if (transformed != RT_TRANSFORMED)
			return transformed == RT_TRANSFORM_LEFT_OUT;
	}
	event->data = data->data;
	event->data_len = data->len;
	if (unlikely(!fits(event)))
		return false;
	rt_pending_add(event);
	return true;
}

static bool
fits(const RtEvent *event)
{
	return rt_pending_size() + event->data_len <
		(Size) realtime_live_table_memory * 1024 &&
		rt_pending_fits(event);
}

/* ---- versions ---- */

/*
 * Whether this transaction has already changed the row once more.  Nobody else
 * can have: nobody else sees it.
 */
static bool
is_superseded(HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;

	if (likely((header->t_infomask & HEAP_XMAX_INVALID) != 0) ||
		HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		return false;
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header));
}

/*
 * The last version of a row that was superseded, in a slot that the caller
 * drops; NULL if it was deleted, or moved to another partition, whose own
 * trigger tells about it.
 */
static TupleTableSlot *
newest_version(Relation relation, HeapTuple tuple)
{
	TupleTableSlot *slot = table_slot_create(relation, NULL);

	do
	{
		ItemPointerData next = tuple->t_data->t_ctid;

		if (HeapTupleHeaderIndicatesMovedPartitions(tuple->t_data) ||
			ItemPointerEquals(&next, &tuple->t_self) ||
			!table_tuple_fetch_row_version(relation, &next, SnapshotAny, slot))
		{
			ExecDropSingleTupleTableSlot(slot);
			return NULL;
		}
		tuple = ExecFetchSlotHeapTuple(slot, false, NULL);
	} while (is_superseded(tuple));
	return slot;
}

/* ---- words ---- */

/* In another database than clients are connected to: nothing but a warning. */
static bool
can_publish(void)
{
	static bool warned = false;

	if (likely(rt_publish_is_possible()))
		return true;
	if (!warned)
	{
		warned = true;
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of live tables are not published in this database"),
				 errdetail("Clients are connected to database \"%s\".",
						   realtime_database)));
	}
	return false;
}

static void
warn_fault(RtLivePlan *plan, Relation relation)
{
	if (plan->warned_fault)
		return;
	plan->warned_fault = true;
	ereport(WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("changes of table \"%s\" are not published",
					RelationGetRelationName(relation)),
			 errdetail("Its live table is not valid any more: %s.", plan->fault),
			 errhint("Declare it again with realtime.live_table().")));
}

static void
warn_topic(RtLivePlan *plan)
{
	if (plan->warned_topic)
		return;
	plan->warned_topic = true;
	ereport(WARNING,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("change of a row is not published"),
			 errdetail("Its topic would have more than %d bytes, or begin with \"__\".",
					   RT_TOPIC_MAX)));
}

static void
describe_trigger(void *arg)
{
	errcontext("while publishing a change of live table \"%s\"",
			   RelationGetRelationName((Relation) arg));
}

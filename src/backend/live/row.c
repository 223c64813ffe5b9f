/*
 * row.c
 *		The trigger of live tables: rows that change become events.
 *
 * It never rejects a row.  What cannot be published becomes a marker that makes
 * the topic's subscribers load again (lost.c); a row that has no topic
 * concerns nobody; in a database that no client is connected to nothing
 * happens.  What remains are errors of the columns' own output functions, and
 * those of any statement: cancelled, out of memory.
 *
 * Triggers run after the statement, so a row may have changed once more before
 * ours is called for the first change, and nothing says in which order rows
 * have changed.  Events go with the versions of rows that they tell of, from
 * which it is found out before the commit what clients need (settle.c).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "src/backend/live/lost.h"
#include "src/backend/live/plan.h"
#include "src/backend/live/table.h"
#include "src/backend/publish/coalesce_key.h"
#include "src/backend/publish/settle.h"
#include "src/backend/publish/transform.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/protocol/frame.h"

/* A change of a row, as the trigger is told of it. */
typedef struct Row
{
	RtLivePlan *plan;
	TupleTableSlot *old_slot;	/* NULL = it was inserted */
	TupleTableSlot *new_slot;	/* NULL = it was deleted */
	bool		old_is_own;		/* this transaction has made that version */
	bool		is_lost;		/* what versions rows were is not known any more */
} Row;

static void row_changed(Row *row, TriggerData *data);
static bool is_own(HeapTuple tuple);
static void created(const Row *row);
static void updated(const Row *row);
static void updated_unseen(const Row *row);
static void deleted(const Row *row);
static void lost(const Row *row, TupleTableSlot *slot);
static bool find_topic(RtLivePlan *plan, TupleTableSlot *slot, RtEvent *event,
					   char *buffer);
static RtRowChange change_of(const Row *row, TupleTableSlot *gone,
							 TupleTableSlot *come);
static void publish_row(const Row *row, TupleTableSlot *slot, RtEvent *event,
						RtRowChange change);
static bool publish(const Row *row, RtEvent *event, const StringInfo data,
					RtSpan key, RtRowChange *change);
static bool note_unseen(const Row *row, const RtRowChange *change);
static bool fits(Size more);
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
		Row			row = {.plan = rt_live_plan(data->tg_relation, data->tg_trigger)};

		if (likely(row.plan->fault == NULL))
			row_changed(&row, data);
		else
			warn_fault(row.plan, data->tg_relation);
	}
	error_context_stack = callback.previous;
	return PointerGetDatum(NULL);
}

/* ---- what has happened ---- */

static void
row_changed(Row *row, TriggerData *data)
{
	RtLivePlan *plan = row->plan;
	bool		moves;

	row->is_lost = plan->heap && rt_relation_is_rewritten(data->tg_relation);
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		row->old_slot = data->tg_trigslot;
		row->old_is_own = plan->heap && is_own(data->tg_trigtuple);
		slot_getsomeattrs(row->old_slot, plan->last_attnum);
	}
	if (!TRIGGER_FIRED_BY_DELETE(data->tg_event))
	{
		row->new_slot = row->old_slot != NULL ? data->tg_newslot : data->tg_trigslot;
		slot_getsomeattrs(row->new_slot, plan->last_attnum);
	}

	moves = row->old_slot == NULL || row->new_slot == NULL ||
		!rt_live_plan_same_place(plan, row->old_slot, row->new_slot);
	if (!moves && rt_live_plan_same_row(plan, row->old_slot, row->new_slot))
		updated_unseen(row);
	else if (unlikely(row->is_lost))
	{
		lost(row, row->old_slot);
		lost(row, row->new_slot);
	}
	else if (moves)
	{
		deleted(row);
		created(row);
	}
	else
		updated(row);
}

/* With the number that the version got, even if it was frozen at once. */
static bool
is_own(HeapTuple tuple)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tuple->t_data));
}

static void
created(const Row *row)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "created"};

	if (row->new_slot != NULL &&
		find_topic(row->plan, row->new_slot, &event, topic))
		publish_row(row, row->new_slot, &event, change_of(row, NULL, row->new_slot));
}

static void
updated(const Row *row)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "updated"};

	if (!find_topic(row->plan, row->new_slot, &event, topic))
		return;
	if (unlikely(rt_transform_filters(&event)))
	{
		/* the old version may have been hidden, and the new one may be */
		deleted(row);
		created(row);
	}
	else
		publish_row(row, row->new_slot, &event,
					change_of(row, row->old_slot, row->new_slot));
}

/* Clients need no event of it, but the next change is one of another version. */
static void
updated_unseen(const Row *row)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {0};
	RtRowChange change = change_of(row, row->old_slot, row->new_slot);

	if (!row->old_is_own || row->is_lost ||
		!find_topic(row->plan, row->new_slot, &event, topic))
		return;
	if (!note_unseen(row, &change))
		rt_live_lost_add(&event);
}

static void
deleted(const Row *row)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {.event = "deleted"};

	if (row->old_slot != NULL &&
		find_topic(row->plan, row->old_slot, &event, topic))
		publish_row(row, row->old_slot, &event, change_of(row, row->old_slot, NULL));
}

/* What has become of the row cannot be told. */
static void
lost(const Row *row, TupleTableSlot *slot)
{
	char		topic[RT_TOPIC_MAX];
	RtEvent		event = {0};

	if (slot != NULL && find_topic(row->plan, slot, &event, topic))
		rt_live_lost_add(&event);
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
		rt_topic_is_reserved(tpl, strlen(tpl)))
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

static RtRowChange
change_of(const Row *row, TupleTableSlot *gone, TupleTableSlot *come)
{
	RtRowChange change = {.source = row->plan->base.trigger};

	if (gone != NULL)
	{
		change.gone = gone->tts_tid;
		change.gone_is_own = row->old_is_own;
	}
	if (come != NULL)
		change.come = come->tts_tid;
	return change;
}

/*
 * A row that is too long can still be deleted by its key.  Where rows are not
 * shown as they are, a deleted one tells nothing else.
 */
static void
publish_row(const Row *row, TupleTableSlot *slot, RtEvent *event,
			RtRowChange change)
{
	bool		deletes = slot == row->old_slot;
	bool		key_only = deletes && rt_transform_hides(event);
	StringInfoData data;
	RtSpan		key;

	rt_live_plan_begin(row->plan, &data);
	if (likely(!key_only && rt_live_plan_row(row->plan, slot, &data, &key) &&
			   publish(row, event, &data, key, &change)))
		return;
	resetStringInfo(&data);
	if (!deletes || !rt_live_plan_key(row->plan, slot, &data, &key) ||
		!publish(row, event, &data, key, &change))
		rt_live_lost_add(event);
}

/* Returns false if it does not fit. */
static bool
publish(const Row *row, RtEvent *event, const StringInfo data, RtSpan key,
		RtRowChange *change)
{
	event->event_len = strlen(event->event);
	change->replaces = rt_transform_filters(event);
	change->key = (RtText) {data->data + key.off, key.len};
	if (unlikely(rt_transform_applies(event)))
	{
		RtTransformed transformed;

		change->key.ptr = pnstrdup(change->key.ptr, key.len);
		transformed = rt_transform_text(event, data);
		if (transformed == RT_TRANSFORM_LEFT_OUT)
			return note_unseen(row, change);
		if (transformed == RT_TRANSFORM_FAILED)
			return false;
	}
	event->data = data->data;
	event->data_len = data->len;
	rt_coalesce_key(event, RT_KEY_FUNCTION_TRIED);
	if (unlikely(!fits(event->data_len) || !rt_pending_fits(event)))
		return false;
	if (row->plan->heap)
		rt_settle_add(event, change);
	else
		rt_pending_add(event);
	return true;
}

/* Likewise. */
static bool
note_unseen(const Row *row, const RtRowChange *change)
{
	if (unlikely(!fits(0)))
		return false;
	if (row->plan->heap)
		rt_settle_add_unseen(change);
	return true;
}

static bool
fits(Size more)
{
	Size		size = rt_pending_size() + rt_settle_size() + more;

	if (size >= (Size) realtime_live_table_memory * 1024)
	{
		rt_limit_hit(RT_LIMIT_LIVE_TABLE_MEMORY);
		return false;
	}
	rt_limit_note(RT_LIMIT_LIVE_TABLE_MEMORY, size);
	return true;
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

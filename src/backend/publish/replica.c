/*
 * replica.c
 *		What logical replication brings into the tables of events.
 *
 * Numbers are each server's own.  A publication FOR ALL TABLES carries these
 * tables too, but rows of another server would stand where ours are to come,
 * and the deletion of its old ones would remove ours.  So triggers leave out
 * what a worker applies as a replica.  Of an epoch it is noted that it is in
 * use elsewhere: clients may come here from there, and no number that they have
 * seen may be one of ours.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/backend/after_commit.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/catalog/message_store.h"

PG_FUNCTION_INFO_V1(realtime_not_replicated);
PG_FUNCTION_INFO_V1(realtime_messages_removed);
PG_FUNCTION_INFO_V1(realtime_messages_truncated);

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						function)));
	return (TriggerData *) fcinfo->context;
}

static void
note_foreign_epoch(Relation epochs, HeapTuple row)
{
	RtEpoch		own;
	bool		is_null;
	int			epoch = DatumGetInt32(heap_getattr(row, Anum_epoch_epoch,
												   RelationGetDescr(epochs),
												   &is_null));

	if (!rt_epoch_read(epochs, SnapshotSelf, &own) || own.epoch <= epoch)
		rt_pending_end_epoch(epoch);
}

/*
 * BEFORE trigger for rows, enabled for sessions with session_replication_role
 * = replica only.  Other sessions than workers restore dumps that way.
 */
Datum
realtime_not_replicated(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, "realtime.not_replicated");
	bool		update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	HeapTuple	row = update ? trigger->tg_newtuple : trigger->tg_trigtuple;

	if (MyBackendType != B_BG_WORKER)
		return PointerGetDatum(row);
	if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) &&
		rt_declarations_refresh() &&
		RelationGetRelid(trigger->tg_relation) == rt_epoch_table())
		note_foreign_epoch(trigger->tg_relation, row);
	return PointerGetDatum(NULL);
}

/*
 * Gateways have the latest ones in memory.  Retention, which removes them for their
 * age or number only, calls no triggers.
 */
Datum
realtime_messages_removed(PG_FUNCTION_ARGS)
{
	(void) trigger_data(fcinfo, "realtime.messages_removed");
	rt_after_commit_events_removed();
	return PointerGetDatum(NULL);
}

/* The newest numbers are gone, from which others are counted on. */
Datum
realtime_messages_truncated(PG_FUNCTION_ARGS)
{
	(void) trigger_data(fcinfo, "realtime.messages_truncated");
	rt_pending_end_epoch(-1);
	return PointerGetDatum(NULL);
}

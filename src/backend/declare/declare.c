/*
 * declare.c
 *		realtime.topic(), realtime.drop(): what stands in a declaration is checked
 *		here, once, and not when a client calls.
 *
 * The tables can also be written directly (a restored dump does, and logical
 * replication); a trigger on them, at the end of this file, makes any change
 * known.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "src/backend/after_commit.h"
#include "src/backend/declare/breaker_end.h"
#include "src/backend/declare/class_change.h"
#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/template_check.h"
#include "src/backend/declare/verdict_change.h"
#include "src/backend/live/table.h"
#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/intake_store.h"
#include "src/compat.h"
#include "src/protocol/topic.h"

/* Defaults of parameters, as in src/sql */
#define REPLAY_SIZE_DEFAULT 1000

/* Positions of parameters, as in src/sql */
enum
{
	TOPIC_TEMPLATE,
	TOPIC_CLASS,
	TOPIC_ACCESS,
	TOPIC_OPEN,
	TOPIC_REPLAY_SIZE,
	TOPIC_REPLAY_TTL
};

static char *checked_class(FunctionCallInfo fcinfo);
static void check_replay(FunctionCallInfo fcinfo, const char *topic_class);

PG_FUNCTION_INFO_V1(realtime_topic);
PG_FUNCTION_INFO_V1(realtime_drop);
PG_FUNCTION_INFO_V1(realtime_declaration_changed);

Datum
realtime_topic(PG_FUNCTION_ARGS)
{
	RtTopicRow	row = {0};

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_topic();
	row.template = rt_parameter_template(fcinfo, TOPIC_TEMPLATE, "template");
	row.topic_class = checked_class(fcinfo);
	if (PG_ARGISNULL(TOPIC_OPEN))
		rt_parameter_refuse_null("open");
	row.open = PG_GETARG_BOOL(TOPIC_OPEN);
	if (!PG_ARGISNULL(TOPIC_ACCESS))
	{
		RtCheckedFunction *access = rt_function_check_any(PG_GETARG_OID(TOPIC_ACCESS),
												 "an access function");

		rt_function_check_access(access, row.template);
		row.access = access->signature;
		if (row.open)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a topic cannot be open and have an access function"),
					 errhint("Leave out one of \"open\" and \"access\".")));
	}
	check_replay(fcinfo, row.topic_class);
	row.replay_size = PG_GETARG_INT32(TOPIC_REPLAY_SIZE);
	row.replay_ttl = PG_ARGISNULL(TOPIC_REPLAY_TTL) ? NULL :
		PG_GETARG_INTERVAL_P(TOPIC_REPLAY_TTL);

	rt_template_check_names(row.template);
	rt_template_check_class(row.template, row.topic_class, NULL);
	rt_store_topic(&row);
	PG_RETURN_VOID();
}

Datum
realtime_drop(PG_FUNCTION_ARGS)
{
	char	   *path = rt_parameter_text(fcinfo, 0, "path");
	bool		dropped = rt_store_drop(path);

	/* what waits is not for who is declared under the path later */
	if (dropped)
		rt_intake_forget_path(path);
	/* a table that is named like a path or template goes second */
	PG_RETURN_BOOL(dropped || rt_live_table_drop(path));
}

/* ---- checks of realtime.topic() ---- */

static char *
checked_class(FunctionCallInfo fcinfo)
{
	char	   *topic_class = rt_parameter_text(fcinfo, TOPIC_CLASS, "class");

	if (strcmp(topic_class, "volatile") != 0 &&
		strcmp(topic_class, "ordered") != 0 &&
		strcmp(topic_class, "replay") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic class \"%s\" does not exist", topic_class),
				 errhint("Classes are \"volatile\", \"ordered\" and \"replay\".")));
	return topic_class;
}

static void
check_replay(FunctionCallInfo fcinfo, const char *topic_class)
{
	bool		replay = strcmp(topic_class, "replay") == 0;

	if (PG_ARGISNULL(TOPIC_REPLAY_SIZE))
		rt_parameter_refuse_null("replay_size");
	if (PG_GETARG_INT32(TOPIC_REPLAY_SIZE) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size must be greater than 0"),
				 errhint("It is the number of events that are kept.")));
	rt_parameter_interval(fcinfo, TOPIC_REPLAY_TTL, "replay_ttl", PG_INT64_MAX);
	if (!replay && (!PG_ARGISNULL(TOPIC_REPLAY_TTL) ||
					PG_GETARG_INT32(TOPIC_REPLAY_SIZE) != REPLAY_SIZE_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size and replay_ttl need class \"replay\""),
				 errdetail("The class is \"%s\".", topic_class),
				 errhint("Add class => 'replay'.")));
}

/* ---- the trigger on the tables ---- */

/* Notes the template of topics that a row has in a column of that name. */
static void
note_template(const TriggerData *trigger, HeapTuple row, const char *column)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	char	   *tpl = SPI_getvalue(row, desc, SPI_fnumber(desc, column));

	if (tpl != NULL)
		rt_class_change_note(tpl);
}

/* Of one row, or of all of them, which a TRUNCATE has not removed yet. */
static void
note_templates(const TriggerData *trigger, const char *column)
{
	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
	{
		rt_class_change_note_all();
		return;
	}
	note_template(trigger, trigger->tg_trigtuple, column);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		note_template(trigger, trigger->tg_newtuple, column);
}

/* A pipe has no template: its stream has. */
static void
note_pipes(const TriggerData *trigger)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);

	if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
		rt_class_change_note_all();
	else
		rt_class_change_note_stream(SPI_getvalue(trigger->tg_trigtuple, desc, Anum_pipe_path));
}

/*
 * Called for each row, because who applies what logical replication brings
 * calls no trigger for statements but for TRUNCATE.  The argument, if any, is
 * the column with a template of topics.
 */
Datum
realtime_declaration_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"realtime.declaration_changed")));

	if (trigger->tg_trigger->tgnargs > 0)
		note_templates(trigger, trigger->tg_trigger->tgargs[0]);
	else if (strcmp(RelationGetRelationName(trigger->tg_relation), RT_PIPE_TABLE) == 0)
		note_pipes(trigger);
	rt_verdict_change_note(trigger);
	rt_breaker_end_note();
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	rt_after_commit_declarations_changed();
	PG_RETURN_POINTER(NULL);
}

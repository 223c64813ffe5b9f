/*
 * ddl.c
 *		Keeps live tables in step with commands that change tables.
 *
 * The arguments of a live table's triggers name columns, and PostgreSQL knows
 * nothing of it.  So it is noticed here when a column
 *
 *	- is renamed: the arguments are rewritten, in partitions as well;
 *	- is dropped, and the topic or the key needs it: ERROR.  Any other column
 *	  is just no longer published;
 *	- gets a type that can be in no topic, or no key, and is: ERROR.
 *
 * So is TRUNCATE of a partition: partitions have their partitioned
 * table's trigger for rows, but not its trigger for TRUNCATE.
 *
 * Except for what is refused at once this is settled when the command is done
 * (src/backend/command.h), because the new name cannot be seen before.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "src/backend/live/plan.h"
#include "src/backend/live/table.h"
#include "src/backend/trigger_argument.h"

/* What a command has done. */
typedef struct Note
{
	Oid			relation;
	int			attnum;			/* of a column, perhaps renamed or of another type; 0: truncated */
	char	   *old_name;
} Note;

static void on_object(RtCommand *command, void **notes,
					  const RtObjectAccess *access);
static void after_command(RtCommand *command, void **notes);
static void note(RtCommand *command, void **notes, const RtObjectAccess *access);
static List *settle_truncated(const Note *entry, List *told);
static void settle_renamed(const Note *entry, const char *new_name);
static bool fires(const Trigger *trigger);
static List *renamed_arguments(const Trigger *trigger, const char *old_name,
							   const char *new_name);
static char *renamed_topic(const char *tpl, const char *old_name,
						   const char *new_name);
static void refuse_if_needed(Oid relation_id, int attnum);
static bool topic_needs(const char *tpl, const char *name);
static void refuse_bad_type(const Note *entry);

const RtCommandWatcher rt_live_watcher = {
	.object = on_object,
	.after = after_command
};

static bool
is_about_columns(Node *statement)
{
	return IsA(statement, RenameStmt) || IsA(statement, AlterTableStmt);
}

/* After a rename the old name can still be seen, before a drop the column. */
static void
on_object(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	if (access->class_id != RelationRelationId)
		return;
	if (access->type == OAT_DROP)
	{
		if (access->sub_id > 0)
			refuse_if_needed(access->object_id, access->sub_id);
	}
	else if (command != NULL &&
			 ((is_about_columns(command->statement) && access->sub_id > 0) ||
			  access->type == OAT_TRUNCATE))
		note(command, notes, access);
}

static void
note(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	MemoryContext old_context = MemoryContextSwitchTo(rt_command_memory(command));
	Note	   *entry = palloc0(sizeof(Note));

	entry->relation = access->object_id;
	if (access->type != OAT_TRUNCATE)
	{
		entry->attnum = access->sub_id;
		entry->old_name = get_attname(entry->relation, entry->attnum, false);
	}
	*notes = lappend(*notes, entry);
	MemoryContextSwitchTo(old_context);
}

/* ---- when the command is done ---- */

static void
after_command(RtCommand *command, void **notes)
{
	List	   *told = NIL;		/* templates */
	ListCell   *cell;

	if (*notes == NULL)
		return;
	CommandCounterIncrement();
	foreach(cell, (List *) *notes)
	{
		const Note *entry = lfirst(cell);

		if (entry->attnum == 0)
			told = settle_truncated(entry, told);
		else
		{
			char	   *name = get_attname(entry->relation, entry->attnum, true);

			if (name != NULL && strcmp(name, entry->old_name) != 0)
				settle_renamed(entry, name);
			else if (name != NULL)
				refuse_bad_type(entry);
		}
	}
}

/*
 * A partition tells what its partitioned table would, once for each template
 * that partitions have.  If the partitioned table was truncated, too, it has
 * told it already, and twice is as good as once.
 */
static List *
settle_truncated(const Note *entry, List *told)
{
	Relation	relation = rt_command_open_truncated(entry->relation);
	const Trigger *trigger;
	char	   *tpl = NULL;
	ListCell   *cell;

	if (relation == NULL)
		return told;
	trigger = rt_live_row_trigger(relation);
	if (trigger != NULL && trigger->tgisclone && trigger->tgnargs > 0 &&
		fires(trigger))
		tpl = pstrdup(trigger->tgargs[RT_LIVE_TOPIC]);
	relation_close(relation, NoLock);
	if (tpl == NULL)
		return told;

	foreach(cell, told)
	{
		if (strcmp(lfirst(cell), tpl) == 0)
			return told;
	}
	rt_live_truncated(tpl);
	return lappend(told, tpl);
}

/* As the trigger manager decides. */
static bool
fires(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
		trigger->tgenabled ==
		(SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ?
		 TRIGGER_FIRES_ON_REPLICA : TRIGGER_FIRES_ON_ORIGIN);
}

static void
settle_renamed(const Note *entry, const char *new_name)
{
	Relation	relation = relation_open(entry->relation, NoLock);
	const Trigger *triggers[] = {
		rt_live_row_trigger(relation),
		rt_live_truncate_trigger(relation)
	};
	Oid			oids[lengthof(triggers)] = {InvalidOid};
	List	   *arguments[lengthof(triggers)] = {NIL};

	/* writing to the catalog may rebuild the relation's description */
	for (int i = 0; i < lengthof(triggers); i++)
	{
		if (triggers[i] == NULL || triggers[i]->tgnargs < RT_LIVE_COLUMNS)
			continue;
		oids[i] = triggers[i]->tgoid;
		arguments[i] = renamed_arguments(triggers[i], entry->old_name, new_name);
	}
	for (int i = 0; i < lengthof(triggers); i++)
	{
		if (OidIsValid(oids[i]))
			rt_trigger_store_arguments(oids[i], arguments[i]);
	}
	CacheInvalidateRelcache(relation);
	relation_close(relation, NoLock);
	CommandCounterIncrement();
}

static List *
renamed_arguments(const Trigger *trigger, const char *old_name,
				  const char *new_name)
{
	List	   *arguments = list_make1(renamed_topic(trigger->tgargs[RT_LIVE_TOPIC],
													 old_name, new_name));

	for (int i = RT_LIVE_KEY; i < trigger->tgnargs; i++)
		arguments = lappend(arguments,
							pstrdup(strcmp(trigger->tgargs[i], old_name) == 0 ?
									new_name : trigger->tgargs[i]));
	return arguments;
}

static char *
renamed_topic(const char *tpl, const char *old_name, const char *new_name)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	StringInfoData renamed;
	size_t		from = 0;
	int			count = 0;

	if (rt_template_check(tpl, strlen(tpl)) == RT_TEMPLATE_OK)
		count = rt_template_names(tpl, strlen(tpl), names);
	initStringInfo(&renamed);
	for (int i = 0; i < count; i++)
	{
		if (names[i].len != strlen(old_name) ||
			memcmp(tpl + names[i].off, old_name, names[i].len) != 0)
			continue;
		appendBinaryStringInfo(&renamed, tpl + from, names[i].off - from);
		appendStringInfoString(&renamed, new_name);
		from = names[i].off + names[i].len;
	}
	appendStringInfoString(&renamed, tpl + from);

	if (from > 0 &&
		rt_template_check(renamed.data, renamed.len) != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("column \"%s\" cannot be renamed to \"%s\"",
						old_name, new_name),
				 errdetail("It is part of the topic \"%s\" of a live table, where names are words of letters, digits and \"_\".",
						   tpl)));
	return renamed.data;
}

/* ---- what is refused ---- */

static void
refuse_if_needed(Oid relation_id, int attnum)
{
	Relation	relation = try_relation_open(relation_id, NoLock);
	const Trigger *trigger;
	const char *name;

	if (relation == NULL)
		return;
	trigger = rt_live_row_trigger(relation);
	if (trigger != NULL && trigger->tgnargs >= RT_LIVE_COLUMNS)
	{
		name = NameStr(TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attname);
		if (strcmp(trigger->tgargs[RT_LIVE_KEY], name) == 0 ||
			topic_needs(trigger->tgargs[RT_LIVE_TOPIC], name))
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot drop column \"%s\" of live table \"%s\"",
							name, RelationGetRelationName(relation)),
					 errdetail("The topic is \"%s\", the key is \"%s\".",
							   trigger->tgargs[RT_LIVE_TOPIC],
							   trigger->tgargs[RT_LIVE_KEY]),
					 errhint("Declare the table with another topic and key first, or use realtime.drop_live_table().")));
	}
	relation_close(relation, NoLock);
}

static bool
topic_needs(const char *tpl, const char *name)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count;

	if (rt_template_check(tpl, strlen(tpl)) != RT_TEMPLATE_OK)
		return false;
	count = rt_template_names(tpl, strlen(tpl), names);
	for (int i = 0; i < count; i++)
	{
		if (names[i].len == strlen(name) &&
			memcmp(tpl + names[i].off, name, names[i].len) == 0)
			return true;
	}
	return false;
}

static void
refuse_bad_type(const Note *entry)
{
	Relation	relation = relation_open(entry->relation, NoLock);
	const Trigger *trigger = rt_live_row_trigger(relation);
	Form_pg_attribute column;
	const char *name;
	bool		good = true;

	if (trigger != NULL && trigger->tgnargs >= RT_LIVE_COLUMNS)
	{
		column = TupleDescAttr(RelationGetDescr(relation), entry->attnum - 1);
		name = NameStr(column->attname);
		if (strcmp(trigger->tgargs[RT_LIVE_KEY], name) == 0)
			good = rt_live_may_be_key(column->atttypid);
		if (topic_needs(trigger->tgargs[RT_LIVE_TOPIC], name))
			good &= rt_live_may_name_topic(column->atttypid);
		if (!good)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of live table \"%s\" cannot be of type %s",
							name, RelationGetRelationName(relation),
							format_type_be(column->atttypid)),
					 errdetail("The topic is \"%s\", the key is \"%s\", and the same value can be written in several ways.",
							   trigger->tgargs[RT_LIVE_TOPIC],
							   trigger->tgargs[RT_LIVE_KEY]),
					 errhint("Declare the table with another topic and key first, or use realtime.drop_live_table().")));
	}
	relation_close(relation, NoLock);
}

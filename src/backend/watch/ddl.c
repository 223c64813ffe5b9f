/*
 * ddl.c
 *		Commands that concern live queries though no row changes by a trigger.
 *
 * After a command that changes what a query means, or may do, or which rows
 * there are, everything is run again: it changes a table or view, its policies,
 * its heirs, functions, or rights.  That is more than needed, and never too
 * little.  TRUNCATE of a partition concerns its table: partitions have their
 * partitioned table's trigger for rows, but not its trigger for TRUNCATE.
 *
 * Arguments of triggers name columns; a column that gets another name has it
 * there, too.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "nodes/parsenodes.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/backend/publish/publish.h"
#include "src/backend/trigger_argument.h"
#include "src/backend/watch/plan.h"
#include "src/backend/watch/watch.h"

/* A column that has perhaps got another name. */
typedef struct Renamed
{
	Oid			relation;
	AttrNumber	attnum;
	char	   *old_name;
} Renamed;

/* What a command has done. */
typedef struct Notes
{
	bool		matters;		/* to queries */
	List	   *renamed;
} Notes;

static void on_object(RtCommand *command, void **notes,
					  const RtObjectAccess *access);
static void after_command(RtCommand *command, void **notes);

const RtCommandWatcher rt_watch_watcher = {
	.object = on_object,
	.after = after_command
};

/* ---- while the command runs ---- */

/* What rows can come from, and other sessions see. */
static bool
is_shared_source(Oid relation)
{
	char		kind = get_rel_relkind(relation);

	return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE ||
			kind == RELKIND_VIEW || kind == RELKIND_MATVIEW ||
			kind == RELKIND_FOREIGN_TABLE) &&
		get_rel_persistence(relation) != RELPERSISTENCE_TEMP;
}

static bool
object_matters(const RtObjectAccess *access)
{
	switch (access->class_id)
	{
		case RelationRelationId:
			return is_shared_source(access->object_id);
		case PolicyRelationId:
		case RewriteRelationId:
		case ProcedureRelationId:
			return true;
		default:
			return false;
	}
}

static Notes *
begin_notes(RtCommand *command, void **notes)
{
	if (*notes == NULL)
		*notes = MemoryContextAllocZero(rt_command_memory(command), sizeof(Notes));
	return *notes;
}

static void
note_renamed(RtCommand *command, Notes *notes, const RtObjectAccess *access)
{
	MemoryContext old_context = MemoryContextSwitchTo(rt_command_memory(command));
	Renamed    *entry = palloc(sizeof(Renamed));

	entry->relation = access->object_id;
	entry->attnum = access->sub_id;
	entry->old_name = get_attname(access->object_id, access->sub_id, false);
	notes->renamed = lappend(notes->renamed, entry);
	MemoryContextSwitchTo(old_context);
}

/* If it is watched; a partition with the table that it is part of. */
static void
truncated(Oid oid)
{
	Relation	relation = try_relation_open(oid, NoLock);
	const Trigger *trigger;

	if (relation == NULL)
		return;
	trigger = rt_watch_row_trigger(relation);
	if (trigger != NULL && rt_publish_is_possible())
		rt_watch_add_any(&rt_watch_plan(relation, trigger)->table);
	relation_close(relation, NoLock);
}

static void
on_object(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	if (command == NULL)
		return;
	if (access->type == OAT_TRUNCATE)
		truncated(access->object_id);
	else if (object_matters(access))
	{
		Notes	   *mine = begin_notes(command, notes);

		mine->matters = true;
		if (IsA(command->statement, RenameStmt) && access->sub_id > 0 &&
			access->class_id == RelationRelationId)
			note_renamed(command, mine, access);
	}
}

/* ---- when it is done ---- */

static bool
alters_shared_source(const AlterTableStmt *statement)
{
	Oid			relation = RangeVarGetRelid(statement->relation, NoLock, true);

	return OidIsValid(relation) && is_shared_source(relation);
}

/* Commands of which hooks tell nothing, or not enough. */
static bool
statement_matters(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return alters_shared_source((const AlterTableStmt *) statement);
		case T_CreateStmt:
			return ((const CreateStmt *) statement)->inhRelations != NIL;
		case T_ViewStmt:
			return ((const ViewStmt *) statement)->view->relpersistence !=
				RELPERSISTENCE_TEMP;
		case T_RefreshMatViewStmt:
		case T_CreatePolicyStmt:
		case T_RuleStmt:
		case T_CreateFunctionStmt:
		case T_GrantStmt:
		case T_GrantRoleStmt:
		case T_AlterRoleStmt:
			return true;
		default:
			return false;
	}
}

static List *
renamed_arguments(const Trigger *trigger, const char *old_name,
				  const char *new_name)
{
	List	   *arguments = NIL;

	for (int i = 0; i < trigger->tgnargs; i++)
		arguments = lappend(arguments,
							pstrdup(strcmp(trigger->tgargs[i], old_name) == 0 ?
									new_name : trigger->tgargs[i]));
	return arguments;
}

/* Writing to the catalog may rebuild the relation's description. */
static void
rename_arguments(Relation relation, bool row, const Renamed *entry,
				 const char *new_name)
{
	const Trigger *trigger = row ? rt_watch_row_trigger(relation) :
		rt_watch_truncate_trigger(relation);

	if (trigger == NULL)
		return;
	rt_trigger_store_arguments(trigger->tgoid,
							   renamed_arguments(trigger, entry->old_name, new_name));
	CacheInvalidateRelcache(relation);
	CommandCounterIncrement();
}

static void
settle_renamed(const Renamed *entry)
{
	char	   *name = get_attname(entry->relation, entry->attnum, true);
	Relation	relation;

	if (name == NULL || strcmp(name, entry->old_name) == 0)
		return;
	relation = relation_open(entry->relation, NoLock);
	rename_arguments(relation, true, entry, name);
	rename_arguments(relation, false, entry, name);
	relation_close(relation, NoLock);
}

static void
after_command(RtCommand *command, void **notes)
{
	const Notes *mine = *notes;
	const Node *statement = command->statement;
	ListCell   *cell;

	if (IsA(statement, TransactionStmt))
	{
		/* somebody's, who has told nobody what it has changed */
		if (((const TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED)
			rt_changes_prepared_finished();
		return;
	}
	if (mine == NULL && !statement_matters(statement))
		return;
	CommandCounterIncrement();
	if (mine != NULL)
	{
		foreach(cell, mine->renamed)
			settle_renamed(lfirst(cell));
	}
	if (rt_publish_is_possible())
		rt_watch_add_everything();
}

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
 * there, too.  And other tables may have to be watched than before.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"

#include "src/backend/after_commit.h"
#include "src/backend/publish/publish.h"
#include "src/backend/trigger_argument.h"
#include "src/backend/watch/plan.h"
#include "src/backend/watch/watch.h"
#include "src/catalog/declaration.h"

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
	bool		matters;		/* to what queries mean */
	List	   *renamed;
	List	   *truncated;		/* relations */
} Notes;

static void before_command(RtCommand *command, void **notes);
static void on_object(RtCommand *command, void **notes,
					  const RtObjectAccess *access);
static void after_command(RtCommand *command, void **notes);

const RtCommandWatcher rt_watch_watcher = {
	.before = before_command,
	.object = on_object,
	.after = after_command
};

/* ---- before the command ---- */

/* A partition cannot have a trigger of its own that its table has as well. */
static void
release_partition(const AlterTableCmd *command)
{
	const PartitionCmd *partition = (const PartitionCmd *) command->def;
	Oid			oid;

	if (command->subtype != AT_AttachPartition)
		return;
	oid = RangeVarGetRelid(partition->name, NoLock, true);
	if (OidIsValid(oid) && rt_object_ownercheck_relation(oid, GetUserId()))
		rt_watch_release(oid, NULL);
}

/*
 * A dump that is restored makes the triggers that it carries, though an earlier
 * command of it may have had them made already.
 */
static void
release_restored(const CreateTrigStmt *statement)
{
	Oid			oid;

	if (statement->replace ||
		strcmp(strVal(llast(statement->funcname)), RT_WATCH_FUNCTION) != 0)
		return;
	oid = RangeVarGetRelid(statement->relation, NoLock, true);
	if (OidIsValid(oid) && rt_object_ownercheck_relation(oid, GetUserId()))
		rt_watch_release(oid, statement->trigname);
}

static void
before_command(RtCommand *command, void **notes)
{
	ListCell   *cell;

	if (IsA(command->statement, CreateTrigStmt))
		release_restored((const CreateTrigStmt *) command->statement);
	if (!IsA(command->statement, AlterTableStmt))
		return;
	foreach(cell, ((AlterTableStmt *) command->statement)->cmds)
		release_partition(lfirst_node(AlterTableCmd, cell));
}

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

static void
note_truncated(RtCommand *command, Notes *notes, Oid relation)
{
	MemoryContext old_context = MemoryContextSwitchTo(rt_command_memory(command));

	notes->truncated = lappend_oid(notes->truncated, relation);
	MemoryContextSwitchTo(old_context);
}

static void
on_object(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	if (command == NULL)
		return;
	if (access->type == OAT_TRUNCATE)
		note_truncated(command, begin_notes(command, notes), access->object_id);
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

/* Commands of which hooks tell nothing, or not enough: what is read. */
static bool
changes_what_is_read(const Node *statement)
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
		case T_CreatePolicyStmt:
		case T_RuleStmt:
		case T_CreateFunctionStmt:
			return true;
		default:
			return false;
	}
}

/* What all databases have in common. */
static bool
changes_roles(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_GrantRoleStmt:
		case T_AlterRoleStmt:
		case T_DropRoleStmt:
			return true;
		case T_RenameStmt:
			return ((const RenameStmt *) statement)->renameType == OBJECT_ROLE;
		default:
			return false;
	}
}

/* Or which rows it gives. */
static bool
changes_rows(const Node *statement)
{
	return IsA(statement, RefreshMatViewStmt) || IsA(statement, GrantStmt) ||
		changes_roles(statement);
}

/* If it is watched; a partition with the table that it is part of. */
static void
settle_truncated(Oid oid)
{
	Relation	relation = rt_command_open_truncated(oid);
	const Trigger *trigger;

	if (relation == NULL)
		return;
	trigger = rt_watch_row_trigger(relation);
	if (trigger != NULL && rt_publish_is_possible())
		rt_watch_add_any(&rt_watch_plan(relation, trigger)->table);
	relation_close(relation, NoLock);
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

static void
settle_renamed(const Renamed *entry)
{
	char	   *name = get_attname(entry->relation, entry->attnum, true);
	Relation	relation;
	const Trigger *trigger;

	if (name == NULL || strcmp(name, entry->old_name) == 0)
		return;
	relation = relation_open(entry->relation, NoLock);
	trigger = rt_watch_row_trigger(relation);
	if (trigger != NULL)
	{
		rt_trigger_store_arguments(trigger->tgoid,
								   renamed_arguments(trigger, entry->old_name, name));
		CacheInvalidateRelcache(relation);
	}
	relation_close(relation, NoLock);
	CommandCounterIncrement();
}

/*
 * Other tables may have to have triggers now.  That must not refuse the command,
 * nor must what its user may not do.
 */
static void
keep_triggers(void)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (!rt_declarations_refresh() || rt_declaration_queries() == NIL)
		return;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		rt_watch_keep();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("tables that live queries read now may not be watched"),
				 errdetail("%s", error->message),
				 errhint("Declare the queries again.")));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

static void
settle(const Notes *mine, const Node *statement)
{
	ListCell   *cell;

	CommandCounterIncrement();
	if (mine != NULL)
	{
		foreach(cell, mine->renamed)
			settle_renamed(lfirst(cell));
	}
	if (mine != NULL || changes_what_is_read(statement))
		keep_triggers();
	if (rt_publish_is_possible())
		rt_watch_add_everything();
	else if (changes_roles(statement))
		rt_after_commit_queries_changed();
}

static void
after_command(RtCommand *command, void **notes)
{
	const Node *statement = command->statement;
	const Notes *mine = *notes;
	ListCell   *cell;

	foreach(cell, mine != NULL ? mine->truncated : NIL)
		settle_truncated(lfirst_oid(cell));
	if (IsA(statement, TransactionStmt))
	{
		/* somebody's, who has told nobody what it has changed */
		if (((const TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED)
			rt_changes_prepared_finished();
	}
	else if (IsA(statement, AlterRoleSetStmt) || IsA(statement, AlterDatabaseSetStmt))
		rt_after_commit_queries_changed();	/* executors read them later */
	else if ((mine != NULL && mine->matters) || changes_what_is_read(statement) ||
			 changes_rows(statement))
		settle(mine, statement);
}

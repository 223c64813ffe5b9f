/*
 * rights.c
 *		Commands after which clients may perhaps see less than before.
 *
 * A verdict is kept with the subscription for which it was given, and nobody is
 * asked for each event.  So it has to be asked again when what it was made of may
 * have changed: grants, policies, the function that has given it, the role.  What
 * only gives more is of no concern: who was refused asks by himself.
 *
 * Who follows a stream can only be asked by having it ask anew.  What takes rights
 * from roles, or rights to functions and schemas, has all who follow streams come
 * back.  What may change what a function says about a caller ends the streams about
 * which functions decide, whose clients ask for them again.  Another body of one
 * of these functions ends its streams only, and one of any other function none:
 * nobody wants all values to be loaded again because some function is new.
 *
 * What a transaction has done that was prepared for two phases is nobody's
 * knowledge when it is committed, by another session or after a restart; but this
 * sends the messages by which sessions forget what they have cached, and the one
 * that commits gets them as all do.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "src/backend/after_commit.h"
#include "src/backend/declare/verdict_change.h"
#include "src/backend/rights.h"
#include "src/guc.h"

static void note_command(RtCommand *command, void **notes);
static void after_command(RtCommand *command, void **notes);

const RtCommandWatcher rt_rights_watcher = {
	.before = note_command,
	.after = after_command
};

/* How often this session has been told to forget things. */
typedef struct Changes
{
	uint64		shared;			/* roles and memberships */
	uint64		functions;		/* and schemas */
	uint64		relations;
} Changes;

static Changes changes;

static void
ask_again(RtRecheckScope scope)
{
	rt_after_commit_recheck((RtRecheck) {scope, 0});
}

/* Of roles there is one set for all databases. */
static bool
is_our_database(void)
{
	return MyDatabaseId == get_database_oid(realtime_database, true);
}

static bool
changes_what_is_seen(const AlterTableStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->cmds)
	{
		switch (lfirst_node(AlterTableCmd, cell)->subtype)
		{
			case AT_EnableRowSecurity:
			case AT_DisableRowSecurity:
			case AT_ForceRowSecurity:
			case AT_NoForceRowSecurity:
			case AT_ChangeOwner:
				return true;
			case AT_SetRelOptions:	/* security_invoker */
			case AT_ResetRelOptions:
			case AT_ReplaceRelOptions:
				if (statement->objtype == OBJECT_VIEW)
					return true;
				break;
			default:
				break;
		}
	}
	return false;
}

/* Passwords and such are of no concern to calls. */
static bool
changes_role(const AlterRoleStmt *statement)
{
	static const char *const options[] = {
		"superuser", "inherit", "bypassrls", "rolemembers"
	};
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		for (size_t i = 0; i < lengthof(options); i++)
		{
			if (strcmp(lfirst_node(DefElem, cell)->defname, options[i]) == 0)
				return true;
		}
	}
	return false;
}

static bool
is_revoke(Node *statement)
{
	return IsA(statement, GrantStmt) && !((GrantStmt *) statement)->is_grant;
}

/* Whether it takes away, from whomever, a right to what is in this database. */
static bool
takes_away(Node *statement)
{
	return (is_revoke(statement) && ((GrantStmt *) statement)->objtype != OBJECT_TABLE) ||
		IsA(statement, DropOwnedStmt) || IsA(statement, ReassignOwnedStmt) ||
		IsA(statement, AlterOwnerStmt);
}

/* Whether it may hide rows, or tables. */
static bool
hides_rows(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_GrantStmt:
			return is_revoke(statement);
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
			return true;
		case T_DropStmt:
			return ((DropStmt *) statement)->removeType == OBJECT_POLICY;
		case T_AlterTableStmt:
			return changes_what_is_seen((AlterTableStmt *) statement);
		case T_ViewStmt:
			return ((ViewStmt *) statement)->replace;
		default:
			return false;
	}
}

/* The same of a role. */
static bool
takes_from_role(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_GrantRoleStmt:
			return !((GrantRoleStmt *) statement)->is_grant ||
				rt_grant_role_has_options((GrantRoleStmt *) statement);
		case T_AlterRoleStmt:
			return changes_role((AlterRoleStmt *) statement);
		case T_DropRoleStmt:
			return true;
		case T_RenameStmt:
			return ((RenameStmt *) statement)->renameType == OBJECT_ROLE;
		default:
			return false;
	}
}

/* What a function says may depend on settings. */
static bool
changes_settings(Node *statement)
{
	return IsA(statement, AlterRoleSetStmt) || IsA(statement, AlterDatabaseSetStmt);
}

/* Its name in its schema; NULL = none is. */
static const char *
replaced_function(Node *statement)
{
	List	   *name = NIL;

	if (IsA(statement, AlterFunctionStmt))
		name = ((AlterFunctionStmt *) statement)->func->objname;
	else if (IsA(statement, CreateFunctionStmt) && ((CreateFunctionStmt *) statement)->replace)
		name = ((CreateFunctionStmt *) statement)->funcname;
	return name != NIL ? strVal(llast(name)) : NULL;
}

static void
note_function(const char *name)
{
	if (name != NULL && is_our_database())
		rt_after_commit_recheck(rt_verdict_change_of_function(name));
}

/* ---- prepared transactions ---- */

static bool
commits_prepared(Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED;
}

static void
on_shared_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes.shared++;
}

static void
on_function_change(Datum arg, int cacheid, uint32 hashvalue)
{
	changes.functions++;
}

static void
on_relation_change(Datum arg, Oid relation)
{
	changes.relations++;
}

static void
watch_changes(void)
{
	static bool watching = false;

	if (watching)
		return;
	watching = true;
	CacheRegisterSyscacheCallback(AUTHOID, on_shared_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_shared_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, on_function_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_function_change, (Datum) 0);
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
}

static Changes *
begin_looking(RtCommand *command)
{
	Changes    *before = MemoryContextAlloc(rt_command_memory(command), sizeof(Changes));

	watch_changes();
	AcceptInvalidationMessages();
	*before = changes;
	return before;
}

/* What may have been taken away is taken for it. */
static void
after_command(RtCommand *command, void **notes)
{
	const Changes *before = *notes;

	if (before == NULL)
		return;
	AcceptInvalidationMessages();
	if (before->shared != changes.shared ||
		(before->functions != changes.functions && is_our_database()))
		ask_again(RT_RECHECK_ALL);
	else if (before->relations != changes.relations && is_our_database())
		ask_again(RT_RECHECK_STREAMS);
}

/* ---- all of them ---- */

static void
note_command(RtCommand *command, void **notes)
{
	Node	   *statement = command->statement;

	if (commits_prepared(statement))
		*notes = begin_looking(command);
	else if (takes_from_role(statement) || (takes_away(statement) && is_our_database()))
		ask_again(RT_RECHECK_ALL);
	else if (changes_settings(statement) || (hides_rows(statement) && is_our_database()))
		ask_again(RT_RECHECK_JUDGED);
	else
		note_function(replaced_function(statement));
}

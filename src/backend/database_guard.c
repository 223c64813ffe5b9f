/*
 * database_guard.c
 *		Makes our workers leave a database that is about to be dropped, renamed,
 *		moved or copied, and tells them when something they wait for may have
 *		come.
 *
 * PostgreSQL refuses such a command while anybody else is connected to the
 * database.  Our workers are nobody that a user could disconnect, so they are
 * asked to go before the command runs, if the user has the right to it; else
 * PostgreSQL refuses it by itself and nothing is disturbed.  They stay away
 * until the transaction is over: before that they could only wait for the
 * command's lock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "src/backend/after_commit.h"
#include "src/backend/database_guard.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/vacate.h"

#define VACATE_TIMEOUT_MS 10000

static void before_command(RtCommand *command, void **notes);
static void after_command(RtCommand *command, void **notes);
static void begin_vacating(Node *statement, bool top_level);
static const char *database_to_vacate(Node *statement, bool *is_template,
									  bool *allowed_in_block);
static bool may_take(Oid database, bool is_template);
static bool has_createdb(Oid role);
static void note_news(Node *statement);

const RtCommandWatcher rt_database_watcher = {
	.before = before_command,
	.after = after_command
};

static void
before_command(RtCommand *command, void **notes)
{
	Node	   *statement = command->statement;

	if (IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED)
	{
		uint64	   *invalidations = MemoryContextAlloc(rt_command_memory(command),
													   sizeof(uint64));

		*invalidations = rt_declarations_invalidations();
		*notes = invalidations;
		rt_after_commit_settings_changed(); /* perhaps */
	}
	note_news(statement);
	begin_vacating(statement, command->top_level);
}

/* What a prepared transaction has done is not noted with it. */
static void
after_command(RtCommand *command, void **notes)
{
	const uint64 *invalidations = *notes;

	if (invalidations != NULL &&
		*invalidations != rt_declarations_invalidations())
		rt_after_commit_declarations_changed();
}

/* Has our workers leave the database that a command needs for itself. */
static void
begin_vacating(Node *statement, bool top_level)
{
	bool		is_template;
	bool		allowed_in_block;
	const char *name = database_to_vacate(statement, &is_template,
										  &allowed_in_block);
	Oid			database;

	if (name == NULL || RecoveryInProgress())
		return;
	if (!allowed_in_block &&
		IsInTransactionBlock(top_level))
		return;
	database = get_database_oid(name, true);
	if (!OidIsValid(database) ||
		database != get_database_oid(realtime_database, true) ||
		(database == MyDatabaseId && !is_template) ||
		!may_take(database, is_template))
		return;

	/* ends with the transaction, however this goes on */
	rt_after_end_vacate_end();
	if (!rt_database_vacate_begin(database, VACATE_TIMEOUT_MS))
		ereport(DEBUG1,
				(errmsg_internal("workers are still connected to database \"%s\"",
								 name)));
}

/* The database that nobody else may be connected to, or NULL. */
static const char *
database_to_vacate(Node *statement, bool *is_template, bool *allowed_in_block)
{
	ListCell   *cell;

	*is_template = false;
	*allowed_in_block = false;
	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) statement)->dbname;

		case T_RenameStmt:
			*allowed_in_block = true;
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				return ((RenameStmt *) statement)->subname;
			return NULL;

		case T_AlterDatabaseStmt:
			foreach(cell, ((AlterDatabaseStmt *) statement)->options)
			{
				if (strcmp(((DefElem *) lfirst(cell))->defname, "tablespace") == 0)
					return ((AlterDatabaseStmt *) statement)->dbname;
			}
			return NULL;

		case T_CreatedbStmt:
			*is_template = true;
			foreach(cell, ((CreatedbStmt *) statement)->options)
			{
				DefElem    *option = lfirst(cell);

				if (strcmp(option->defname, "template") == 0 &&
					option->arg != NULL)
					return defGetString(option);
			}
			return "template1";

		default:
			return NULL;
	}
}

/* Whether PostgreSQL will let the user do it, as far as rights go. */
static bool
may_take(Oid database, bool is_template)
{
	HeapTuple	tuple;
	bool		open_to_all;

	if (rt_object_ownercheck_database(database, GetUserId()))
		return !is_template || has_createdb(GetUserId());
	if (!is_template || !has_createdb(GetUserId()))
		return false;

	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (!HeapTupleIsValid(tuple))
		return false;
	open_to_all = ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
	ReleaseSysCache(tuple);
	return open_to_all;
}

static bool
has_createdb(Oid role)
{
	HeapTuple	tuple;
	bool		result;

	if (superuser_arg(role))
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
	ReleaseSysCache(tuple);
	return result;
}

/* Whether a worker may be waiting for this, or must notice it. */
static void
note_news(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType != OBJECT_DATABASE &&
				((RenameStmt *) statement)->renameType != OBJECT_ROLE)
				return;
			break;

		case T_DropStmt:
			if (((DropStmt *) statement)->removeType != OBJECT_EXTENSION &&
				((DropStmt *) statement)->removeType != OBJECT_SCHEMA)
				return;
			rt_after_commit_declarations_changed();
			break;

		case T_AlterRoleSetStmt:
		case T_AlterDatabaseSetStmt:
			rt_after_commit_settings_changed();
			return;

		case T_CreateExtensionStmt:
		case T_AlterExtensionStmt:
			rt_after_commit_declarations_changed();
			break;

		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_AlterDatabaseStmt:
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_DropRoleStmt:
			break;

		default:
			return;
	}
	rt_after_commit_wake_workers();
}

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
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "src/backend/after_commit.h"
#include "src/backend/database_guard.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/worker_slot.h"

#define VACATE_TIMEOUT_MS 10000

static ProcessUtility_hook_type previous_hook = NULL;

static void on_utility(PlannedStmt *pstmt, const char *query_string,
					   bool read_only_tree, ProcessUtilityContext context,
					   ParamListInfo params, QueryEnvironment *query_env,
					   DestReceiver *dest, QueryCompletion *qc);
static void begin_vacating(Node *statement, ProcessUtilityContext context);
static const char *database_to_vacate(Node *statement, bool *is_template,
									  bool *allowed_in_block);
static bool may_take(Oid database, bool is_template);
static bool has_createdb(Oid role);
static void note_news(Node *statement);

void
rt_database_guard_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
}

static void
on_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *query_env, DestReceiver *dest,
		   QueryCompletion *qc)
{
	Node	   *statement = pstmt->utilityStmt;
	ProcessUtility_hook_type next =
	previous_hook ? previous_hook : standard_ProcessUtility;

	bool		commits_prepared = IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED;
	uint64		invalidations = 0;

	if (commits_prepared)
		invalidations = rt_declarations_invalidations();
	note_news(statement);
	begin_vacating(statement, context);
	next(pstmt, query_string, read_only_tree, context, params, query_env,
		 dest, qc);

	/* what a prepared transaction has done is not noted with it */
	if (commits_prepared && invalidations != rt_declarations_invalidations())
		rt_after_commit_declarations_changed();
}

/* Has our workers leave the database that a command needs for itself. */
static void
begin_vacating(Node *statement, ProcessUtilityContext context)
{
	bool		is_template;
	bool		allowed_in_block;
	const char *name = database_to_vacate(statement, &is_template,
										  &allowed_in_block);
	Oid			database;

	if (name == NULL || RecoveryInProgress())
		return;
	if (!allowed_in_block &&
		IsInTransactionBlock(context == PROCESS_UTILITY_TOPLEVEL))
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

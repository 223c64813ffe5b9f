/*
 * command.c
 *		Watching utility commands.
 *
 * What is noted while a command runs is settled when it is done, because
 * before that new names and what has gone cannot be seen.  Notes belong to their
 * command: those of a command inside of it are settled with that one, and an
 * error takes them along.
 *
 * Some commands commit in the middle, so notes do not live in a transaction.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "src/backend/command.h"
#include "src/backend/database_guard.h"
#include "src/backend/declare/dependency.h"
#include "src/backend/live/schema.h"
#include "src/backend/live/table.h"
#include "src/backend/rights.h"
#include "src/backend/watch/watch.h"

static const RtCommandWatcher *const watchers[] = {
	&rt_database_watcher,
	&rt_dependency_watcher,
	&rt_live_watcher,
	&rt_rights_watcher,
	&rt_schema_watcher,
	&rt_watch_watcher
};

#define WATCHERS lengthof(watchers)

/* A command with the notes of all watchers. */
typedef struct WatchedCommand
{
	RtCommand	command;
	void	   *notes[WATCHERS];
	struct WatchedCommand *outer;
} WatchedCommand;

static WatchedCommand *current = NULL;	/* the innermost that runs */

static object_access_hook_type previous_access_hook = NULL;
static ProcessUtility_hook_type previous_utility_hook = NULL;

static void on_object_access(ObjectAccessType access, Oid class_id,
							 Oid object_id, int sub_id, void *arg);
static void on_utility(PlannedStmt *pstmt, const char *query_string,
					   bool read_only_tree, ProcessUtilityContext context,
					   ParamListInfo params, QueryEnvironment *query_env,
					   DestReceiver *dest, QueryCompletion *qc);
static void tell_before(WatchedCommand *watched);
static void tell_after(WatchedCommand *watched);
static void end_command(WatchedCommand *watched);

void
rt_command_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_object_access;
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
}

MemoryContext
rt_command_memory(RtCommand *command)
{
	if (command->memory == NULL)
		command->memory = AllocSetContextCreate(TopMemoryContext,
												"realtime command",
												ALLOCSET_SMALL_SIZES);
	return command->memory;
}

/*
 * Runs before an object is dropped, and after its row was changed but before
 * that can be seen: in both cases it still is as it was.
 */
static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object_id,
				 int sub_id, void *arg)
{
	RtObjectAccess what = {access, class_id, object_id, sub_id, false};

	if (previous_access_hook)
		previous_access_hook(access, class_id, object_id, sub_id, arg);

	if (IsBinaryUpgrade || !IsNormalProcessingMode() ||
		(access != OAT_DROP && access != OAT_POST_ALTER && access != OAT_TRUNCATE))
		return;
	if (access == OAT_DROP)
		what.internal = (((ObjectAccessDrop *) arg)->dropflags &
						 PERFORM_DELETION_INTERNAL) != 0;
	for (int i = 0; i < WATCHERS; i++)
	{
		if (watchers[i]->object == NULL)
			continue;
		if (current != NULL)
			watchers[i]->object(&current->command, &current->notes[i], &what);
		else
			watchers[i]->object(NULL, NULL, &what);
	}
}

static void
on_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *query_env, DestReceiver *dest,
		   QueryCompletion *qc)
{
	ProcessUtility_hook_type next =
	previous_utility_hook ? previous_utility_hook : standard_ProcessUtility;
	WatchedCommand watched = {
		.command.statement = pstmt->utilityStmt,
		.command.top_level = context == PROCESS_UTILITY_TOPLEVEL,
		.outer = current
	};

	current = &watched;
	PG_TRY();
	{
		tell_before(&watched);
		next(pstmt, query_string, read_only_tree, context, params, query_env,
			 dest, qc);
		tell_after(&watched);
	}
	PG_CATCH();
	{
		end_command(&watched);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_command(&watched);
}

static void
end_command(WatchedCommand *watched)
{
	current = watched->outer;
	if (watched->command.memory != NULL)
		MemoryContextDelete(watched->command.memory);
}

/* All that can happen in a transaction that has failed is its end. */
static void
tell_before(WatchedCommand *watched)
{
	if (!IsTransactionState())
		return;
	for (int i = 0; i < WATCHERS; i++)
	{
		if (watchers[i]->before != NULL)
			watchers[i]->before(&watched->command, &watched->notes[i]);
	}
}

static void
tell_after(WatchedCommand *watched)
{
	if (!IsTransactionState())
		return;
	for (int i = 0; i < WATCHERS; i++)
	{
		if (watchers[i]->after != NULL)
			watchers[i]->after(&watched->command, &watched->notes[i]);
	}
}

Relation
rt_command_open_truncated(Oid oid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, oid);
	return rt_lock_is_held(&tag, AccessExclusiveLock) ?
		try_relation_open(oid, NoLock) : NULL;
}

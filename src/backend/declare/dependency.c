/*
 * dependency.c
 *		Keeps declarations in step with the functions that they name.
 *
 * A declaration names a function by its signature, and PostgreSQL knows
 * nothing of it.  So each declared function is noted that a command drops,
 * renames or moves, also by way of its schema or a parameter's type; and when
 * the command is done (src/backend/command.h) it shows what has become of those
 * functions:
 *
 *	- gone, and still declared: ERROR.  Looking afterwards lets
 *	  DROP EXTENSION realtime CASCADE pass, which takes the declarations along;
 *	- known by another signature: the declarations are rewritten;
 *	- otherwise nothing.
 *
 * A declaration that is not committed yet cannot be seen here.  Whoever declares
 * holds a lock on each function, so that dropping or renaming it waits and then
 * sees the declaration.  Schemas and types have no such lock; renaming one of
 * them waits for all who are declaring instead, by a lock on the tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "src/backend/declare/dependency.h"
#include "src/backend/declare/store.h"
#include "src/catalog/declaration.h"
#include "src/catalog/signature.h"

#define DECLARATIONS_LISTED_MAX 10	/* in an ERROR */

/* A declared function as it was before the command. */
typedef struct TouchedFunction
{
	Oid			function;
	char	   *signature;		/* as stored */
} TouchedFunction;

static void on_object(RtCommand *command, void **notes,
					  const RtObjectAccess *access);
static void after_command(RtCommand *command, void **notes);
static void touch_functions(RtCommand *command, void **notes, Oid function);
static void touch(RtCommand *command, void **notes,
				  const RtFunctionReference *reference);
static void settle(const TouchedFunction *entry);
static void refuse_if_declared(const char *signature);

const RtCommandWatcher rt_dependency_watcher = {
	.object = on_object,
	.after = after_command
};

static void
on_object(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	if (command == NULL || access->type == OAT_TRUNCATE)
		return;
	if (access->class_id == ProcedureRelationId)
		touch_functions(command, notes, access->object_id);
	else if (access->type == OAT_POST_ALTER &&
			 (access->class_id == NamespaceRelationId ||
			  access->class_id == TypeRelationId))
		touch_functions(command, notes, InvalidOid);
}

/* Notes a function if it is declared; InvalidOid: all that are. */
static void
touch_functions(RtCommand *command, void **notes, Oid function)
{
	const RtFunctionReference *references;
	int			count;

	if (!rt_declarations_refresh())
		return;
	if (!OidIsValid(function))
	{
		rt_store_lock();
		rt_declarations_refresh();
	}
	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		if (OidIsValid(references[i].function) &&
			(!OidIsValid(function) || references[i].function == function))
			touch(command, notes, &references[i]);
	}
}

static void
touch(RtCommand *command, void **notes, const RtFunctionReference *reference)
{
	MemoryContext old_context;
	TouchedFunction *entry;
	ListCell   *cell;

	foreach(cell, (List *) *notes)
	{
		entry = lfirst(cell);
		if (entry->function == reference->function &&
			strcmp(entry->signature, reference->signature) == 0)
			return;
	}

	old_context = MemoryContextSwitchTo(rt_command_memory(command));
	entry = palloc(sizeof(TouchedFunction));
	entry->function = reference->function;
	entry->signature = pstrdup(reference->signature);
	*notes = lappend(*notes, entry);
	MemoryContextSwitchTo(old_context);
}

static void
after_command(RtCommand *command, void **notes)
{
	ListCell   *cell;

	if (*notes == NULL)
		return;
	CommandCounterIncrement();
	foreach(cell, (List *) *notes)
		settle(lfirst(cell));
}

static void
settle(const TouchedFunction *entry)
{
	char	   *signature = rt_signature(entry->function);

	if (signature == NULL)
		refuse_if_declared(entry->signature);
	else if (!rt_signatures_equal(signature, entry->signature))
		rt_store_rename_function(entry->signature, signature);
}

/* ERROR if declarations still name a function that is gone. */
static void
refuse_if_declared(const char *signature)
{
	const RtFunctionReference *references;
	const char *first = NULL;
	StringInfoData detail;
	int			count;
	int			found = 0;

	if (!rt_declarations_refresh())
		return;
	initStringInfo(&detail);
	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		if (strcmp(references[i].signature, signature) != 0)
			continue;
		if (found++ == 0)
			first = references[i].declaration;
		if (found > DECLARATIONS_LISTED_MAX)
			continue;
		appendStringInfo(&detail, _("%s%s \"%s\" uses it as its %s."),
						 found > 1 ? "\n" : "", references[i].kind,
						 references[i].declaration, references[i].purpose);
	}
	if (found == 0)
		return;
	if (found > DECLARATIONS_LISTED_MAX)
		appendStringInfo(&detail, _("\nand %d more."),
						 found - DECLARATIONS_LISTED_MAX);
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot drop function %s because it is declared", signature),
			 errdetail_internal("%s", detail.data),
			 errhint("Remove the declaration first: SELECT realtime.drop('%s');",
					 first)));
}

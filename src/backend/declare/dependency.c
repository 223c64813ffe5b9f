/*
 * dependency.c
 *		Keeps declarations in step with the functions that they name.
 *
 * A declaration names functions by their signatures.  Each declared function is
 * noted that a command renames or moves, also by way of its schema or a
 * parameter's type; and when the command is done (src/backend/command.h) the
 * declarations of those that have another signature are rewritten.
 *
 * A declared function that is dropped takes the declaration's anchor along, or
 * is not dropped (anchor.c).  When the command is done, so is the declaration
 * whose anchor it took.  Looking afterwards lets DROP EXTENSION realtime pass,
 * after which there is nothing left to remove.
 *
 * A declaration that is not committed yet cannot be seen here.  Whoever declares
 * holds a lock on each function, so that dropping or renaming it waits and then
 * sees the declaration.  Commands that change schemas and types have no such
 * lock, so both sides take one of ours, on what the signature has names of
 * (src/catalog/signature.h).  Only who changes the signature of a declared
 * function locks the tables: two of them could change two types of one function.
 *
 * Our own schema keeps its name: everything finds it by that.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "utils/memutils.h"

#include "src/backend/declare/anchor.h"
#include "src/backend/declare/dependency.h"
#include "src/backend/declare/store.h"
#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/signature.h"

/* A declared function as it was before the command. */
typedef struct TouchedFunction
{
	Oid			function;
	char	   *signature;		/* as stored */
} TouchedFunction;

/* What a command has done. */
typedef struct Notes
{
	List	   *touched;		/* TouchedFunction */
	List	   *dropped;		/* char *, names of anchors */
} Notes;

static void before_command(RtCommand *command, void **notes);
static void on_object(RtCommand *command, void **notes,
					  const RtObjectAccess *access);
static void after_command(RtCommand *command, void **notes);
static Notes *begin_notes(RtCommand *command, void **notes);
static void note_anchor(RtCommand *command, void **notes, Oid function);
static void touch_named(RtCommand *command, void **notes, Oid class_id, Oid part);
static bool is_named(Oid class_id, Oid part);
static void touch_functions(RtCommand *command, void **notes, Oid function);
static void touch(Notes *notes, const RtFunctionReference *reference);
static void settle_touched(const TouchedFunction *entry);
static void settle_dropped(const char *anchor);

const RtCommandWatcher rt_dependency_watcher = {
	.before = before_command,
	.object = on_object,
	.after = after_command
};

/* ---- before the command ---- */

static void
before_command(RtCommand *command, void **notes)
{
	const RenameStmt *statement = (RenameStmt *) command->statement;
	Oid			schema;
	Oid			extension;

	if (!IsA(statement, RenameStmt) || statement->renameType != OBJECT_SCHEMA ||
		strcmp(statement->subname, RT_SCHEMA) != 0)
		return;
	schema = get_namespace_oid(RT_SCHEMA, true);
	extension = get_extension_oid(RT_EXTENSION, true);
	if (OidIsValid(schema) && OidIsValid(extension) &&
		getExtensionOfObject(NamespaceRelationId, schema) == extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot rename schema \"%s\"", RT_SCHEMA),
				 errdetail("Extension \"%s\" finds what belongs to it by this name.",
						   RT_EXTENSION)));
}

/* ---- while the command runs ---- */

static void
on_object(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	if (command == NULL)
		return;
	if (access->type == OAT_DROP && access->class_id == ProcedureRelationId)
	{
		if (!access->internal)
			note_anchor(command, notes, access->object_id);
	}
	else if (access->type == OAT_POST_ALTER &&
			 access->class_id == ProcedureRelationId)
		touch_functions(command, notes, access->object_id);
	else if (access->type == OAT_POST_ALTER &&
			 (access->class_id == NamespaceRelationId ||
			  access->class_id == TypeRelationId))
		touch_named(command, notes, access->class_id, access->object_id);
}

/* To be used in the command's memory. */
static Notes *
begin_notes(RtCommand *command, void **notes)
{
	if (*notes == NULL)
		*notes = MemoryContextAllocZero(rt_command_memory(command), sizeof(Notes));
	return *notes;
}

static void
note_anchor(RtCommand *command, void **notes, Oid function)
{
	char	   *name = rt_anchor_name(function);
	MemoryContext old_context;
	Notes	   *mine;

	if (name == NULL)
		return;
	old_context = MemoryContextSwitchTo(rt_command_memory(command));
	mine = begin_notes(command, notes);
	mine->dropped = lappend(mine->dropped, pstrdup(name));
	MemoryContextSwitchTo(old_context);
}

/* If signatures of declared functions have a name of it, notes them all. */
static void
touch_named(RtCommand *command, void **notes, Oid class_id, Oid part)
{
	if (!rt_declarations_refresh())
		return;
	rt_signature_part_lock(class_id, part);
	if (!rt_declarations_refresh() || !is_named(class_id, part))
		return;
	rt_store_lock();
	touch_functions(command, notes, InvalidOid);
}

static bool
is_named(Oid class_id, Oid part)
{
	const RtFunctionReference *references;
	int			count;

	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		if (OidIsValid(references[i].function) &&
			rt_signature_has_part(references[i].function, class_id, part))
			return true;
	}
	return false;
}

/* Notes a function if it is declared; InvalidOid: all that are. */
static void
touch_functions(RtCommand *command, void **notes, Oid function)
{
	const RtFunctionReference *references;
	MemoryContext old_context;
	int			count;

	if (!rt_declarations_refresh())
		return;
	references = rt_declaration_references(&count);
	old_context = MemoryContextSwitchTo(rt_command_memory(command));
	for (int i = 0; i < count; i++)
	{
		if (OidIsValid(references[i].function) &&
			(!OidIsValid(function) || references[i].function == function))
			touch(begin_notes(command, notes), &references[i]);
	}
	MemoryContextSwitchTo(old_context);
}

static void
touch(Notes *notes, const RtFunctionReference *reference)
{
	TouchedFunction *entry;
	ListCell   *cell;

	foreach(cell, notes->touched)
	{
		entry = lfirst(cell);
		if (entry->function == reference->function &&
			strcmp(entry->signature, reference->signature) == 0)
			return;
	}
	entry = palloc(sizeof(TouchedFunction));
	entry->function = reference->function;
	entry->signature = pstrdup(reference->signature);
	notes->touched = lappend(notes->touched, entry);
}

/* ---- when it is done ---- */

static void
after_command(RtCommand *command, void **notes)
{
	const Notes *mine = *notes;
	ListCell   *cell;

	if (mine == NULL)
		return;
	CommandCounterIncrement();
	foreach(cell, mine->touched)
		settle_touched(lfirst(cell));
	foreach(cell, mine->dropped)
		settle_dropped(lfirst(cell));
}

static void
settle_touched(const TouchedFunction *entry)
{
	char	   *signature = rt_signature(entry->function);

	if (signature != NULL && !rt_signatures_equal(signature, entry->signature))
		rt_store_rename_function(entry->signature, signature);
}

/* Not if something inside of the command has declared it anew. */
static void
settle_dropped(const char *anchor)
{
	const RtFunctionReference *references;
	int			count;

	if (!rt_declarations_refresh())
		return;
	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		const char *declaration = references[i].declaration;
		const RtDeclarationTable *table = rt_declaration_table_of(references[i].kind);

		if (!rt_anchor_has_name(table, declaration, anchor))
			continue;
		if (OidIsValid(rt_anchor_find(table, declaration)))
			return;
		/* without its filters a stream would show what it has hidden */
		if (strcmp(table->name, RT_PIPE_TABLE) == 0)
			(void) rt_store_drop(declaration);
		else
			rt_store_drop_from(table, declaration);
		return;
	}
}

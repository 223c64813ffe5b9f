/*
 * dependency.c
 *		Keeps declarations in step with the functions that they name.
 *
 * A declaration names a function by its signature, and PostgreSQL knows
 * nothing of it.  So object_access_hook notes each declared function that a
 * command drops, renames or moves, also by way of its schema or a parameter's
 * type; and when the command is done, ProcessUtility_hook looks at what has
 * become of those functions:
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
 *
 * The notes live in the transaction.  They never outlive their command:
 * either it is settled or its failure aborts a (sub)transaction.  One that is
 * aborted inside of the command, by an event trigger, takes its own along.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/utility.h"
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
	int			nest_level;		/* of the (sub)transaction that noted it */
} TouchedFunction;

static List *touched = NIL;		/* in TopTransactionContext */

static object_access_hook_type previous_access_hook = NULL;
static ProcessUtility_hook_type previous_utility_hook = NULL;

static void on_object_access(ObjectAccessType access, Oid class_id,
							 Oid object_id, int sub_id, void *arg);
static void on_utility(PlannedStmt *pstmt, const char *query_string,
					   bool read_only_tree, ProcessUtilityContext context,
					   ParamListInfo params, QueryEnvironment *query_env,
					   DestReceiver *dest, QueryCompletion *qc);
static void on_transaction_end(XactEvent event, void *arg);
static void on_subtransaction_end(SubXactEvent event, SubTransactionId my_id,
								  SubTransactionId parent_id, void *arg);
static void touch_functions(Oid function);
static void touch(const RtFunctionReference *reference);
static void settle_touched(void);
static void refuse_if_declared(const char *signature);

void
rt_dependency_install(void)
{
	previous_access_hook = object_access_hook;
	object_access_hook = on_object_access;
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	RegisterXactCallback(on_transaction_end, NULL);
	RegisterSubXactCallback(on_subtransaction_end, NULL);
}

/*
 * Runs before the object is dropped, and after its row was changed but before
 * that can be seen: in both cases its signature is still the old one.
 */
static void
on_object_access(ObjectAccessType access, Oid class_id, Oid object_id,
				 int sub_id, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, class_id, object_id, sub_id, arg);

	if (access == OAT_DROP && class_id == ProcedureRelationId)
		touch_functions(object_id);
	else if (access == OAT_POST_ALTER)
	{
		if (class_id == ProcedureRelationId)
			touch_functions(object_id);
		else if (class_id == NamespaceRelationId || class_id == TypeRelationId)
			touch_functions(InvalidOid);
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

	next(pstmt, query_string, read_only_tree, context, params, query_env,
		 dest, qc);
	if (touched != NIL)
		settle_touched();
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		touched = NIL;
}

static void
on_subtransaction_end(SubXactEvent event, SubTransactionId my_id,
					  SubTransactionId parent_id, void *arg)
{
	int			nest_level = GetCurrentTransactionNestLevel();
	ListCell   *cell;

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	foreach(cell, touched)
	{
		TouchedFunction *entry = lfirst(cell);

		if (entry->nest_level < nest_level)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			entry->nest_level = nest_level - 1;
		else
			touched = foreach_delete_current(touched, cell);
	}
}

/* Notes a function if it is declared; InvalidOid: all that are. */
static void
touch_functions(Oid function)
{
	const RtFunctionReference *references;
	int			count;

	if (IsBinaryUpgrade || !IsNormalProcessingMode() ||
		!rt_declarations_refresh())
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
			touch(&references[i]);
	}
}

static void
touch(const RtFunctionReference *reference)
{
	MemoryContext old_context;
	TouchedFunction *entry;
	ListCell   *cell;

	foreach(cell, touched)
	{
		entry = lfirst(cell);
		if (entry->function == reference->function &&
			strcmp(entry->signature, reference->signature) == 0)
			return;
	}

	old_context = MemoryContextSwitchTo(TopTransactionContext);
	entry = palloc(sizeof(TouchedFunction));
	entry->function = reference->function;
	entry->signature = pstrdup(reference->signature);
	entry->nest_level = GetCurrentTransactionNestLevel();
	touched = lappend(touched, entry);
	MemoryContextSwitchTo(old_context);
}

static void
settle_touched(void)
{
	List	   *work = touched;
	ListCell   *cell;

	/* rewriting runs commands of its own */
	touched = NIL;
	CommandCounterIncrement();
	foreach(cell, work)
	{
		const TouchedFunction *entry = lfirst(cell);
		char	   *signature = rt_signature(entry->function);

		if (signature == NULL)
			refuse_if_declared(entry->signature);
		else if (!rt_signatures_equal(signature, entry->signature))
			rt_store_rename_function(entry->signature, signature);
	}
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

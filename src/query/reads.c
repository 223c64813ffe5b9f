/*
 * reads.c
 *		What a query reads: relations, the clock, and who asks.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/query/reads.h"

static bool walker(Node *node, void *context);
static bool is_call(const Node *node);
static void check_query(const RtQueryReads *reads, const Query *query);
static void refuse(const RtQueryReads *reads, const char *what, const char *hint);
static void look_at_relation(RtQueryReads *reads, const RangeTblEntry *rte);
static void look_at_column(const RtQueryReads *reads, const Var *var);
static void look_at_value(RtQueryReads *reads, const SQLValueFunction *value);
static bool look_at_function(Oid function, void *context);
static const char *why_not_followed(Oid relation);
static bool has_foreign_child(Oid relation);

void
rt_query_read(RtQueryReads *reads, Query *query)
{
	check_stack_depth();
	(void) walker((Node *) query, reads);
}

static bool
walker(Node *node, void *context)
{
	RtQueryReads *reads = context;

	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	switch (nodeTag(node))
	{
		case T_Query:
			check_query(reads, (Query *) node);
			return query_tree_walker((Query *) node, walker, context,
									 QTW_EXAMINE_RTES_BEFORE);
		case T_RangeTblEntry:
			look_at_relation(reads, (RangeTblEntry *) node);
			return false;
		case T_Var:
			look_at_column(reads, (Var *) node);
			return false;
		case T_SQLValueFunction:
			look_at_value(reads, (SQLValueFunction *) node);
			return false;
		case T_NextValueExpr:
			refuse(reads, "sequences", NULL);
			return false;
		default:
			reads->call = is_call(node) ? node : NULL;
			(void) check_functions_in_node(node, look_at_function, reads);
			return expression_tree_walker(node, walker, context);
	}
}

/* Whose arguments say what a polymorphic function's types are. */
static bool
is_call(const Node *node)
{
	return IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, DistinctExpr) ||
		IsA(node, NullIfExpr) || IsA(node, ScalarArrayOpExpr) ||
		IsA(node, Aggref) || IsA(node, WindowFunc);
}

static void
check_query(const RtQueryReads *reads, const Query *query)
{
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL)
		refuse(reads, "anything but SELECT", NULL);
	if (query->hasModifyingCTE)
		refuse(reads, "statements that change something, also not in WITH", NULL);
	if (query->rowMarks != NIL || query->hasForUpdate)
		refuse(reads, "FOR UPDATE or FOR SHARE",
			   "What a client sees changes without locks: leave it out.");
	if (query->limitOption == LIMIT_OPTION_WITH_TIES)
		refuse(reads, "WITH TIES", "Use LIMIT, or rank() in a subquery.");
}

static void
refuse(const RtQueryReads *reads, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a live query cannot have %s", what),
			 reads->where != NULL ? errdetail("It is in %s.", reads->where) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* Views are in the range table of what has taken their place, in some way. */
static void
look_at_relation(RtQueryReads *reads, const RangeTblEntry *rte)
{
	if (!OidIsValid(rte->relid))
		return;
	reads->objects = list_append_unique_oid(reads->objects, rte->relid);
	if (rte->rtekind != RTE_RELATION || rte->relkind == RELKIND_VIEW)
		return;

	if (rte->tablesample != NULL)
		refuse(reads, "TABLESAMPLE", NULL);
	if (reads->where != NULL)
		rt_query_read_elsewhere(reads, rte->relid, reads->where, bms_make_singleton(0));
	else
		rt_query_check_relation(reads, rte->relid);
	if (reads->source->all_roles)
		rt_query_read_policies(reads, rte->relid);
}

static void
look_at_column(const RtQueryReads *reads, const Var *var)
{
	if (var->varattno < 0 && var->varattno != TableOidAttributeNumber)
		refuse(reads, "system columns",
			   "They change without a change of the row.");
}

static void
look_at_value(RtQueryReads *reads, const SQLValueFunction *value)
{
	if (value->op <= SVFOP_LOCALTIMESTAMP_N && reads->time_by == NULL)
		reads->time_by = "the current date or time";
}

static bool
look_at_function(Oid function, void *context)
{
	RtQueryReads *reads = context;

	rt_query_read_function(reads, function, reads->call);
	return false;
}

void
rt_query_read_elsewhere(RtQueryReads *reads, Oid relation, const char *where,
						const Bitmapset *columns)
{
	RtQueryRelation *found;
	ListCell   *cell;

	foreach(cell, reads->elsewhere)
	{
		found = lfirst(cell);
		if (found->relid != relation)
			continue;
		found->used = bms_add_members(found->used, columns);
		return;
	}
	rt_query_check_relation(reads, relation);
	found = palloc0(sizeof(RtQueryRelation));
	found->relid = relation;
	found->where = where;
	found->used = bms_copy(columns);
	found->cut = -1;
	found->why_full = psprintf("it is read in %s", where);
	reads->elsewhere = lappend(reads->elsewhere, found);
}

void
rt_query_check_relation(const RtQueryReads *reads, Oid relation)
{
	const char *why = why_not_followed(relation);

	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a live query cannot read \"%s\"", get_rel_name(relation)),
				 errdetail("%s%s%s", why, reads->where != NULL ?
						   " It is read in " : "",
						   reads->where != NULL ?
						   psprintf("%s.", reads->where) : ""),
				 errhint("Use a stream with stale_after and realtime.invalidate() for it.")));
}

static const char *
why_not_followed(Oid relation)
{
	if (relation < FirstNormalObjectId)
		return "Changes of the system's tables cannot be followed.";
	if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP)
		return "Other sessions do not see a temporary table.";
	switch (get_rel_relkind(relation))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			return has_foreign_child(relation) ?
				"Changes of foreign tables cannot be followed, and it has one as a child." : NULL;
		case RELKIND_FOREIGN_TABLE:
			return "Changes of foreign tables cannot be followed.";
		case RELKIND_MATVIEW:
			return "Changes of materialized views cannot be followed.";
		default:
			return "It is no table.";
	}
}

static bool
has_foreign_child(Oid relation)
{
	ListCell   *cell;

	if (!has_subclass(relation))
		return false;
	foreach(cell, find_all_inheritors(relation, AccessShareLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/*
 * tree.c
 *		The levels of a rewritten query.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "src/query/tree.h"

/* Expressions of a level, and of no other. */
#define WALK_LEVEL (QTW_IGNORE_RC_SUBQUERIES | QTW_IGNORE_JOINALIASES)

typedef struct Inlining
{
	CommonTableExpr *cte;
	int			depth;			/* below the level that has it */
} Inlining;

typedef struct Building
{
	RtTree	   *tree;
	RtLevel    *level;
	List	   *policy_links;	/* SubLinks of its policies */
} Building;

static bool inline_walker(Node *node, void *context);
static bool replace_references(Node *node, Inlining *inlining);
static RtLevel *build_level(RtTree *tree, RtLevel *parent, RtLevelKind kind,
							Query *query);
static void find_joined(RtLevel *level, Node *node, bool nullable);
static void build_children(RtTree *tree, RtLevel *level);
static bool is_arm(const Query *query, Index rtindex);
static bool arm_walker(Node *node, void *rtindex);
static bool collect_links(Node *node, void *links);
static bool expression_walker(Node *node, void *context);
static void build_sublink(Building *building, SubLink *sublink);
static void use_column(Building *building, Var *var);
static void use_alias(Building *building, RtLevel *level, List *aliases,
					  AttrNumber attnum);

void
rt_tree_inline_with(Query *query)
{
	(void) inline_walker((Node *) query, NULL);
}

static bool
inline_walker(Node *node, void *context)
{
	Query	   *query = (Query *) node;
	List	   *remaining = NIL;
	ListCell   *cell;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (!IsA(node, Query))
		return expression_tree_walker(node, inline_walker, context);

	/* one may refer to those before it */
	foreach(cell, query->cteList)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);
		Inlining	inlining = {.cte = cte, .depth = -1};

		if (cte->cterecursive)
			remaining = lappend(remaining, cte);
		else
			(void) replace_references((Node *) query, &inlining);
	}
	query->cteList = remaining;
	return query_tree_walker(query, inline_walker, context, 0);
}

/* As the planner does with WITH that is referred to once. */
static bool
replace_references(Node *node, Inlining *inlining)
{
	RangeTblEntry *rte = (RangeTblEntry *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		inlining->depth++;
		(void) query_tree_walker((Query *) node, replace_references, inlining,
								 QTW_EXAMINE_RTES_AFTER);
		inlining->depth--;
		return false;
	}
	if (!IsA(node, RangeTblEntry))
		return expression_tree_walker(node, replace_references, inlining);

	if (rte->rtekind == RTE_CTE && (int) rte->ctelevelsup == inlining->depth &&
		strcmp(rte->ctename, inlining->cte->ctename) == 0)
	{
		Query	   *query = copyObject((Query *) inlining->cte->ctequery);

		if (inlining->depth > 0)
			IncrementVarSublevelsUp((Node *) query, inlining->depth, 1);
		rte->rtekind = RTE_SUBQUERY;
		rte->subquery = query;
		rte->security_barrier = false;
		rte->ctename = NULL;
		rte->ctelevelsup = 0;
		rte->self_reference = false;
		rte->coltypes = NIL;
		rte->coltypmods = NIL;
		rte->colcollations = NIL;
	}
	return false;
}

RtTree *
rt_tree(Query *query)
{
	RtTree	   *tree = palloc0(sizeof(RtTree));

	(void) build_level(tree, NULL, RT_LEVEL_TOP, query);
	return tree;
}

Var *
rt_tree_column(RtLevel **level, Node *node)
{
	while (node != NULL)
	{
		Var		   *var = (Var *) node;
		RangeTblEntry *rte;
		List	   *aliases;

		if (IsA(node, RelabelType))
		{
			node = (Node *) ((RelabelType *) node)->arg;
			continue;
		}
		if (!IsA(node, Var) || var->varattno <= 0)
			return NULL;
		for (Index up = var->varlevelsup; up > 0; up--)
			*level = (*level)->parent;
		rte = rt_fetch(var->varno, (*level)->query->rtable);
		aliases = rte->rtekind == RTE_JOIN ? rte->joinaliasvars :
			rt_group_expressions(rte);
		if (aliases == NIL)
			return var;
		node = list_nth(aliases, var->varattno - 1);
	}
	return NULL;
}

RtLevel *
rt_tree_child(const RtTree *tree, const RtLevel *parent, Index rtindex)
{
	ListCell   *cell;

	foreach(cell, tree->levels)
	{
		RtLevel    *level = lfirst(cell);

		if (level->parent == parent && level->rtindex == rtindex)
			return level;
	}
	return NULL;
}

static RtLevel *
build_level(RtTree *tree, RtLevel *parent, RtLevelKind kind, Query *query)
{
	RtLevel    *level = palloc0(sizeof(RtLevel));
	int			count = list_length(query->rtable);

	check_stack_depth();
	level->kind = kind;
	level->parent = parent;
	level->in_policy = parent != NULL && parent->in_policy;
	level->query = query;
	level->number = list_length(tree->levels);
	level->items = palloc0((count + 1) * sizeof(RtLevelItem));
	tree->levels = lappend(tree->levels, level);

	find_joined(level, (Node *) query->jointree, false);
	for (int i = 1; i <= count; i++)
	{
		RangeTblEntry *rte = rt_fetch(i, query->rtable);

		level->items[i].occurrence = -1;
		if (rte->rtekind == RTE_RELATION && level->items[i].joined)
			level->items[i].occurrence = tree->occurrence_count++;
	}
	build_children(tree, level);
	return level;
}

static void
find_joined(RtLevel *level, Node *node, bool nullable)
{
	if (node == NULL)
		return;
	if (IsA(node, RangeTblRef))
	{
		RtLevelItem *item = &level->items[((RangeTblRef *) node)->rtindex];

		item->joined = true;
		item->nullable = nullable;
	}
	else if (IsA(node, FromExpr))
	{
		ListCell   *cell;

		foreach(cell, ((FromExpr *) node)->fromlist)
			find_joined(level, lfirst(cell), nullable);
	}
	else if (IsA(node, JoinExpr))
	{
		JoinExpr   *join = (JoinExpr *) node;
		bool		full = join->jointype == JOIN_FULL;

		find_joined(level, join->larg,
					nullable || full || join->jointype == JOIN_RIGHT);
		find_joined(level, join->rarg,
					nullable || full || join->jointype == JOIN_LEFT);
	}
}

static void
build_children(RtTree *tree, RtLevel *level)
{
	Query	   *query = level->query;
	Building	building = {.tree = tree, .level = level};
	Index		rtindex = 0;
	ListCell   *cell;

	foreach(cell, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, cell);

		rtindex++;
		if (rte->securityQuals != NIL)
			(void) collect_links((Node *) rte->securityQuals,
								 &building.policy_links);
		if (rte->rtekind == RTE_SUBQUERY)
		{
			bool		arm = is_arm(query, rtindex);
			RtLevel    *child;

			child = build_level(tree, level, arm ? RT_LEVEL_ARM : RT_LEVEL_FROM,
								rte->subquery);
			child->rtindex = rtindex;
		}
	}
	foreach(cell, query->cteList)
		(void) build_level(tree, level, RT_LEVEL_WITH,
						   (Query *) lfirst_node(CommonTableExpr, cell)->ctequery);
	(void) query_tree_walker(query, expression_walker, &building, WALK_LEVEL);
}

static bool
is_arm(const Query *query, Index rtindex)
{
	return query->setOperations != NULL &&
		arm_walker(query->setOperations, &rtindex);
}

static bool
arm_walker(Node *node, void *rtindex)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblRef))
		return (Index) ((RangeTblRef *) node)->rtindex == *(Index *) rtindex;
	return expression_tree_walker(node, arm_walker, rtindex);
}

/* Does not go into them. */
static bool
collect_links(Node *node, void *links)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		*(List **) links = lappend(*(List **) links, node);
	return expression_tree_walker(node, collect_links, links);
}

static bool
expression_walker(Node *node, void *context)
{
	Building   *building = context;

	if (node == NULL || IsA(node, Query))
		return false;
	if (IsA(node, Var))
	{
		use_column(building, (Var *) node);
		return false;
	}
	if (IsA(node, SubLink))
	{
		build_sublink(building, (SubLink *) node);
		return expression_walker(((SubLink *) node)->testexpr, context);
	}
	return expression_tree_walker(node, expression_walker, context);
}

static void
build_sublink(Building *building, SubLink *sublink)
{
	RtLevel    *child = build_level(building->tree, building->level,
									RT_LEVEL_SUBLINK,
									castNode(Query, sublink->subselect));

	child->sublink = sublink;
	child->in_policy |= list_member_ptr(building->policy_links, sublink);
}

static void
use_column(Building *building, Var *var)
{
	RtLevel    *level = building->level;
	RangeTblEntry *rte;

	for (Index up = var->varlevelsup; up > 0; up--)
		level = level->parent;
	rte = rt_fetch(var->varno, level->query->rtable);
	/* what is grouped is found by itself, in the range table */
	if (rte->rtekind == RTE_JOIN)
		use_alias(building, level, rte->joinaliasvars, var->varattno);
	else
		level->items[var->varno].used =
			bms_add_member(level->items[var->varno].used, Max(var->varattno, 0));
}

/* What an alias stands for; 0 is all of them. */
static void
use_alias(Building *building, RtLevel *level, List *aliases, AttrNumber attnum)
{
	RtLevel    *inner = building->level;

	building->level = level;
	if (attnum > 0)
		(void) expression_walker(list_nth(aliases, attnum - 1), building);
	else
		(void) expression_walker((Node *) aliases, building);
	building->level = inner;
}

/*
 * cut.c
 *		Finds the cuts of a query's relations.
 *
 * From the columns of a relation the cheapest way is looked for to a column by
 * which the rows of the top level can be restricted: through columns that are
 * equal (graph.c), which costs next to nothing, and through other relations,
 * which costs a query for each: from one column of it to another (a hop).
 *
 * A hop reads the relation as it is after a batch of changes.  That is right
 * even if it is changed by the same batch: then it has a cut of its own, whose
 * values come from its old image, and the part of the way that is nearer to
 * the top than the last changed relation is as it was.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "src/query/cut.h"

#define HOP_COST 1000
#define EDGE_COST 1
#define HIDDEN_COST 1
#define UNREACHED INT_MAX

typedef struct Search
{
	RtQueryShape *shape;
	RtGraph    *graph;
	int			count;			/* of nodes */
	int		   *cost;
	int		   *before;			/* node from which a node is reached, or -1 */
	bool	   *done;
} Search;

static void add_useful_columns(RtGraph *graph);
static void find_cut(Search *search, RtQueryRelation *relation, RtLevel *level,
					 Index varno);
static void walk(Search *search, const RtLevel *level, Index varno);
static void reach(Search *search, int from, int to, int cost);
static int	cheapest(const Search *search);
static int	goal(const Search *search);
static int	goal_cost(const Search *search, int number);
static int	access_cost(const Search *search, const RtNode *node);
static bool is_hop(const Search *search, int from, int to);
static void take_path(Search *search, RtQueryRelation *relation, int end);
static void advise_index(const Search *search, RtQueryRelation *relation,
						 const RtNode *end);
static const char *index_hint(Oid relation, AttrNumber attnum);
static int	take_cut(Search *search, int end, bool nulls);
static void need(Search *search, const RtNode *node);
static bool passes_nulls(const Search *search, int from, int to);
static int	show_column(Query *query, RtGraph *graph, int number);
static const char *name_of(const RtNode *node);
static void explain_full(RtQueryRelation *relation, const RtLevel *level);

void
rt_query_find_cuts(RtQueryShape *shape)
{
	Search		search = {.shape = shape};
	ListCell   *cell;
	int			occurrence = 0;

	search.graph = shape->graph = rt_graph(shape->tree);
	add_useful_columns(search.graph);
	search.count = list_length(search.graph->nodes);
	search.cost = palloc(sizeof(int) * Max(search.count, 1));
	search.before = palloc(sizeof(int) * Max(search.count, 1));
	search.done = palloc(sizeof(bool) * Max(search.count, 1));

	foreach(cell, shape->tree->levels)
	{
		RtLevel    *level = lfirst(cell);

		for (int i = 1; i <= list_length(level->query->rtable); i++)
		{
			RtQueryRelation *relation;

			if (level->items[i].occurrence < 0)
				continue;
			relation = list_nth(shape->relations, occurrence++);
			rt_query_find_filters(relation, search.graph, level, i);
			find_cut(&search, relation, level, i);
		}
	}
}

/* By which rows can be found, and by which they are grouped. */
static void
add_useful_columns(RtGraph *graph)
{
	ListCell   *cell;

	foreach(cell, graph->tree->levels)
	{
		RtLevel    *level = lfirst(cell);
		ListCell   *entry;

		for (int i = 1; i <= list_length(level->query->rtable); i++)
		{
			RangeTblEntry *rte = rt_fetch(i, level->query->rtable);
			Bitmapset  *columns = NULL;
			int			attnum = -1;

			if (level->items[i].occurrence >= 0)
				columns = rt_indexed_columns(rte->relid);
			while ((attnum = bms_next_member(columns, attnum)) >= 0)
				(void) rt_graph_node(graph, level, i, attnum);
		}
		for (int number = 1; number <= list_length(level->query->targetList); number++)
			(void) rt_graph_output(graph, level, number);
		foreach(entry, level->query->targetList)
			(void) rt_graph_expression(graph, level, (Node *) lfirst_node(TargetEntry, entry)->expr);
	}
}

static void
find_cut(Search *search, RtQueryRelation *relation, RtLevel *level, Index varno)
{
	int			end;

	for (int i = 0; i < search->count; i++)
	{
		search->cost[i] = UNREACHED;
		search->before[i] = -1;
		search->done[i] = false;
	}
	walk(search, level, varno);
	end = goal(search);
	if (end >= 0)
		take_path(search, relation, end);
	else
		explain_full(relation, level);
}

static void
walk(Search *search, const RtLevel *level, Index varno)
{
	int			here;

	for (int i = 0; i < search->count; i++)
	{
		const RtNode *node = list_nth(search->graph->nodes, i);

		if (node->level == level && node->varno == varno)
			search->cost[i] = 0;
	}
	while ((here = cheapest(search)) >= 0)
	{
		ListCell   *cell;

		search->done[here] = true;
		foreach(cell, search->graph->edges)
		{
			const RtEdge *edge = lfirst(cell);

			if (edge->from == here)
				reach(search, here, edge->to, EDGE_COST);
		}
		for (int i = 0; i < search->count; i++)
		{
			if (is_hop(search, here, i))
				reach(search, here, i, HOP_COST);
		}
	}
}

static void
reach(Search *search, int from, int to, int cost)
{
	if (search->done[to] || search->cost[to] <= search->cost[from] + cost)
		return;
	search->cost[to] = search->cost[from] + cost;
	search->before[to] = from;
}

static int
cheapest(const Search *search)
{
	int			best = -1;

	for (int i = 0; i < search->count; i++)
	{
		if (!search->done[i] && search->cost[i] < UNREACHED &&
			(best < 0 || search->cost[i] < search->cost[best]))
			best = i;
	}
	return best;
}

/* From one column of a relation to another one. */
static bool
is_hop(const Search *search, int from, int to)
{
	const RtNode *a = list_nth(search->graph->nodes, from);
	const RtNode *b = list_nth(search->graph->nodes, to);

	return from != to && a->level == b->level && a->varno == b->varno &&
		a->varno > 0 && a->level->items[a->varno].occurrence >= 0 &&
		OidIsValid(get_array_type(a->type));
}

static int
goal(const Search *search)
{
	int			best = -1;
	int			best_cost = UNREACHED;

	for (int i = 0; i < search->count; i++)
	{
		int			cost = goal_cost(search, i);

		if (cost < best_cost)
		{
			best = i;
			best_cost = cost;
		}
	}
	return best;
}

static int
goal_cost(const Search *search, int number)
{
	RtGraph    *graph = search->graph;
	const RtNode *node = list_nth(graph->nodes, number);
	int			cost;

	if (search->cost[number] == UNREACHED || node->level->kind != RT_LEVEL_TOP ||
		!rt_level_restrictable(graph, node->level, number))
		return UNREACHED;
	cost = search->cost[number] + access_cost(search, node);
	for (int output = 1; output <= list_length(node->level->query->targetList); output++)
	{
		if (rt_graph_output(graph, node->level, output) == number)
			return cost;
	}
	return cost + HIDDEN_COST;
}

static int
access_cost(const Search *search, const RtNode *node)
{
	const RangeTblEntry *rte;

	if (node->varno == 0)
		return RT_COLUMN_INDEXED;
	rte = rt_fetch(node->varno, node->level->query->rtable);
	return rte->rtekind == RTE_RELATION ?
		rt_column_access(rte->relid, node->attnum) : RT_COLUMN_INDEXED;
}

/* Reads the way from its end. */
static void
take_path(Search *search, RtQueryRelation *relation, int end)
{
	bool		nulls = true;	/* no edge yet that NULLs do not pass */
	bool		hopped = false;
	int			here = end;

	while (search->before[here] >= 0)
	{
		int			before = search->before[here];
		const RtNode *from = list_nth(search->graph->nodes, before);
		const RtNode *to = list_nth(search->graph->nodes, here);

		if (is_hop(search, before, here))
		{
			RtQueryHop *hop = palloc0(sizeof(RtQueryHop));

			hop->relation = rt_fetch(from->varno, from->level->query->rtable)->relid;
			hop->from = from->attnum;
			hop->to = to->attnum;
			hop->type = from->type;
			hop->to_type = to->type;
			hop->operator = from->operator;
			relation->path = lcons(hop, relation->path);
			need(search, from);
			need(search, to);
			nulls = nulls && (hopped || !to->not_null);
			hopped = true;
		}
		else if (!hopped && !passes_nulls(search, before, here))
			nulls = false;
		here = before;
	}
	if (!hopped && ((RtNode *) list_nth(search->graph->nodes, here))->not_null)
		nulls = false;
	need(search, list_nth(search->graph->nodes, here));
	relation->source = ((RtNode *) list_nth(search->graph->nodes, here))->attnum;
	relation->cut = take_cut(search, end, nulls);
	relation->why_full = NULL;
	advise_index(search, relation, list_nth(search->graph->nodes, end));
}

/* What would make runs of it find their rows sooner. */
static void
advise_index(const Search *search, RtQueryRelation *relation, const RtNode *end)
{
	ListCell   *cell;

	if (access_cost(search, end) == RT_COLUMN_NOT_INDEXED)
		relation->hint = index_hint(rt_fetch(end->varno, end->level->query->rtable)->relid,
									end->attnum);
	foreach(cell, relation->path)
	{
		const RtQueryHop *hop = lfirst(cell);

		if (rt_column_access(hop->relation, hop->from) == RT_COLUMN_NOT_INDEXED)
			relation->hint = index_hint(hop->relation, hop->from);
	}
}

static const char *
index_hint(Oid relation, AttrNumber attnum)
{
	return psprintf("Create an index on %s (%s).", get_rel_name(relation),
					get_attname(relation, attnum, false));
}

static bool
passes_nulls(const Search *search, int from, int to)
{
	ListCell   *cell;

	foreach(cell, search->graph->edges)
	{
		const RtEdge *edge = lfirst(cell);

		if (edge->from == from && edge->to == to && edge->strict)
			return false;
	}
	return true;
}

/* Images of a relation must have a column. */
static void
need(Search *search, const RtNode *node)
{
	int			occurrence = node->level->items[node->varno].occurrence;
	RtQueryRelation *relation = list_nth(search->shape->relations, occurrence);

	Assert(occurrence >= 0);
	relation->needed = bms_add_member(relation->needed, node->attnum);
}

/* The same column is the same cut for several relations. */
static int
take_cut(Search *search, int end, bool nulls)
{
	RtQueryShape *shape = search->shape;
	const RtNode *node = list_nth(search->graph->nodes, end);
	RtQueryCut *cut;
	int			place;

	for (place = 0; place < list_length(shape->places); place++)
	{
		if (list_nth_int(shape->places, place) == end)
			break;
	}
	if (place == list_length(shape->places))
	{
		cut = palloc0(sizeof(RtQueryCut));
		cut->column = show_column(shape->query, search->graph, end);
		cut->name = name_of(node);
		cut->type = node->type;
		get_typlenbyval(node->type, &cut->type_length, &cut->type_by_value);
		cut->operator = node->operator;
		cut->collation = node->collation;
		shape->cuts = lappend(shape->cuts, cut);
		shape->places = lappend_int(shape->places, end);
	}
	cut = list_nth(shape->cuts, place);
	cut->nulls |= nulls;
	return place;
}

/* The output in which a column of the top level stands, a new one if need be. */
static int
show_column(Query *query, RtGraph *graph, int number)
{
	RtLevel    *top = linitial(graph->tree->levels);
	const RtNode *node = list_nth(graph->nodes, number);
	int			visible = 0;
	Expr	   *shown = NULL;
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		bool		same = query->setOperations != NULL ?
			node->attnum == entry->resno :
			rt_graph_expression(graph, top, (Node *) entry->expr) == number;

		visible += !entry->resjunk;
		if (same && !entry->resjunk)
			return visible;
		if (same)
			shown = copyObject(entry->expr);
	}
	if (shown == NULL)
		shown = (Expr *) makeVar(node->varno, node->attnum, node->column_type,
								 node->column_typmod, node->collation, 0);
	query->targetList = lappend(query->targetList,
								makeTargetEntry(shown, list_length(query->targetList) + 1,
												pstrdup("?cut?"), false));
	return visible + 1;
}

static const char *
name_of(const RtNode *node)
{
	const Query *query = node->level->query;
	RangeTblEntry *rte;

	if (node->varno == 0)
		return list_nth_node(TargetEntry, query->targetList, node->attnum - 1)->resname;
	rte = rt_fetch(node->varno, query->rtable);
	return psprintf("%s.%s", rte->eref->aliasname, get_rte_attribute_name(rte, node->attnum));
}

static void
explain_full(RtQueryRelation *relation, const RtLevel *level)
{
	const Query *query = level->query;

	if (query->hasAggs && query->groupClause == NIL && query->groupingSets == NIL)
		relation->why_full = "an aggregate without GROUP BY reads all of its rows";
	else if (query->groupingSets != NIL)
		relation->why_full = "it is grouped in several ways";
	else if (level->kind == RT_LEVEL_WITH)
		relation->why_full = "it is read by WITH RECURSIVE";
	else if (level->kind != RT_LEVEL_TOP && (query->limitCount != NULL || query->limitOffset != NULL))
		relation->why_full = "a LIMIT in a subquery reads all of its rows";
	else if (level->kind == RT_LEVEL_SUBLINK)
	{
		relation->why_full = "no column of the subquery is equal to one of the query around it";
		relation->hint = "Compare them with = in the subquery.";
	}
	else if (query->windowClause != NIL)
	{
		relation->why_full = "no column is in every PARTITION BY";
		relation->hint = "Partition all windows by the same column.";
	}
	else if (query->groupClause != NIL)
	{
		relation->why_full = "no way leads from its columns to those of GROUP BY";
		relation->hint = "Join with =, and group by columns and not by expressions.";
	}
	else
	{
		relation->why_full = "no way leads from its columns to one that the result can be restricted by";
		relation->hint = "Join with = between columns of the same type.";
	}
}

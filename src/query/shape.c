/*
 * shape.c
 *		A rewritten query as live queries run it.
 */
#include "postgres.h"

#include "parser/parsetree.h"

#include "src/query/cut.h"
#include "src/query/shape.h"
#include "src/query/tally.h"

static List *list_relations(const RtTree *tree);
static RtQueryRelation *make_relation(const RtLevel *level, Index rtindex);

RtQueryShape *
rt_query_shape(Query *query, const AttrNumber *key_columns, int key_count)
{
	RtQueryShape *shape = palloc0(sizeof(RtQueryShape));

	shape->query = query;
	rt_tree_inline_with(query);
	shape->sort = rt_query_show_order(query, key_columns, key_count);
	shape->tree = rt_tree(query);
	shape->relations = list_relations(shape->tree);
	rt_query_find_cuts(shape);
	rt_query_find_tally(shape, key_columns, key_count);
	return shape;
}

static List *
list_relations(const RtTree *tree)
{
	List	   *relations = NIL;
	ListCell   *cell;

	foreach(cell, tree->levels)
	{
		const RtLevel *level = lfirst(cell);

		for (int i = 1; i <= list_length(level->query->rtable); i++)
		{
			if (level->items[i].occurrence >= 0)
				relations = lappend(relations, make_relation(level, i));
		}
	}
	return relations;
}

static RtQueryRelation *
make_relation(const RtLevel *level, Index rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, level->query->rtable);
	RtQueryRelation *relation = palloc0(sizeof(RtQueryRelation));

	relation->relid = rte->relid;
	relation->alias = rte->eref->aliasname;
	relation->where = level->in_policy ? "policy" : "query";
	relation->used = level->items[rtindex].used;
	relation->cut = -1;
	return relation;
}

/*
 * tree.h
 *		The levels of a rewritten query.
 *
 * A level is a Query: the one at the top, one in FROM, an arm of a set
 * operation, one in an expression (SubLink), or WITH that could not be put
 * where it is referred to.
 */
#ifndef RT_QUERY_TREE_H
#define RT_QUERY_TREE_H

#include "src/compat.h"

#include "nodes/bitmapset.h"
#include "nodes/parsenodes.h"

typedef enum RtLevelKind
{
	RT_LEVEL_TOP,
	RT_LEVEL_FROM,				/* rtindex of the parent */
	RT_LEVEL_ARM,				/* of the parent's set operations; rtindex */
	RT_LEVEL_SUBLINK,
	RT_LEVEL_WITH				/* recursive */
} RtLevelKind;

/* A relation of FROM, by its number in the range table. */
typedef struct RtLevelItem
{
	bool		joined;			/* is in FROM at all */
	bool		nullable;		/* may be extended with NULLs */
	Bitmapset  *used;			/* columns that are mentioned anywhere, 0 = all */
	int			occurrence;		/* number of the relation, or -1 */
} RtLevelItem;

typedef struct RtLevel
{
	RtLevelKind kind;
	struct RtLevel *parent;
	Index		rtindex;
	SubLink    *sublink;
	bool		in_policy;
	bool		in_condition;	/* where NULL is as good as false */
	Query	   *query;
	int			number;			/* in the tree's list */
	RtLevelItem *items;			/* by number in the range table, from 1 */
} RtLevel;

typedef struct RtTree
{
	List	   *levels;			/* of RtLevel; parents come first */
	int			occurrence_count;
} RtTree;

/* Puts queries of WITH to where they are referred to, in place. */
extern void rt_tree_inline_with(Query *query);

/* The levels of a rewritten query, whose nodes they point to. */
extern RtTree *rt_tree(Query *query);

/*
 * What a Var is, seen through aliases of joins and groups: the same at the
 * level to which it belongs, which is put into *level, or NULL if it is no
 * plain column.
 */
extern Var *rt_tree_column(RtLevel **level, Node *node);

extern RtLevel *rt_tree_child(const RtTree *tree, const RtLevel *parent, Index rtindex);

#endif							/* RT_QUERY_TREE_H */

/*
 * index.c
 *		How well rows are found by a column.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/lsyscache.h"

#include "src/query/cut.h"

static int	index_access(Oid index, AttrNumber attnum);

int
rt_column_access(Oid relid, AttrNumber attnum)
{
	Relation	relation = table_open(relid, AccessShareLock);
	int			best = RT_COLUMN_NOT_INDEXED;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
		best = Min(best, index_access(lfirst_oid(cell), attnum));
	table_close(relation, NoLock);
	return best;
}

Bitmapset *
rt_indexed_columns(Oid relid)
{
	Relation	relation = table_open(relid, AccessShareLock);
	Bitmapset  *columns = NULL;

	for (int n = 1; n <= RelationGetNumberOfAttributes(relation); n++)
	{
		if (rt_column_access(relid, n) < RT_COLUMN_NOT_INDEXED)
			columns = bms_add_member(columns, n);
	}
	table_close(relation, NoLock);
	return columns;
}

static int
index_access(Oid oid, AttrNumber attnum)
{
	Relation	index = index_open(oid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	int			access = RT_COLUMN_NOT_INDEXED;

	if (form->indisvalid && form->indkey.values[0] == attnum &&
		RelationGetIndexPredicate(index) == NIL &&
		(index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == HASH_AM_OID))
		access = form->indisunique && form->indnkeyatts == 1 ?
			RT_COLUMN_UNIQUE : RT_COLUMN_INDEXED;
	index_close(index, NoLock);
	return access;
}

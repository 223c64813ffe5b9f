/*
 * wanted.c
 *		Which tables live queries read, and which columns of them.
 *
 * Found out anew each time: what a query reads depends on views, policies and
 * functions, too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/backend/watch/wanted.h"
#include "src/catalog/declaration.h"

/* ---- names of columns ---- */

static bool
has_name(const List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

static List *
add_name(List *names, Oid relation, AttrNumber attnum)
{
	char	   *name = get_attname(relation, attnum, true);

	return name == NULL || has_name(names, name) ? names : lappend(names, name);
}

static List *
add_all_names(List *names, Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	int			count;

	if (!HeapTupleIsValid(tuple))
		return names;
	count = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	for (int i = 1; i <= count; i++)
		names = add_name(names, relation, i);
	return names;
}

/* 0 stands for all columns. */
static List *
add_names(List *names, Oid relation, const Bitmapset *columns)
{
	int			attnum = -1;

	if (bms_is_member(0, columns))
		return add_all_names(names, relation);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		names = add_name(names, relation, attnum);
	return names;
}

static List *
join_names(List *names, const List *more)
{
	ListCell   *cell;

	foreach(cell, more)
	{
		if (!has_name(names, lfirst(cell)))
			names = lappend(names, lfirst(cell));
	}
	return names;
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* ---- tables ---- */

static RtWanted *
find_wanted(List *tables, Oid relation)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		RtWanted   *wanted = lfirst(cell);

		if (wanted->relation == relation)
			return wanted;
	}
	return NULL;
}

static List *
add_table(List *tables, Oid relation, const List *told, const List *compared)
{
	RtWanted   *wanted = find_wanted(tables, relation);

	if (wanted == NULL)
	{
		wanted = palloc0(sizeof(RtWanted));
		wanted->relation = relation;
		tables = lappend(tables, wanted);
	}
	wanted->told = join_names(wanted->told, told);
	wanted->compared = join_names(wanted->compared, compared);
	return tables;
}

/* Heirs by INHERITS have no copies of triggers, unlike partitions. */
static List *
add_relation(List *tables, const RtQueryRelation *relation)
{
	Oid			oid = relation->relid;
	const Bitmapset *needed = bms_is_empty(relation->needed) ?
		relation->used : relation->needed;
	List	   *told = add_names(NIL, oid, needed);
	List	   *compared = add_names(NIL, oid, relation->used);
	ListCell   *cell;

	tables = add_table(tables, oid, told, compared);
	if (get_rel_relkind(oid) != RELKIND_RELATION || !has_subclass(oid))
		return tables;
	foreach(cell, find_all_inheritors(oid, AccessShareLock, NULL))
	{
		if (!get_rel_relispartition(lfirst_oid(cell)))
			tables = add_table(tables, lfirst_oid(cell), told, compared);
	}
	return tables;
}

/* Partitions whose table is read as well have its triggers. */
static List *
join_partitions(List *tables)
{
	List	   *joined = NIL;
	ListCell   *cell;
	ListCell   *ancestor;

	foreach(cell, tables)
	{
		RtWanted   *wanted = lfirst(cell);
		RtWanted   *above = NULL;

		if (get_rel_relispartition(wanted->relation))
		{
			foreach(ancestor, get_partition_ancestors(wanted->relation))
			{
				RtWanted   *found = find_wanted(tables, lfirst_oid(ancestor));

				if (found != NULL)
					above = found;
			}
		}
		if (above == NULL)
			joined = lappend(joined, wanted);
		else
			(void) add_table(tables, above->relation, wanted->told, wanted->compared);
	}
	return joined;
}

/* In an order that does not change, and each column once. */
static void
sort_columns(RtWanted *wanted)
{
	List	   *only_compared = NIL;
	ListCell   *cell;

	foreach(cell, wanted->compared)
	{
		if (!has_name(wanted->told, lfirst(cell)))
			only_compared = lappend(only_compared, lfirst(cell));
	}
	wanted->compared = only_compared;
	list_sort(wanted->told, compare_names);
	list_sort(wanted->compared, compare_names);
}

void
rt_wanted_add(RtWanted *wanted, const List *told, const List *compared)
{
	wanted->told = join_names(wanted->told, told);
	wanted->compared = join_names(wanted->compared, compared);
	sort_columns(wanted);
}

/* ---- queries ---- */

static List *
add_query(List *tables, const RtStreamDeclaration *stream)
{
	RtQuerySource source = {
		.sql = stream->query->sql,
		.param_types = stream->query->parameter_types,
		.param_count = stream->query->parameter_count,
		.key = stream->query->key,
		.depends_on = stream->query->depends_on,
		.may_be_stale = stream->stale_after_ms >= 0,
		.all_roles = true
	};
	RtQuery    *query = rt_query_analyze(&source);
	ListCell   *cell;

	foreach(cell, query->relations)
		tables = add_relation(tables, lfirst(cell));
	rt_query_free(query);
	return tables;
}

/* Not a cancel, say. */
static bool
is_about_query(void)
{
	int			category = ERRCODE_TO_CATEGORY(geterrcode());

	return category != ERRCODE_OPERATOR_INTERVENTION &&
		category != ERRCODE_INSUFFICIENT_RESOURCES &&
		category != ERRCODE_INTERNAL_ERROR;
}

/*
 * In a subtransaction, whose end undoes what an error has left.  Returns false if
 * there was one; some tables may have been added then.
 */
static bool
try_query(List **tables, const RtStreamDeclaration *stream)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		PushActiveSnapshot(GetTransactionSnapshot());
		*tables = add_query(*tables, stream);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		if (!is_about_query())
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

List *
rt_wanted_tables(bool *complete)
{
	List	   *tables = NIL;
	ListCell   *cell;

	*complete = rt_declarations_refresh();
	if (!*complete)
		return NIL;
	foreach(cell, rt_declaration_queries())
		*complete &= try_query(&tables, lfirst(cell));
	tables = join_partitions(tables);
	foreach(cell, tables)
		sort_columns(lfirst(cell));
	return tables;
}

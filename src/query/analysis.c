/*
 * analysis.c
 *		What is known about a SELECT before it is run as a live query.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "rewrite/rewriteManip.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "src/query/analysis.h"
#include "src/query/reads.h"
#include "src/query/shape.h"
#include "src/query/tally.h"

static void analyze(RtQuery *query, const RtQuerySource *source);
static Query *parse(RtQuery *query, const RtQuerySource *source);
static void check_parameters(const RtQuery *query);
static void check_columns(const Query *tree);
static void find_key(RtQuery *query, const RtQuerySource *source, const Query *tree);
static AttrNumber find_key_column(const Query *tree, const char *name);
static void check_limit(const Query *tree);
static void keep_reads(RtQuery *query, const RtQueryReads *reads);
static void keep_shape(RtQuery *query, const RtQueryShape *shape);
static void keep_tally(RtQuery *query, const RtQueryShape *shape);
static RtQueryRelation *copy_relation(const RtQueryRelation *relation);
static char *copy_text(const char *text);

RtQuery *
rt_query_analyze(const RtQuerySource *source)
{
	static uint64 serial = 0;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(outer, "realtime query",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext work = AllocSetContextCreate(outer, "realtime query analysis",
											   ALLOCSET_DEFAULT_SIZES);
	RtQuery    *query = MemoryContextAllocZero(context, sizeof(RtQuery));

	query->context = context;
	query->serial = ++serial;
	MemoryContextSwitchTo(work);
	analyze(query, source);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(work);
	return query;
}

static void
analyze(RtQuery *query, const RtQuerySource *source)
{
	Query	   *tree = parse(query, source);
	RtQueryReads reads = {.source = source};
	ListCell   *cell;

	check_columns(tree);
	check_limit(tree);
	rt_query_read(&reads, tree);
	foreach(cell, source->depends_on)
		rt_query_read_elsewhere(&reads, lfirst_oid(cell), "depends_on",
								bms_make_singleton(0));
	if (reads.time_by != NULL && !source->may_be_stale)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a live query that depends on the time needs stale_after"),
				 errdetail("It reads %s, which changes without a change of a table.",
						   reads.time_by),
				 errhint("Say with stale_after how often it is to be run again.")));
	find_key(query, source, tree);
	keep_reads(query, &reads);
	query->column_count = ExecCleanTargetListLength(tree->targetList);
	keep_shape(query, rt_query_shape(tree, query->key_columns, query->key_count));
}

/* Parses and rewrites it. */
static Query *
parse(RtQuery *query, const RtQuerySource *source)
{
	List	   *statements = raw_parser(source->sql, RAW_PARSE_DEFAULT);
	Oid		   *types = palloc(sizeof(Oid) * Max(source->param_count, 1));
	int			count = source->param_types != NULL ? source->param_count : 0;
	Query	   *tree;

	if (list_length(statements) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("a live query must be one SELECT")));
	if (count > 0)
		memcpy(types, source->param_types, sizeof(Oid) * count);
	tree = parse_analyze_varparams(linitial_node(RawStmt, statements),
								   source->sql, &types, &count, NULL);
	if (tree->commandType != CMD_SELECT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a live query must be a SELECT")));

	query->sql = MemoryContextStrdup(query->context, source->sql);
	query->param_count = count;
	query->param_types = MemoryContextAlloc(query->context,
											sizeof(Oid) * Max(count, 1));
	memcpy(query->param_types, types, sizeof(Oid) * count);
	check_parameters(query);
	return linitial_node(Query, pg_rewrite_query(tree));
}

static void
check_parameters(const RtQuery *query)
{
	for (int i = 0; i < query->param_count; i++)
	{
		if (query->param_types[i] == InvalidOid ||
			query->param_types[i] == UNKNOWNOID)
			ereport(ERROR,
					(errcode(ERRCODE_INDETERMINATE_DATATYPE),
					 errmsg("could not determine data type of parameter $%d", i + 1)));
	}
}

/* Rows become JSON objects. */
static void
check_columns(const Query *tree)
{
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, tree->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		for_each_cell(other, tree->targetList, lnext(tree->targetList, cell))
		{
			TargetEntry *later = lfirst_node(TargetEntry, other);

			if (!entry->resjunk && !later->resjunk &&
				strcmp(entry->resname, later->resname) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("a live query cannot return column \"%s\" twice",
								entry->resname),
						 errhint("Name one of them with AS.")));
		}
	}
}

static void
check_limit(const Query *tree)
{
	if (checkExprHasSubLink(tree->limitCount) ||
		checkExprHasSubLink(tree->limitOffset))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("LIMIT and OFFSET of a live query cannot be subqueries"),
				 errhint("Make them parameters.")));
}

static void
find_key(RtQuery *query, const RtQuerySource *source, const Query *tree)
{
	List	   *names;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(source->key), ',', &names) || names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid key \"%s\"", source->key),
				 errhint("Write names of columns, separated by commas.")));
	query->key_columns = MemoryContextAlloc(query->context,
											sizeof(AttrNumber) * list_length(names));
	foreach(cell, names)
		query->key_columns[query->key_count++] = find_key_column(tree, lfirst(cell));
}

static AttrNumber
find_key_column(const Query *tree, const char *name)
{
	ListCell   *cell;

	foreach(cell, tree->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Oid			type = exprType((Node *) entry->expr);
		TypeCacheEntry *cache;

		if (entry->resjunk || strcmp(entry->resname, name) != 0)
			continue;
		cache = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY |
								  TYPECACHE_CMP_PROC | TYPECACHE_HASH_PROC);
		if (!OidIsValid(cache->cmp_proc) || !OidIsValid(cache->hash_proc))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be a key", name,
							format_type_be(type)),
					 errdetail("Its values cannot be sorted and hashed.")));
		return entry->resno;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the query returns no column \"%s\"", name),
			 errdetail("The key names a row of the result."),
			 errhint("Return the column, or name another key.")));
}

bool
rt_query_same_cuts(const List *a, const List *b)
{
	ListCell   *cell;
	ListCell   *other;

	if (list_length(a) != list_length(b))
		return false;
	forboth(cell, a, other, b)
	{
		const RtQueryCut *x = lfirst(cell);
		const RtQueryCut *y = lfirst(other);

		if (x->column != y->column || x->type != y->type ||
			x->operator != y->operator || x->collation != y->collation ||
			strcmp(x->name, y->name) != 0)
			return false;
	}
	return true;
}

void
rt_query_free(RtQuery *query)
{
	MemoryContextDelete(query->context);
}

/* ---- keeping what was found ---- */

static void
keep_reads(RtQuery *query, const RtQueryReads *reads)
{
	MemoryContext before = MemoryContextSwitchTo(query->context);
	ListCell   *cell;

	query->objects = list_copy(reads->objects);
	query->reads_caller = reads->caller_by != NULL;
	query->reads_caller_by = copy_text(reads->caller_by);
	query->reads_time = reads->time_by != NULL;
	query->reads_time_by = copy_text(reads->time_by);
	foreach(cell, reads->elsewhere)
		query->relations = lappend(query->relations, copy_relation(lfirst(cell)));
	MemoryContextSwitchTo(before);
}

static void
keep_shape(RtQuery *query, const RtQueryShape *shape)
{
	MemoryContext before = MemoryContextSwitchTo(query->context);
	List	   *relations = NIL;
	ListCell   *cell;

	query->rows = ExecCleanTypeFromTL(shape->query->targetList);
	foreach(cell, shape->relations)
		relations = lappend(relations, copy_relation(lfirst(cell)));
	query->relations = list_concat(relations, query->relations);
	foreach(cell, shape->cuts)
	{
		RtQueryCut *cut = palloc(sizeof(RtQueryCut));

		*cut = *(RtQueryCut *) lfirst(cell);
		cut->name = pstrdup(cut->name);
		query->cuts = lappend(query->cuts, cut);
	}
	foreach(cell, shape->sort)
	{
		RtQuerySortKey *key = palloc(sizeof(RtQuerySortKey));

		*key = *(RtQuerySortKey *) lfirst(cell);
		query->sort = lappend(query->sort, key);
	}
	query->keyless = query->objects != NIL && !query->reads_caller &&
		rt_query_is_keyless(shape, query->key_columns, query->key_count);
	keep_tally(query, shape);
	query->limit = (Expr *) copyObject(shape->query->limitCount);
	query->offset = (Expr *) copyObject(shape->query->limitOffset);
	MemoryContextSwitchTo(before);
}

/* What else is read may change what images do not tell of. */
static void
keep_tally(RtQuery *query, const RtQueryShape *shape)
{
	query->why_no_tally = copy_text(shape->why_no_tally);
	if (shape->tally == NULL)
		return;
	if (list_length(query->relations) == 1 && !query->reads_time)
		query->tally = rt_query_tally_copy(shape->tally);
	else
		query->why_no_tally = "it depends on more than the table";
}

static RtQueryRelation *
copy_relation(const RtQueryRelation *relation)
{
	RtQueryRelation *copy = palloc(sizeof(RtQueryRelation));
	ListCell   *cell;

	*copy = *relation;
	copy->filters = copy->path = NIL;
	foreach(cell, relation->filters)
	{
		RtQueryFilter *filter = palloc(sizeof(RtQueryFilter));

		*filter = *(RtQueryFilter *) lfirst(cell);
		filter->value = copyObject(filter->value);
		copy->filters = lappend(copy->filters, filter);
	}
	foreach(cell, relation->path)
	{
		RtQueryHop *hop = palloc(sizeof(RtQueryHop));

		*hop = *(RtQueryHop *) lfirst(cell);
		copy->path = lappend(copy->path, hop);
	}
	copy->conditions = copyObject(relation->conditions);
	copy->alias = copy_text(relation->alias);
	copy->where = copy_text(relation->where);
	copy->used = bms_copy(relation->used);
	copy->needed = bms_copy(relation->needed);
	copy->why_full = copy_text(relation->why_full);
	copy->hint = copy_text(relation->hint);
	return copy;
}

static char *
copy_text(const char *text)
{
	return text != NULL ? pstrdup(text) : NULL;
}

/* ---- values ---- */

ParamListInfo
rt_query_arguments(const RtQuery *query, const NullableDatum *values)
{
	ParamListInfo arguments = makeParamList(query->param_count);

	for (int i = 0; i < query->param_count; i++)
	{
		arguments->params[i].value = values[i].value;
		arguments->params[i].isnull = values[i].isnull;
		arguments->params[i].ptype = query->param_types[i];
	}
	return arguments;
}

Datum
rt_query_value(RtQuery *query, Expr *expr, ParamListInfo arguments, bool *is_null)
{
	MemoryContext result = CurrentMemoryContext;
	EState	   *estate = CreateExecutorState();
	ExprContext *econtext;
	ExprState  *state;
	MemoryContext before = MemoryContextSwitchTo(estate->es_query_cxt);
	Datum		value;
	int16		length;
	bool		by_value;

	estate->es_param_list_info = arguments;
	econtext = GetPerTupleExprContext(estate);
	state = ExecPrepareExpr(copyObject(expr), estate);
	value = ExecEvalExprSwitchContext(state, econtext, is_null);
	get_typlenbyval(exprType((Node *) expr), &length, &by_value);
	MemoryContextSwitchTo(result);
	if (!*is_null)
		value = datumCopy(value, by_value, length);
	MemoryContextSwitchTo(before);
	FreeExecutorState(estate);
	MemoryContextSwitchTo(result);
	return value;
}

/*
 * describe.c
 *		The columns that a query returns, and which of them are never NULL.
 *
 * A column is not NULL if it is one of a table that is declared so, and no outer
 * join may put NULLs in its place; or an expression of which that can be said
 * whatever it is made of.  Where it is not clear it may be NULL.
 *
 * The query is looked at as it is parsed, not rewritten: what a view promises is
 * not known.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/query/describe.h"

/* A query whose columns are looked at. */
typedef struct Level
{
	const Query *query;
	Bitmapset  *nullable;		/* relations of FROM that may be missing in a row */
} Level;

static bool is_required(const Level *level, const Node *expr);

/* ---- outer joins ---- */

static void
add_relations(Node *node, bool nullable, Bitmapset **found)
{
	JoinExpr   *join;
	ListCell   *cell;

	if (node == NULL)
		return;
	if (IsA(node, RangeTblRef))
	{
		if (nullable)
			*found = bms_add_member(*found, ((RangeTblRef *) node)->rtindex);
		return;
	}
	if (IsA(node, FromExpr))
	{
		foreach(cell, ((FromExpr *) node)->fromlist)
			add_relations(lfirst(cell), nullable, found);
		return;
	}
	join = castNode(JoinExpr, node);
	add_relations(join->larg, nullable || join->jointype == JOIN_RIGHT ||
				  join->jointype == JOIN_FULL, found);
	add_relations(join->rarg, nullable || join->jointype == JOIN_LEFT ||
				  join->jointype == JOIN_FULL, found);
	if (nullable && join->rtindex > 0)
		*found = bms_add_member(*found, join->rtindex);
}

static Level
level_of(const Query *query)
{
	Level		level = {query, NULL};

	add_relations((Node *) query->jointree, false, &level.nullable);
	return level;
}

static List *
columns_of(const Query *query)
{
	return query->commandType == CMD_SELECT ? query->targetList : query->returningList;
}

/* ---- columns of relations ---- */

/* NULL is no value of a domain that says so. */
static bool
is_type_required(Oid type)
{
	bool		required = false;

	while (!required && get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			return false;
		required = ((Form_pg_type) GETSTRUCT(tuple))->typnotnull;
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return required;
}

static bool
is_table_column_required(Oid relation, AttrNumber number)
{
	char		kind = get_rel_relkind(relation);
	HeapTuple	tuple;
	bool		required;

	if (number <= 0)
		return true;			/* a system column, or the row */
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		return false;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(number));
	if (!HeapTupleIsValid(tuple))
		return false;
	required = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull ||
		is_type_required(((Form_pg_attribute) GETSTRUCT(tuple))->atttypid);
	ReleaseSysCache(tuple);
	return required;
}

static bool
is_subquery_column_required(const Query *query, AttrNumber number)
{
	Level		level = level_of(query);
	List	   *columns = columns_of(query);

	if (query->setOperations != NULL || number <= 0 || number > list_length(columns))
		return false;
	return is_required(&level, (Node *) list_nth_node(TargetEntry, columns, number - 1)->expr);
}

static bool
is_with_column_required(const Level *level, const RangeTblEntry *relation, AttrNumber number)
{
	ListCell   *cell;

	foreach(cell, relation->ctelevelsup == 0 && !relation->self_reference ?
			level->query->cteList : NIL)
	{
		CommonTableExpr *with = lfirst_node(CommonTableExpr, cell);

		if (strcmp(with->ctename, relation->ctename) == 0)
			return !with->cterecursive &&
				is_subquery_column_required(castNode(Query, with->ctequery), number);
	}
	return false;
}

static bool
is_values_column_required(const Level *level, const RangeTblEntry *relation, AttrNumber number)
{
	ListCell   *cell;

	foreach(cell, relation->values_lists)
	{
		if (!is_required(level, list_nth(lfirst_node(List, cell), number - 1)))
			return false;
	}
	return true;
}

static bool
is_column_required(const Level *level, const RangeTblEntry *relation, AttrNumber number)
{
	List	   *grouped = rt_group_expressions(relation);

	if (grouped != NIL)
		return is_required(level, list_nth(grouped, number - 1));
	switch (relation->rtekind)
	{
		case RTE_RELATION:
			return is_table_column_required(relation->relid, number);
		case RTE_SUBQUERY:
			return is_subquery_column_required(relation->subquery, number);
		case RTE_JOIN:
			return number > 0 && is_required(level, list_nth(relation->joinaliasvars, number - 1));
		case RTE_CTE:
			return is_with_column_required(level, relation, number);
		case RTE_VALUES:
			return number > 0 && is_values_column_required(level, relation, number);
		default:
			return false;
	}
}

static bool
is_var_required(const Level *level, const Var *var)
{
	/* a set of grouping columns that leaves others out has NULLs for them */
	if (var->varlevelsup > 0 || level->query->groupingSets != NIL ||
		rt_var_may_be_no_row(var) || bms_is_member(var->varno, level->nullable))
		return false;
	return is_column_required(level, rt_fetch(var->varno, level->query->rtable),
							  var->varattno);
}

/* ---- expressions ---- */

static bool
all_required(const Level *level, List *expressions)
{
	ListCell   *cell;

	foreach(cell, expressions)
	{
		if (!is_required(level, lfirst(cell)))
			return false;
	}
	return true;
}

static bool
any_required(const Level *level, List *expressions)
{
	ListCell   *cell;

	foreach(cell, expressions)
	{
		if (is_required(level, lfirst(cell)))
			return true;
	}
	return false;
}

static bool
is_case_required(const Level *level, const CaseExpr *expr)
{
	ListCell   *cell;

	foreach(cell, expr->args)
	{
		if (!is_required(level, (Node *) lfirst_node(CaseWhen, cell)->result))
			return false;
	}
	return expr->defresult != NULL && is_required(level, (Node *) expr->defresult);
}

static bool
is_number_of_row(const WindowFunc *window)
{
	return window->winfnoid == F_ROW_NUMBER || window->winfnoid == F_RANK_ ||
		window->winfnoid == F_DENSE_RANK_ || window->winfnoid == F_COUNT_ ||
		window->winfnoid == F_COUNT_ANY;
}

static bool
is_required(const Level *level, const Node *expr)
{
	if (expr == NULL)
		return false;
	switch (nodeTag(expr))
	{
		case T_Const:
			return !((const Const *) expr)->constisnull;
		case T_Var:
			return is_var_required(level, (const Var *) expr);
		case T_RelabelType:
			return is_required(level, (Node *) ((const RelabelType *) expr)->arg);
		case T_CollateExpr:
			return is_required(level, (Node *) ((const CollateExpr *) expr)->arg);
		case T_CoerceToDomain:
			return is_required(level, (Node *) ((const CoerceToDomain *) expr)->arg);
		case T_CoalesceExpr:
			return any_required(level, ((const CoalesceExpr *) expr)->args);
		case T_MinMaxExpr:
			return any_required(level, ((const MinMaxExpr *) expr)->args);
		case T_BoolExpr:
			return all_required(level, ((const BoolExpr *) expr)->args);
		case T_CaseExpr:
			return is_case_required(level, (const CaseExpr *) expr);
		case T_Aggref:
			return ((const Aggref *) expr)->aggfnoid == F_COUNT_ ||
				((const Aggref *) expr)->aggfnoid == F_COUNT_ANY;
		case T_WindowFunc:
			return is_number_of_row((const WindowFunc *) expr);
		case T_SubLink:
			return ((const SubLink *) expr)->subLinkType == EXISTS_SUBLINK ||
				((const SubLink *) expr)->subLinkType == ARRAY_SUBLINK;
		case T_NullTest:
		case T_BooleanTest:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_SQLValueFunction:
			return true;
		default:
			return false;
	}
}

/* ---- rows ---- */

static bool
is_one_row_inserted(const Query *query)
{
	return query->commandType == CMD_INSERT && query->jointree->fromlist == NIL &&
		(query->onConflict == NULL ||
		 (query->onConflict->action == ONCONFLICT_UPDATE &&
		  query->onConflict->onConflictWhere == NULL));
}

/* Of all rows together, or of none. */
static bool
is_one_row_selected(const Query *query)
{
	bool		from_nothing = query->jointree->fromlist == NIL &&
		query->jointree->quals == NULL && !query->hasTargetSRFs;

	return query->commandType == CMD_SELECT && query->setOperations == NULL &&
		query->limitCount == NULL && query->limitOffset == NULL &&
		query->havingQual == NULL && query->groupingSets == NIL &&
		query->groupClause == NIL && (from_nothing || query->hasAggs);
}

static RtDescription
describe(const Query *query)
{
	RtDescription description = {NIL,
	is_one_row_selected(query) || is_one_row_inserted(query)};
	Level		level = level_of(query);
	ListCell   *cell;
	int			number = 0;

	foreach(cell, columns_of(query))
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		RtDescribedColumn *column;

		number++;
		if (entry->resjunk)
			continue;
		column = palloc(sizeof(RtDescribedColumn));
		column->name = entry->resname != NULL ? pstrdup(entry->resname) : "";
		column->type = exprType((Node *) entry->expr);
		column->is_required = query->setOperations == NULL &&
			is_required(&level, (Node *) entry->expr);
		description.columns = lappend(description.columns, column);
	}
	return description;
}

RtDescription
rt_describe_query(const char *sql, const Oid *types, int count)
{
	RawStmt    *statement = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT));

	return describe(parse_analyze_fixedparams(statement, sql, types, count, NULL));
}

/* ---- functions ---- */

/* A body of BEGIN ATOMIC or RETURN. */
static List *
stored_statements(Datum body)
{
	Node	   *node = stringToNode(TextDatumGetCString(body));

	return IsA(node, List) ? linitial_node(List, castNode(List, node)) : list_make1(node);
}

static List *
parsed_statements(HeapTuple tuple)
{
	bool		is_null;
	char	   *source = TextDatumGetCString(SysCacheGetAttr(PROCOID, tuple,
															 Anum_pg_proc_prosrc, &is_null));
	SQLFunctionParseInfoPtr names = prepare_sql_fn_parse_info(tuple, NULL, InvalidOid);
	List	   *statements = NIL;
	ListCell   *cell;

	foreach(cell, raw_parser(source, RAW_PARSE_DEFAULT))
		statements = lappend(statements,
							 parse_analyze_withcb(lfirst_node(RawStmt, cell), source,
												  (ParserSetupHook) sql_fn_parser_setup,
												  names, NULL));
	return statements;
}

/* The last one that is no utility command; NULL if there is none. */
static Query *
last_statement(HeapTuple tuple)
{
	bool		is_null;
	Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &is_null);
	List	   *statements = is_null ? parsed_statements(tuple) : stored_statements(body);

	for (int i = list_length(statements) - 1; i >= 0; i--)
	{
		Query	   *query = list_nth_node(Query, statements, i);

		if (query->commandType != CMD_UTILITY)
			return query;
	}
	return NULL;
}

/* Names mean what they mean to it: with its settings, or those of a session. */
static void
apply_settings(HeapTuple tuple)
{
	bool		is_null;
	Datum		settings = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &is_null);
	const char *path = GetConfigOptionResetString("search_path");

	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (!is_null)
		ProcessGUCArray(DatumGetArrayTypeP(settings),
						superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
						GUC_ACTION_SAVE);
}

RtDescription
rt_describe_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	RtDescription description = {NIL, false};
	int			level;
	Query	   *query;

	if (!HeapTupleIsValid(tuple))
		return description;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == SQLlanguageId)
	{
		level = NewGUCNestLevel();
		apply_settings(tuple);
		query = last_statement(tuple);
		if (query != NULL)
			description = describe(query);
		AtEOXact_GUC(true, level);
	}
	ReleaseSysCache(tuple);
	return description;
}

/*
 * function.c
 *		What the functions of a live query read.
 *
 * An IMMUTABLE function reads nothing, that is its promise.  A STABLE one of
 * LANGUAGE sql is looked into.  What others do cannot be seen: they may read
 * the caller, and tables, unless the declaration says which ones.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/functions.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "parser/parser.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "src/query/reads.h"

static void read_stable(RtQueryReads *reads, HeapTuple tuple, Node *call);
static void read_built_in(RtQueryReads *reads, Form_pg_proc proc);
static bool is_ours(Form_pg_proc proc, const char *name);
static void refuse_function(const RtQueryReads *reads, Oid function,
							const char *detail, const char *hint);
static void read_body(RtQueryReads *reads, HeapTuple tuple, Node *call);
static void read_statements(RtQueryReads *reads, HeapTuple tuple, Node *call);
static List *stored_statements(HeapTuple tuple);
static void apply_settings(HeapTuple tuple);

void
rt_query_read_function(RtQueryReads *reads, Oid function, Node *call)
{
	HeapTuple	tuple;
	char		volatility;

	if (list_member_oid(reads->functions, function))
		return;
	reads->functions = lappend_oid(reads->functions, function);

	volatility = func_volatile(function);
	if (volatility == PROVOLATILE_IMMUTABLE)
		return;
	if (volatility == PROVOLATILE_VOLATILE)
		refuse_function(reads, function, "It is VOLATILE: its value may differ with each call.",
						"If it only reads, declare it STABLE.");
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	read_stable(reads, tuple, call);
	ReleaseSysCache(tuple);
}

static void
read_stable(RtQueryReads *reads, HeapTuple tuple, Node *call)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

	if (proc->prolang == SQLlanguageId)
		read_body(reads, tuple, call);
	else if (proc->oid < FirstNormalObjectId)
		read_built_in(reads, proc);
	else if (is_ours(proc, "connection_id") || is_ours(proc, "request_id") ||
			 is_ours(proc, "remote_address") ||
			 is_ours(proc, "cursor") || is_ours(proc, "seq") ||
			 is_ours(proc, "replay"))
		refuse_function(reads, proc->oid,
						"Its value differs from call to call, or changes without a change of a table.", NULL);
	else if (proc->prolang != ClanguageId && reads->source->depends_on == NIL)
		refuse_function(reads, proc->oid,
						"It is not known which tables it reads.",
						"Name them with depends_on, write it in LANGUAGE sql, or declare it IMMUTABLE.");
	else if (reads->caller_by == NULL)
		reads->caller_by = psprintf("function %s", format_procedure(proc->oid));
}

static void
read_built_in(RtQueryReads *reads, Form_pg_proc proc)
{
	const char *name = NameStr(proc->proname);

	switch (proc->oid)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
		case F_AGE_XID:
			if (reads->time_by == NULL)
				reads->time_by = psprintf("function %s()", name);
			break;
		case F_CURRENT_SETTING_TEXT:
		case F_CURRENT_SETTING_TEXT_BOOL:
			if (reads->caller_by == NULL)
				reads->caller_by = psprintf("function %s()", name);
			break;
		default:
			if (strstr(name, "_to_xml") != NULL)
				refuse_function(reads, proc->oid, "It reads tables that are not known.", NULL);
	}
}

static bool
is_ours(Form_pg_proc proc, const char *name)
{
	return proc->pronamespace == get_namespace_oid("realtime", true) &&
		strcmp(NameStr(proc->proname), name) == 0;
}

static void
refuse_function(const RtQueryReads *reads, Oid function, const char *detail,
				const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a live query cannot call function %s", format_procedure(function)),
			 errdetail("%s%s%s", detail, reads->where != NULL ? " It is called in " : "",
					   reads->where != NULL ? psprintf("%s.", reads->where) : ""),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* Names mean what they mean to the function: as who it runs, with its settings. */
static void
read_body(RtQueryReads *reads, HeapTuple tuple, Node *call)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	const char *where = reads->where;
	int			level = NewGUCNestLevel();
	Oid			user;
	int			security;

	GetUserIdAndSecContext(&user, &security);
	if (proc->prosecdef)
		SetUserIdAndSecContext(proc->proowner,
							   security | SECURITY_LOCAL_USERID_CHANGE);
	apply_settings(tuple);
	if (proc->oid >= FirstNormalObjectId)
		reads->where = psprintf("function %s", format_procedure(proc->oid));
	read_statements(reads, tuple, call);
	reads->where = where;
	AtEOXact_GUC(true, level);
	SetUserIdAndSecContext(user, security);
}

static void
apply_settings(HeapTuple tuple)
{
	bool		is_null;
	Datum		settings = SysCacheGetAttr(PROCOID, tuple,
										   Anum_pg_proc_proconfig, &is_null);

	if (!is_null)
		ProcessGUCArray(DatumGetArrayTypeP(settings),
						superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION,
						GUC_ACTION_SAVE);
}

static void
read_statements(RtQueryReads *reads, HeapTuple tuple, Node *call)
{
	List	   *statements = stored_statements(tuple);
	ListCell   *cell;

	if (statements == NIL)
	{
		bool		is_null;
		Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc,
										   &is_null);
		char	   *source = TextDatumGetCString(body);
		SQLFunctionParseInfoPtr names;

		names = prepare_sql_fn_parse_info(tuple, call, InvalidOid);
		foreach(cell, raw_parser(source, RAW_PARSE_DEFAULT))
			statements = list_concat(statements,
									 pg_analyze_and_rewrite_withcb(lfirst_node(RawStmt, cell),
																   source,
																   (ParserSetupHook) sql_fn_parser_setup,
																   names, NULL));
	}
	foreach(cell, statements)
		rt_query_read(reads, lfirst_node(Query, cell));
}

/* A body of BEGIN ATOMIC or RETURN, rewritten; NIL if it is none. */
static List *
stored_statements(HeapTuple tuple)
{
	bool		is_null;
	Datum		body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody,
									   &is_null);
	List	   *statements = NIL;
	Node	   *node;
	ListCell   *cell;

	if (is_null)
		return NIL;
	node = stringToNode(TextDatumGetCString(body));
	foreach(cell, IsA(node, List) ? linitial_node(List, castNode(List, node)) : list_make1(node))
	{
		Query	   *query = lfirst_node(Query, cell);

		AcquireRewriteLocks(query, true, false);
		statements = list_concat(statements, pg_rewrite_query(query));
	}
	return statements;
}

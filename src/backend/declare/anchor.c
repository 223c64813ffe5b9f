/*
 * anchor.c
 *		What makes PostgreSQL know that a declaration needs its functions.
 *
 * A declaration is a row, and rows have no dependencies.  So each one that names
 * functions has an anchor: a function in our schema, called rpc chat/send for
 * example, that does nothing but mention them in a body of the kind that
 * PostgreSQL has parsed.  The rest is PostgreSQL's: dropping a declared
 * function is refused, or takes the anchor along if it says CASCADE, and then
 * dependency.c removes the declaration.
 *
 * Anchors are the users', like their declarations: dumps carry them, behind the
 * functions that they need, and drop them before those (pg_dump --clean).  They
 * are no members of the extension, but go with it.
 *
 * Triggers of the tables keep anchors in step with rows, whoever writes them.
 * The text of the row counts.  A function that does not exist yet is not
 * mentioned, and nothing mentions it when it comes later: the row would have to
 * be written again.  PostgreSQL's own functions cannot be dropped.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "src/backend/declare/anchor.h"
#include "src/catalog/signature.h"
#include "src/catalog/statement.h"

#define NAME_MAX_LEN (NAMEDATALEN - 1)
#define HASH_LEN 17				/* of a name that is cut off: ~ and 16 digits */

static void keep_anchor(Relation relation, const RtDeclarationTable *table,
						HeapTuple tuple);
static void drop_anchor(const RtDeclarationTable *table, const char *declaration);
static void drop_anchors(const RtDeclarationTable *table);
static void drop_function(Oid function);
static void set_anchor(Relation relation, const RtDeclarationTable *table,
					   const char *declaration, List *functions);
static void make_anchor(Oid relation, const RtDeclarationTable *table,
						const char *declaration, List *functions);
static void run_command(Oid relation, const char *sql);
static char *make_body(List *functions);
static List *functions_needed(Oid anchor);
static char *declaration_of(Relation relation, HeapTuple tuple);
static List *functions_of(Relation relation, const RtDeclarationTable *table,
						  HeapTuple tuple);
static List *add_function(List *functions, Datum value);
static void make_name(const RtDeclarationTable *table, const char *declaration,
					  char *name);
static uint64 hash_text(const char *text);

PG_FUNCTION_INFO_V1(realtime_declaration_anchored);

/* Trigger, for rows and for TRUNCATE. */
Datum
realtime_declaration_anchored(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	relation;
	const RtDeclarationTable *table;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"realtime.declaration_anchored")));
	relation = trigger->tg_relation;
	table = rt_declaration_table(RelationGetRelationName(relation));
	if (table == NULL)
		PG_RETURN_POINTER(NULL);

	/* somebody else may have written the row until we came to it */
	AcceptInvalidationMessages();
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		drop_anchors(table);
	else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		keep_anchor(relation, table, trigger->tg_trigtuple);
	else
	{
		char	   *before = declaration_of(relation, trigger->tg_trigtuple);

		if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
			drop_anchor(table, before);
		else
		{
			if (strcmp(before, declaration_of(relation, trigger->tg_newtuple)) != 0)
				drop_anchor(table, before);
			keep_anchor(relation, table, trigger->tg_newtuple);
		}
	}
	PG_RETURN_POINTER(NULL);
}

/* ---- anchors ---- */

Oid
rt_anchor_find(const RtDeclarationTable *table, const char *declaration)
{
	char		name[NAMEDATALEN];

	make_name(table, declaration, name);
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid(RT_SCHEMA, false)));
}

/* No other function of ours has a blank in its name. */
char *
rt_anchor_name(Oid function)
{
	char	   *name = get_func_name(function);

	if (name == NULL || strchr(name, ' ') == NULL ||
		get_func_namespace(function) != get_namespace_oid(RT_SCHEMA, true))
		return NULL;
	return name;
}

bool
rt_anchor_has_name(const RtDeclarationTable *table, const char *declaration,
				   const char *name)
{
	char		own[NAMEDATALEN];

	make_name(table, declaration, own);
	return strcmp(own, name) == 0;
}

static void
keep_anchor(Relation relation, const RtDeclarationTable *table, HeapTuple tuple)
{
	set_anchor(relation, table, declaration_of(relation, tuple),
			   functions_of(relation, table, tuple));
}

static void
drop_anchor(const RtDeclarationTable *table, const char *declaration)
{
	Oid			anchor = rt_anchor_find(table, declaration);

	if (OidIsValid(anchor))
		drop_function(anchor);
}

/* All of one kind. */
static void
drop_anchors(const RtDeclarationTable *table)
{
	Relation	catalog = table_open(ProcedureRelationId, AccessShareLock);
	Oid			namespace = get_namespace_oid(RT_SCHEMA, false);
	char	   *prefix = psprintf("%s ", table->kind);
	List	   *anchors = NIL;
	SysScanDesc scan;
	HeapTuple	tuple;
	ListCell   *cell;

	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

		if (form->pronamespace == namespace &&
			strncmp(NameStr(form->proname), prefix, strlen(prefix)) == 0)
			anchors = lappend_oid(anchors, form->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(cell, anchors)
		drop_function(lfirst_oid(cell));
}

/* The flag tells dependency.c that the declaration is not concerned. */
static void
drop_function(Oid function)
{
	ObjectAddress address;

	ObjectAddressSet(address, ProcedureRelationId, function);
	performDeletion(&address, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	CommandCounterIncrement();
}

/* Makes a declaration need these functions and no others. */
static void
set_anchor(Relation relation, const RtDeclarationTable *table,
		   const char *declaration, List *functions)
{
	Oid			anchor = rt_anchor_find(table, declaration);

	if (OidIsValid(anchor))
	{
		List	   *needed = functions_needed(anchor);

		if (list_difference_oid(needed, functions) == NIL &&
			list_difference_oid(functions, needed) == NIL)
			return;
		drop_function(anchor);
	}
	if (functions != NIL)
		make_anchor(RelationGetRelid(relation), table, declaration, functions);
}

static void
make_anchor(Oid relation, const RtDeclarationTable *table,
			const char *declaration, List *functions)
{
	char		name[NAMEDATALEN];
	const char *quoted;
	char	   *comment;

	make_name(table, declaration, name);
	quoted = quote_identifier(name);
	comment = psprintf("Makes the functions of %s \"%s\" known to DROP ... CASCADE",
					   table->kind, declaration);
	run_command(relation, psprintf("CREATE FUNCTION " RT_SCHEMA ".%s()"
								   " RETURNS pg_catalog.void LANGUAGE sql %s",
								   quoted, make_body(functions)));
	run_command(relation, psprintf("ALTER FUNCTION " RT_SCHEMA ".%s()"
								   " DEPENDS ON EXTENSION " RT_EXTENSION,
								   quoted));
	run_command(relation, psprintf("COMMENT ON FUNCTION " RT_SCHEMA ".%s() IS %s",
								   quoted, quote_literal_cstr(comment)));
}

static void
run_command(Oid relation, const char *sql)
{
	RtStatement statement = {.sql = sql};

	rt_statement_run(&statement, relation, SPI_OK_UTILITY);
}

/* A constant of this type is a dependency, and dumps write it as text. */
static char *
make_body(List *functions)
{
	StringInfoData body;
	ListCell   *cell;

	initStringInfo(&body);
	foreach(cell, functions)
		appendStringInfo(&body, "%s%s::pg_catalog.regprocedure",
						 cell == list_head(functions) ?
						 "BEGIN ATOMIC SELECT " : ", ",
						 quote_literal_cstr(rt_signature(lfirst_oid(cell))));
	appendStringInfoString(&body, "; END");
	return body.data;
}

/* The functions that an anchor mentions. */
static List *
functions_needed(Oid anchor)
{
	Relation	catalog = table_open(DependRelationId, AccessShareLock);
	List	   *functions = NIL;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(anchor));
	scan = systable_beginscan(catalog, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == ProcedureRelationId)
			functions = list_append_unique_oid(functions, form->refobjid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return functions;
}

/* ---- rows ---- */

/* Its name, the first column. */
static char *
declaration_of(Relation relation, HeapTuple tuple)
{
	bool		is_null;
	Datum		value = heap_getattr(tuple, 1, RelationGetDescr(relation), &is_null);

	Assert(!is_null);
	return TextDatumGetCString(value);
}

/* The functions that a row names, if they exist and can be dropped. */
static List *
functions_of(Relation relation, const RtDeclarationTable *table, HeapTuple tuple)
{
	List	   *functions = NIL;

	for (const RtFunctionColumn *column = table->functions; column->name != NULL;
		 column++)
	{
		bool		is_null;
		Datum		value = heap_getattr(tuple, column->anum,
										 RelationGetDescr(relation), &is_null);
		Datum	   *elements;
		bool	   *nulls;
		int			count;

		if (is_null)
			continue;
		if (!column->is_array)
		{
			functions = add_function(functions, value);
			continue;
		}
		deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
						  TYPALIGN_INT, &elements, &nulls, &count);
		for (int i = 0; i < count; i++)
		{
			if (!nulls[i])
				functions = add_function(functions, elements[i]);
		}
	}
	return functions;
}

/* Whoever drops or renames it waits until the anchor can be seen. */
static List *
add_function(List *functions, Datum value)
{
	char	   *signature = TextDatumGetCString(value);
	Oid			function = rt_signature_resolve(signature);

	if (!OidIsValid(function) || IsPinnedObject(ProcedureRelationId, function))
		return functions;
	LockDatabaseObject(ProcedureRelationId, function, 0, AccessShareLock);
	rt_signature_lock(function);
	if (rt_signature_resolve(signature) != function)
		return functions;
	return list_append_unique_oid(functions, function);
}

/* ---- names ---- */

/*
 * rpc chat/send.  Of what is too long the end makes place for a hash, which must
 * be the same in every version: dumps carry it.
 */
static void
make_name(const RtDeclarationTable *table, const char *declaration, char *name)
{
	char	   *whole = psprintf("%s %s", table->kind, declaration);
	int			len = strlen(whole);

	if (len <= NAME_MAX_LEN)
		strcpy(name, whole);
	else
	{
		len = pg_mbcliplen(whole, len, NAME_MAX_LEN - HASH_LEN);
		snprintf(name, NAMEDATALEN, "%.*s~%016llx", len, whole,
				 (unsigned long long) hash_text(whole));
	}
	pfree(whole);
}

/* FNV-1a */
static uint64
hash_text(const char *text)
{
	uint64		hash = UINT64CONST(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * UINT64CONST(0x100000001b3);
	return hash;
}

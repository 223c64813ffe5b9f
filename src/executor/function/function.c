/*
 * function.c
 *		What the executor knows about a function it calls.
 *
 * One entry for each function that was ever called and is still there, found by
 * its OID; what is known about it lies in a context of its own and is
 * found out again after the function has changed (syscache invalidation of
 * its pg_proc row) or after an error that may have left something odd in an
 * FmgrInfo.  That happens only between calls: rt_function_get() is the one
 * place that rebuilds, and a call gets all its functions before it runs any.
 * Entries of functions that are gone are dropped between requests.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "src/executor/function/function.h"
#include "src/executor/function/sql_body.h"
#include "src/executor/identity.h"

#define MEAN_WEIGHT 8.0			/* a call counts for one eighth */

static HTAB *functions = NULL;
static Oid	plpgsql_language = InvalidOid;	/* InvalidOid = not looked up */
static uint64 changes = 0;		/* of any function */

static void
on_proc_change(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	RtFunction *function;

	changes++;
	hash_seq_init(&status, functions);
	while ((function = hash_seq_search(&status)) != NULL)
	{
		if (hashvalue == 0 || function->syscache_hash == hashvalue)
			function->valid = false;
	}
}

static void
on_language_change(Datum arg, int cacheid, uint32 hashvalue)
{
	plpgsql_language = InvalidOid;
}

void
rt_functions_init(void)
{
	HASHCTL		ctl;

	if (functions != NULL)
		return;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(RtFunction);
	functions = hash_create("realtime functions", 64, &ctl,
							HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(PROCOID, on_proc_change, (Datum) 0);
	CacheRegisterSyscacheCallback(LANGNAME, on_language_change, (Datum) 0);
}

void
rt_functions_forget(void)
{
	on_proc_change((Datum) 0, PROCOID, 0);
}

/* ---- parameters ---- */

static Param *
make_parameter(int number, Oid type)
{
	Param	   *parameter = makeNode(Param);

	parameter->paramkind = PARAM_EXTERN;
	parameter->paramid = number;
	parameter->paramtype = type;
	parameter->paramtypmod = -1;
	parameter->paramcollid = get_typcollation(type);
	parameter->location = -1;
	return parameter;
}

/*
 * jsonb_populate_record() remembers what it found out about a type; for rows
 * and domains that may become wrong while we keep it.
 */
static bool
populate_may_be_kept(Oid type)
{
	Oid			element = get_element_type(type);
	char		typtype;

	if (!OidIsValid(element))
		return false;
	typtype = get_typtype(element);
	return typtype == TYPTYPE_BASE || typtype == TYPTYPE_ENUM;
}

static void
describe_structured(RtParameter *parameter)
{
	List	   *arguments = list_make2(make_parameter(1, RECORDOID),
									   make_parameter(2, JSONBOID));
	TupleDesc	row = CreateTemplateTupleDesc(1);

	parameter->kind = RT_PARAMETER_STRUCTURED;
	parameter->keeps_populate = populate_may_be_kept(parameter->type);
	TupleDescInitEntry(row, 1, "v", parameter->type, -1, 0);
	parameter->row = BlessTupleDesc(row);

	fmgr_info_cxt(F_JSONB_POPULATE_RECORD, &parameter->populate,
				  CurrentMemoryContext);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_JSONB_POPULATE_RECORD, RECORDOID,
											 arguments, InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   &parameter->populate);
}

/*
 * A domain evaluates its checks in memory that it frees when a value has
 * passed; ranges may be over a domain.
 */
static bool
may_check_values(Oid type)
{
	char		typtype = get_typtype(type);

	return typtype == TYPTYPE_DOMAIN || typtype == TYPTYPE_RANGE ||
		typtype == TYPTYPE_MULTIRANGE;
}

static void
describe_parameter(RtParameter *parameter, Oid type, const char *name,
				   int number)
{
	Oid			base = getBaseType(type);
	Oid			input;

	parameter->name = name != NULL && name[0] != '\0' ? pstrdup(name) :
		psprintf("$%d", number);
	parameter->type = type;
	parameter->is_domain = base != type;

	if (get_typtype(base) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a function with a parameter of type %s cannot be called by clients",
						format_type_be(type))));

	if (type == TEXTOID)
		parameter->kind = RT_PARAMETER_TEXT;
	else if (type == JSONOID)
		parameter->kind = RT_PARAMETER_JSON;
	else if (type == JSONBOID)
		parameter->kind = RT_PARAMETER_JSONB;
	else if (type_is_rowtype(base) || OidIsValid(get_element_type(base)))
		describe_structured(parameter);
	else if (parameter->is_domain && (base == JSONOID || base == JSONBOID))
		describe_structured(parameter);
	else
	{
		parameter->kind = RT_PARAMETER_SCALAR;
		getTypeInputInfo(type, &input, &parameter->io_param);
		fmgr_info_cxt(input, &parameter->input, CurrentMemoryContext);
	}
}

static void
describe_parameters(RtFunction *function, HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	Datum		names;
	Datum		modes;
	bool		no_names;
	bool		no_modes;
	char	  **input_names = NULL;
	int			name_count = 0;

	names = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargnames, &no_names);
	modes = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargmodes, &no_modes);
	if (!no_names)
		name_count = get_func_input_arg_names(names,
											  no_modes ? PointerGetDatum(NULL) : modes,
											  &input_names);

	function->nargs = proc->pronargs;
	function->variadic = OidIsValid(proc->provariadic);
	function->parameters = palloc0(Max(1, proc->pronargs) * sizeof(RtParameter));
	for (int i = 0; i < proc->pronargs; i++)
	{
		RtParameter *parameter = &function->parameters[i];

		describe_parameter(parameter, proc->proargtypes.values[i],
						   i < name_count ? input_names[i] : NULL, i + 1);
		if (parameter->kind == RT_PARAMETER_SCALAR &&
			may_check_values(parameter->type))
			function->checks_values = true;
	}
}

RtFunction *
rt_function_of_types(const char *name, const Oid *types, int count)
{
	RtFunction *function = palloc0(sizeof(RtFunction));

	function->name = name;
	function->nargs = count;
	function->parameters = palloc0(sizeof(RtParameter) * Max(1, count));
	for (int i = 0; i < count; i++)
		describe_parameter(&function->parameters[i], types[i], NULL, i + 1);
	return function;
}

static void
describe_defaults(RtFunction *function, HeapTuple tuple)
{
	Datum		defaults;
	bool		none;
	List	   *expressions;

	defaults = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &none);
	if (none)
		return;
	expressions = castNode(List, stringToNode(TextDatumGetCString(defaults)));
	function->default_count = list_length(expressions);
	function->defaults = palloc0(function->default_count * sizeof(RtDefault));
	for (int i = 0; i < function->default_count; i++)
		function->defaults[i].expression = list_nth(expressions, i);
}

static void
forget_defaults(RtFunction *function)
{
	for (int i = 0; i < function->default_count; i++)
	{
		if (function->defaults[i].planned != NULL)
			FreeCachedExpression(function->defaults[i].planned);
	}
}

/* ---- result ---- */

/* The name of a function's only OUT parameter, if it has one. */
static char *
only_out_name(HeapTuple tuple)
{
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(tuple, &types, &names, &modes);

	for (int i = 0; i < n && modes != NULL && names != NULL; i++)
	{
		if ((modes[i] == PROARGMODE_OUT || modes[i] == PROARGMODE_INOUT ||
			 modes[i] == PROARGMODE_TABLE) && names[i][0] != '\0')
			return names[i];
	}
	return NULL;
}

static void
describe_scalar_result(RtFunction *function, HeapTuple tuple)
{
	char	   *name = only_out_name(tuple);

	function->result = RT_RESULT_SCALAR;
	function->result_value = rt_value_writer(function->result_type);
	if (name != NULL)
	{
		StringInfoData member;

		initStringInfo(&member);
		rt_text_write(&member, name, strlen(name));
		appendStringInfoChar(&member, ':');
		function->result_name = member.data;
		function->result = RT_RESULT_NAMED_SCALAR;
	}
}

/*
 * The row type of OUT parameters is part of the function and is kept; that of
 * a table or composite type may change under us and is asked for each time.
 */
static void
describe_row_result(RtFunction *function, TupleDesc desc)
{
	function->result = RT_RESULT_ROW;
	if (function->result_type == RECORDOID && desc != NULL)
		function->result_row = CreateTupleDescCopy(desc);
}

static void
describe_result(RtFunction *function, HeapTuple tuple)
{
	TupleDesc	desc = NULL;

	switch (get_func_result_type(function->oid, &function->result_type, &desc))
	{
		case TYPEFUNC_SCALAR:
			if (function->result_type == VOIDOID)
				function->result = RT_RESULT_VOID;
			else
				describe_scalar_result(function, tuple);
			break;
		case TYPEFUNC_COMPOSITE:
		case TYPEFUNC_COMPOSITE_DOMAIN:
		case TYPEFUNC_RECORD:
			describe_row_result(function, desc);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a function that returns type %s cannot be called by clients",
							format_type_be(function->result_type))));
	}
}

/* ---- the whole ---- */

/*
 * The collation that a query would give the call: that of its arguments, and
 * another one before the default.
 */
static Oid
collation_of_parameters(const RtFunction *function)
{
	Oid			collation = InvalidOid;

	for (int i = 0; i < function->nargs; i++)
	{
		Oid			own = get_typcollation(function->parameters[i].type);

		if (OidIsValid(own) &&
			(!OidIsValid(collation) || collation == DEFAULT_COLLATION_OID))
			collation = own;
	}
	return collation;
}

static void
describe_call(RtFunction *function)
{
	List	   *arguments = NIL;

	for (int i = 0; i < function->nargs; i++)
		arguments = lappend(arguments,
							make_parameter(i + 1, function->parameters[i].type));
	function->collation = collation_of_parameters(function);

	fmgr_info_cxt(function->oid, &function->flinfo, function->context);
	fmgr_info_set_expr((Node *) makeFuncExpr(function->oid, function->result_type,
											 arguments,
											 get_typcollation(function->result_type),
											 function->collation,
											 COERCE_EXPLICIT_CALL),
					   &function->flinfo);
}

static uint64
row_type_version(Oid type)
{
	return lookup_type_cache(type, TYPECACHE_TUPDESC)->tupDesc_identifier;
}

/*
 * Where PostgreSQL keeps the plans of SQL functions it looks at the row type that
 * a function returns once for each FmgrInfo, which it takes to be one query's.
 */
static void
describe_kept_row(RtFunction *function)
{
	Oid			type = getBaseType(function->result_type);

	if (RT_SQL_BODIES_ARE_PLANNED_ANEW || get_typtype(type) != TYPTYPE_COMPOSITE)
		return;
	function->kept_row_type = type;
	function->kept_row_version = row_type_version(type);
}

static bool
language_is_plpgsql(Oid language)
{
	if (!OidIsValid(plpgsql_language))
		plpgsql_language = GetSysCacheOid1(LANGNAME, Anum_pg_language_oid,
										   CStringGetDatum("plpgsql"));
	return OidIsValid(plpgsql_language) && language == plpgsql_language;
}

/*
 * The conditions of inline_set_returning_function() in PostgreSQL's planner,
 * and that a query needs no list of columns.
 */
static bool
is_inlinable(HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

	return proc->prolang == SQLlanguageId &&
		proc->proretset && !proc->proisstrict && !proc->prosecdef &&
		proc->provolatile != PROVOLATILE_VOLATILE &&
		proc->prorettype != VOIDOID &&
		(proc->prorettype != RECORDOID ||
		 !heap_attisnull(tuple, Anum_pg_proc_proallargtypes, NULL)) &&
		heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL);
}

static void
describe(RtFunction *function, HeapTuple tuple)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

	if (proc->prokind != PROKIND_FUNCTION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a plain function", NameStr(proc->proname))));

	function->schema = get_namespace_name(proc->pronamespace);
	function->name = pstrdup(NameStr(proc->proname));
	function->namespace = proc->pronamespace;
	function->volatility = proc->provolatile;
	function->strict = proc->proisstrict;
	function->returns_set = proc->proretset;
	function->state_is_safe = proc->prolang == SQLlanguageId ?
		RT_SQL_BODIES_ARE_PLANNED_ANEW : language_is_plpgsql(proc->prolang);
	function->inlinable = is_inlinable(tuple);
	describe_parameters(function, tuple);
	describe_defaults(function, tuple);
	describe_result(function, tuple);
	describe_call(function);
	if (proc->prolang == SQLlanguageId)
		describe_kept_row(function);
	rt_sql_body_describe(function, tuple);
}

/* Everything behind the key, the context and the mean starts anew. */
static void
clear(RtFunction *function)
{
	MemoryContext context = function->context;
	double		mean_us = function->mean_us;
	Oid			oid = function->oid;

	rt_role_plans_forget(function);
	forget_defaults(function);
	MemoryContextReset(context);

	memset(function, 0, sizeof(*function));
	function->oid = oid;
	function->context = context;
	function->mean_us = mean_us;
}

static void
look_up(RtFunction *function)
{
	MemoryContext old;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function->oid));

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function->oid)));
	old = MemoryContextSwitchTo(function->context);
	describe(function, tuple);
	MemoryContextSwitchTo(old);
	ReleaseSysCache(tuple);
}

static void
rebuild(RtFunction *function)
{
	clear(function);
	function->syscache_hash = GetSysCacheHashValue1(PROCOID,
													ObjectIdGetDatum(function->oid));

	/* before the look, so that a change which arrives during it counts */
	function->valid = true;
	PG_TRY();
	{
		look_up(function);
	}
	PG_CATCH();
	{
		function->valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
}

bool
rt_function_is_up_to_date(const RtFunction *function)
{
	return function->valid &&
		(!OidIsValid(function->kept_row_type) ||
		 function->kept_row_version == row_type_version(function->kept_row_type));
}

RtFunction *
rt_function_get(Oid oid)
{
	RtFunction *function = hash_search(functions, &oid, HASH_FIND, NULL);

	if (function != NULL && rt_function_is_up_to_date(function))
		return function;

	if (function == NULL)
	{
		MemoryContext context = AllocSetContextCreate(TopMemoryContext,
													  "realtime function",
													  ALLOCSET_SMALL_SIZES);

		function = hash_search(functions, &oid, HASH_ENTER, NULL);
		memset((char *) function + sizeof(Oid), 0, sizeof(*function) - sizeof(Oid));
		function->context = context;
		function->mean_us = -1;
	}
	rebuild(function);
	return function;
}

static void
drop(RtFunction *function)
{
	clear(function);
	MemoryContextDelete(function->context);
	(void) hash_search(functions, &function->oid, HASH_REMOVE, NULL);
}

void
rt_functions_drop_gone(void)
{
	HASH_SEQ_STATUS status;
	RtFunction *function;

	if (functions == NULL)
		return;
	hash_seq_init(&status, functions);
	while ((function = hash_seq_search(&status)) != NULL)
	{
		if (!function->valid &&
			!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(function->oid)))
			drop(function);
	}
}

/* Plans of its body would be kept by its OID, which is the other one's. */
RtFunction *
rt_function_make(Oid oid)
{
	RtFunction *function = palloc0(sizeof(RtFunction));

	function->oid = oid;
	function->mean_us = -1;
	function->context = AllocSetContextCreate(CurrentMemoryContext, "realtime own function",
											  ALLOCSET_SMALL_SIZES);
	look_up(function);
	function->sql_body = NULL;
	function->inlinable = false;
	return function;
}

void
rt_function_free(RtFunction *function)
{
	forget_defaults(function);
	MemoryContextDelete(function->context);
	pfree(function);
}

uint64
rt_function_changes(void)
{
	return changes;
}

/* What the checks of the value have used is freed with all else. */
void
rt_function_refused(RtFunction *function)
{
	if (function->checks_values)
		function->valid = false;
}

/* ---- privileges ---- */

static const RtPrivileges *
privileges_of_role(RtFunction *function)
{
	uint64		generation = rt_privilege_generation();
	Oid			role = GetUserId();
	RtPrivileges *kept = &function->privileges[role % RT_PRIVILEGES_KEPT];

	if (kept->role == role && kept->generation == generation)
		return kept;

	/* a change that arrives while we look makes the answer void at once */
	kept->generation = 0;
	kept->role = role;
	kept->may_execute =
		rt_aclcheck_function(function->oid, role) == ACLCHECK_OK;
	kept->may_use_schema =
		DatumGetBool(OidFunctionCall3(F_HAS_SCHEMA_PRIVILEGE_OID_OID_TEXT,
									  ObjectIdGetDatum(role),
									  ObjectIdGetDatum(function->namespace),
									  CStringGetTextDatum("USAGE")));
	kept->generation = generation;
	return kept;
}

bool
rt_function_may_execute(RtFunction *function)
{
	return privileges_of_role(function)->may_execute;
}

bool
rt_function_may_use_schema(RtFunction *function)
{
	return privileges_of_role(function)->may_use_schema;
}

void
rt_function_timed(RtFunction *function, double us)
{
	if (function->mean_us < 0)
		function->mean_us = us;
	else
		function->mean_us += (us - function->mean_us) / MEAN_WEIGHT;
}

/*
 * describe.c
 *		What is known about an aggregate, and whether it will do.
 *
 * A state has to be kept, so its type must have a binary form, or the aggregate
 * functions that serialize it.  A parameter of a polymorphic type gets jsonb.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_agg.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/aggregate/reducer.h"
#include "src/catalog/signature.h"

/* The rows of both catalogs, while an aggregate is described. */
typedef struct Sources
{
	HeapTuple	function_tuple;
	HeapTuple	aggregate_tuple;
	Form_pg_proc function;
	Form_pg_aggregate aggregate;
} Sources;

static void
refuse(const RtReducer *reducer, int code, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s cannot be a reducer", reducer->signature),
			 errdetail_internal("%s", detail),
			 hint != NULL ? errhint("%s", hint) : 0));
}

static void
find(RtReducer *reducer, Sources *sources)
{
	sources->function_tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(reducer->aggregate));
	if (!HeapTupleIsValid(sources->function_tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("aggregate with OID %u does not exist", reducer->aggregate)));
	sources->function = (Form_pg_proc) GETSTRUCT(sources->function_tuple);
	reducer->signature = rt_signature(reducer->aggregate);
	if (sources->function->prokind != PROKIND_AGGREGATE)
		refuse(reducer, ERRCODE_WRONG_OBJECT_TYPE, "It is no aggregate.",
			   "Make one of your functions with CREATE AGGREGATE.");
	if (isAnyTempNamespace(sources->function->pronamespace))
		refuse(reducer, ERRCODE_INVALID_FUNCTION_DEFINITION,
			   "It is temporary, and other sessions do not see it.", NULL);
	sources->aggregate_tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(reducer->aggregate));
	if (!HeapTupleIsValid(sources->aggregate_tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", reducer->aggregate);
	sources->aggregate = (Form_pg_aggregate) GETSTRUCT(sources->aggregate_tuple);
	reducer->aggregate_owner = sources->function->proowner;
}

/* ---- what it takes ---- */

static bool
takes_anything(Oid type)
{
	return type == ANYOID || type == ANYELEMENTOID || type == ANYNONARRAYOID ||
		type == ANYCOMPATIBLEOID || type == ANYCOMPATIBLENONARRAYOID;
}

static void
check_parameters(RtReducer *reducer, const Sources *sources)
{
	if (sources->aggregate->aggkind != AGGKIND_NORMAL)
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "It is an ordered-set or hypothetical-set aggregate, which needs all values at once.", NULL);
	reducer->nargs = sources->function->pronargs;
	if (reducer->nargs > 1 || OidIsValid(sources->function->provariadic))
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED, "It takes more than one argument.",
			   "Make an aggregate that takes the data as jsonb.");
	if (reducer->nargs == 0 && reducer->field != NULL)
		refuse(reducer, ERRCODE_INVALID_PARAMETER_VALUE,
			   "It takes no argument, and is given a field.", "Leave out the field.");
	if (reducer->nargs == 0)
		return;
	reducer->arg_type = sources->function->proargtypes.values[0];
	if (takes_anything(reducer->arg_type))
		reducer->arg_type = JSONBOID;
	if (get_typtype(reducer->arg_type) == TYPTYPE_PSEUDO)
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED,
			   psprintf("Its argument is of the pseudo-type %s.", format_type_be(reducer->arg_type)), NULL);
	if (reducer->field == NULL && reducer->arg_type != JSONBOID)
		refuse(reducer, ERRCODE_INVALID_PARAMETER_VALUE,
			   psprintf("It takes %s, and all of the data is jsonb.", format_type_be(reducer->arg_type)),
			   "Name the field of the data that it is to get.");
}

/* ---- its functions ---- */

static void
set_function(FmgrInfo *function, Oid oid, Expr *expression)
{
	fmgr_info(oid, function);
	fmgr_info_set_expr((Node *) expression, function);
}

static void
find_transition(RtReducer *reducer, const Sources *sources)
{
	Oid			inputs[1] = {reducer->arg_type};
	Expr	   *expression;

	reducer->collation = reducer->nargs > 0 ? get_typcollation(reducer->arg_type) : InvalidOid;
	reducer->state_type = resolve_aggregate_transtype(reducer->aggregate,
													  sources->aggregate->aggtranstype,
													  inputs, reducer->nargs);
	get_typlenbyval(reducer->state_type, &reducer->state_len, &reducer->state_by_value);
	build_aggregate_transfn_expr(inputs, reducer->nargs, 0, false, reducer->state_type,
								 reducer->collation, sources->aggregate->aggtransfn,
								 InvalidOid, &expression, NULL);
	set_function(&reducer->advance, sources->aggregate->aggtransfn, expression);
	if (OidIsValid(sources->aggregate->aggcombinefn))
	{
		inputs[0] = reducer->state_type;
		build_aggregate_transfn_expr(inputs, 1, 0, false, reducer->state_type, reducer->collation,
									 sources->aggregate->aggcombinefn, InvalidOid, &expression, NULL);
		set_function(&reducer->combine, sources->aggregate->aggcombinefn, expression);
	}
}

static void
find_result(RtReducer *reducer, const Sources *sources)
{
	Oid			inputs[1] = {reducer->arg_type};
	Oid			declared[1];
	Expr	   *expression;

	if (reducer->nargs > 0)
		declared[0] = sources->function->proargtypes.values[0];
	reducer->result_type = enforce_generic_type_consistency(inputs, declared, reducer->nargs,
															sources->function->prorettype, false);
	reducer->finish_args = sources->aggregate->aggfinalextra ? reducer->nargs + 1 : 1;
	if (OidIsValid(sources->aggregate->aggfinalfn))
	{
		build_aggregate_finalfn_expr(inputs, reducer->finish_args, reducer->state_type,
									 reducer->result_type, reducer->collation,
									 sources->aggregate->aggfinalfn, &expression);
		set_function(&reducer->finish, sources->aggregate->aggfinalfn, expression);
	}
	if (get_typtype(reducer->result_type) == TYPTYPE_PSEUDO)
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED,
			   psprintf("Its result is of the pseudo-type %s.", format_type_be(reducer->result_type)), NULL);
	reducer->writer = rt_value_writer(reducer->result_type);
}

/* ---- its state ---- */

static void
find_serialization(RtReducer *reducer, const Sources *sources)
{
	Expr	   *expression;

	if (!OidIsValid(sources->aggregate->aggserialfn) || !OidIsValid(sources->aggregate->aggdeserialfn))
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED,
			   "Its state is of type internal and cannot be kept: it has no SERIALFUNC and DESERIALFUNC.",
			   "Make an aggregate whose state is jsonb, for example.");
	build_aggregate_serialfn_expr(sources->aggregate->aggserialfn, &expression);
	set_function(&reducer->serialize, sources->aggregate->aggserialfn, expression);
	build_aggregate_deserialfn_expr(sources->aggregate->aggdeserialfn, &expression);
	set_function(&reducer->deserialize, sources->aggregate->aggdeserialfn, expression);
}

static void
find_binary_form(RtReducer *reducer)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(reducer->state_type));
	Form_pg_type type;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", reducer->state_type);
	type = (Form_pg_type) GETSTRUCT(tuple);
	if (!OidIsValid(type->typsend) || !OidIsValid(type->typreceive) || type->typtype == TYPTYPE_PSEUDO)
		refuse(reducer, ERRCODE_FEATURE_NOT_SUPPORTED,
			   psprintf("Its state is of type %s, which has no binary form and cannot be kept.",
						format_type_be(reducer->state_type)), NULL);
	fmgr_info(type->typsend, &reducer->send);
	fmgr_info(type->typreceive, &reducer->receive);
	reducer->receive_param = getTypeIOParam(tuple);
	ReleaseSysCache(tuple);
}

/* What aggregates serialize is of one major version. */
static void
find_state(RtReducer *reducer, const Sources *sources)
{
	Datum		initial;
	bool		is_null;

	initial = SysCacheGetAttr(AGGFNOID, sources->aggregate_tuple,
							  Anum_pg_aggregate_agginitval, &is_null);
	reducer->initial = is_null ? NULL : TextDatumGetCString(initial);
	if (reducer->state_type == INTERNALOID)
		find_serialization(reducer, sources);
	else
		find_binary_form(reducer);
	reducer->kind = psprintf("%s %s %s%s", reducer->signature,
							 reducer->field != NULL ? reducer->field : "",
							 format_type_extended(reducer->state_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
							 reducer->state_type == INTERNALOID ? psprintf(" %d", RT_SERVER_MAJOR) : "");
}

void
rt_reducer_describe(RtReducer *reducer, const char *name, Oid aggregate, const char *field)
{
	Sources		sources;

	memset(reducer, 0, sizeof(RtReducer));
	reducer->name = name;
	reducer->field = field;
	reducer->aggregate = aggregate;
	find(reducer, &sources);
	check_parameters(reducer, &sources);
	find_transition(reducer, &sources);
	find_result(reducer, &sources);
	find_state(reducer, &sources);
	ReleaseSysCache(sources.aggregate_tuple);
	ReleaseSysCache(sources.function_tuple);
}

bool
rt_reducer_may_combine(Oid aggregate)
{
	HeapTuple	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	bool		may = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	may = OidIsValid(((Form_pg_aggregate) GETSTRUCT(tuple))->aggcombinefn);
	ReleaseSysCache(tuple);
	return may;
}

/* ---- rights ---- */

static void
check_right(const RtReducer *reducer, Oid function, Oid role)
{
	if (!OidIsValid(function) || rt_aclcheck_function(function, role) == ACLCHECK_OK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s", rt_signature(function)),
			 function != reducer->aggregate ?
			 errdetail("The owner of %s may not execute it.", reducer->signature) : 0));
}

/* What an aggregate is made of is its owner's to call. */
void
rt_reducer_check_rights(const RtReducer *reducer, Oid role)
{
	check_right(reducer, reducer->aggregate, role);
	check_right(reducer, reducer->advance.fn_oid, reducer->aggregate_owner);
	check_right(reducer, reducer->combine.fn_oid, reducer->aggregate_owner);
	check_right(reducer, reducer->finish.fn_oid, reducer->aggregate_owner);
	check_right(reducer, reducer->serialize.fn_oid, reducer->aggregate_owner);
	check_right(reducer, reducer->deserialize.fn_oid, reducer->aggregate_owner);
}

/*
 * function_check.c
 *		Whether a function can do what a declaration wants of it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/backend/declare/function_check.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/signature.h"
#include "src/catalog/stream_topic.h"
#include "src/catalog/type_text.h"
#include "src/compat.h"
#include "src/protocol/topic.h"

static void check_kind(const RtCheckedFunction *function, char kind);
static void read_parameters(RtCheckedFunction *function, HeapTuple tuple);
static void check_parameter_types(const RtCheckedFunction *function);
static void check_scalar_result(const RtCheckedFunction *function, Oid wanted,
								const char *wanted_text, bool or_void);
static bool takes_path(const RtCheckedFunction *function);
static bool takes_the_same(const RtCheckedFunction *function, int from,
						   const RtCheckedFunction *handler);
static bool is_placeholder(const char *name, const char *tpl);
pg_noreturn static void refuse(const RtCheckedFunction *function, const char *detail,
				   const char *hint);

void
rt_function_lock(Oid oid)
{
	char	   *signature = rt_signature(oid);

	LockDatabaseObject(ProcedureRelationId, oid, 0, AccessShareLock);
	if (!SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(oid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 signature != NULL ?
				 errmsg("function %s does not exist", signature) :
				 errmsg("function with OID %u does not exist", oid)));
	rt_signature_lock(oid);
}

RtCheckedFunction *
rt_function_check_any(Oid oid, const char *purpose)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	RtCheckedFunction *function;

	rt_function_lock(oid);
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	form = (Form_pg_proc) GETSTRUCT(tuple);

	function = palloc0(sizeof(RtCheckedFunction));
	function->oid = oid;
	function->signature = rt_signature(oid);
	function->purpose = purpose;
	function->result = form->prorettype;
	function->volatility = form->provolatile;
	function->returns_set = form->proretset;
	function->default_count = form->pronargdefaults;
	function->variadic = form->provariadic;
	read_parameters(function, tuple);

	check_kind(function, form->prokind);
	if (isAnyTempNamespace(form->pronamespace))
		refuse(function, _("It is a temporary function, which other sessions do not see."),
			   _("Create it in a schema of its own."));
	if (rt_aclcheck_function(oid, GetUserId()) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, function->signature);
	ReleaseSysCache(tuple);
	check_parameter_types(function);
	return function;
}

void
rt_function_check_handler(const RtCheckedFunction *function)
{
	if (get_typtype(function->result) != TYPTYPE_PSEUDO ||
		function->result == VOIDOID)
		return;
	if (function->result == RECORDOID &&
		(function->has_columns || !function->returns_set))
		return;
	if (function->result == RECORDOID)
		refuse(function, _("It returns a set of records without columns."),
			   _("Give it OUT parameters, RETURNS TABLE or a composite type."));
	refuse(function,
		   psprintf(_("It returns the pseudo-type %s."),
					format_type_be(function->result)),
		   _("A handler returns void, or a type that has a JSON form."));
}

void
rt_function_check_given(const RtCheckedFunction *function, const Oid *given, int count,
						const char *of, const char *detail)
{
	bool		fits = function->parameter_count <= count && !OidIsValid(function->variadic);

	for (int i = 0; fits && i < function->parameter_count; i++)
		fits = function->parameter_types[i] == given[i];
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be a handler of %s", function->signature, of),
				 errdetail_internal("%s", detail)));
}

/* "handler" of "a handler" */
static const char *
bare_purpose(const RtCheckedFunction *function)
{
	return strchr(function->purpose, ' ') + 1;
}

void
rt_function_check_guard(const RtCheckedFunction *function, const RtCheckedFunction *guarded)
{
	check_scalar_result(function, BOOLOID, "boolean", true);
	if (function->parameter_count == 0 || takes_path(function) ||
		(guarded != NULL && takes_the_same(function, 0, guarded)))
		return;
	if (guarded == NULL)
		refuse(function, _("Its parameters are neither none nor \"path text\"."),
			   _("The paths of a module have different arguments."));
	refuse(function,
		   psprintf(_("Its parameters are neither none, nor \"path text\", nor those of the %s %s."),
					bare_purpose(guarded), guarded->signature),
		   psprintf(_("A guard that takes the %s's parameters has their types and at least as many defaults."),
					bare_purpose(guarded)));
}

void
rt_function_check_key(const RtCheckedFunction *function, const RtCheckedFunction *handler)
{
	check_scalar_result(function, TEXTOID, "text", false);
	if (function->parameter_count == 0 || takes_the_same(function, 0, handler))
		return;
	refuse(function,
		   psprintf(_("Its parameters are neither none nor those of the handler %s."),
					handler->signature),
		   _("It has the types of the handler's parameters and at least as many defaults."));
}

void
rt_function_check_access(const RtCheckedFunction *function, const char *tpl)
{
	check_scalar_result(function, BOOLOID, "boolean", false);
	if (OidIsValid(function->variadic))
		refuse(function, _("It is VARIADIC."),
			   _("Its parameters are named \"topic\" or like placeholders of the template."));
	for (int i = 0; i < function->parameter_count; i++)
	{
		const char *name = function->parameter_names[i];

		if (name == NULL)
			refuse(function,
				   psprintf(_("Its parameter %d has no name."), i + 1),
				   _("Its parameters are named \"topic\" or like placeholders of the template."));
		if (strcmp(name, "topic") != 0 && !is_placeholder(name, tpl))
			refuse(function,
				   psprintf(_("Its parameter \"%s\" is not a placeholder of the template \"%s\"."),
							name, tpl),
				   _("Its parameters are named \"topic\" or like placeholders of the template."));
	}
}

/* What is wrong with a placeholder. */
static void
refuse_placeholder(const RtCheckedFunction *signature, const char *tpl,
				   RtStreamTopicFault fault, const char *where)
{
	const char *detail = NULL;

	switch (fault)
	{
		case RT_STREAM_TOPIC_OK:
			return;
		case RT_STREAM_TOPIC_NO_SUCH_NAME:
			detail = psprintf(_("Function %s has no parameter \"%s\"."),
							  signature->signature, where);
			break;
		case RT_STREAM_TOPIC_NO_SUCH_NUMBER:
			detail = signature != NULL && signature->parameter_count > 0 ?
				psprintf(_("Function %s has %d parameters."),
						 signature->signature, signature->parameter_count) :
				_("Arguments are numbered from 1 without a gap.");
			break;
		case RT_STREAM_TOPIC_MIXED:
			detail = _("Names stand for the arguments in the order in which they appear, so numbers cannot stand beside them.");
			break;
		case RT_STREAM_TOPIC_USER_ID:
			detail = psprintf(_("It is the caller's id, but function %s has a parameter of that name."),
							  signature->signature);
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("placeholder \"{%s}\" of topic \"%s\" has no meaning",
					where, tpl),
			 errdetail_internal("%s", detail),
			 errhint("A placeholder is {1} for the first argument, the name of a parameter of the loader or access function, or {user_id}.")));
}

/* Without parameters that would say otherwise, arguments are texts. */
static const RtCheckedFunction *
parameters_of_topic(const RtStreamTopic *topic)
{
	RtCheckedFunction *function = palloc0(sizeof(RtCheckedFunction));
	StringInfoData signature;

	initStringInfo(&signature);
	appendStringInfoChar(&signature, '(');
	function->purpose = "a stream";
	function->parameter_count = topic->argument_count;
	function->parameter_types = palloc(sizeof(Oid) * Max(topic->argument_count, 1));
	for (int i = 0; i < topic->argument_count; i++)
	{
		function->parameter_types[i] = TEXTOID;
		appendStringInfoString(&signature, i > 0 ? ",text" : "text");
	}
	appendStringInfoChar(&signature, ')');
	function->signature = signature.data;
	return function;
}

void
rt_function_check_loader(const RtCheckedFunction *function)
{
	rt_function_check_handler(function);
	if (function->result == VOIDOID)
		refuse(function, _("It returns void."),
			   _("A loader returns the value that clients begin with."));
}

void
rt_function_check_stream_access(const RtCheckedFunction *function,
								const RtCheckedFunction *loader)
{
	check_scalar_result(function, BOOLOID, "boolean", false);
	if (loader == NULL && OidIsValid(function->variadic))
		refuse(function, _("It is VARIADIC."),
			   _("It takes nothing, or the client's arguments, each as a parameter."));
	if (loader != NULL && function->parameter_count > 0 &&
		!takes_the_same(function, 0, loader))
		refuse(function,
			   psprintf(_("Its parameters are neither none nor those of the %s %s."),
						bare_purpose(loader), loader->signature),
			   psprintf(_("It has the types of the %s's parameters and at least as many defaults."),
						bare_purpose(loader)));
}

static void
check_topic_types(const RtCheckedFunction *function, const char *tpl,
				  const RtStreamTopic *topic)
{
	for (int i = 0; i < topic->count; i++)
	{
		int			source = topic->sources[i];

		if (source == RT_SOURCE_USER_ID ||
			rt_type_has_fixed_text(function->parameter_types[source]))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("parameter %d of %s cannot be part of topic \"%s\"",
						source + 1, function->signature, tpl),
				 errdetail("The same value of type %s can be written in several ways.",
						   format_type_be(function->parameter_types[source])),
				 errhint("Take a parameter of another type, such as an integer, text or uuid.")));
	}
}

const RtCheckedFunction *
rt_function_check_stream_topic(const RtCheckedFunction *function, const char *tpl)
{
	RtStreamTopic topic;
	RtStreamTopicFault fault;
	const char *where = NULL;

	fault = rt_stream_topic_resolve(tpl,
									function != NULL ?
									(const char *const *) function->parameter_names : NULL,
									function != NULL ? function->parameter_count : 0,
									&topic, &where);
	refuse_placeholder(function, tpl, fault, where);
	if (function == NULL || function->parameter_count == 0)
		return parameters_of_topic(&topic);
	check_topic_types(function, tpl, &topic);
	return function;
}

static char *
list_of_parameters(const RtCheckedFunction *function)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < function->parameter_count; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
						 format_type_be(function->parameter_types[i]));
	return list.data;
}

static bool
has_shape(const RtCheckedFunction *function, const RtFunctionShape *shape,
		  const RtCheckedFunction *guarded)
{
	int			fixed = Min(function->parameter_count, shape->fixed_count);

	for (int i = 0; i < fixed; i++)
	{
		if (function->parameter_types[i] != shape->fixed[i])
			return false;
	}
	if (function->returns_set ||
		(OidIsValid(shape->result) && function->result != shape->result))
		return false;
	if (function->parameter_count < shape->fixed_count)
		return shape->fixed_may_end;
	return function->parameter_count == shape->fixed_count ||
		(shape->arguments && takes_the_same(function, shape->fixed_count, guarded));
}

void
rt_function_check_shape(const RtCheckedFunction *function,
						const RtFunctionShape *shape,
						const RtCheckedFunction *guarded)
{
	if (shape->stable && function->volatility == PROVOLATILE_VOLATILE)
		refuse(function, _("It is VOLATILE."),
			   _("Declare it STABLE or IMMUTABLE, if it neither writes nor changes its mind."));
	if (has_shape(function, shape, guarded))
		return;
	refuse(function,
		   psprintf(_("It takes (%s) and returns %s%s."),
					list_of_parameters(function),
					function->returns_set ? "SETOF " : "",
					format_type_be(function->result)),
		   _(shape->takes));
}

const char *
rt_function_check_as(Oid oid, const RtFunctionShape *shape,
					 const RtCheckedFunction *guarded)
{
	RtCheckedFunction *function = rt_function_check_any(oid, shape->purpose);

	rt_function_check_shape(function, shape, guarded);
	return function->signature;
}

void
rt_function_check_parse(const RtCheckedFunction *function)
{
	Oid			namespace = get_namespace_oid(RT_SCHEMA, false);
	Oid			envelope = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										   CStringGetDatum("envelope"),
										   ObjectIdGetDatum(namespace));
	bool		takes_text = function->parameter_count >= 1 &&
		function->parameter_count <= 2 && !OidIsValid(function->variadic);

	for (int i = 0; i < function->parameter_count; i++)
		takes_text &= function->parameter_types[i] == TEXTOID;
	if (!takes_text)
		refuse(function, _("Its parameters are neither one text nor two."),
			   _("It takes the payload and, if it wants it, the channel."));
	if (function->result != envelope &&
		(function->result != JSONBOID || function->returns_set))
		refuse(function,
			   psprintf(_("It returns %s%s."),
						function->returns_set ? "SETOF " : "",
						format_type_be(function->result)),
			   _("It must return realtime.envelope, SETOF realtime.envelope or jsonb."));
}

static void
check_kind(const RtCheckedFunction *function, char kind)
{
	const char *detail;

	switch (kind)
	{
		case PROKIND_FUNCTION:
			return;
		case PROKIND_PROCEDURE:
			detail = _("It is a procedure.");
			break;
		case PROKIND_AGGREGATE:
			detail = _("It is an aggregate function.");
			break;
		default:
			detail = _("It is a window function.");
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("%s cannot be %s", function->signature, function->purpose),
			 errdetail_internal("%s", detail),
			 errhint("Only an ordinary function can be declared.")));
}

/* Names of the parameters that take a value; whether there are others. */
static void
read_parameters(RtCheckedFunction *function, HeapTuple tuple)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			count = get_func_arg_info(tuple, &types, &names, &modes);
	int			taken = 0;

	function->parameter_count = form->pronargs;
	function->parameter_types = palloc(sizeof(Oid) * Max(form->pronargs, 1));
	function->parameter_names = palloc0(sizeof(char *) * Max(form->pronargs, 1));
	for (int i = 0; i < count; i++)
	{
		if (modes != NULL && (modes[i] == PROARGMODE_OUT ||
							  modes[i] == PROARGMODE_TABLE))
		{
			function->has_columns = true;
			continue;
		}
		if (modes != NULL && modes[i] == PROARGMODE_INOUT)
			function->has_columns = true;
		function->parameter_types[taken] = types[i];
		if (names != NULL && names[i][0] != '\0')
			function->parameter_names[taken] = names[i];
		taken++;
	}
	Assert(taken == form->pronargs);
}

/* A client's JSON and a topic's text can become any type but a pseudo one. */
static void
check_parameter_types(const RtCheckedFunction *function)
{
	for (int i = 0; i < function->parameter_count; i++)
	{
		Oid			type = function->parameter_types[i];

		if (get_typtype(type) == TYPTYPE_PSEUDO)
			refuse(function,
				   psprintf(_("Its parameter %d has the pseudo-type %s."),
							i + 1, format_type_be(type)),
				   _("Give the parameter a type that values can be converted to."));
	}
}

static void
check_scalar_result(const RtCheckedFunction *function, Oid wanted,
					const char *wanted_text, bool or_void)
{
	if (!function->returns_set &&
		(function->result == wanted ||
		 (or_void && function->result == VOIDOID)))
		return;
	refuse(function,
		   psprintf(_("It returns %s%s."),
					function->returns_set ? "SETOF " : "",
					format_type_be(function->result)),
		   psprintf(or_void ? _("It must return %s or void.") :
					_("It must return %s."), wanted_text));
}

/*
 * One parameter "path text" always gets the path of the call, also when the
 * handler happens to take one text.
 */
static bool
takes_path(const RtCheckedFunction *function)
{
	return function->parameter_count == 1 &&
		function->parameter_types[0] == TEXTOID &&
		function->parameter_names[0] != NULL &&
		strcmp(function->parameter_names[0], "path") == 0;
}

/*
 * Whether any arguments that fit the handler fit the function's parameters
 * from a number on.
 */
static bool
takes_the_same(const RtCheckedFunction *function, int from,
			   const RtCheckedFunction *handler)
{
	if (function->parameter_count - from != handler->parameter_count ||
		function->default_count < handler->default_count ||
		function->variadic != handler->variadic)
		return false;
	for (int i = 0; i < handler->parameter_count; i++)
	{
		if (function->parameter_types[from + i] != handler->parameter_types[i])
			return false;
	}
	return true;
}

static bool
is_placeholder(const char *name, const char *tpl)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, strlen(tpl), names);

	for (int i = 0; i < count; i++)
	{
		if (names[i].len == strlen(name) &&
			memcmp(tpl + names[i].off, name, names[i].len) == 0)
			return true;
	}
	return false;
}

static void
refuse(const RtCheckedFunction *function, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function %s cannot be %s", function->signature,
					function->purpose),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

/*
 * parameter.c
 *		Parameters of the declaring functions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "src/backend/declare/parameter.h"
#include "src/catalog/interval.h"
#include "src/protocol/envelope.h"
#include "src/protocol/topic.h"

#define QUOTED_MAX 100			/* bytes of a bad text in a message */

void
rt_parameter_require(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
}

char *
rt_parameter_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	rt_parameter_require(fcinfo, number, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

bool
rt_parameter_bool(FunctionCallInfo fcinfo, int number, const char *name)
{
	rt_parameter_require(fcinfo, number, name);
	return PG_GETARG_BOOL(number);
}

char *
rt_parameter_name(FunctionCallInfo fcinfo, int number, const char *name,
				  const char *of_what)
{
	char	   *text = rt_parameter_text(fcinfo, number, name);

	if (text[0] == '\0' || strlen(text) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of %s must have 1 to %d bytes", of_what,
						NAMEDATALEN - 1)));
	return text;
}

char *
rt_parameter_path(FunctionCallInfo fcinfo, int number)
{
	char	   *path = rt_parameter_text(fcinfo, number, "path");
	size_t		len = strlen(path);

	if (len > RT_PATH_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path is too long"),
				 errdetail("The path has %zu bytes, the most are %d.",
						   len, RT_PATH_MAX)));
	if (!rt_path_is_valid(path, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path \"%s\" is not valid", path),
				 errdetail("A path is two or more words of letters, digits, \"_\" and \"-\", joined by \"/\"."),
				 errhint("For example: \"chat/send\".")));
	return path;
}

char *
rt_parameter_template(FunctionCallInfo fcinfo, int number, const char *name)
{
	char	   *tpl = rt_parameter_text(fcinfo, number, name);
	RtTemplateFault fault = rt_template_check(tpl, strlen(tpl));

	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic template \"%s\" is not valid",
						pnstrdup(tpl, pg_mbcliplen(tpl, strlen(tpl), QUOTED_MAX))),
				 errdetail("The template %s.", rt_template_fault_text(fault)),
				 errhint("For example: \"chat:{room}\".")));
	if (rt_topic_is_reserved(tpl, strlen(tpl)))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("topic template \"%s\" is reserved", tpl),
				 errdetail("Topics that begin with \"__\" or \"query:\" belong to the server.")));
	return tpl;
}

char *
rt_parameter_breaker(FunctionCallInfo fcinfo, int number)
{
	char	   *name;

	if (PG_ARGISNULL(number))
		return NULL;
	name = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (!rt_declarations_refresh() || rt_declaration_breaker(name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("breaker \"%s\" does not exist", name),
				 errhint("Declare it with realtime.breaker() first.")));
	return name;
}

Datum
rt_parameter_fallback(FunctionCallInfo fcinfo, int number, const char *breaker)
{
	if (PG_ARGISNULL(number))
		return (Datum) 0;
	if (breaker == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fallback needs breaker"),
				 errdetail("It is what clients get while the breaker is broken.")));
	return PG_GETARG_DATUM(number);
}

char *
rt_parameter_class(FunctionCallInfo fcinfo, int number)
{
	char	   *name;

	if (PG_ARGISNULL(number))
		return NULL;
	name = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (!rt_declarations_refresh() || rt_declaration_admission(name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("class of service \"%s\" does not exist", name),
				 errhint("Declare it with realtime.admission() first.")));
	return name;
}

Interval *
rt_parameter_interval(FunctionCallInfo fcinfo, int number, const char *name,
					  int64 longest_ms)
{
	Interval   *interval;
	int64		ms;

	if (PG_ARGISNULL(number))
		return NULL;
	interval = PG_GETARG_INTERVAL_P(number);
	if (!rt_interval_ms(interval, &ms) || ms > longest_ms)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", name),
				 errdetail("The longest is %lld days.",
						   (long long) (longest_ms / (24 * 60 * 60 * 1000)))));
	if (ms < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be at least one millisecond", name),
				 errhint("For example: %s => '2 s'.", name)));
	return interval;
}

/* The elements of an array, none of them NULL.  Returns how many. */
static int
take_apart(FunctionCallInfo fcinfo, int number, const char *name,
		   Oid type, Datum **elements)
{
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(number))
		return 0;
	if (type == TEXTOID)
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false,
						  TYPALIGN_INT, elements, &nulls, &count);
	else
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), REGPROCEDUREOID,
						  sizeof(Oid), true, TYPALIGN_INT,
						  elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			rt_parameter_refuse_null(name);
	}
	return count;
}

static void
lock_elements(ArrayType *functions)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(functions, REGPROCEDUREOID, sizeof(Oid), true,
					  TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			rt_function_lock(DatumGetObjectId(elements[i]));
	}
}

void
rt_parameter_lock_functions(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < PG_NARGS(); i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (PG_ARGISNULL(i))
			continue;
		if (type == REGPROCEDUREOID)
			rt_function_lock(PG_GETARG_OID(i));
		else if (type == REGPROCEDUREARRAYOID)
			lock_elements(PG_GETARG_ARRAYTYPE_P(i));
	}
}

List *
rt_parameter_guards(FunctionCallInfo fcinfo, int number,
					const RtCheckedFunction *guarded)
{
	List	   *signatures = NIL;
	Datum	   *elements;
	int			count = take_apart(fcinfo, number, "guard", REGPROCEDUREOID,
								   &elements);

	for (int i = 0; i < count; i++)
	{
		RtCheckedFunction *guard =
			rt_function_check_any(DatumGetObjectId(elements[i]), "a guard");

		rt_function_check_guard(guard, guarded);
		signatures = lappend(signatures, guard->signature);
	}
	return signatures;
}

List *
rt_parameter_functions(FunctionCallInfo fcinfo, int number, const char *name,
					   const RtFunctionShape *shape)
{
	List	   *signatures = NIL;
	Datum	   *elements;
	int			count = take_apart(fcinfo, number, name, REGPROCEDUREOID,
								   &elements);

	for (int i = 0; i < count; i++)
		signatures = lappend(signatures,
							 unconstify(char *, rt_function_check_as(DatumGetObjectId(elements[i]),
																	 shape, NULL)));
	return signatures;
}

List *
rt_parameter_texts(FunctionCallInfo fcinfo, int number, const char *name)
{
	List	   *texts = NIL;
	Datum	   *elements;
	int			count = take_apart(fcinfo, number, name, TEXTOID, &elements);

	for (int i = 0; i < count; i++)
		texts = lappend(texts, TextDatumGetCString(elements[i]));
	return texts;
}

pg_tz *
rt_parameter_zone(const char *name)
{
	pg_tz	   *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" does not exist", name),
				 errhint("pg_timezone_names has those that do.")));
	return zone;
}

const RtStreamDeclaration *
rt_parameter_query(FunctionCallInfo fcinfo, int number)
{
	char	   *path = rt_parameter_path(fcinfo, number);
	const RtStreamDeclaration *stream = NULL;

	if (rt_declarations_refresh())
		stream = rt_declaration_stream(path, strlen(path));
	if (stream == NULL || stream->query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no live query \"%s\"", path),
				 errhint("Live queries are in realtime.query_declaration.")));
	return stream;
}

void
rt_parameter_refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name)));
}

/*
 * arguments.c
 *		From the JSON that a client sent to the values of a call.
 *
 * The rules are those of jsonb_populate_record(), so a handler's parameters
 * take what a column of their type would take.  Arrays, rows and domains over
 * them go through that very function; for scalars the same is done here
 * without building a jsonb value first: a JSON string gives its text, a number
 * or a boolean its own, and the type's input function reads it.  A number is
 * never a double on the way; one that jsonb would write differently (an
 * exponent, a negative zero, a very long one) takes the way through jsonb.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "src/executor/function/arguments.h"
#include "src/protocol/json.h"

#define PLAIN_NUMBER_MAX 100	/* bytes */
#define DIGITS_MIN (1024 * 1024)	/* that any value may have in its numbers */
#define DIGITS_PER_BYTE 64		/* of a value's text, if that is more */

static const NullableDatum null_value = {.value = (Datum) 0,.isnull = true};

static NullableDatum
make_value(Datum value)
{
	NullableDatum result = {.value = value,.isnull = false};

	return result;
}

/* ---- text of a JSON value ---- */

static Jsonb *
parse_jsonb(const char *text, RtSpan span)
{
	char	   *copy = pnstrdup(text + span.off, span.len);

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)));
}

/* What populate_scalar() in PostgreSQL's jsonfuncs.c makes of a jsonb value. */
static char *
text_through_jsonb(const char *text, RtSpan span)
{
	Jsonb	   *jsonb = parse_jsonb(text, span);
	JsonbValue	scalar;

	if (!JB_ROOT_IS_SCALAR(jsonb) || !JsonbExtractScalar(&jsonb->root, &scalar))
		return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	switch (scalar.type)
	{
		case jbvString:
			return pnstrdup(scalar.val.string.val, scalar.val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(scalar.val.numeric)));
		default:
			return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	}
}

static char *
text_of_string(const char *text, RtSpan span)
{
	const char *inner = text + span.off + 1;
	uint32		len = span.len - 2;
	char	   *decoded;

	if (memchr(inner, '\\', len) == NULL)
		return pnstrdup(inner, len);

	decoded = palloc(span.len);
	if (rt_json_string_decode(text, span, decoded, span.len) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("unsupported Unicode escape sequence")));
	return decoded;
}

static char *
text_of_number(const char *text, RtSpan span)
{
	const char *digits = text + span.off;
	bool		plain = span.len <= PLAIN_NUMBER_MAX;

	if (digits[0] == '-' && span.len > 1 && digits[1] == '0')
		plain = false;
	for (uint32 i = 0; i < span.len && plain; i++)
		plain = digits[i] != 'e' && digits[i] != 'E';
	return plain ? pnstrdup(digits, span.len) : text_through_jsonb(text, span);
}

static char *
text_of_value(const char *text, RtSpan span)
{
	switch (text[span.off])
	{
		case '"':
			return text_of_string(text, span);
		case 't':
			return pstrdup("true");
		case 'f':
			return pstrdup("false");
		case '{':
		case '[':
			return text_through_jsonb(text, span);
		default:
			return text_of_number(text, span);
	}
}

/* ---- numbers that grow ---- */

/* The absolute value; one of more than six digits is refused anyway. */
static uint64
read_exponent(const char *p, const char *end)
{
	uint64		exponent = 0;

	if (p < end && (*p == '+' || *p == '-'))
		p++;
	for (; p < end && *p >= '0' && *p <= '9' && exponent < 1000000; p++)
		exponent = exponent * 10 + (*p - '0');
	return exponent;
}

static const char *
skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
	{
		if (*p == '\\')
			p++;
	}
	return p;
}

/*
 * jsonb keeps 1e100000 in a few bytes, but its text is that long.  So a short
 * frame could become gigabytes, here or wherever the value is written out: the
 * numbers of a value may have no more than so many digits together.
 */
static void
check_numbers(const char *text, RtSpan span)
{
	const char *begin = text + span.off;
	const char *end = begin + span.len;
	uint64		limit = Max(DIGITS_MIN, (uint64) span.len * DIGITS_PER_BYTE);
	uint64		digits = 0;

	for (const char *p = begin; p < end; p++)
	{
		if (*p == '"')
			p = skip_string(p, end);
		else if ((*p == 'e' || *p == 'E') && p[-1] >= '0' && p[-1] <= '9')
			digits += read_exponent(p + 1, end);
	}
	if (digits > limit)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("numbers are too long")));
}

/* ---- one parameter ---- */

static NullableDatum
read_text(RtParameter *parameter, char *text)
{
	Datum		value = InputFunctionCall(&parameter->input, text,
										  parameter->io_param, -1);

	return text != NULL ? make_value(value) : null_value;
}

/*
 * Lets jsonb_populate_record() fill a row of one column and takes it out.
 * json is the text of {"v": ...}.
 */
static NullableDatum
populate(RtParameter *parameter, char *json)
{
	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	once;
	FmgrInfo   *function = &parameter->populate;
	Datum		nothing = (Datum) 0;
	bool		is_nothing = true;
	HeapTuple	empty = heap_form_tuple(parameter->row, &nothing, &is_nothing);
	HeapTupleData filled;
	NullableDatum result;

	if (!parameter->keeps_populate)
	{
		fmgr_info_copy(&once, function, CurrentMemoryContext);
		function = &once;
	}

	InitFunctionCallInfoData(*fcinfo, function, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0] = make_value(HeapTupleGetDatum(empty));
	fcinfo->args[1] = make_value(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	filled.t_data = DatumGetHeapTupleHeader(FunctionCallInvoke(fcinfo));
	filled.t_len = HeapTupleHeaderGetDatumLength(filled.t_data);
	ItemPointerSetInvalid(&filled.t_self);
	filled.t_tableOid = InvalidOid;
	result.value = heap_getattr(&filled, 1, parameter->row, &result.isnull);
	return result;
}

/* A plain string needs no terminated copy on the way. */
static NullableDatum
convert_text(const char *text, RtSpan span)
{
	const char *inner = text + span.off + 1;
	int			len = (int) span.len - 2;

	if (text[span.off] == '"' && memchr(inner, '\\', len) == NULL)
		return make_value(PointerGetDatum(cstring_to_text_with_len(inner, len)));
	return make_value(PointerGetDatum(cstring_to_text(text_of_value(text, span))));
}

static NullableDatum
convert_structured(RtParameter *parameter, const char *text, RtSpan span)
{
	if (text[span.off] == 'n' && !parameter->is_domain)
		return null_value;
	return populate(parameter, psprintf("{\"v\":%.*s}", (int) span.len,
										text + span.off));
}

static NullableDatum
convert_value(RtParameter *parameter, const char *text, RtSpan span)
{
	bool		is_null = text[span.off] == 'n';

	if (parameter->kind != RT_PARAMETER_JSON)
		check_numbers(text, span);
	switch (parameter->kind)
	{
		case RT_PARAMETER_STRUCTURED:
			return convert_structured(parameter, text, span);
		case RT_PARAMETER_SCALAR:
			if (is_null && !parameter->is_domain)
				return null_value;
			return read_text(parameter, is_null ? NULL : text_of_value(text, span));
		case RT_PARAMETER_TEXT:
			return is_null ? null_value : convert_text(text, span);
		case RT_PARAMETER_JSON:
			return is_null ? null_value :
				make_value(PointerGetDatum(cstring_to_text_with_len(text + span.off,
																	span.len)));
		case RT_PARAMETER_JSONB:
			return is_null ? null_value :
				make_value(JsonbPGetDatum(parse_jsonb(text, span)));
	}
	return null_value;			/* silences the compiler */
}

NullableDatum
rt_argument_from_text(RtParameter *parameter, const char *text)
{
	Oid			input;
	Oid			io_param;

	switch (parameter->kind)
	{
		case RT_PARAMETER_TEXT:
			return make_value(PointerGetDatum(cstring_to_text(text)));
		case RT_PARAMETER_SCALAR:
			return read_text(parameter, unconstify(char *, text));
		default:
			getTypeInputInfo(parameter->type, &input, &io_param);
			return make_value(OidInputFunctionCall(input, unconstify(char *, text),
												   io_param, -1));
	}
}

/* ---- what was not sent ---- */

/*
 * The expression with what is constant computed; as the caller, like everything
 * that comes from the function's author.  The plan cache knows the types and
 * functions that are left in it, but not those that have been computed away.
 */
static Expr *
plan_default(RtDefault *value)
{
	uint64		functions = rt_function_changes();
	CachedExpression *planned = value->planned;

	if (planned != NULL && planned->is_valid && value->functions == functions)
		return (Expr *) planned->expr;

	value->planned = NULL;
	if (planned != NULL)
		FreeCachedExpression(planned);
	value->planned = GetCachedExpression(value->expression);
	value->functions = functions;
	return (Expr *) value->planned->expr;
}

/* The value may outlive the plan. */
static NullableDatum
copy_constant(const Const *constant)
{
	if (constant->constisnull)
		return null_value;
	return make_value(datumCopy(constant->constvalue, constant->constbyval,
								constant->constlen));
}

static NullableDatum
evaluate_default(RtDefault *value)
{
	Expr	   *expression = plan_default(value);
	NullableDatum result;
	EState	   *estate;

	if (IsA(expression, Const))
		return copy_constant((Const *) expression);

	/* not freed before the call: the value may point into it */
	estate = CreateExecutorState();
	result.value = ExecEvalExpr(ExecPrepareExpr(copyObject(expression), estate),
								GetPerTupleExprContext(estate),
								&result.isnull);
	return result;
}

static NullableDatum
missing_value(RtFunction *function, int number)
{
	int			required = function->nargs - function->default_count;

	if (number >= required)
		return evaluate_default(&function->defaults[number - required]);
	if (function->variadic && number == function->nargs - 1)
		return populate(&function->parameters[number], "{\"v\":[]}");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument is missing")));
}

/* ---- all of them ---- */

/* The rest of the arguments as one array: their texts with all between. */
static NullableDatum
convert_rest(RtParameter *parameter, const char *text, RtJsonWalk *walk,
			 RtSpan first)
{
	RtSpan		last = first;
	RtSpan		next;

	while (rt_json_walk_element(walk, &next))
		last = next;
	first.len = last.off + last.len - first.off;
	check_numbers(text, first);
	return populate(parameter,
					psprintf("{\"v\":[%.*s]}", (int) first.len,
							 text + first.off));
}

static void
convert_all(RtFunction *function, const char *text, RtJsonWalk *walk, int given,
			RtArguments *arguments, const char **parameter)
{
	bool		more = walk != NULL;
	RtSpan		span = {0, 0};

	for (int i = given; i < function->nargs; i++)
	{
		RtParameter *p = &function->parameters[i];

		more = more && rt_json_walk_element(walk, &span);
		*parameter = p->name;
		if (!more)
			arguments->values[i] = missing_value(function, i);
		else if (function->variadic && i == function->nargs - 1)
			arguments->values[i] = convert_rest(p, text, walk, span);
		else
			arguments->values[i] = convert_value(p, text, span);
	}
	if (more && rt_json_walk_element(walk, &span))
	{
		*parameter = psprintf("$%d", function->nargs + 1);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("too many arguments")));
	}
	*parameter = NULL;
}

char *
rt_arguments_text(Jsonb *args)
{
	if (!JB_ROOT_IS_ARRAY(args) || JB_ROOT_IS_SCALAR(args))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arguments must be a JSON array")));
	return JsonbToCString(NULL, &args->root, VARSIZE(args));
}

void
rt_arguments_convert(RtFunction *function, const char *text,
					 RtRequestSpan span, int given, RtArguments *arguments,
					 const char **parameter)
{
	RtSpan		array = {span.off, span.len};
	RtJsonWalk	walk;

	arguments->count = function->nargs;
	if (span.len == 0)
	{
		convert_all(function, text, NULL, given, arguments, parameter);
		return;
	}

	/* the gateway has, too: what is no UTF-8 must not get any further */
	*parameter = "$1";
	(void) pg_any_to_server(text + span.off, span.len, PG_UTF8);
	*parameter = NULL;
	if (!rt_json_walk_array(&walk, text, array))
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("arguments are not an array")));
	convert_all(function, text, &walk, given, arguments, parameter);
}

ParamListInfo
rt_arguments_params(const RtFunction *function, const RtArguments *arguments)
{
	ParamListInfo params = makeParamList(arguments->count);

	for (int i = 0; i < arguments->count; i++)
	{
		params->params[i].value = arguments->values[i].value;
		params->params[i].isnull = arguments->values[i].isnull;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = function->parameters[i].type;
	}
	return params;
}

/*
 * value_writer.c
 *		Values and rows as JSON.
 *
 * The frequent types are written here; the others go through to_json(), whose
 * FmgrInfo is kept and told the type by an expression, as the planner would.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "src/catalog/value_writer.h"

typedef struct Column
{
	bool		dropped;
	int			name_len;
	char	   *name;			/* escaped, with its colon */
	RtValueWriter *value;
} Column;

struct RtRowWriter
{
	MemoryContext context;
	TupleDesc	desc;			/* a copy */
	Column		columns[FLEXIBLE_ARRAY_MEMBER];
};

/* As json_categorize_type() of the server decides. */
static RtValueKind
kind_of_other_type(Oid type)
{
	Oid			cast;

	if (OidIsValid(get_element_type(type)) || type_is_rowtype(type) ||
		get_typtype(type) == TYPTYPE_PSEUDO)
		return RT_VALUE_OTHER;
	if (type >= FirstNormalObjectId &&
		find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT,
							  &cast) == COERCION_PATH_FUNC)
		return RT_VALUE_OTHER;
	return RT_VALUE_QUOTED;
}

static RtValueKind
kind_of_type(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return RT_VALUE_BOOL;
		case INT2OID:
			return RT_VALUE_INT2;
		case INT4OID:
			return RT_VALUE_INT4;
		case INT8OID:
			return RT_VALUE_INT8;
		case TEXTOID:
		case VARCHAROID:
			return RT_VALUE_TEXT;
		case JSONOID:
			return RT_VALUE_JSON;
		case JSONBOID:
			return RT_VALUE_JSONB;
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return RT_VALUE_NUMBER;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return RT_VALUE_DATETIME;
		default:
			return kind_of_other_type(type);
	}
}

static void
init_to_json(FmgrInfo *function, Oid type)
{
	Param	   *argument = makeNode(Param);

	argument->paramkind = PARAM_EXTERN;
	argument->paramid = 1;
	argument->paramtype = type;
	argument->paramtypmod = -1;
	argument->paramcollid = get_typcollation(type);
	argument->location = -1;

	fmgr_info_cxt(F_TO_JSON, function, CurrentMemoryContext);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSON, JSONOID,
											 list_make1(argument), InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   function);
}

RtValueWriter *
rt_value_writer(Oid type)
{
	RtValueWriter *writer = palloc0(sizeof(RtValueWriter));

	writer->type = getBaseType(type);
	writer->kind = kind_of_type(writer->type);
	if (writer->kind == RT_VALUE_QUOTED || writer->kind == RT_VALUE_NUMBER)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(writer->type, &output, &is_varlena);
		fmgr_info_cxt(output, &writer->function, CurrentMemoryContext);
	}
	else if (writer->kind == RT_VALUE_OTHER)
		init_to_json(&writer->function, type);
	return writer;
}

/* The same escapes as escape_json(), with runs of plain text copied whole. */
void
rt_text_write(StringInfo out, const char *text, Size len)
{
	static const char short_escapes[] = {
		['\b'] = 'b',['\f'] = 'f',['\n'] = 'n',['\r'] = 'r',['\t'] = 't',
		['"'] = '"',['\\'] = '\\'
	};
	const char *end = text + len;
	const char *run = text;

	appendStringInfoCharMacro(out, '"');
	for (const char *p = text; p < end; p++)
	{
		unsigned char c = *p;

		if (likely(c >= ' ' && c != '"' && c != '\\'))
			continue;
		appendBinaryStringInfo(out, run, p - run);
		run = p + 1;
		if (short_escapes[c] != '\0')
		{
			appendStringInfoCharMacro(out, '\\');
			appendStringInfoCharMacro(out, short_escapes[c]);
		}
		else
			appendStringInfo(out, "\\u%04x", c);
	}
	appendBinaryStringInfo(out, run, end - run);
	appendStringInfoCharMacro(out, '"');
}

static void
write_integer(StringInfo out, int64 number)
{
	enlargeStringInfo(out, MAXINT8LEN + 1);
	out->len += pg_lltoa(number, out->data + out->len);
}

static void
write_text_datum(StringInfo out, Datum value, bool as_json)
{
	text	   *t = DatumGetTextPP(value);

	if (as_json)
		appendBinaryStringInfo(out, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	else
		rt_text_write(out, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

static void
write_jsonb(StringInfo out, Datum value)
{
	Jsonb	   *jsonb = DatumGetJsonbP(value);

	(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
}

/* Without quotes where it is a number in JSON, too: not if it is infinite. */
static void
write_number(RtValueWriter *writer, StringInfo out, Datum value)
{
	char	   *text = OutputFunctionCall(&writer->function, value);
	Size		len = strlen(text);

	if (IsValidJsonNumber(text, len))
		appendBinaryStringInfo(out, text, len);
	else
		rt_text_write(out, text, len);
	pfree(text);
}

static void
write_datetime(RtValueWriter *writer, StringInfo out, Datum value)
{
	enlargeStringInfo(out, MAXDATELEN + 3);
	out->data[out->len++] = '"';
	JsonEncodeDateTime(out->data + out->len, value, writer->type, NULL);
	out->len += strlen(out->data + out->len);
	appendStringInfoCharMacro(out, '"');
}

void
rt_value_write(RtValueWriter *writer, StringInfo out, Datum value, bool isnull)
{
	char	   *text;

	if (isnull)
	{
		appendBinaryStringInfo(out, "null", 4);
		return;
	}

	switch (writer->kind)
	{
		case RT_VALUE_BOOL:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case RT_VALUE_INT2:
			write_integer(out, DatumGetInt16(value));
			break;
		case RT_VALUE_INT4:
			write_integer(out, DatumGetInt32(value));
			break;
		case RT_VALUE_INT8:
			write_integer(out, DatumGetInt64(value));
			break;
		case RT_VALUE_TEXT:
			write_text_datum(out, value, false);
			break;
		case RT_VALUE_JSON:
			write_text_datum(out, value, true);
			break;
		case RT_VALUE_JSONB:
			write_jsonb(out, value);
			break;
		case RT_VALUE_NUMBER:
			write_number(writer, out, value);
			break;
		case RT_VALUE_DATETIME:
			write_datetime(writer, out, value);
			break;
		case RT_VALUE_QUOTED:
			text = OutputFunctionCall(&writer->function, value);
			rt_text_write(out, text, strlen(text));
			pfree(text);
			break;
		case RT_VALUE_OTHER:
			write_text_datum(out, FunctionCall1(&writer->function, value), true);
			break;
	}
}

const char *
rt_value_text(RtValueWriter *writer, Datum value, Size *len)
{
	static const int utc = 0;
	StringInfoData out;

	if (writer->kind == RT_VALUE_TEXT)
	{
		text	   *t = DatumGetTextPP(value);

		*len = VARSIZE_ANY_EXHDR(t);
		return VARDATA_ANY(t);
	}
	initStringInfo(&out);
	if (writer->kind == RT_VALUE_NUMBER || writer->kind == RT_VALUE_QUOTED)
		appendStringInfoString(&out,
							   OutputFunctionCall(&writer->function, value));
	else if (writer->kind == RT_VALUE_DATETIME)
	{
		enlargeStringInfo(&out, MAXDATELEN + 1);
		JsonEncodeDateTime(out.data, value, writer->type,
						   writer->type == TIMESTAMPTZOID ? &utc : NULL);
		out.len = strlen(out.data);
	}
	else
		rt_value_write(writer, &out, value, false);
	*len = out.len;
	return out.data;
}

/* ---- rows ---- */

static char *
escape_name(const char *name)
{
	StringInfoData escaped;

	initStringInfo(&escaped);
	rt_text_write(&escaped, name, strlen(name));
	appendStringInfoChar(&escaped, ':');
	return escaped.data;
}

RtRowWriter *
rt_row_writer(TupleDesc desc)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "realtime row writer",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	RtRowWriter *writer = palloc0(offsetof(RtRowWriter, columns) +
								  desc->natts * sizeof(Column));

	writer->context = context;
	writer->desc = CreateTupleDescCopy(desc);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		Column	   *column = &writer->columns[i];

		column->dropped = attribute->attisdropped;
		if (column->dropped)
			continue;
		column->name = escape_name(NameStr(attribute->attname));
		column->name_len = strlen(column->name);
		column->value = rt_value_writer(attribute->atttypid);
	}
	MemoryContextSwitchTo(old);
	return writer;
}

void
rt_row_writer_free(RtRowWriter *writer)
{
	MemoryContextDelete(writer->context);
}

/* Names, types and which columns are dropped: all that is written depends on. */
bool
rt_row_writer_matches(const RtRowWriter *writer, TupleDesc desc)
{
	if (writer->desc->natts != desc->natts)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute mine = TupleDescAttr(writer->desc, i);
		Form_pg_attribute theirs = TupleDescAttr(desc, i);

		if (mine->atttypid != theirs->atttypid ||
			mine->attisdropped != theirs->attisdropped ||
			strcmp(NameStr(mine->attname), NameStr(theirs->attname)) != 0)
			return false;
	}
	return true;
}

void
rt_row_write(RtRowWriter *writer, StringInfo out,
			 const Datum *values, const bool *isnull)
{
	bool		first = true;

	appendStringInfoCharMacro(out, '{');
	for (int i = 0; i < writer->desc->natts; i++)
	{
		Column	   *column = &writer->columns[i];

		if (column->dropped)
			continue;
		if (!first)
			appendStringInfoCharMacro(out, ',');
		first = false;
		appendBinaryStringInfo(out, column->name, column->name_len);
		rt_value_write(column->value, out, values[i], isnull[i]);
	}
	appendStringInfoCharMacro(out, '}');
}

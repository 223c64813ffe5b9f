/*
 * topic_registry.c
 *		Topics and templates in SQL: making a topic from values, matching, and
 *		whether the topic that a declaration names is declared itself.
 *
 * Whether a template fits into another one is told by an example, a topic that
 * is made from it with a value that hardly anybody uses.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "src/backend/declare/topic_registry.h"
#include "src/catalog/declaration.h"
#include "src/errcodes.h"
#include "src/protocol/topic.h"

/* One character, so that an example is never too long. */
#define EXAMPLE_VALUE "-"
#define QUOTED_MAX 100			/* bytes of a bad text in a message */
#define REFERENCE_COLUMNS 5

static char *checked_template(text *tpl);
static int	number_placeholders(const char *tpl, const RtSpan *names, int count,
								int *numbers);
static char *fill_template(const char *tpl, char **texts);
static char *example_topic(const char *tpl);

PG_FUNCTION_INFO_V1(realtime_topic_name);
PG_FUNCTION_INFO_V1(realtime_topic_piece);
PG_FUNCTION_INFO_V1(realtime_topic_matches);
PG_FUNCTION_INFO_V1(realtime_topic_example);
PG_FUNCTION_INFO_V1(realtime_topic_fault);
PG_FUNCTION_INFO_V1(realtime_declared_topic);
PG_FUNCTION_INFO_V1(realtime_declared_functions);
PG_FUNCTION_INFO_V1(realtime_topic_is_declared);

/* ---- SQL ---- */

/* Takes as many values as the template wants; NULL if one of them is. */
Datum
realtime_topic_name(PG_FUNCTION_ARGS)
{
	char	   *tpl = checked_template(PG_GETARG_TEXT_PP(0));
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, strlen(tpl), names);
	int			numbers[RT_PLACEHOLDERS_MAX];
	int			wanted = number_placeholders(tpl, names, count, numbers);
	char	   *texts[RT_PLACEHOLDERS_MAX];
	Datum	   *values;
	bool	   *nulls;
	int			given;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &given);
	if (given != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("topic template \"%s\" takes %d value, not %d",
							   "topic template \"%s\" takes %d values, not %d",
							   wanted, tpl, wanted, given)));
	for (int i = 0; i < given; i++)
	{
		if (nulls[i])
			PG_RETURN_NULL();
	}
	for (int i = 0; i < count; i++)
	{
		texts[i] = TextDatumGetCString(values[numbers[i]]);
		if (texts[i][0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("value %d for topic template \"%s\" is empty",
							numbers[i] + 1, tpl),
					 errdetail("A piece of a topic has at least one character.")));
	}
	PG_RETURN_TEXT_P(cstring_to_text(fill_template(tpl, texts)));
}

Datum
realtime_topic_piece(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	char		piece[RT_TOPIC_MAX];
	int			len = rt_percent_encode(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
										piece, sizeof(piece));

	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a piece of a topic must not be empty")));
	if (len < 0)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("piece of a topic is too long"),
				 errdetail("A topic has at most %d bytes, and most characters of a value take three.",
						   RT_TOPIC_MAX)));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(piece, len));
}

Datum
realtime_topic_matches(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);
	char	   *tpl = checked_template(PG_GETARG_TEXT_PP(1));

	PG_RETURN_BOOL(rt_template_match(tpl, strlen(tpl), VARDATA_ANY(topic),
									 VARSIZE_ANY_EXHDR(topic), NULL));
}

Datum
realtime_topic_example(PG_FUNCTION_ARGS)
{
	char	   *tpl = checked_template(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(example_topic(tpl)));
}

Datum
realtime_topic_fault(PG_FUNCTION_ARGS)
{
	char	   *tpl = text_to_cstring(PG_GETARG_TEXT_PP(0));
	RtTemplateFault fault = rt_template_check(tpl, strlen(tpl));

	if (fault == RT_TEMPLATE_OK)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(rt_template_fault_text(fault)));
}

Datum
realtime_declared_topic(PG_FUNCTION_ARGS)
{
	text	   *topic = PG_GETARG_TEXT_PP(0);
	const RtTopicDeclaration *declaration = NULL;

	if (rt_declarations_refresh())
		declaration = rt_declaration_topic(VARDATA_ANY(topic), VARSIZE_ANY_EXHDR(topic));
	if (declaration == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(declaration->template));
}

Datum
realtime_declared_functions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const RtFunctionReference *references;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	rt_declarations_refresh();
	references = rt_declaration_references(&count);
	for (int i = 0; i < count; i++)
	{
		const RtFunctionReference *reference = &references[i];
		Datum		values[REFERENCE_COLUMNS];
		bool		nulls[REFERENCE_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(reference->kind);
		values[1] = CStringGetTextDatum(reference->declaration);
		values[2] = CStringGetTextDatum(reference->purpose);
		values[3] = CStringGetTextDatum(reference->signature);
		values[4] = ObjectIdGetDatum(reference->function);
		nulls[4] = !OidIsValid(reference->function);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- templates ---- */

static char *
checked_template(text *tpl)
{
	char	   *checked = text_to_cstring(tpl);
	RtTemplateFault fault = rt_template_check(checked, strlen(checked));

	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic template \"%s\" is not valid",
						pnstrdup(checked, pg_mbcliplen(checked, strlen(checked), QUOTED_MAX))),
				 errdetail("The template %s.", rt_template_fault_text(fault)),
				 errhint("For example: \"chat:{room}\".")));
	return checked;
}

/*
 * Which value each placeholder takes, from 0: if all have numbers, that of the
 * number, else that of its place.  Returns how many values there must be.
 */
static int
number_placeholders(const char *tpl, const RtSpan *names, int count, int *numbers)
{
	int			wanted = count;
	bool		numbered = true;

	for (int i = 0; i < count; i++)
	{
		numbers[i] = atoi(tpl + names[i].off) - 1;
		numbered &= (numbers[i] >= 0);
	}
	for (int i = 0; i < count; i++)
	{
		if (numbered)
			wanted = Max(wanted, numbers[i] + 1);
		else
			numbers[i] = i;
	}
	return wanted;
}

/* The topic that a checked template makes of a text for each placeholder. */
static char *
fill_template(const char *tpl, char **texts)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, strlen(tpl), names);
	size_t		lens[RT_PLACEHOLDERS_MAX];
	char	   *topic = palloc(RT_TOPIC_MAX + 1);
	int			len;

	for (int i = 0; i < count; i++)
		lens[i] = strlen(texts[i]);
	len = rt_template_fill(tpl, strlen(tpl), (const char *const *) texts, lens,
						   topic, RT_TOPIC_MAX);
	if (len < 0)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("topic of template \"%s\" is too long", tpl),
				 errdetail("A topic has at most %d bytes, and most characters of a value take three.",
						   RT_TOPIC_MAX)));
	topic[len] = '\0';
	return topic;
}

static char *
example_topic(const char *tpl)
{
	char	   *texts[RT_PLACEHOLDERS_MAX];

	for (int i = 0; i < RT_PLACEHOLDERS_MAX; i++)
		texts[i] = EXAMPLE_VALUE;
	return fill_template(tpl, texts);
}

/* ---- declarations of other kinds ---- */

/* Warns if topics are declared and none matches. */
static void
check_topic(const char *kind, const char *name, const char *text, const char *topic)
{
	ListCell   *cell;
	bool		any = false;

	if (!rt_declarations_refresh())
		return;
	foreach(cell, rt_declaration_topics())
	{
		const RtTopicDeclaration *declaration = lfirst(cell);

		if (!declaration->declared)
			continue;			/* known from a stream only, perhaps this one */
		any = true;
		if (rt_template_match(declaration->template, strlen(declaration->template),
							  topic, strlen(topic), NULL))
			return;
	}
	if (!any)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("topic \"%s\" of %s \"%s\" is not declared", text, kind, name),
			 errdetail("There are topics declared with realtime.topic(), but none matches this one."),
			 errhint("Correct the topic, or declare it too.")));
}

void
rt_topic_registry_check_topic(const char *kind, const char *name, const char *topic)
{
	check_topic(kind, name, topic, topic);
}

void
rt_topic_registry_check_template(const char *kind, const char *name, const char *tpl)
{
	if (rt_template_check(tpl, strlen(tpl)) == RT_TEMPLATE_OK)
		check_topic(kind, name, tpl, example_topic(tpl));
}

/* A column of a row as text; NULL if it is null or there is none. */
static char *
row_text(TriggerData *trigger, HeapTuple row, const char *column)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int			number = SPI_fnumber(desc, column);

	return number <= 0 ? NULL : SPI_getvalue(row, desc, number);
}

/* realtime.derived() has made it of the path: nobody has mistyped it. */
static bool
is_derived(const char *path, const char *topic)
{
	const char *made = psprintf("derived:%s", path);
	size_t		len = strlen(made);

	return strncmp(topic, made, len) == 0 && (topic[len] == '\0' || topic[len] == ':');
}

/*
 * Row trigger of tables of declarations.  Its arguments: what to call such a
 * declaration, the column that names it, the one with the topic, and whether
 * that is a "template" or a "topic".  A warning is given once: declaring the
 * same again says nothing.
 */
Datum
realtime_topic_is_declared(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	char	  **args;
	HeapTuple	row;
	char	   *name;
	char	   *topic;
	char	   *before = NULL;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		trigger->tg_trigger->tgnargs != 4)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager for a row",
						"realtime.topic_is_declared")));

	args = trigger->tg_trigger->tgargs;
	row = trigger->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		before = row_text(trigger, row, args[2]);
		row = trigger->tg_newtuple;
	}
	topic = row_text(trigger, row, args[2]);
	name = row_text(trigger, row, args[1]);
	if (topic == NULL || (before != NULL && strcmp(topic, before) == 0) ||
		is_derived(name, topic))
		PG_RETURN_POINTER(NULL);
	if (strcmp(args[3], "template") == 0)
		rt_topic_registry_check_template(args[0], name, topic);
	else
		rt_topic_registry_check_topic(args[0], name, topic);
	PG_RETURN_POINTER(NULL);
}

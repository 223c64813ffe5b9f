/*
 * plan.c
 *		How rows of a live table become topics and JSON, found out once.
 *
 * Columns are named in the arguments of the trigger and looked up here.
 *
 * Making a plan raises no error about the trigger's arguments: a row must not
 * fail for them.  A plan that can make no events has a fault instead.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/backend/live/plan.h"
#include "src/catalog/type_text.h"
#include "src/protocol/frame.h"

#define BUFFER_MIN 1024			/* bytes; allocated for each row */
#define BUFFER_MAX (64 * 1024)

/*
 * Values of most types have a JSON text that is longer than they are; none has
 * one that is shorter than this part of them.
 */
#define SHRINKAGE_MAX 16

static RtTriggerPlan *make_plan(Relation relation, const Trigger *trigger);
static void plan_topic(RtLivePlan *plan, TupleDesc desc, const char *tpl);
static RtLivePiece *add_piece(RtLivePlan *plan, const char *tpl, size_t begin,
							  size_t end);
static void plan_columns(RtLivePlan *plan, TupleDesc desc, const Trigger *trigger);
static void add_column(RtLivePlan *plan, TupleDesc desc, int attnum);
static int	find_column(TupleDesc desc, const char *name, size_t len);
static void init_column(RtLivePlan *plan, RtLiveColumn *column, TupleDesc desc,
						int attnum, char before);
static bool write_column(RtLiveColumn *column, TupleTableSlot *slot, StringInfo out);
static bool is_too_long(const RtLiveColumn *column, Datum value);
static bool same_value(const RtLiveColumn *column, TupleTableSlot *a, TupleTableSlot *b);

static RtTriggerPlans plans = {
	.name = "realtime live tables",
	.make = make_plan
};

void
rt_live_plan_install(void)
{
	rt_trigger_plans_install(&plans);
}

RtLivePlan *
rt_live_plan(Relation relation, const Trigger *trigger)
{
	return (RtLivePlan *) rt_trigger_plan(&plans, relation, trigger);
}

/* ---- what a plan is used for ---- */

int
rt_live_plan_topic(RtLivePlan *plan, TupleTableSlot *slot, char *topic)
{
	int			len = 0;

	for (int i = 0; i < plan->piece_count; i++)
	{
		RtLivePiece *piece = &plan->pieces[i];
		const char *text;
		Size		text_len;
		int			encoded_len;

		if (len + piece->literal_len > RT_TOPIC_MAX)
			return -1;
		memcpy(topic + len, piece->literal, piece->literal_len);
		len += piece->literal_len;
		if (piece->column == NULL)
			break;
		if (slot->tts_isnull[piece->column->attnum - 1])
			return 0;
		text = rt_value_text(piece->column->value,
							 slot->tts_values[piece->column->attnum - 1],
							 &text_len);
		if (text_len == 0)
			return 0;
		encoded_len = rt_percent_encode(text, text_len, topic + len,
										RT_TOPIC_MAX - len);
		if (encoded_len < 0)
			return -1;
		len += encoded_len;
	}
	return rt_topic_is_reserved(topic, len) ? -1 : len;
}

void
rt_live_plan_begin(const RtLivePlan *plan, StringInfo out)
{
	out->maxlen = plan->buffer_size;
	out->data = palloc(out->maxlen);
	resetStringInfo(out);
}

bool
rt_live_plan_row(RtLivePlan *plan, TupleTableSlot *slot, StringInfo out,
				 RtSpan *key)
{
	if (plan->poisoned || slot->tts_isnull[plan->key.attnum - 1])
		return false;
	for (int i = 0; i < plan->column_count; i++)
	{
		RtLiveColumn *column = &plan->columns[i];
		int			begin = out->len + column->prefix_len;

		if (!write_column(column, slot, out))
			return false;
		if (column->attnum == plan->key.attnum)
			*key = (RtSpan) {begin, out->len - begin};
	}
	if (unlikely(out->maxlen > plan->buffer_size))
		plan->buffer_size = Min(out->maxlen, BUFFER_MAX);
	appendStringInfoChar(out, '}');
	return true;
}

bool
rt_live_plan_key(RtLivePlan *plan, TupleTableSlot *slot, StringInfo out,
				 RtSpan *key)
{
	if (plan->poisoned || slot->tts_isnull[plan->key.attnum - 1] ||
		!write_column(&plan->key, slot, out))
		return false;
	*key = (RtSpan) {plan->key.prefix_len, out->len - plan->key.prefix_len};
	appendStringInfoChar(out, '}');
	return true;
}

bool
rt_live_plan_same_place(const RtLivePlan *plan,
						TupleTableSlot *a, TupleTableSlot *b)
{
	if (!same_value(&plan->key, a, b))
		return false;
	for (int i = 0; i < plan->piece_count; i++)
	{
		if (plan->pieces[i].column != NULL &&
			!same_value(plan->pieces[i].column, a, b))
			return false;
	}
	return true;
}

bool
rt_live_plan_same_row(const RtLivePlan *plan,
					  TupleTableSlot *a, TupleTableSlot *b)
{
	for (int i = 0; i < plan->column_count; i++)
	{
		if (!same_value(&plan->columns[i], a, b))
			return false;
	}
	return true;
}

/* Returns false if there is no use in going on. */
static bool
write_column(RtLiveColumn *column, TupleTableSlot *slot, StringInfo out)
{
	Datum		value = slot->tts_values[column->attnum - 1];
	bool		is_null = slot->tts_isnull[column->attnum - 1];

	if (!is_null && column->length == -1 && is_too_long(column, value))
		return false;
	appendBinaryStringInfoNT(out, column->prefix, column->prefix_len);
	rt_value_write(column->value, out, value, is_null);
	return out->len <= RT_FRAME_PAYLOAD_MAX;
}

/*
 * Whether a value of variable length is surely too long for an event, found
 * out without fetching or unpacking it.
 */
static bool
is_too_long(const RtLiveColumn *column, Datum value)
{
	Pointer		pointer = DatumGetPointer(value);
	Size		most = RT_FRAME_PAYLOAD_MAX;

	/* a pointer to what is stored apart looks like a short value */
	if (likely(!VARATT_IS_EXTERNAL(pointer) && !VARATT_IS_COMPRESSED(pointer) &&
			   VARSIZE_ANY(pointer) < most))
		return false;
	if (column->value->kind != RT_VALUE_TEXT &&
		column->value->kind != RT_VALUE_JSON)
		most *= SHRINKAGE_MAX;
	return toast_raw_datum_size(value) - VARHDRSZ > most;
}

/* So that the same text comes of it. */
static bool
same_value(const RtLiveColumn *column, TupleTableSlot *a, TupleTableSlot *b)
{
	return rt_slots_same_value(column->attnum, column->by_value, column->length,
							   a, b);
}

/* ---- making a plan ---- */

static RtTriggerPlan *
make_plan(Relation relation, const Trigger *trigger)
{
	RtLivePlan *plan = palloc0(sizeof(RtLivePlan));
	TupleDesc	desc = RelationGetDescr(relation);

	plan->buffer_size = BUFFER_MIN;
	plan->heap = relation->rd_rel->relkind == RELKIND_RELATION &&
		relation->rd_tableam == GetHeapamTableAmRoutine();
	if (trigger->tgnargs < RT_LIVE_COLUMNS)
		plan->fault = _("the trigger has not the arguments topic and key");
	if (plan->fault == NULL)
		plan_topic(plan, desc, trigger->tgargs[RT_LIVE_TOPIC]);
	if (plan->fault == NULL)
		plan_columns(plan, desc, trigger);
	return &plan->base;
}

bool
rt_live_may_name_topic(Oid type)
{
	Oid			base = getBaseType(type);
	char		kind = get_typtype(base);

	if (base == JSONOID || base == JSONBOID || base == XMLOID ||
		OidIsValid(get_element_type(base)) ||
		(kind != TYPTYPE_BASE && kind != TYPTYPE_ENUM))
		return false;
	return rt_type_has_fixed_text(type);
}

bool
rt_live_may_be_key(Oid type)
{
	/* its JSON is in the session's time zone */
	return rt_type_has_fixed_text(type) && getBaseType(type) != TIMESTAMPTZOID;
}

/* Returns false, with a fault, if its type has been altered to a bad one. */
static bool
may_be_in_topic(RtLivePlan *plan, Form_pg_attribute column)
{
	if (rt_live_may_name_topic(column->atttypid))
		return true;
	plan->fault = psprintf(_("column \"%s\" of type %s cannot be part of a topic"),
						   NameStr(column->attname),
						   format_type_be(column->atttypid));
	return false;
}

static void
plan_topic(RtLivePlan *plan, TupleDesc desc, const char *tpl)
{
	size_t		len = strlen(tpl);
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	RtTemplateFault fault = rt_template_check(tpl, len);
	size_t		from = 0;
	int			count;

	if (fault != RT_TEMPLATE_OK)
	{
		plan->fault = psprintf(_("the template \"%s\" %s"), tpl,
							   rt_template_fault_text(fault));
		return;
	}
	count = rt_template_names(tpl, len, names);
	for (int i = 0; i < count; i++)
	{
		RtLivePiece *piece = add_piece(plan, tpl, from, names[i].off - 1);
		int			attnum = find_column(desc, tpl + names[i].off, names[i].len);

		if (attnum == 0)
		{
			plan->fault = psprintf(_("column \"%.*s\" does not exist"),
								   (int) names[i].len, tpl + names[i].off);
			return;
		}
		if (!may_be_in_topic(plan, TupleDescAttr(desc, attnum - 1)))
			return;
		piece->column = palloc0(sizeof(RtLiveColumn));
		init_column(plan, piece->column, desc, attnum, '{');
		from = names[i].off + names[i].len + 1;
	}
	add_piece(plan, tpl, from, len);
	plan->literal = (count == 0);
}

/* A piece with the literal text of a part of the template. */
static RtLivePiece *
add_piece(RtLivePlan *plan, const char *tpl, size_t begin, size_t end)
{
	RtLivePiece *piece = &plan->pieces[plan->piece_count++];

	piece->literal = palloc(end - begin + 1);
	piece->literal_len = rt_live_plan_literal(tpl, begin, end, piece->literal);
	return piece;
}

int
rt_live_plan_literal(const char *tpl, size_t begin, size_t end, char *to)
{
	int			len = 0;

	for (size_t i = begin; i < end; i++)
	{
		to[len++] = tpl[i];
		if (tpl[i] == '{' || tpl[i] == '}')
			i++;				/* doubled */
	}
	return len;
}

static void
plan_columns(RtLivePlan *plan, TupleDesc desc, const Trigger *trigger)
{
	const char *key = trigger->tgargs[RT_LIVE_KEY];
	int			key_attnum = find_column(desc, key, strlen(key));
	bool		has_key = false;

	if (key_attnum == 0)
	{
		plan->fault = psprintf(_("column \"%s\" does not exist"), key);
		return;
	}
	if (!rt_live_may_be_key(TupleDescAttr(desc, key_attnum - 1)->atttypid))
	{
		plan->fault = psprintf(_("column \"%s\" of type %s cannot be the key"), key,
							   format_type_be(TupleDescAttr(desc, key_attnum - 1)->atttypid));
		return;
	}
	init_column(plan, &plan->key, desc, key_attnum, '{');

	plan->columns = palloc0(sizeof(RtLiveColumn) * desc->natts);
	if (trigger->tgnargs == RT_LIVE_COLUMNS)
	{
		for (int attnum = 1; attnum <= desc->natts; attnum++)
		{
			if (!TupleDescAttr(desc, attnum - 1)->attisdropped &&
				!rt_attribute_is_virtual(TupleDescAttr(desc, attnum - 1)))
				add_column(plan, desc, attnum);
		}
		return;
	}
	for (int i = RT_LIVE_COLUMNS; i < trigger->tgnargs; i++)
		has_key |= strcmp(trigger->tgargs[i], key) == 0;
	if (!has_key)
		add_column(plan, desc, key_attnum);
	for (int i = RT_LIVE_COLUMNS; i < trigger->tgnargs; i++)
	{
		int			attnum = find_column(desc, trigger->tgargs[i],
										 strlen(trigger->tgargs[i]));

		if (attnum != 0)
			add_column(plan, desc, attnum);
	}
}

/* Unless it is there already. */
static void
add_column(RtLivePlan *plan, TupleDesc desc, int attnum)
{
	for (int i = 0; i < plan->column_count; i++)
	{
		if (plan->columns[i].attnum == attnum)
			return;
	}
	init_column(plan, &plan->columns[plan->column_count], desc, attnum,
				plan->column_count == 0 ? '{' : ',');
	plan->column_count++;
	if (strcmp(NameStr(TupleDescAttr(desc, attnum - 1)->attname), "reqId") == 0)
		plan->poisoned = true;
}

/* Number of a column that has values, or 0. */
static int
find_column(TupleDesc desc, const char *name, size_t len)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && !rt_attribute_is_virtual(attribute) &&
			strlen(NameStr(attribute->attname)) == len &&
			memcmp(NameStr(attribute->attname), name, len) == 0)
			return i + 1;
	}
	return 0;
}

static void
init_column(RtLivePlan *plan, RtLiveColumn *column, TupleDesc desc, int attnum,
			char before)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, attnum - 1);
	StringInfoData prefix;

	initStringInfo(&prefix);
	appendStringInfoChar(&prefix, before);
	rt_text_write(&prefix, NameStr(attribute->attname),
				  strlen(NameStr(attribute->attname)));
	appendStringInfoChar(&prefix, ':');

	column->attnum = attnum;
	column->by_value = attribute->attbyval;
	column->length = attribute->attlen;
	column->prefix = prefix.data;
	column->prefix_len = prefix.len;
	column->value = rt_value_writer(attribute->atttypid);
	plan->last_attnum = Max(plan->last_attnum, attnum);
}

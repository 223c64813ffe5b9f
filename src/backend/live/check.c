/*
 * check.c
 *		What can be a live table, and with which topic, key and columns.
 *
 * Checked once, when it is declared.  What becomes of the columns later is
 * the trigger's business (plan.c).
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"

#include "src/backend/live/plan.h"
#include "src/backend/live/table.h"
#include "src/catalog/declaration_table.h"
#include "src/compat.h"
#include "src/protocol/topic.h"

#define QUOTED_MAX 100			/* bytes of a bad text in a message */
#define POISON "reqId"			/* the member that marks the server's own events */

pg_noreturn static void refuse(Relation relation, const char *detail);
static void check_topic(Relation relation, const char *tpl);
static void check_placeholder(Relation relation, const char *tpl, RtSpan span);
static char *found_key(Relation relation);
static void check_key(Relation relation, const char *key);
static void check_columns(Relation relation, const RtLiveTable *table);
static void check_names(Relation relation, List *columns);
static Form_pg_attribute find_column(Relation relation, const char *name);
static Form_pg_attribute needed_column(Relation relation, const char *name);

void
rt_live_check_relation(Relation relation)
{
	char		kind = relation->rd_rel->relkind;

	if (kind == RELKIND_VIEW || kind == RELKIND_MATVIEW)
		refuse(relation, _("It is a view; the tables that it reads can be live."));
	if (kind == RELKIND_FOREIGN_TABLE)
		refuse(relation, _("It is a foreign table, whose rows can change without this server's knowing."));
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		refuse(relation, _("It is not a table."));
	if (IsCatalogRelation(relation))
		refuse(relation, _("It is a system catalog."));
	if (relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse(relation, _("It is a temporary table, which no other session sees."));
	if (RelationGetNamespace(relation) == get_namespace_oid(RT_SCHEMA, true))
		refuse(relation, _("It belongs to the extension realtime."));
	if (kind == RELKIND_RELATION && has_subclass(RelationGetRelid(relation)))
		ereport(NOTICE,
				(errmsg("rows of tables that inherit from \"%s\" are not published",
						RelationGetRelationName(relation)),
				 errhint("Declare those tables live as well.")));
}

void
rt_live_check_table(Relation relation, RtLiveTable *table)
{
	check_topic(relation, table->topic);
	if (table->key == NULL)
		table->key = found_key(relation);
	check_key(relation, table->key);
	check_columns(relation, table);
}

static void
refuse(Relation relation, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" cannot be a live table",
					RelationGetRelationName(relation)),
			 errdetail_internal("%s", detail)));
}

/* ---- the topic ---- */

static void
check_topic(Relation relation, const char *tpl)
{
	size_t		len = strlen(tpl);
	RtTemplateFault fault = rt_template_check(tpl, len);
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count;

	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic template \"%s\" is not valid",
						pnstrdup(tpl, pg_mbcliplen(tpl, len, QUOTED_MAX))),
				 errdetail("The template %s.", rt_template_fault_text(fault)),
				 errhint("For example: \"todos:{list_id}\", where list_id is a column.")));
	if (rt_topic_is_reserved(tpl, len))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("topic template \"%s\" is reserved", tpl),
				 errdetail("Topics that begin with \"__\" or \"query:\" belong to the server.")));
	count = rt_template_names(tpl, len, names);
	for (int i = 0; i < count; i++)
		check_placeholder(relation, tpl, names[i]);
}

static void
check_placeholder(Relation relation, const char *tpl, RtSpan span)
{
	char	   *name = pnstrdup(tpl + span.off, span.len);
	Form_pg_attribute column = needed_column(relation, name);

	if (!rt_live_may_name_topic(column->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be part of a topic",
						name, format_type_be(column->atttypid)),
				 errdetail("The same value can be written in several ways."),
				 errhint("Take a column of another type, such as an integer, text or uuid.")));
}

/* ---- key and columns ---- */

/*
 * The primary key, also one that is deferrable, if it is one column, or else a
 * column "id".
 */
static char *
found_key(Relation relation)
{
	Oid			constraint;
	Bitmapset  *columns = get_primary_key_attnos(RelationGetRelid(relation), true,
												 &constraint);
	int			member;

	if (bms_get_singleton_member(columns, &member))
		return pstrdup(NameStr(TupleDescAttr(RelationGetDescr(relation),
											 member + FirstLowInvalidHeapAttributeNumber - 1)->attname));
	if (find_column(relation, "id") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("live table \"%s\" needs a key",
						RelationGetRelationName(relation)),
				 errdetail("It has neither a primary key of one column nor a column \"id\"."),
				 errhint("Name the column by which clients know a row: key => '...'.")));
	return pstrdup("id");
}

static void
check_key(Relation relation, const char *key)
{
	Form_pg_attribute column = needed_column(relation, key);

	if (!rt_live_may_be_key(column->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be the key",
						key, format_type_be(column->atttypid)),
				 errdetail("The same value can be written in several ways."),
				 errhint("Take a column of another type, such as an integer, text or uuid.")));
}

static void
check_columns(Relation relation, const RtLiveTable *table)
{
	TupleDesc	desc = RelationGetDescr(relation);
	bool		poisoned = strcmp(table->key, POISON) == 0;

	check_names(relation, table->columns);
	if (table->columns == NIL)
	{
		for (int i = 0; i < desc->natts; i++)
			poisoned |= !TupleDescAttr(desc, i)->attisdropped &&
				strcmp(NameStr(TupleDescAttr(desc, i)->attname), POISON) == 0;
	}
	else
	{
		ListCell   *cell;

		foreach(cell, table->columns)
			poisoned |= strcmp(lfirst(cell), POISON) == 0;
	}
	if (poisoned)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" cannot be published", POISON),
				 errdetail("Clients take an event with such a member for one of the server's own."),
				 errhint("Name the other columns in \"columns\", or rename it.")));
}

static void
check_names(Relation relation, List *columns)
{
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, columns)
	{
		(void) needed_column(relation, lfirst(cell));
		foreach(other, columns)
		{
			if (other == cell)
				break;
			if (strcmp(lfirst(other), lfirst(cell)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" stands twice in \"columns\"",
								(char *) lfirst(cell))));
		}
	}
}

static Form_pg_attribute
find_column(Relation relation, const char *name)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (!column->attisdropped && strcmp(NameStr(column->attname), name) == 0)
			return column;
	}
	return NULL;
}

static Form_pg_attribute
needed_column(Relation relation, const char *name)
{
	Form_pg_attribute column = find_column(relation, name);

	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						name, RelationGetRelationName(relation))));
	if (rt_attribute_is_virtual(column))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of table \"%s\" cannot be published",
						name, RelationGetRelationName(relation)),
				 errdetail("It is a virtual generated column, which has no value in a trigger."),
				 errhint("Make it a stored one.")));
	return column;
}

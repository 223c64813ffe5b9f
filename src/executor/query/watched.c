/*
 * watched.c
 *		Whether changes of the tables that a live query reads are told.
 *
 * The triggers are made when a query is declared, and when a command has it
 * read something else.  That command's user may not be allowed to have them
 * made, and whoever owns a table can disable them or drop them.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/catalog/declaration_table.h"
#include "src/executor/query/watched.h"

#define WATCH_FUNCTION "query_table_changed"

static Oid
watch_function(void)
{
	List	   *name = list_make2(makeString(pstrdup(RT_SCHEMA)),
								  makeString(pstrdup(WATCH_FUNCTION)));

	return LookupFuncName(name, 0, NULL, false);
}

static bool
tells(const Trigger *trigger, const char *column)
{
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], column) == 0)
			return true;
	}
	return false;
}

/* 0 among the columns stands for all of them. */
static bool
tells_all(const Trigger *trigger, Relation table, const Bitmapset *columns)
{
	TupleDesc	desc = RelationGetDescr(table);
	bool		all = bms_is_member(0, columns);

	for (int i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);

		if ((all || bms_is_member(i, columns)) && !attribute->attisdropped &&
			!tells(trigger, NameStr(attribute->attname)))
			return false;
	}
	return true;
}

/* The trigger of ours for rows, or for TRUNCATE; NULL = none that fires. */
static const Trigger *
find_trigger(Relation table, Oid function, int16 type)
{
	const TriggerDesc *triggers = table->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && (trigger->tgtype & type) != 0 &&
			(trigger->tgenabled == TRIGGER_FIRES_ALWAYS ||
			 trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN))
			return trigger;
	}
	return NULL;
}

pg_noreturn static void
refuse(Relation table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("nobody is told what changes in table \"%s\"",
					RelationGetRelationName(table)),
			 errdetail("Its triggers for live queries are missing, disabled, or do not tell all columns that the query looks at."),
			 errhint("Declare the query again, as somebody who may have triggers made on the table.")));
}

/* Its columns may have other numbers in heirs, but they are told as its own. */
static void
check_table(Oid relid, Oid function, const Bitmapset *columns)
{
	Relation	table = table_open(relid, AccessShareLock);
	const Trigger *trigger = find_trigger(table, function, TRIGGER_TYPE_ROW);

	if (trigger == NULL || !tells_all(trigger, table, columns))
		refuse(table);
	table_close(table, NoLock);
}

static void
check_heirs(Oid relid, Oid function)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		if (lfirst_oid(cell) != relid)
			check_table(lfirst_oid(cell), function, NULL);
	}
}

/* ---- whether what has changed can be counted ---- */

#define EACH_CHANGE (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static bool
tells_each_change(const Trigger *trigger)
{
	return trigger->tgenabled == TRIGGER_FIRES_ALWAYS && trigger->tgqual == NULL &&
		trigger->tgnattr == 0 && (trigger->tgtype & EACH_CHANGE) == EACH_CHANGE;
}

/* A second one, which anybody who may can make, would tell it twice. */
static bool
tells_each_change_once(Oid relid, Oid function)
{
	Relation	table = table_open(relid, AccessShareLock);
	const TriggerDesc *triggers = table->trigdesc;
	int			telling = 0;
	int			all = 0;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid != function || !TRIGGER_FOR_ROW(trigger->tgtype))
			continue;
		all++;
		telling += tells_each_change(trigger);
	}
	table_close(table, NoLock);
	return all == 1 && telling == 1;
}

void
rt_query_check_watched(RtQuery *query)
{
	Oid			function = watch_function();
	ListCell   *cell;

	foreach(cell, query->relations)
	{
		const RtQueryRelation *relation = lfirst(cell);

		check_table(relation->relid, function, relation->used);
		if (has_subclass(relation->relid))
			check_heirs(relation->relid, function);
	}
	if (query->tally != NULL &&
		!tells_each_change_once(((RtQueryRelation *) linitial(query->relations))->relid, function))
		query->tally = NULL;
}

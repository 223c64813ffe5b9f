/*
 * table.c
 *		Keeps the triggers of watched tables in step with what queries read.
 *
 * What triggers there have to be follows from the declarations, so nothing is
 * kept of it elsewhere: a dump carries the triggers like those of any table.
 * They are made and dropped as the owner of the extension's tables, because
 * whoever declares need not own what is read; that its owner has consented is
 * checked before.
 *
 * As long as some query cannot be looked at, because a table is gone, say,
 * nothing is taken away.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/backend/short_wait.h"
#include "src/backend/trigger_argument.h"
#include "src/backend/watch/wanted.h"
#include "src/backend/watch/watch.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"

static char *
qualified_name(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/* ---- consent ---- */

static bool
has_consented(Oid relation)
{
	return rt_object_ownercheck_relation(relation, GetUserId()) ||
		pg_class_aclcheck(relation, GetUserId(), ACL_TRIGGER) == ACLCHECK_OK;
}

void
rt_watch_check_consent(Oid relation)
{
	if (has_consented(relation))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for table %s", get_rel_name(relation)),
			 errdetail("The query reads it, so it needs triggers that note what changes in it."),
			 errhint("Its owner can allow that: GRANT TRIGGER ON %s TO %s.",
					 qualified_name(relation),
					 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
}

/* ---- commands ---- */

static void
run(const char *command)
{
	RtStatement statement = {.sql = command};
	Oid			table = get_relname_relid(RT_QUERY_TABLE,
										  get_namespace_oid(RT_SCHEMA, false));

	rt_statement_run(&statement, table, SPI_OK_UTILITY);
}

static void
create_trigger(Oid relation, const char *old_name, const char *name,
			   const char *events, const char *level, const char *arguments)
{
	char	   *table = qualified_name(relation);

	if (old_name != NULL)
		name = old_name;
	run(psprintf("CREATE %s TRIGGER %s AFTER %s ON %s FOR EACH %s"
				 " EXECUTE FUNCTION " RT_SCHEMA "." RT_WATCH_FUNCTION "(%s)",
				 old_name != NULL ? "OR REPLACE" : "", quote_identifier(name),
				 events, table, level, arguments));
	run(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table,
				 quote_identifier(name)));
}

static void
drop_trigger(Oid relation, const char *name)
{
	run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(name),
				 qualified_name(relation)));
}

/* ---- triggers that are there ---- */

typedef struct OwnTrigger
{
	Oid			relation;
	char	   *name;
} OwnTrigger;

/* Of all tables; copies that partitions have are left out. */
static List *
own_triggers(void)
{
	Oid			function = rt_trigger_function(RT_WATCH_FUNCTION);
	Relation	catalog = table_open(TriggerRelationId, AccessShareLock);
	List	   *triggers = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgfoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(function));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		OwnTrigger *trigger;

		if (OidIsValid(form->tgparentid))
			continue;
		trigger = palloc(sizeof(OwnTrigger));
		trigger->relation = form->tgrelid;
		trigger->name = pstrdup(NameStr(form->tgname));
		triggers = lappend(triggers, trigger);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return triggers;
}

/* What the trigger for rows, and that for TRUNCATE, are; name NULL = missing. */
typedef struct Found
{
	char	   *name;
	char	   *arguments;		/* as trigger_arguments() writes them */
	bool		always;
} Found;

static char *
trigger_arguments(const List *told, const List *compared)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, told)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
						 quote_literal_cstr(lfirst(cell)));
	if (compared != NIL)
		appendStringInfo(&list, "%s''", list.len > 0 ? ", " : "");
	foreach(cell, compared)
		appendStringInfo(&list, ", %s", quote_literal_cstr(lfirst(cell)));
	return list.data;
}

/* Arguments of a trigger of ours, taken apart. */
static void
read_arguments(const Trigger *trigger, List **told, List **compared)
{
	List	  **names = told;

	*told = *compared = NIL;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (trigger->tgargs[i][0] == '\0')
			names = compared;
		else
			*names = lappend(*names, pstrdup(trigger->tgargs[i]));
	}
}

static Found
find_trigger(Relation relation, int16 type)
{
	const Trigger *trigger = rt_trigger_find(relation, RT_WATCH_FUNCTION, type);
	Found		found = {0};
	List	   *told;
	List	   *compared;

	if (trigger == NULL || trigger->tgisclone)
		return found;
	read_arguments(trigger, &told, &compared);
	found.name = pstrdup(trigger->tgname);
	found.arguments = trigger_arguments(told, compared);
	found.always = trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	return found;
}

/* What it has already stays, if what others need is not known. */
static void
keep_columns(Relation relation, RtWanted *wanted)
{
	const Trigger *trigger = rt_watch_row_trigger(relation);
	List	   *told;
	List	   *compared;

	if (trigger == NULL || trigger->tgisclone)
		return;
	read_arguments(trigger, &told, &compared);
	rt_wanted_add(wanted, told, compared);
}

/* ---- keeping them in step ---- */

static bool
is_wanted(List *tables, Oid relation)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (((RtWanted *) lfirst(cell))->relation == relation)
			return true;
	}
	return false;
}

static void
drop_unwanted(List *tables)
{
	ListCell   *cell;

	foreach(cell, own_triggers())
	{
		const OwnTrigger *trigger = lfirst(cell);

		if (!is_wanted(tables, trigger->relation))
			drop_trigger(trigger->relation, trigger->name);
	}
}

/* The relation must not be open when its triggers are altered. */
static void
keep_table(RtWanted *wanted, bool complete)
{
	Relation	relation = table_open(wanted->relation, AccessShareLock);
	Found		row;
	Found		truncate;
	char	   *arguments;

	if (!complete)
		keep_columns(relation, wanted);
	row = find_trigger(relation, TRIGGER_TYPE_ROW);
	truncate = find_trigger(relation, TRIGGER_TYPE_TRUNCATE);
	arguments = trigger_arguments(wanted->told, wanted->compared);
	table_close(relation, NoLock);

	if (row.name == NULL || !row.always || strcmp(row.arguments, arguments) != 0)
		create_trigger(wanted->relation, row.name, RT_WATCH_TRIGGER,
					   "INSERT OR UPDATE OR DELETE", "ROW", arguments);
	if (truncate.name == NULL || !truncate.always)
		create_trigger(wanted->relation, truncate.name, RT_WATCH_TRUNCATE_TRIGGER,
					   "TRUNCATE", "STATEMENT", "");
}

static void
keep_tables(void)
{
	bool		complete;
	List	   *tables;
	ListCell   *cell;
	int			guc_level = rt_short_waits_begin();

	CommandCounterIncrement();
	tables = rt_wanted_tables(&complete);
	if (complete)
		drop_unwanted(tables);
	foreach(cell, tables)
	{
		if (has_consented(((RtWanted *) lfirst(cell))->relation))
			keep_table(lfirst(cell), complete);
	}
	rt_short_waits_end(guc_level);
}

/* Its own commands come by here, too (ddl.c). */
void
rt_watch_keep(void)
{
	static bool keeping = false;

	if (keeping)
		return;
	keeping = true;
	PG_TRY();
	{
		keep_tables();
	}
	PG_FINALLY();
	{
		keeping = false;
	}
	PG_END_TRY();
}

void
rt_watch_release(Oid relation, const char *name)
{
	ListCell   *cell;

	foreach(cell, own_triggers())
	{
		const OwnTrigger *trigger = lfirst(cell);

		if (trigger->relation == relation &&
			(name == NULL || strcmp(trigger->name, name) == 0))
			drop_trigger(relation, trigger->name);
	}
}

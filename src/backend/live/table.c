/*
 * table.c
 *		realtime.live_table() and realtime.drop_live_table().
 *
 * A live table is nothing but two triggers on it: one for rows, which
 * partitions inherit, and one for TRUNCATE.  All that is declared stands in
 * their arguments, so a dump carries it, a renamed table keeps it and a
 * dropped one takes it along; there is no table of ours to keep in step.
 *
 * They are made by SQL commands of the user, so his rights are checked and
 * event triggers hear of it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/topic_registry.h"
#include "src/backend/live/lost.h"
#include "src/backend/live/plan.h"
#include "src/backend/live/table.h"
#include "src/backend/short_wait.h"
#include "src/backend/trigger_argument.h"
#include "src/catalog/declaration_table.h"
#include "src/guc.h"

/* Positions of parameters, as in src/sql */
enum
{
	LIVE_RELATION,
	LIVE_TOPIC,
	LIVE_KEY,
	LIVE_COLUMN_LIST,
	LIVE_ALWAYS
};

static void read_parameters(FunctionCallInfo fcinfo, RtLiveTable *table);
static List *read_columns(ArrayType *array);
static Relation open_relation(Oid oid, LOCKMODE lock_mode);
static void check_owner(Oid oid);
static void describe_lock_wait(void *arg);
static void refuse_if_inherited(Relation relation);
static void refuse_if_partition_is_live(Relation relation);
static void create_triggers(Relation relation, const RtLiveTable *table);
static char *trigger_name(const Trigger *trigger);
static void create_trigger(const char *old_name, const char *name,
						   const char *events, const char *table,
						   const char *level, const char *arguments,
						   bool always);
static char *trigger_arguments(const RtLiveTable *table);
static bool drop_live_table(Oid oid);
static void drop_triggers(Relation relation);
static void run_command(const char *command);
static char *qualified_name(Relation relation);
static void warn_database(void);
static void warn_topic(Relation relation, const char *topic);

PG_FUNCTION_INFO_V1(realtime_live_table);
PG_FUNCTION_INFO_V1(realtime_drop_live_table);
PG_FUNCTION_INFO_V1(realtime_live_table_arguments);

void
rt_live_table_install(void)
{
	rt_live_plan_install();
	rt_live_lost_install();
}

Datum
realtime_live_table(PG_FUNCTION_ARGS)
{
	RtLiveTable table = {0};
	Relation	relation;
	int			guc_level;

	read_parameters(fcinfo, &table);
	guc_level = rt_short_waits_begin();
	relation = open_relation(PG_GETARG_OID(LIVE_RELATION), ShareRowExclusiveLock);
	rt_live_check_relation(relation);
	rt_live_check_table(relation, &table);
	refuse_if_inherited(relation);
	refuse_if_partition_is_live(relation);
	warn_topic(relation, table.topic);
	create_triggers(relation, &table);
	rt_short_waits_end(guc_level);
	warn_database();
	PG_RETURN_VOID();
}

Datum
realtime_drop_live_table(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(LIVE_RELATION))
		rt_parameter_refuse_null("relation");
	PG_RETURN_BOOL(drop_live_table(PG_GETARG_OID(LIVE_RELATION)));
}

/* The arguments of a trigger, as pg_trigger has them, as an array of text. */
Datum
realtime_live_table_arguments(PG_FUNCTION_ARGS)
{
	bytea	   *packed = PG_GETARG_BYTEA_PP(0);
	const char *p = VARDATA_ANY(packed);
	const char *end = p + VARSIZE_ANY_EXHDR(packed);
	ArrayBuildState *array = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	while (p < end)
	{
		size_t		len = strnlen(p, end - p);

		array = accumArrayResult(array,
								 PointerGetDatum(cstring_to_text_with_len(p, len)),
								 false, TEXTOID, CurrentMemoryContext);
		p += len + 1;
	}
	PG_RETURN_DATUM(makeArrayResult(array, CurrentMemoryContext));
}

bool
rt_live_table_drop(const char *name)
{
	char	   *copy = pstrdup(name);
	List	   *names;
	Oid			oid;

	/* paths and templates come by here too: no error if it is no name */
	if (!SplitIdentifierString(copy, '.', &names) ||
		list_length(names) < 1 || list_length(names) > 2)
		return false;
	oid = RangeVarGetRelid(makeRangeVar(list_length(names) == 2 ? linitial(names) : NULL,
										llast(names), -1),
						   NoLock, true);
	return OidIsValid(oid) && drop_live_table(oid);
}

const Trigger *
rt_live_row_trigger(Relation relation)
{
	return rt_trigger_find(relation, RT_LIVE_FUNCTION, TRIGGER_TYPE_ROW);
}

const Trigger *
rt_live_truncate_trigger(Relation relation)
{
	return rt_trigger_find(relation, RT_LIVE_FUNCTION, TRIGGER_TYPE_TRUNCATE);
}

/* ---- parameters ---- */

static void
read_parameters(FunctionCallInfo fcinfo, RtLiveTable *table)
{
	if (PG_ARGISNULL(LIVE_RELATION))
		rt_parameter_refuse_null("relation");
	table->topic = rt_parameter_text(fcinfo, LIVE_TOPIC, "topic");
	if (!PG_ARGISNULL(LIVE_KEY))
		table->key = text_to_cstring(PG_GETARG_TEXT_PP(LIVE_KEY));
	if (!PG_ARGISNULL(LIVE_COLUMN_LIST))
		table->columns = read_columns(PG_GETARG_ARRAYTYPE_P(LIVE_COLUMN_LIST));
	table->always = rt_parameter_bool(fcinfo, LIVE_ALWAYS, "always");
}

static List *
read_columns(ArrayType *array)
{
	List	   *columns = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			rt_parameter_refuse_null("column");
		columns = lappend(columns, pstrdup(NameStr(*DatumGetName(elements[i]))));
	}
	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must not be empty"),
				 errhint("Leave it out to publish all columns.")));
	return columns;
}

/* ---- the relation ---- */

/* Checks the rights before locking: not everybody may stop writers. */
static Relation
open_relation(Oid oid, LOCKMODE lock_mode)
{
	ErrorContextCallback callback;
	Relation	relation;

	check_owner(oid);
	callback.callback = describe_lock_wait;
	callback.arg = get_rel_name(oid);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	LockRelationOid(oid, lock_mode);
	(void) find_all_inheritors(oid, lock_mode, NULL);
	error_context_stack = callback.previous;

	relation = try_relation_open(oid, NoLock);
	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid)));
	check_owner(oid);
	return relation;
}

static void
check_owner(Oid oid)
{
	char	   *name = get_rel_name(oid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid)));
	if (!rt_object_ownercheck_relation(oid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name);
}

static void
describe_lock_wait(void *arg)
{
	if (geterrcode() == ERRCODE_LOCK_NOT_AVAILABLE)
		errhint("Somebody has been using table \"%s\" for longer than %d ms; pg_stat_activity and pg_locks tell who. Try again when that has ended.",
				(const char *) arg, LockTimeout);
}

/* A partition whose partitioned table is live has its trigger from there. */
static void
refuse_if_inherited(Relation relation)
{
	const Trigger *trigger = rt_live_row_trigger(relation);
	ListCell   *cell;

	if (trigger == NULL || !trigger->tgisclone)
		return;
	foreach(cell, get_partition_ancestors(RelationGetRelid(relation)))
	{
		Relation	ancestor = table_open(lfirst_oid(cell), AccessShareLock);

		trigger = rt_live_row_trigger(ancestor);
		if (trigger != NULL && !trigger->tgisclone)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("partition \"%s\" is live because its partitioned table \"%s\" is",
							RelationGetRelationName(relation),
							RelationGetRelationName(ancestor)),
					 errhint("Declare the partitioned table instead.")));
		table_close(ancestor, AccessShareLock);
	}
}

static void
refuse_if_partition_is_live(Relation relation)
{
	List	   *partitions;
	ListCell   *cell;

	if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	partitions = find_all_inheritors(RelationGetRelid(relation), NoLock, NULL);
	foreach(cell, partitions)
	{
		Relation	partition = table_open(lfirst_oid(cell), NoLock);
		const Trigger *trigger = rt_live_row_trigger(partition);

		if (lfirst_oid(cell) != RelationGetRelid(relation) &&
			trigger != NULL && !trigger->tgisclone)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("partition \"%s\" is a live table of its own",
							RelationGetRelationName(partition)),
					 errhint("Remove that first: SELECT realtime.drop_live_table(%s);",
							 quote_literal_cstr(qualified_name(partition)))));
		table_close(partition, NoLock);
	}
}

/* ---- the triggers ---- */

/* Closes the relation: it must not be open when its triggers are altered. */
static void
create_triggers(Relation relation, const RtLiveTable *table)
{
	char	   *name = qualified_name(relation);
	char	   *arguments = trigger_arguments(table);
	char	   *old_row = trigger_name(rt_live_row_trigger(relation));
	char	   *old_truncate = trigger_name(rt_live_truncate_trigger(relation));

	table_close(relation, NoLock);
	create_trigger(old_row, RT_LIVE_TRIGGER, "INSERT OR UPDATE OR DELETE",
				   name, "ROW", arguments, table->always);
	create_trigger(old_truncate, RT_LIVE_TRUNCATE_TRIGGER, "TRUNCATE",
				   name, "STATEMENT", arguments, table->always);
}

/* Quoted; NULL if there is none. */
static char *
trigger_name(const Trigger *trigger)
{
	return trigger != NULL ? pstrdup(quote_identifier(trigger->tgname)) : NULL;
}

/* Makes one, or replaces one that is there. */
static void
create_trigger(const char *old_name, const char *name, const char *events,
			   const char *table, const char *level, const char *arguments,
			   bool always)
{
	if (old_name != NULL)
		name = old_name;
	run_command(psprintf("CREATE %s TRIGGER %s AFTER %s ON %s"
						 " FOR EACH %s EXECUTE FUNCTION "
						 RT_SCHEMA "." RT_LIVE_FUNCTION "(%s)",
						 old_name != NULL ? "OR REPLACE" : "", name, events,
						 table, level, arguments));
	if (always)
		run_command(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
							 table, name));
}

static char *
trigger_arguments(const RtLiveTable *table)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	appendStringInfo(&list, "%s, %s", quote_literal_cstr(table->topic),
					 quote_literal_cstr(table->key));
	foreach(cell, table->columns)
		appendStringInfo(&list, ", %s", quote_literal_cstr(lfirst(cell)));
	return list.data;
}

/* Returns whether it was one, or half of one: triggers can be dropped one by one. */
static bool
drop_live_table(Oid oid)
{
	int			guc_level = rt_short_waits_begin();
	Relation	relation;
	bool		live;

	/* what is not live needs no strong lock and no right */
	relation = try_relation_open(oid, AccessShareLock);
	live = relation != NULL && (rt_live_row_trigger(relation) != NULL ||
								rt_live_truncate_trigger(relation) != NULL);
	if (relation != NULL)
		relation_close(relation, AccessShareLock);
	if (live)
		drop_triggers(open_relation(oid, AccessExclusiveLock));
	rt_short_waits_end(guc_level);
	return live;
}

/* Closes the relation, like create_triggers(). */
static void
drop_triggers(Relation relation)
{
	char	   *name = qualified_name(relation);
	char	   *triggers[] = {
		trigger_name(rt_live_row_trigger(relation)),
		trigger_name(rt_live_truncate_trigger(relation))
	};

	refuse_if_inherited(relation);
	relation_close(relation, NoLock);
	for (int i = 0; i < lengthof(triggers); i++)
	{
		if (triggers[i] != NULL)
			run_command(psprintf("DROP TRIGGER %s ON %s", triggers[i], name));
	}
}

static void
run_command(const char *command)
{
	int			result;

	SPI_connect();
	result = SPI_execute(command, false, 0);
	if (result != SPI_OK_UTILITY)
		elog(ERROR, "command \"%s\" failed: %s", command,
			 SPI_result_code_string(result));
	SPI_finish();
}

static char *
qualified_name(Relation relation)
{
	return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
}

/* One that is not declared though others are; once, as the old trigger tells. */
static void
warn_topic(Relation relation, const char *topic)
{
	const Trigger *before = rt_live_row_trigger(relation);

	if (before == NULL || strcmp(before->tgargs[0], topic) != 0)
		rt_topic_registry_check_template("live table", RelationGetRelationName(relation),
										 topic);
}

static void
warn_database(void)
{
	if (!rt_publish_is_possible())
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of live tables are not published in this database"),
				 errdetail("Clients are connected to database \"%s\".",
						   realtime_database)));
}

/*
 * schema.c
 *		realtime.watch_schema(): tables that become live because of their schema.
 *
 * What is to be done is in SQL (src/sql/46_watch_schema.sql), and done as the owner
 * of the extension: tables of all users are concerned, and whoever makes one need
 * have no right to make it live.
 *
 * A schema is watched by its name, because that is what dumps can carry: so the name
 * is changed with the schema's, and goes with it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "src/backend/live/schema.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"

PG_FUNCTION_INFO_V1(realtime_watch_schema);
PG_FUNCTION_INFO_V1(realtime_unwatch_schema);
PG_FUNCTION_INFO_V1(realtime_table_made);

/* InvalidOid without the extension, and while it is made, or dropped. */
static Oid
watched_table(void)
{
	Oid			schema = get_namespace_oid(RT_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid("watched_schema", schema) : InvalidOid;
}

Datum
realtime_watch_schema(PG_FUNCTION_ARGS)
{
	RtStatement statement = {.sql = "SELECT realtime.watch_tables($1, $2, $3)::pg_catalog.int8"};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("nsp must not be null")));
	rt_statement_put(&statement, REGNAMESPACEOID, PG_GETARG_DATUM(0), false);
	rt_statement_put_text(&statement, PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	rt_statement_put(&statement, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	PG_RETURN_INT32((int32) rt_statement_run_int64(&statement, watched_table()));
}

Datum
realtime_unwatch_schema(PG_FUNCTION_ARGS)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.watched_schema WHERE schema OPERATOR(pg_catalog.=)"
		" (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid OPERATOR(pg_catalog.=) $1)"
	};

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	rt_statement_put(&statement, REGNAMESPACEOID, PG_GETARG_DATUM(0), false);
	PG_RETURN_BOOL(rt_statement_run(&statement, watched_table(), SPI_OK_DELETE) > 0);
}

Datum
realtime_table_made(PG_FUNCTION_ARGS)
{
	RtStatement statement = {
		.sql = "SELECT realtime.watch_table(made.objid::pg_catalog.regclass, w.prefix, w.owner)"
		" FROM (SELECT DISTINCT objid, schema_name FROM pg_catalog.pg_event_trigger_ddl_commands()"
		" WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
		" AND object_type OPERATOR(pg_catalog.=) 'table') AS made"
		" JOIN realtime.watched_schema w ON w.schema OPERATOR(pg_catalog.=) made.schema_name"
	};

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by event trigger manager",
						"realtime.table_made")));
	if (OidIsValid(watched_table()))
		(void) rt_statement_run(&statement, watched_table(), SPI_OK_SELECT);
	PG_RETURN_NULL();
}

/* ---- schemas that are renamed or dropped ---- */

/* As it was before the command. */
typedef struct Schema
{
	Oid			oid;
	char	   *name;
} Schema;

static void
note_schema(RtCommand *command, void **notes, const RtObjectAccess *access)
{
	MemoryContext old;
	Schema	   *schema;
	char	   *name;

	if (command == NULL || access->class_id != NamespaceRelationId ||
		(access->type != OAT_POST_ALTER && access->type != OAT_DROP))
		return;
	name = get_namespace_name(access->object_id);
	if (name == NULL)
		return;
	old = MemoryContextSwitchTo(rt_command_memory(command));
	schema = palloc(sizeof(Schema));
	schema->oid = access->object_id;
	schema->name = pstrdup(name);
	*notes = lappend(*notes, schema);
	MemoryContextSwitchTo(old);
}

static void
forget_schema(const char *name)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.watched_schema WHERE schema OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, name);
	(void) rt_statement_run(&statement, watched_table(), SPI_OK_DELETE);
}

static void
rename_schema(const char *from, const char *to)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.watched_schema SET schema = $2"
		" WHERE schema OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, from);
	rt_statement_put_text(&statement, to);
	(void) rt_statement_run(&statement, watched_table(), SPI_OK_UPDATE);
}

static void
settle_schemas(RtCommand *command, void **notes)
{
	ListCell   *cell;

	if (*notes == NULL)
		return;
	CommandCounterIncrement();
	if (!OidIsValid(watched_table()))
		return;
	foreach(cell, (List *) *notes)
	{
		const Schema *schema = lfirst(cell);
		const char *name = get_namespace_name(schema->oid);

		if (name == NULL)
			forget_schema(schema->name);
		else if (strcmp(name, schema->name) != 0)
			rename_schema(schema->name, name);
	}
}

const RtCommandWatcher rt_schema_watcher = {.object = note_schema,.after = settle_schemas};

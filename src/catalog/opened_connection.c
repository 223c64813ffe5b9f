/*
 * opened_connection.c
 *		Connections of which a close hook is to be told, as their table keeps
 *		them.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "src/catalog/declaration_table.h"
#include "src/catalog/opened_connection.h"
#include "src/catalog/statement.h"
#include "src/ipc/service.h"

#define OPENED_TABLE "opened_connection"

static Oid
opened_table(void)
{
	return get_relname_relid(OPENED_TABLE, get_namespace_oid(RT_SCHEMA, false));
}

static void
put_identity(RtStatement *statement, const RtOpenedConnection *connection)
{
	rt_statement_put_text(statement, connection->id);
	rt_statement_put_text(statement, connection->user_id);
	rt_statement_put_text(statement, connection->role);
	rt_statement_put_text(statement, connection->user_data);
}

void
rt_opened_connection_add(const RtOpenedConnection *connection)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.opened_connection"
		" (id, user_id, role, user_data, life, gateway, generation, remote_address, since)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, pg_catalog.now())"
	};

	put_identity(&statement, connection);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(rt_service_life()), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(connection->gateway), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(connection->generation), false);
	rt_statement_put_text(&statement, connection->remote_address);
	(void) rt_statement_run(&statement, opened_table(), SPI_OK_INSERT);
}

void
rt_opened_connection_change(const RtOpenedConnection *connection)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.opened_connection"
		" SET user_id = $2, role = $3, user_data = $4"
		" WHERE id OPERATOR(pg_catalog.=) $1"
	};

	put_identity(&statement, connection);
	(void) rt_statement_run(&statement, opened_table(), SPI_OK_UPDATE);
}

bool
rt_opened_connection_take(const char *id, char **since, char **remote_address)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.opened_connection"
		" WHERE id OPERATOR(pg_catalog.=) $1"
		" RETURNING pg_catalog.to_json(since)::pg_catalog.text, remote_address"
	};
	List	   *rows;
	char	  **row;

	rt_statement_put_text(&statement, id);
	rows = rt_statement_run_rows(&statement, opened_table(), SPI_OK_DELETE_RETURNING);
	if (rows == NIL)
		return false;
	row = linitial(rows);
	*since = row[0];
	*remote_address = row[1];
	return true;
}

List *
rt_opened_connections_lost(int gateway, uint32 generation, int max)
{
	RtStatement statement = {
		.sql = "SELECT id, user_id, role, user_data FROM realtime.opened_connection"
		" WHERE life OPERATOR(pg_catalog.<>) $1"
		" OR (gateway OPERATOR(pg_catalog.=) $2"
		" AND generation OPERATOR(pg_catalog.<>) $3) LIMIT $4"
	};
	List	   *found = NIL;
	ListCell   *cell;

	rt_statement_put(&statement, INT8OID, Int64GetDatum(rt_service_life()), false);
	rt_statement_put(&statement, INT4OID, Int32GetDatum(gateway), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(generation), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(max), false);
	foreach(cell, rt_statement_run_rows(&statement, opened_table(), SPI_OK_SELECT))
	{
		char	  **row = lfirst(cell);
		RtOpenedConnection *connection = palloc0(sizeof(RtOpenedConnection));

		connection->id = row[0];
		connection->user_id = row[1];
		connection->role = row[2];
		connection->user_data = row[3];
		found = lappend(found, connection);
	}
	return found;
}

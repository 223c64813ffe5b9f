/*
 * error_store.c
 *		What has gone wrong, as realtime.error_log keeps it.
 *
 * Numbers only grow, so those of the rows that are kept are within a range below
 * the last one.  Several executors may remove the same rows: each is gone when
 * the first of them has committed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "src/catalog/declaration_table.h"
#include "src/catalog/error_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/limit.h"

#define ERROR_TABLE "error_log"

static Oid
error_table(void)
{
	return get_relname_relid(ERROR_TABLE, get_namespace_oid(RT_SCHEMA, false));
}

static int64
add(const RtErrorRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.error_log"
		" (at, path, code, sqlstate, message, user_id, connection_id, request_id)"
		" VALUES (pg_catalog.clock_timestamp(), $1, $2, $3, $4, $5, $6, $7) RETURNING id"
	};
	List	   *rows;

	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text(&statement, row->code);
	rt_statement_put_text(&statement, row->sqlstate);
	rt_statement_put_text(&statement, row->message);
	rt_statement_put_text(&statement, row->user_id);
	rt_statement_put_text(&statement, row->connection_id);
	rt_statement_put_text(&statement, row->request_id);
	rows = rt_statement_run_values(&statement, error_table(), SPI_OK_INSERT_RETURNING);
	return DatumGetInt64(((RtStatementRow *) linitial(rows))->values[0]);
}

/* Returns how many that were. */
static uint64
remove_up_to(int64 id)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.error_log WHERE id OPERATOR(pg_catalog.<=) $1"
	};

	rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
	return rt_statement_run(&statement, error_table(), SPI_OK_DELETE);
}

static int64
first(void)
{
	RtStatement statement = {
		.sql = "SELECT id FROM realtime.error_log ORDER BY id LIMIT 1"
	};
	List	   *rows = rt_statement_run_values(&statement, error_table(), SPI_OK_SELECT);

	return DatumGetInt64(((RtStatementRow *) linitial(rows))->values[0]);
}

int64
rt_error_keep(const RtErrorRow *row, int kept)
{
	int64		id = add(row);

	if (remove_up_to(id - kept) > 0)
		rt_limit_hit(RT_LIMIT_ERROR_LOG);
	rt_limit_note(RT_LIMIT_ERROR_LOG, id - first() + 1);
	return id;
}

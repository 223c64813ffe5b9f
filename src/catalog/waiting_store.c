/*
 * waiting_store.c
 *		How many jobs and events wait, as their tables have it.
 *
 * Counted is up to RT_WAITING_COUNT_MAX: who has more has to look himself.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"

#include "src/catalog/declaration.h"
#include "src/catalog/job_store.h"
#include "src/catalog/statement.h"
#include "src/catalog/waiting_store.h"

static const char jobs[] =
"SELECT (SELECT pg_catalog.count(*) FROM (SELECT 1 FROM (" RT_JOBS_READY ") AS ready LIMIT $2) AS counted),"
" (SELECT pg_catalog.min(run_at) FROM (" RT_JOBS_READY ") AS ready),"
" (SELECT pg_catalog.count(*) FROM (SELECT FROM realtime.job_finished"
" WHERE queue OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'dead' LIMIT $2) AS counted)";

static const char events[] =
"SELECT (SELECT pg_catalog.count(*) FROM (SELECT FROM realtime.intake"
" WHERE path OPERATOR(pg_catalog.=) $1 LIMIT $2) AS counted),"
" (SELECT published_at FROM realtime.intake WHERE path OPERATOR(pg_catalog.=) $1"
" ORDER BY path, id, n LIMIT 1),"
" 0::bigint";

void
rt_waiting_count(RtWaiting *waiting)
{
	bool		is_queue = waiting->kind == RT_WAITING_JOBS;
	RtStatement statement = {.sql = is_queue ? jobs : events};
	const RtStatementRow *row;

	rt_statement_put_text(&statement, waiting->name);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(RT_WAITING_COUNT_MAX), false);
	row = linitial(rt_statement_run_values(&statement, is_queue ? rt_job_table() : rt_intake_table(),
										   SPI_OK_SELECT));
	waiting->count = DatumGetInt64(row->values[0]);
	waiting->oldest = row->nulls[1] ? 0 : DatumGetTimestampTz(row->values[1]);
	waiting->dead = DatumGetInt64(row->values[2]);
}

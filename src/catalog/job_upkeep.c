/*
 * job_upkeep.c
 *		Jobs that are made ready, or removed, because their time has come.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "src/catalog/job_store.h"
#include "src/catalog/statement.h"
#include "src/ipc/job.h"

static void
put_now(RtStatement *statement, TimestampTz now, int max)
{
	rt_statement_put(statement, TIMESTAMPTZOID, TimestampTzGetDatum(now), false);
	rt_statement_put(statement, INT8OID, Int64GetDatum(max), false);
}

/* A session has had its last attempt, and has not said how it ended. */
#define IS_LOST \
	"(j.taken AND j.attempts OPERATOR(pg_catalog.>=) coalesce(j.max_attempts, q.max_attempts)" \
	" AND q.name IS NOT NULL)"

/* An index has those that are taken, and nothing else. */
#define TAKEN_AND_LOST " AND j.taken AND " IS_LOST

/* Those whose time has come, by their time; $1 is now. */
#define DUE \
	" FROM realtime.job AS j LEFT JOIN realtime.queue_declaration AS q" \
	" ON q.name OPERATOR(pg_catalog.=) j.queue" \
	" WHERE NOT j.ready AND j.run_at OPERATOR(pg_catalog.<=) $1"

#define SOME " ORDER BY j.run_at LIMIT $2 FOR UPDATE OF j SKIP LOCKED"

List *
rt_jobs_make_ready(TimestampTz now, int max)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.job SET ready = true, taken = false"
		" WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT j.ctid" DUE
		" AND " IS_LOST " IS NOT TRUE" SOME ")) RETURNING queue, place"
	};

	put_now(&statement, now, max);
	return rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_UPDATE_RETURNING);
}

bool
rt_jobs_are_lost(TimestampTz now)
{
	RtStatement statement = {
		.sql = "SELECT true" DUE TAKEN_AND_LOST " ORDER BY j.run_at LIMIT 1"
	};

	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(now), false);
	return rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_SELECT) != NIL;
}

List *
rt_jobs_bury_lost(TimestampTz now, int max)
{
	RtStatement statement = {
		.sql = "WITH gone AS (DELETE FROM realtime.job"
		" WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT j.ctid" DUE
		TAKEN_AND_LOST SOME ")) RETURNING *),"
		" put AS (INSERT INTO realtime.job_finished (id, queue, state, finished_at, created_at, run_at,"
		" priority, attempts, max_attempts, unique_key, order_key, user_id, request_id, code, message, payload)"
		" SELECT id, queue, 'dead', pg_catalog.clock_timestamp(), created_at, run_at,"
		" priority, attempts, max_attempts, unique_key, order_key, user_id, request_id, '" RT_JOB_LOST_CODE "',"
		" 'who has taken it has not finished it in time', payload FROM gone)"
		" SELECT id, queue, attempts FROM gone"
	};

	put_now(&statement, now, max);
	return rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_SELECT);
}

TimestampTz
rt_jobs_next_due(void)
{
	RtStatement statement = {
		.sql = "SELECT run_at FROM realtime.job WHERE NOT ready ORDER BY run_at LIMIT 1"
	};
	List	   *rows = rt_statement_run_values(&statement, rt_job_table(), SPI_OK_SELECT);

	if (rows == NIL)
		return DT_NOEND;
	return DatumGetTimestampTz(((RtStatementRow *) linitial(rows))->values[0]);
}

/* An index has those that are put off because they have failed. */
#define WAITING \
	RT_JOBS_READY " UNION ALL (SELECT run_at FROM realtime.job WHERE NOT ready AND NOT taken" \
	" AND attempts OPERATOR(pg_catalog.>) 0 AND queue OPERATOR(pg_catalog.=) $1 ORDER BY queue LIMIT $2)"

static int
count(RtStatement *statement, const char *queue, int most)
{
	List	   *rows;

	statement->is_frequent = true;
	rt_statement_put_text(statement, queue);
	rt_statement_put(statement, INT8OID, Int64GetDatum(most), false);
	rows = rt_statement_run_values(statement, rt_job_table(), SPI_OK_SELECT);
	return (int) DatumGetInt64(((RtStatementRow *) linitial(rows))->values[0]);
}

bool
rt_job_queue_is_ready(const char *queue)
{
	RtStatement statement = {
		.sql = "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM (" RT_JOBS_READY ") AS ready LIMIT $2) AS counted"
	};

	return count(&statement, queue, 1) > 0;
}

int
rt_jobs_waiting(const char *queue, int most)
{
	RtStatement statement = {
		.sql = "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM (" WAITING ") AS waiting LIMIT $2) AS counted"
	};

	return count(&statement, queue, most);
}

char *
rt_job_finished_queue(const char *after)
{
	RtStatement statement = {
		.sql = "SELECT queue FROM realtime.job_finished WHERE queue OPERATOR(pg_catalog.>) $1"
		" ORDER BY queue LIMIT 1"
	};
	List	   *rows;

	rt_statement_put_text(&statement, after);
	rows = rt_statement_run_rows(&statement, rt_job_finished_table(), SPI_OK_SELECT);
	return rows == NIL ? NULL : ((char **) linitial(rows))[0];
}

uint64
rt_jobs_remove(const char *queue, const char *state, TimestampTz before, int max)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.job_finished WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.job_finished WHERE queue OPERATOR(pg_catalog.=) $3"
		" AND state OPERATOR(pg_catalog.=) $4 AND finished_at OPERATOR(pg_catalog.<) $1"
		" ORDER BY queue, state, finished_at LIMIT $2))"
	};

	put_now(&statement, before, max);
	rt_statement_put_text(&statement, queue);
	rt_statement_put_text(&statement, state);
	return rt_statement_run(&statement, rt_job_finished_table(), SPI_OK_DELETE);
}

bool
rt_job_revive(int64 id, int64 *place)
{
	RtStatement statement = {
		.sql = "WITH gone AS (DELETE FROM realtime.job_finished"
		" WHERE id OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.<>) 'done' RETURNING *)"
		" INSERT INTO realtime.job (id, queue, priority, run_at, max_attempts, unique_key, order_key, user_id, request_id, payload)"
		" SELECT id, queue, priority, pg_catalog.now(), max_attempts, unique_key, order_key, user_id, request_id, payload"
		" FROM gone RETURNING CASE WHEN order_key IS NULL THEN place ELSE $2 END"
	};
	List	   *rows;

	rt_statement_put(&statement, INT8OID, Int64GetDatum(id), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(RT_JOB_LAST), false);
	rows = rt_statement_run_rows(&statement, rt_job_table(), SPI_OK_INSERT_RETURNING);
	if (rows == NIL)
		return false;
	*place = pg_strtoint64(((char **) linitial(rows))[0]);
	return true;
}

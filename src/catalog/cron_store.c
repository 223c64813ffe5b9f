/*
 * cron_store.c
 *		Where jobs stand, and their last runs, as their tables keep them.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "src/catalog/cron_store.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"
#include "src/guc.h"
#include "src/schedule/schedule.h"

#define MESSAGE_MAX 1000		/* bytes of an error's that are kept */

/* Both tables have the same owner. */
static Oid
state_table(void)
{
	return get_relname_relid("cron_state", get_namespace_oid(RT_SCHEMA, false));
}

static void
put_time(RtStatement *statement, int64 time)
{
	bool		never = time == RT_SCHEDULE_NEVER;

	rt_statement_put(statement, TIMESTAMPTZOID,
					 never ? (Datum) 0 : TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) time)),
					 never);
}

char *
rt_cron_database_zone(void)
{
	RtStatement statement = {
		.sql = "SELECT pg_catalog.substr(o, 10) FROM pg_catalog.pg_db_role_setting s"
		" JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase,"
		" pg_catalog.unnest(s.setconfig) AS o"
		" WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
		" AND s.setrole OPERATOR(pg_catalog.=) 0"
		" AND pg_catalog.lower(o) OPERATOR(pg_catalog.~~) 'timezone=%'"
	};
	List	   *rows = rt_statement_run_rows(&statement, state_table(), SPI_OK_SELECT);

	return rows == NIL ? NULL : ((char **) linitial(rows))[0];
}

List *
rt_cron_states(void)
{
	RtStatement statement = {
		.sql = "SELECT path, schedule, time_zone,"
		" EXTRACT(epoch FROM next_at)::pg_catalog.int8 FROM realtime.cron_state"
	};
	List	   *states = NIL;
	ListCell   *cell;

	foreach(cell, rt_statement_run_rows(&statement, state_table(), SPI_OK_SELECT))
	{
		char	  **row = lfirst(cell);
		RtCronState *state = palloc(sizeof(RtCronState));

		state->path = row[0];
		state->schedule = row[1];
		state->time_zone = row[2];
		state->next = row[3] == NULL ? RT_SCHEDULE_NEVER : pg_strtoint64(row[3]);
		states = lappend(states, state);
	}
	return states;
}

static uint64
put_state(const char *sql, const RtCronState *state, int expected)
{
	RtStatement statement = {.sql = sql};

	rt_statement_put_text(&statement, state->path);
	rt_statement_put_text(&statement, state->schedule);
	rt_statement_put_text(&statement, state->time_zone);
	put_time(&statement, state->next);
	return rt_statement_run(&statement, state_table(), expected);
}

void
rt_cron_state_add(const RtCronState *state)
{
	(void) put_state("INSERT INTO realtime.cron_state (path, schedule, time_zone, next_at)"
					 " VALUES ($1, $2, $3, $4)", state, SPI_OK_INSERT);
}

bool
rt_cron_state_replace(const RtCronState *state)
{
	return put_state("UPDATE realtime.cron_state SET schedule = $2, time_zone = $3, next_at = $4, attempts = 0"
					 " WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
					 "SELECT ctid FROM realtime.cron_state"
					 " WHERE path OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED))",
					 state, SPI_OK_UPDATE) > 0;
}

/* The states first: who has them may see to the runs. */
void
rt_cron_forget_undeclared(void)
{
	RtStatement statement = {
		.sql = "WITH gone AS (DELETE FROM realtime.cron_state WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.cron_state s WHERE NOT EXISTS"
		" (SELECT FROM realtime.cron_declaration d WHERE d.path OPERATOR(pg_catalog.=) s.path)"
		" FOR UPDATE SKIP LOCKED)) RETURNING path)"
		" DELETE FROM realtime.cron_run USING gone"
		" WHERE cron_run.path OPERATOR(pg_catalog.=) gone.path"
	};

	(void) rt_statement_run(&statement, state_table(), SPI_OK_DELETE);
}

int
rt_cron_attempt(const char *path, int64 from)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.cron_state SET attempts = attempts OPERATOR(pg_catalog.+) 1"
		" WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.cron_state WHERE path OPERATOR(pg_catalog.=) $1"
		" AND next_at OPERATOR(pg_catalog.=) $2 FOR UPDATE SKIP LOCKED)) RETURNING attempts"
	};
	List	   *rows;

	rt_statement_put_text(&statement, path);
	put_time(&statement, from);
	rows = rt_statement_run_rows(&statement, state_table(), SPI_OK_UPDATE_RETURNING);
	return rows == NIL ? 0 : pg_strtoint32(((char **) linitial(rows))[0]);
}

/* Who waits for another's step would hold an executor for nothing. */
bool
rt_cron_step(const char *path, int64 from, int64 to)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.cron_state SET next_at = $3, attempts = 0 WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.cron_state WHERE path OPERATOR(pg_catalog.=) $1"
		" AND next_at OPERATOR(pg_catalog.=) $2 FOR UPDATE SKIP LOCKED))"
	};

	rt_statement_put_text(&statement, path);
	put_time(&statement, from);
	put_time(&statement, to);
	return rt_statement_run(&statement, state_table(), SPI_OK_UPDATE) > 0;
}

static void
count_run(const RtCronRun *run)
{
	RtStatement statement = {
		.sql = "UPDATE realtime.cron_state SET"
		" runs = runs OPERATOR(pg_catalog.+) ($2 OPERATOR(pg_catalog.<>) 'skipped')::pg_catalog.int4,"
		" failures = failures OPERATOR(pg_catalog.+) ($2 OPERATOR(pg_catalog.=) 'failed')::pg_catalog.int4,"
		" skipped = skipped OPERATOR(pg_catalog.+) ($2 OPERATOR(pg_catalog.=) 'skipped')::pg_catalog.int4"
		" WHERE path OPERATOR(pg_catalog.=) $1"
	};

	rt_statement_put_text(&statement, run->path);
	rt_statement_put_text(&statement, run->status);
	(void) rt_statement_run(&statement, state_table(), SPI_OK_UPDATE);
}

static void
add_run(const RtCronRun *run)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.cron_run"
		" (path, due_at, started_at, finished_at, status, code, message)"
		" VALUES ($1, $2, $3, pg_catalog.clock_timestamp(), $4, $5, $6)"
	};
	char	   *message = run->message == NULL ? NULL :
		pnstrdup(run->message, pg_mbcliplen(run->message, strlen(run->message), MESSAGE_MAX));

	rt_statement_put_text(&statement, run->path);
	put_time(&statement, run->due);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(run->started_at), false);
	rt_statement_put_text(&statement, run->status);
	rt_statement_put_text(&statement, run->code);
	rt_statement_put_text(&statement, message);
	(void) rt_statement_run(&statement, state_table(), SPI_OK_INSERT);
}

/* Mostly one, so the index leads to it at once. */
static void
remove_old_runs(const char *path)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.cron_run WHERE path OPERATOR(pg_catalog.=) $1"
		" AND id OPERATOR(pg_catalog.<=) (SELECT id FROM realtime.cron_run"
		" WHERE path OPERATOR(pg_catalog.=) $1 ORDER BY path DESC, id DESC OFFSET $2 LIMIT 1)"
	};

	rt_statement_put_text(&statement, path);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(realtime_cron_history), false);
	(void) rt_statement_run(&statement, state_table(), SPI_OK_DELETE);
}

void
rt_cron_run_put(const RtCronRun *run)
{
	count_run(run);
	add_run(run);
	remove_old_runs(run->path);
}

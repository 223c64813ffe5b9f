/*
 * intake_store.c
 *		Events that somebody is still to take, as their table keeps them.
 *
 * Taken by one statement, so at one snapshot: of events of a topic none is left
 * that has committed before one that is taken.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/intake_store.h"
#include "src/catalog/statement.h"

#define BYTES_MAX (8 * 1024 * 1024) /* of data, taken at once, beyond the first event */

/* The row's values go: data may be long. */
static RtIntakeEvent *
make_event(RtStatementRow *row)
{
	RtIntakeEvent *event = palloc(sizeof(RtIntakeEvent));

	event->topic = TextDatumGetCString(row->values[0]);
	event->event = TextDatumGetCString(row->values[1]);
	event->data = TextDatumGetCString(row->values[2]);
	event->published_at = DatumGetTimestampTz(row->values[3]);
	for (int i = 0; i < 3; i++)
		pfree(DatumGetPointer(row->values[i]));
	return event;
}

/*
 * The index has their order: it must not be left to statistics of a table that is
 * mostly empty.  How long data is, is known without reading it.
 */
List *
rt_intake_take(const char *path, TimestampTz before, int most, bool *more)
{
	RtStatement statement = {
		.sql = "WITH taken AS (DELETE FROM realtime.intake WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT place FROM (SELECT place, len, pg_catalog.sum(len) OVER (ORDER BY path, id, n ROWS UNBOUNDED PRECEDING) AS bytes"
		" FROM (SELECT ctid AS place, path, id, n, pg_catalog.octet_length(data) AS len"
		" FROM realtime.intake WHERE path OPERATOR(pg_catalog.=) $1"
		" AND published_at OPERATOR(pg_catalog.<) $2 ORDER BY path, id, n LIMIT $3) of_path) summed"
		" WHERE bytes OPERATOR(pg_catalog.-) len OPERATOR(pg_catalog.<) $4)) RETURNING *)"
		" SELECT topic, event, data, published_at FROM taken ORDER BY id, n"
	};
	List	   *events = NIL;
	int64		bytes = 0;
	ListCell   *cell;

	rt_statement_put_text(&statement, path);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(before), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(most), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(BYTES_MAX), false);
	foreach(cell, rt_statement_run_values(&statement, rt_intake_table(), SPI_OK_SELECT))
	{
		RtIntakeEvent *event = make_event(lfirst(cell));

		bytes += strlen(event->data);
		events = lappend(events, event);
	}
	*more = list_length(events) == most || bytes >= BYTES_MAX;
	return events;
}

void
rt_intake_forget_undeclared(void)
{
	RtStatement statement = {
		.sql = "DELETE FROM realtime.intake i WHERE NOT EXISTS"
		" (SELECT FROM realtime.aggregate_declaration d WHERE d.path OPERATOR(pg_catalog.=) i.path)"
		" AND NOT EXISTS (SELECT FROM realtime.effect_declaration d WHERE d.path OPERATOR(pg_catalog.=) i.path)"
	};

	(void) rt_statement_run(&statement, rt_intake_table(), SPI_OK_DELETE);
}

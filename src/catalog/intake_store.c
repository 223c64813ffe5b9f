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

/* The index has their order: it must not be left to statistics of a table that is mostly empty. */
List *
rt_intake_take(const char *path, TimestampTz before, int most)
{
	RtStatement statement = {
		.sql = "WITH taken AS (DELETE FROM realtime.intake WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY("
		"SELECT ctid FROM realtime.intake WHERE path OPERATOR(pg_catalog.=) $1"
		" AND published_at OPERATOR(pg_catalog.<) $2 ORDER BY path, id, n LIMIT $3)) RETURNING *)"
		" SELECT topic, event, data, published_at FROM taken ORDER BY id, n"
	};
	List	   *events = NIL;
	ListCell   *cell;

	rt_statement_put_text(&statement, path);
	rt_statement_put(&statement, TIMESTAMPTZOID, TimestampTzGetDatum(before), false);
	rt_statement_put(&statement, INT8OID, Int64GetDatum(most), false);
	foreach(cell, rt_statement_run_values(&statement, rt_intake_table(), SPI_OK_SELECT))
	{
		const RtStatementRow *row = lfirst(cell);
		RtIntakeEvent *event = palloc(sizeof(RtIntakeEvent));

		event->topic = TextDatumGetCString(row->values[0]);
		event->event = TextDatumGetCString(row->values[1]);
		event->data = TextDatumGetCString(row->values[2]);
		event->published_at = DatumGetTimestampTz(row->values[3]);
		events = lappend(events, event);
	}
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

/*
 * store_pipe.c
 *		Writing the declarations of pipes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"

#include "src/backend/declare/store.h"
#include "src/backend/declare/store_pipe.h"
#include "src/catalog/statement.h"

static void
put_booleans(RtStatement *statement, const List *values)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(list_length(values), 1));
	const ListCell *cell;

	foreach(cell, values)
		elements[foreach_current_index(cell)] = BoolGetDatum(lfirst_int(cell) != 0);
	rt_statement_put(statement, BOOLARRAYOID,
					 PointerGetDatum(construct_array(elements, list_length(values), BOOLOID,
													 sizeof(bool), true, TYPALIGN_CHAR)), false);
}

void
rt_store_pipe(const RtPipeRow *row)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.pipe_declaration (path, kinds, functions, fields, options, live)"
		" VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (path) DO UPDATE SET kinds = EXCLUDED.kinds, functions = EXCLUDED.functions,"
		" fields = EXCLUDED.fields, options = EXCLUDED.options, live = EXCLUDED.live"
	};

	if (row->kinds == NIL)
	{
		rt_store_drop_from(rt_declaration_table(RT_PIPE_TABLE), row->path);
		return;
	}
	rt_statement_put_text(&statement, row->path);
	rt_statement_put_text_array(&statement, row->kinds);
	rt_statement_put_text_array(&statement, row->functions);
	rt_statement_put_text_array(&statement, row->fields);
	rt_statement_put_text_array(&statement, row->options);
	put_booleans(&statement, row->live);
	(void) rt_statement_run(&statement, rt_store_table(RT_PIPE_TABLE), SPI_OK_INSERT);
}

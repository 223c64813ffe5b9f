/*
 * module.c
 *		Writes a module of what is declared, or its types, for a gateway.
 *
 * The functions are the extension's own, in SQL, and run as its owner: it is no
 * client's matter what there is.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"

#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"
#include "src/errcodes.h"
#include "src/executor/reply.h"
#include "src/executor/request/module.h"
#include "src/protocol/frame.h"

static bool
prepare_module(RtWork *work)
{
	work->read_only = true;
	return rt_work_refresh_declarations(work);
}

static bool
wants_types(RtRequest *request)
{
	const char *args = rt_shared_text_get(&request->text) + request->asked.args.off;

	return request->asked.args.len == 2 && memcmp(args, "ts", 2) == 0;
}

/* NULL if there is no such module; none is all of them. */
static char *
write_module(RtWork *work)
{
	RtStatement statement = {
		.sql = wants_types(work->request) ? "SELECT realtime.typescript($1)" :
		"SELECT realtime.client_module($1)"
	};
	Oid			table = get_relname_relid(RT_RPC_TABLE, get_namespace_oid(RT_SCHEMA, false));
	char	  **row;

	rt_statement_put_text(&statement, work->activity[0] != '\0' ? work->activity : NULL);
	row = linitial(rt_statement_run_rows(&statement, table, SPI_OK_SELECT));
	return row[0];
}

static void
run_module(RtWork *work)
{
	char	   *text;
	char	   *content;

	work->stage = RT_STAGE_HANDLER;
	text = write_module(work);
	if (text == NULL)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_NOT_FOUND)),
				 errmsg("Nothing is declared in module \"%s\"", work->activity)));
	content = pg_server_to_any(text, strlen(text), PG_UTF8);
	if (strlen(content) > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_PAYLOAD_TOO_LARGE)),
				 errmsg("Module \"%s\" is too long", work->activity)));
	if (!rt_reply_content(work->request, 200, content, strlen(content)))
		rt_reply_refuse_overload();
}

RtWorkResult
rt_module_run(RtRequest *request)
{
	RtWork		work;

	rt_work_begin(&work, request, rt_work_path(request), prepare_module, run_module);
	work.as_executor = true;
	rt_work_run(&work);
	if (work.fault.code != NULL || work.unavailable)
		rt_work_reply_fault(&work);
	return rt_work_result(&work);
}

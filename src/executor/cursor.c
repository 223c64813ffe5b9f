/*
 * cursor.c
 *		realtime.cursor_join() and its like: what a handler has done with the
 *		connection that has called; and what streams show of cursors.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "src/executor/command.h"
#include "src/executor/cursor.h"
#include "src/ipc/cursor.h"
#include "src/ipc/presence.h"

#define PURPOSE "cursors"

StaticAssertDecl(RT_CURSOR_TOPIC_MAX >= RT_PRESENCE_TOPIC_MAX, "what rt_command_topic() lets through");

PG_FUNCTION_INFO_V1(realtime_cursor_join);
PG_FUNCTION_INFO_V1(realtime_cursor_watch);
PG_FUNCTION_INFO_V1(realtime_cursor_leave);
PG_FUNCTION_INFO_V1(realtime_cursor_update);
PG_FUNCTION_INFO_V1(realtime_cursor_remove);

Datum
realtime_cursor_join(PG_FUNCTION_ARGS)
{
	text	   *topic = rt_command_topic(fcinfo, PURPOSE);
	Size		len;
	const char *user = rt_command_json(fcinfo, 1, "data of who has a cursor are",
									   RT_CURSOR_USER_MAX, &len);

	rt_command_give(RT_CURSOR_JOIN, topic, user, len);
	PG_RETURN_VOID();
}

Datum
realtime_cursor_watch(PG_FUNCTION_ARGS)
{
	rt_command_give(RT_CURSOR_WATCH, rt_command_topic(fcinfo, PURPOSE), "", 0);
	PG_RETURN_VOID();
}

Datum
realtime_cursor_leave(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		rt_command_give(RT_CURSOR_PART_ALL, NULL, "", 0);
	else
		rt_command_give(RT_CURSOR_PART, rt_command_topic(fcinfo, PURPOSE), "", 0);
	PG_RETURN_VOID();
}

Datum
realtime_cursor_update(PG_FUNCTION_ARGS)
{
	text	   *topic = rt_command_topic(fcinfo, PURPOSE);
	Size		len;
	const char *data = rt_command_json(fcinfo, 1, "data of a position are",
									   RT_CURSOR_DATA_MAX, &len);

	if (len == 0)
		rt_command_give(RT_CURSOR_MOVE, topic, "null", 4);
	else
		rt_command_give(RT_CURSOR_MOVE, topic, data, len);
	PG_RETURN_VOID();
}

Datum
realtime_cursor_remove(PG_FUNCTION_ARGS)
{
	rt_command_give(RT_CURSOR_REMOVE, rt_command_topic(fcinfo, PURPOSE), "", 0);
	PG_RETURN_VOID();
}

/* ---- for streams ---- */

static void
append_row(const RtCursorSeen *seen, void *arg)
{
	StringInfo	rows = arg;

	if (rows->len > 1)
		appendStringInfoChar(rows, ',');
	appendBinaryStringInfo(rows, seen->text, seen->len);
}

RtText
rt_cursor_rows(const char *topic, Size len, Size max)
{
	StringInfoData rows;

	initStringInfo(&rows);
	appendStringInfoChar(&rows, '[');
	rt_cursors_attach();
	rt_cursors_visit(topic, len, append_row, &rows);
	appendStringInfoChar(&rows, ']');
	if ((Size) rows.len > max)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("There are too many for one answer; follow the stream")));
	return (RtText) {rows.data, rows.len};
}

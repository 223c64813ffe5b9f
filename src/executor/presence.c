/*
 * presence.c
 *		realtime.presence_join(), presence_update(), presence_watch() and
 *		presence_leave(): what a handler has done with the connection that has
 *		called; and what streams show of who is present.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/executor/command.h"
#include "src/executor/presence.h"
#include "src/ipc/presence.h"

#define PURPOSE "presence"

PG_FUNCTION_INFO_V1(realtime_presence_join);
PG_FUNCTION_INFO_V1(realtime_presence_update);
PG_FUNCTION_INFO_V1(realtime_presence_watch);
PG_FUNCTION_INFO_V1(realtime_presence_leave);

void
rt_presence_check_topic(Size len)
{
	rt_command_check_topic(len, PURPOSE);
}

static void
check_data(Size len, Size max)
{
	if (len > max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("data of who is present are too long"),
				 errdetail("They take %zu bytes, the most are %zu.", len, max)));
}

char *
rt_presence_data(Jsonb *data, Size max)
{
	Size		len;
	const char *text = rt_publish_json_text(data, &len);

	check_data(len, max);
	return pnstrdup(text, len);
}

static const char *
data_argument(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(1) ? "" :
		rt_presence_data(PG_GETARG_JSONB_P(1), RT_PRESENCE_DATA_MAX);
}

Datum
realtime_presence_join(PG_FUNCTION_ARGS)
{
	text	   *topic = rt_command_topic(fcinfo, PURPOSE);
	const char *data = data_argument(fcinfo);

	rt_command_give(RT_PRESENCE_JOIN, topic, data, strlen(data));
	PG_RETURN_VOID();
}

Datum
realtime_presence_update(PG_FUNCTION_ARGS)
{
	text	   *topic = rt_command_topic(fcinfo, PURPOSE);
	const char *data = data_argument(fcinfo);

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("data must not be null")));
	rt_command_give(RT_PRESENCE_UPDATE, topic, data, strlen(data));
	PG_RETURN_VOID();
}

Datum
realtime_presence_watch(PG_FUNCTION_ARGS)
{
	rt_command_give(RT_PRESENCE_WATCH, rt_command_topic(fcinfo, PURPOSE), "", 0);
	PG_RETURN_VOID();
}

Datum
realtime_presence_leave(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		rt_command_give(RT_PRESENCE_PART_ALL, NULL, "", 0);
	else
		rt_command_give(RT_PRESENCE_PART, rt_command_topic(fcinfo, PURPOSE), "", 0);
	PG_RETURN_VOID();
}

/* ---- for streams ---- */

static void
append_row(const RtPresent *present, void *arg)
{
	StringInfo	rows = arg;

	appendStringInfoString(rows, rows->len > 1 ? ",{\"key\":" : "{\"key\":");
	escape_json(rows, pnstrdup(present->key, present->key_len));
	appendStringInfoString(rows, ",\"data\":");
	appendBinaryStringInfo(rows, present->data, present->data_len);
	appendStringInfoChar(rows, '}');
}

RtText
rt_presence_rows(const char *topic, Size len, Size max)
{
	StringInfoData rows;

	initStringInfo(&rows);
	appendStringInfoChar(&rows, '[');
	rt_presence_attach();
	rt_presence_read(topic, len, append_row, &rows);
	appendStringInfoChar(&rows, ']');
	if ((Size) rows.len > max)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("There are too many for one answer; follow the stream")));
	return (RtText) {rows.data, rows.len};
}

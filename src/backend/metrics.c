/*
 * metrics.c
 *		realtime.metrics_text(): what GET /metrics answers, in SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/metrics/metrics.h"

PG_FUNCTION_INFO_V1(realtime_metrics_text);

Datum
realtime_metrics_text(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	initStringInfo(&text);
	rt_metrics_write(&text, PG_GETARG_BOOL(0) ? RT_METRICS_OPEN : RT_METRICS_TEXT);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

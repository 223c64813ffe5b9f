/*
 * metrics.c
 *		realtime.metrics() and realtime.metrics_text(): what GET /metrics answers,
 *		in SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "src/metrics/metrics.h"

PG_FUNCTION_INFO_V1(realtime_metrics_text);
PG_FUNCTION_INFO_V1(realtime_metrics_rows);

/* Columns, as in src/sql */
enum
{
	METRIC_NAME,
	METRIC_TYPE,
	METRIC_LABELS,
	METRIC_VALUE,
	METRIC_COLUMNS
};

/* Who takes samples as rows. */
typedef struct RowTaker
{
	ReturnSetInfo *info;
	MemoryContext memory;		/* of a row */
} RowTaker;

Datum
realtime_metrics_text(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	initStringInfo(&text);
	rt_metrics_write(&text, PG_GETARG_BOOL(0) ? RT_METRICS_OPEN : RT_METRICS_TEXT);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text.data, text.len));
}

/* ---- rows ---- */

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	(void) pushJsonbValue(state, token, &value);
}

static void
push_label(JsonbParseState **state, const char *name, const char *value)
{
	push_text(state, WJB_KEY, name);
	push_text(state, WJB_VALUE, value);
}

static Datum
labels_of(const RtSample *sample)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (const RtLabel *label = sample->labels; label != NULL && label->name != NULL; label++)
		push_label(&state, label->name, label->value);
	if (sample->bound != NULL)
		push_label(&state, "le", sample->bound);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

static double
value_of(const RtSample *sample)
{
	switch (sample->unit)
	{
		case RT_SAMPLE_COUNT:
			return (double) sample->count;
		case RT_SAMPLE_MICROSECONDS:
			return (double) sample->count / 1000000;
		case RT_SAMPLE_VALUE:
			break;
	}
	return sample->value;
}

static void
put_row(RtExposition *exposition, const RtSample *sample)
{
	RowTaker   *taker = exposition->taker;
	MemoryContext old = MemoryContextSwitchTo(taker->memory);
	Datum		values[METRIC_COLUMNS];
	bool		nulls[METRIC_COLUMNS] = {0};

	values[METRIC_NAME] = PointerGetDatum(cstring_to_text(psprintf("%s%s", exposition->metric->name,
																   sample->suffix)));
	values[METRIC_TYPE] = CStringGetTextDatum(rt_metric_kind_name(exposition->metric->kind));
	values[METRIC_LABELS] = labels_of(sample);
	values[METRIC_VALUE] = Float8GetDatum(value_of(sample));
	tuplestore_putvalues(taker->info->setResult, taker->info->setDesc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(taker->memory);
}

Datum
realtime_metrics_rows(PG_FUNCTION_ARGS)
{
	RowTaker	taker = {.info = (ReturnSetInfo *) fcinfo->resultinfo};
	RtExposition exposition = {.sample = put_row,.taker = &taker};

	InitMaterializedSRF(fcinfo, 0);
	taker.memory = AllocSetContextCreate(CurrentMemoryContext, "realtime metrics", ALLOCSET_SMALL_SIZES);
	rt_metrics_tell(&exposition);
	MemoryContextDelete(taker.memory);
	return (Datum) 0;
}

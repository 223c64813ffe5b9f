/*
 * assertion.c
 *		realtime.assert() and realtime.assertion_counters().
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "src/guc.h"
#include "src/ipc/assertion.h"

#define COLUMNS 2

PG_FUNCTION_INFO_V1(realtime_assert);
PG_FUNCTION_INFO_V1(realtime_assertion_counters);

static char *
category_of(FunctionCallInfo fcinfo)
{
	char	   *category;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("category must not be NULL")));
	category = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (category[0] == '\0' || strlen(category) > RT_ASSERTION_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("category \"%s\" is not a name", category),
				 errdetail("A name has 1 to %d bytes.", RT_ASSERTION_NAME_MAX)));
	if (rt_assertion_is_ours(category))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("category \"%s\" is one of the server's own", category)));
	return category;
}

static void
report(int level, const char *category, Jsonb *context)
{
	char	   *text = context == NULL ? NULL :
		JsonbToCString(NULL, &context->root, VARSIZE(context));

	ereport(level,
			(errcode(ERRCODE_ASSERT_FAILURE),
			 errmsg("assertion \"%s\" does not hold", category),
			 text == NULL ? 0 : errdetail("%s", text)));
}

/* What is not known to be true does not hold, as with ASSERT of PL/pgSQL. */
Datum
realtime_assert(PG_FUNCTION_ARGS)
{
	char	   *category = category_of(fcinfo);
	bool		holds = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	Jsonb	   *context = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);

	if (holds)
		PG_RETURN_BOOL(true);
	if (rt_assertion_count_own(category) && !realtime_assert_error)
		report(LOG, category, context);
	if (realtime_assert_error)
		report(ERROR, category, context);
	PG_RETURN_BOOL(false);
}

Datum
realtime_assertion_counters(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	char		name[RT_ASSERTION_NAME_MAX + 1];
	uint64		violations;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; rt_assertion_read(i, name, &violations); i++)
	{
		Datum		values[COLUMNS] = {
			CStringGetTextDatum(name), Int64GetDatum((int64) violations)
		};
		bool		nulls[COLUMNS] = {0};

		tuplestore_putvalues(info->setResult, info->setDesc, values, nulls);
	}
	return (Datum) 0;
}

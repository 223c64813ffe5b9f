/*
 * webhook.c
 *		realtime.webhook(): what other services tell, and how it is told on.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "storage/lmgr.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/statement.h"
#include "src/guc.h"

/* Positions of parameters, as in src/sql */
enum
{
	WEBHOOK_PATH,
	WEBHOOK_TOPIC,
	WEBHOOK_VERIFY,
	WEBHOOK_TRANSFORM,
	WEBHOOK_MAX_BODY
};

PG_FUNCTION_INFO_V1(realtime_webhook);

static const RtFunctionShape verify_shape = {
	.purpose = "a verify function",
	.result = JSONBOID,
	.fixed_count = 2,
	.fixed = {BYTEAOID, JSONBOID},
	.takes = "It takes the body, bytea, and the headers, jsonb, and returns jsonb."
};

static const RtFunctionShape transform_shape = {
	.purpose = "a transform",
	.result = JSONBOID,
	.fixed_count = 1,
	.fixed = {JSONBOID},
	.takes = "It takes jsonb, what the verify function has returned, and returns jsonb."
};

/* NULL, or a topic that can be published on. */
static char *
checked_topic(FunctionCallInfo fcinfo)
{
	char	   *topic;

	if (PG_ARGISNULL(WEBHOOK_TOPIC))
		return NULL;
	topic = rt_parameter_text(fcinfo, WEBHOOK_TOPIC, "topic");
	rt_publish_check_topic(topic, strlen(topic));
	return topic;
}

static const char *
checked_function(FunctionCallInfo fcinfo, int number, const char *name,
				 const RtFunctionShape *shape)
{
	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
	return rt_function_check_as(PG_GETARG_OID(number), shape, NULL);
}

/* The gateway takes no more, whatever a declaration says. */
static int
checked_max_body(FunctionCallInfo fcinfo)
{
	int			max_body = PG_ARGISNULL(WEBHOOK_MAX_BODY) ? 0 : PG_GETARG_INT32(WEBHOOK_MAX_BODY);

	if (max_body <= 0 || max_body > realtime_max_payload)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_body is not valid"),
				 errdetail("It is 1 to %d bytes, as \"realtime.max_payload\" is set.",
						   realtime_max_payload)));
	return max_body;
}

Datum
realtime_webhook(PG_FUNCTION_ARGS)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.webhook_declaration VALUES ($1, $2, $3, $4, $5)"
		" ON CONFLICT (path) DO UPDATE SET topic = EXCLUDED.topic, verify = EXCLUDED.verify,"
		" transform = EXCLUDED.transform, max_body = EXCLUDED.max_body"
	};

	rt_parameter_lock_functions(fcinfo);
	LockRelationOid(rt_store_table(RT_WEBHOOK_TABLE), RowExclusiveLock);
	rt_statement_put_text(&statement, rt_parameter_path(fcinfo, WEBHOOK_PATH));
	rt_statement_put_text(&statement, checked_topic(fcinfo));
	rt_statement_put_text(&statement, checked_function(fcinfo, WEBHOOK_VERIFY, "verify",
													   &verify_shape));
	rt_statement_put_text(&statement, checked_function(fcinfo, WEBHOOK_TRANSFORM, "transform",
													   &transform_shape));
	rt_statement_put(&statement, INT4OID, Int32GetDatum(checked_max_body(fcinfo)), false);
	(void) rt_statement_run(&statement, rt_store_table(RT_WEBHOOK_TABLE), SPI_OK_INSERT);
	PG_RETURN_VOID();
}

/*
 * queue.c
 *		realtime.queue(): queues of jobs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration_table.h"
#include "src/catalog/interval.h"
#include "src/catalog/job_store.h"
#include "src/catalog/statement.h"

#define NAME_MAX_BYTES 255
#define TOPIC_ROOM 20			/* bytes of a colon and an id */
#define SIZE_MAX_MOST 100000	/* who enqueues counts them */

/* Positions of parameters, as in src/sql */
enum
{
	QUEUE_NAME,
	QUEUE_HANDLER,
	QUEUE_MAX_ATTEMPTS,
	QUEUE_BACKOFF,
	QUEUE_MAX_BACKOFF,
	QUEUE_JITTER,
	QUEUE_TIMEOUT,
	QUEUE_VISIBILITY,
	QUEUE_CONCURRENCY,
	QUEUE_PRIORITY,
	QUEUE_RETENTION,
	QUEUE_DEAD_RETENTION,
	QUEUE_TOPIC,
	QUEUE_ACTIVE,
	QUEUE_MAX_SIZE
};

PG_FUNCTION_INFO_V1(realtime_queue);

/* ---- parameters ---- */

/* Words as in a path, but one is enough. */
static bool
name_is_valid(const char *name)
{
	bool		in_word = false;

	for (; *name != '\0'; name++)
	{
		if (*name == '/' && !in_word)
			return false;
		in_word = *name != '/';
		if (in_word && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", *name) == NULL)
			return false;
	}
	return in_word;
}

static char *
checked_name(FunctionCallInfo fcinfo)
{
	char	   *name = rt_parameter_text(fcinfo, QUEUE_NAME, "name");

	if (strlen(name) > NAME_MAX_BYTES || !name_is_valid(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a queue is not valid"),
				 errdetail("It is one or more words of letters, digits, \"_\" and \"-\", joined by \"/\", of %d bytes at most.", NAME_MAX_BYTES),
				 errhint("For example: \"mail\".")));
	return name;
}

/* It is given what a job has, from the left. */
static const char *
checked_handler(FunctionCallInfo fcinfo)
{
	static const Oid given[] = {JSONBOID, INT8OID, INT4OID};
	RtCheckedFunction *handler;

	if (PG_ARGISNULL(QUEUE_HANDLER))
		return NULL;
	handler = rt_function_check_any(PG_GETARG_OID(QUEUE_HANDLER), "a handler");
	rt_function_check_handler(handler);
	rt_function_check_given(handler, given, lengthof(given), "realtime.queue()",
							_("A handler takes (payload jsonb, job bigint, attempt integer), or less from the end."));
	return handler->signature;
}

static int
int_parameter(FunctionCallInfo fcinfo, int number, const char *name, int least, int most)
{
	int			value;

	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
	value = PG_GETARG_INT32(number);
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d", name, least, most)));
	return value;
}

static double
checked_jitter(FunctionCallInfo fcinfo)
{
	double		jitter;

	if (PG_ARGISNULL(QUEUE_JITTER))
		rt_parameter_refuse_null("jitter");
	jitter = PG_GETARG_FLOAT8(QUEUE_JITTER);
	if (!(jitter >= 0 && jitter <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("jitter must be between 0 and 1"),
				 errdetail("It is the part of a time between attempts by which that is longer at most.")));
	return jitter;
}

/* Not NULL; 0 may be. */
static Datum
checked_interval(FunctionCallInfo fcinfo, int number, const char *name, int64 least_ms)
{
	int64		ms;

	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(number), &ms) ||
		ms < least_ms || ms > (int64) PG_INT32_MAX * 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not valid", name),
				 least_ms > 0 ?
				 errdetail("It is at least a millisecond and at most 68 years.") :
				 errdetail("It is 0 or more, and at most 68 years.")));
	return PG_GETARG_DATUM(number);
}

/* With the id of a job behind it, it has to be a topic. */
static const char *
checked_topic(FunctionCallInfo fcinfo)
{
	char	   *topic;
	char	   *whole;

	if (PG_ARGISNULL(QUEUE_TOPIC))
		return NULL;
	topic = text_to_cstring(PG_GETARG_TEXT_PP(QUEUE_TOPIC));
	whole = psprintf("%s:%0*d", topic, TOPIC_ROOM - 1, 1);
	rt_publish_check_topic(whole, strlen(whole));
	return topic;
}

/* ---- the row ---- */

static void
put_checked(RtStatement *statement, Oid type, Datum value)
{
	rt_statement_put(statement, type, value, false);
}

static void
put_attempts(RtStatement *statement, FunctionCallInfo fcinfo)
{
	put_checked(statement, INT4OID, Int32GetDatum(int_parameter(fcinfo, QUEUE_MAX_ATTEMPTS, "max_attempts", 1, PG_INT32_MAX)));
	put_checked(statement, INTERVALOID, checked_interval(fcinfo, QUEUE_BACKOFF, "backoff", 0));
	put_checked(statement, INTERVALOID, checked_interval(fcinfo, QUEUE_MAX_BACKOFF, "max_backoff", 0));
	put_checked(statement, FLOAT8OID, Float8GetDatum(checked_jitter(fcinfo)));
	rt_statement_put_interval(statement, rt_parameter_interval(fcinfo, QUEUE_TIMEOUT, "timeout", PG_INT32_MAX));
	put_checked(statement, INTERVALOID, checked_interval(fcinfo, QUEUE_VISIBILITY, "visibility", 1));
}

/* One that may be NULL, or from 1 on. */
static void
put_most(RtStatement *statement, FunctionCallInfo fcinfo, int number, const char *name, int most)
{
	bool		is_null = PG_ARGISNULL(number);

	rt_statement_put(statement, INT4OID,
					 is_null ? (Datum) 0 : Int32GetDatum(int_parameter(fcinfo, number, name, 1, most)),
					 is_null);
}

static void
put_share(RtStatement *statement, FunctionCallInfo fcinfo)
{
	put_most(statement, fcinfo, QUEUE_CONCURRENCY, "concurrency", PG_INT32_MAX);
	put_checked(statement, INT4OID,
				Int32GetDatum(int_parameter(fcinfo, QUEUE_PRIORITY, "priority", -RT_JOB_PRIORITY_MAX, RT_JOB_PRIORITY_MAX)));
}

Datum
realtime_queue(PG_FUNCTION_ARGS)
{
	RtStatement statement = {
		.sql = "INSERT INTO realtime.queue_declaration"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
		" ON CONFLICT (name) DO UPDATE SET handler = EXCLUDED.handler,"
		" max_attempts = EXCLUDED.max_attempts, backoff = EXCLUDED.backoff,"
		" max_backoff = EXCLUDED.max_backoff, jitter = EXCLUDED.jitter,"
		" timeout = EXCLUDED.timeout, visibility = EXCLUDED.visibility,"
		" concurrency = EXCLUDED.concurrency, priority = EXCLUDED.priority,"
		" retention = EXCLUDED.retention, dead_retention = EXCLUDED.dead_retention,"
		" topic = EXCLUDED.topic, active = EXCLUDED.active, max_size = EXCLUDED.max_size,"
		" owner = EXCLUDED.owner"
	};

	rt_parameter_lock_functions(fcinfo);
	LockRelationOid(rt_store_table(RT_QUEUE_TABLE), ShareRowExclusiveLock);
	rt_statement_put_text(&statement, checked_name(fcinfo));
	rt_statement_put_text(&statement, checked_handler(fcinfo));
	put_attempts(&statement, fcinfo);
	put_share(&statement, fcinfo);
	put_checked(&statement, INTERVALOID, checked_interval(fcinfo, QUEUE_RETENTION, "retention", 0));
	put_checked(&statement, INTERVALOID, checked_interval(fcinfo, QUEUE_DEAD_RETENTION, "dead_retention", 0));
	rt_statement_put_text(&statement, checked_topic(fcinfo));
	put_checked(&statement, BOOLOID, BoolGetDatum(rt_parameter_bool(fcinfo, QUEUE_ACTIVE, "active")));
	put_most(&statement, fcinfo, QUEUE_MAX_SIZE, "max_size", SIZE_MAX_MOST);
	put_checked(&statement, REGROLEOID, ObjectIdGetDatum(GetUserId()));
	(void) rt_statement_run(&statement, rt_store_table(RT_QUEUE_TABLE), SPI_OK_INSERT);
	PG_RETURN_VOID();
}

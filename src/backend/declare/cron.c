/*
 * cron.c
 *		realtime.cron() and what goes with it: functions that are run at times.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/declaration.h"
#include "src/schedule/occurrence.h"

/* Positions of parameters, as in src/sql */
enum
{
	CRON_PATH,
	CRON_SCHEDULE,
	CRON_HANDLER,
	CRON_TOPIC,
	CRON_TIME_ZONE,
	CRON_MISSED,
	CRON_TIMEOUT,
	CRON_ACTIVE
};

enum
{
	NEXT_SCHEDULE,
	NEXT_AFTER,
	NEXT_TIME_ZONE
};

PG_FUNCTION_INFO_V1(realtime_cron);
PG_FUNCTION_INFO_V1(realtime_alter_cron);
PG_FUNCTION_INFO_V1(realtime_cron_next);

/* ---- schedules and zones ---- */

static void
read_schedule(const char *text, RtSchedule *schedule)
{
	RtScheduleFault fault;

	if (rt_schedule_parse(text, schedule, &fault))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("schedule \"%.*s\" is not valid",
					pg_mbcliplen(text, strlen(text), 100), text),
			 fault.field != NULL ?
			 errdetail("Its field %s %s.", fault.field, fault.reason) :
			 errdetail("It %s.", fault.reason),
			 errhint("A schedule has the fields minute, hour, day of month, month and day of week, or is @hourly or @every 10s, for example.")));
}

static void
check_schedule(const char *text, const char *time_zone)
{
	RtSchedule	schedule;
	pg_tz	   *zone = time_zone != NULL ? rt_parameter_zone(time_zone) : session_timezone;

	read_schedule(text, &schedule);
	if (rt_occurrence_after(&schedule, zone,
							rt_occurrence_time(GetCurrentTimestamp())) == RT_SCHEDULE_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule \"%s\" never comes", text),
				 errdetail("It has no time within the next %d years.", RT_OCCURRENCE_YEARS)));
}

/* ---- parameters ---- */

static const char *
checked_topic(FunctionCallInfo fcinfo)
{
	char	   *topic = rt_parameter_text(fcinfo, CRON_TOPIC, "topic");

	rt_publish_check_topic(topic, strlen(topic));
	if (strpbrk(topic, "{}") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" must not have braces", topic),
				 errdetail("What a job returns is published on one topic.")));
	return topic;
}

static const char *
checked_missed(FunctionCallInfo fcinfo)
{
	char	   *missed = rt_parameter_text(fcinfo, CRON_MISSED, "missed");

	if (strcmp(missed, "skip") != 0 && strcmp(missed, "once") != 0 && strcmp(missed, "all") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("missed cannot be \"%s\"", missed),
				 errhint("It is \"skip\", \"once\" or \"all\".")));
	return missed;
}

/* Nobody has arguments for it. */
static const char *
checked_handler(FunctionCallInfo fcinfo)
{
	RtCheckedFunction *handler = rt_function_check_any(PG_GETARG_OID(CRON_HANDLER),
													   "a handler");

	rt_function_check_handler(handler);
	if (handler->parameter_count > handler->default_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("function %s cannot be a handler of realtime.cron()",
						handler->signature),
				 errdetail("It has parameters without a default."),
				 errhint("Write a function without parameters that calls it.")));
	return handler->signature;
}

/* What is given; the rest stays as it is. */
static void
read_parameters(FunctionCallInfo fcinfo, RtCronRow *row)
{
	if (!PG_ARGISNULL(CRON_SCHEDULE))
		row->schedule = rt_parameter_text(fcinfo, CRON_SCHEDULE, "schedule");
	if (!PG_ARGISNULL(CRON_HANDLER))
		row->handler = checked_handler(fcinfo);
	if (!PG_ARGISNULL(CRON_TOPIC))
		row->topic = checked_topic(fcinfo);
	if (!PG_ARGISNULL(CRON_TIME_ZONE))
		row->time_zone = rt_parameter_text(fcinfo, CRON_TIME_ZONE, "time_zone");
	if (!PG_ARGISNULL(CRON_MISSED))
		row->missed = checked_missed(fcinfo);
	if (!PG_ARGISNULL(CRON_TIMEOUT))
		row->timeout = rt_parameter_interval(fcinfo, CRON_TIMEOUT, "timeout", PG_INT32_MAX);
	if (!PG_ARGISNULL(CRON_ACTIVE))
		row->active = PG_GETARG_BOOL(CRON_ACTIVE);
	check_schedule(row->schedule, row->time_zone);
}

static void
require(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		rt_parameter_refuse_null(name);
}

/* ---- functions ---- */

Datum
realtime_cron(PG_FUNCTION_ARGS)
{
	RtCronRow	row = {.owner = GetUserId()};

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_cron();
	row.path = rt_parameter_path(fcinfo, CRON_PATH);
	require(fcinfo, CRON_SCHEDULE, "schedule");
	require(fcinfo, CRON_HANDLER, "handler");
	require(fcinfo, CRON_MISSED, "missed");
	require(fcinfo, CRON_ACTIVE, "active");
	read_parameters(fcinfo, &row);
	rt_store_cron(&row);
	PG_RETURN_VOID();
}

static Interval *
interval_of_ms(int64 ms)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = ms * 1000;
	return interval;
}

static const char *
missed_name(RtMissed missed)
{
	switch (missed)
	{
		case RT_MISSED_SKIP:
			return "skip";
		case RT_MISSED_ONCE:
			return "once";
		case RT_MISSED_ALL:
			return "all";
	}
	return NULL;
}

/* What is declared, which nobody changes meanwhile. */
static void
read_declared(const char *path, RtCronRow *row)
{
	const RtCronDeclaration *cron;

	rt_store_begin_cron();
	cron = rt_declarations_refresh() ? rt_declaration_cron(path) : NULL;
	if (cron == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no job \"%s\"", path),
				 errhint("realtime.cron_jobs shows all there are.")));
	row->path = path;
	row->schedule = pstrdup(cron->schedule);
	row->handler = pstrdup(cron->handler_text);
	row->topic = cron->topic != NULL ? pstrdup(cron->topic) : NULL;
	row->time_zone = cron->time_zone != NULL ? pstrdup(cron->time_zone) : NULL;
	row->missed = missed_name(cron->missed);
	row->timeout = cron->timeout_ms > 0 ? interval_of_ms(cron->timeout_ms) : NULL;
	row->active = cron->active;
	row->owner = cron->owner;
}

/* It goes on to run as its owner, whatever it is made to run. */
static void
check_owner(const RtCronRow *row)
{
	if (!has_privs_of_role(GetUserId(), row->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of job \"%s\"", row->path),
				 errhint("Whoever declares it anew with realtime.cron() becomes its owner.")));
}

Datum
realtime_alter_cron(PG_FUNCTION_ARGS)
{
	RtCronRow	row = {0};

	rt_parameter_lock_functions(fcinfo);
	read_declared(rt_parameter_text(fcinfo, CRON_PATH, "path"), &row);
	check_owner(&row);
	read_parameters(fcinfo, &row);
	rt_store_cron(&row);
	PG_RETURN_VOID();
}

Datum
realtime_cron_next(PG_FUNCTION_ARGS)
{
	RtSchedule	schedule;
	pg_tz	   *zone = session_timezone;
	TimestampTz after;
	int64		next;

	if (PG_ARGISNULL(NEXT_SCHEDULE) || PG_ARGISNULL(NEXT_AFTER))
		PG_RETURN_NULL();
	read_schedule(rt_parameter_text(fcinfo, NEXT_SCHEDULE, "schedule"), &schedule);
	if (!PG_ARGISNULL(NEXT_TIME_ZONE))
		zone = rt_parameter_zone(rt_parameter_text(fcinfo, NEXT_TIME_ZONE, "time_zone"));
	after = PG_GETARG_TIMESTAMPTZ(NEXT_AFTER);
	if (TIMESTAMP_NOT_FINITE(after) || after > END_TIMESTAMP - USECS_PER_DAY * 366 * (RT_OCCURRENCE_YEARS + 1))
		PG_RETURN_NULL();
	next = rt_occurrence_after(&schedule, zone, rt_occurrence_time(after));
	if (next == RT_SCHEDULE_NEVER)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(time_t_to_timestamptz((pg_time_t) next));
}

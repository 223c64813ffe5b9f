/*
 * window.c
 *		realtime.aggregate_window(): what stands in the declaration of a window is
 *		checked here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/aggregate/reducer.h"
#include "src/aggregate/window.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/source.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/store_aggregate.h"
#include "src/backend/declare/template_check.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/interval.h"
#include "src/catalog/signature.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/protocol/envelope.h"

#define LONGEST_MS (INT64CONST(100) * 366 * 86400 * 1000)
#define SHORTEST_MS 1000		/* that windows begin anew after */

/* Positions of parameters, as in src/sql */
enum
{
	WINDOW_PATH,
	WINDOW_NAME,
	WINDOW_KIND,
	WINDOW_PERIOD,
	WINDOW_TIME_ZONE,
	WINDOW_DURATION,
	WINDOW_ANCHOR,
	WINDOW_SLIDE
};

PG_FUNCTION_INFO_V1(realtime_aggregate_window);
PG_FUNCTION_INFO_V1(realtime_drop_aggregate_window);

static void
refuse(const char *name, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("window \"%s\" is not valid", name),
			 errdetail_internal("%s", detail),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ---- which aggregate ---- */

static const RtAggregateDeclaration *
find_aggregate(const char *path)
{
	const RtAggregateDeclaration *aggregate;

	rt_store_begin_aggregate(path);
	aggregate = rt_declarations_refresh() ? rt_declaration_aggregate(path) : NULL;
	if (aggregate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no aggregate \"%s\"", path),
				 errhint("Declare it with realtime.aggregate() first.")));
	if (!has_privs_of_role(GetUserId(), aggregate->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of aggregate \"%s\"", path),
				 errhint("Whoever declares it anew with realtime.aggregate() becomes its owner.")));
	return aggregate;
}

void
rt_window_check_reducers(const char *path, const char *name, RtWindowKind kind,
						 const List *aggregates)
{
	const ListCell *cell;

	foreach(cell, aggregates)
	{
		Oid			function = rt_signature_resolve(lfirst(cell));

		if (kind != RT_WINDOW_SLIDING || !OidIsValid(function) ||
			rt_reducer_may_combine(function))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregate \"%s\" cannot have the sliding window \"%s\"", path, name),
				 errdetail("%s has no COMBINEFUNC, which puts the parts of the window together.",
						   (char *) lfirst(cell))));
	}
}

/* ---- kinds ---- */

static RtWindowKind
checked_kind(const char *name, const char *kind)
{
	if (strcmp(kind, "lifetime") == 0)
		return RT_WINDOW_LIFETIME;
	if (strcmp(kind, "tumbling") == 0)
		return RT_WINDOW_TUMBLING;
	if (strcmp(kind, "sliding") != 0)
		refuse(name, psprintf(_("Its kind cannot be \"%s\"."), kind),
			   _("It is \"lifetime\", \"tumbling\" or \"sliding\"."));
	return RT_WINDOW_SLIDING;
}

static void
allow_none(FunctionCallInfo fcinfo, const RtWindowRow *row, int number, const char *option)
{
	if (!PG_ARGISNULL(number))
		refuse(row->name, psprintf(_("A %s window has no %s."), row->kind, option), NULL);
}

/* Milliseconds of a length of time that is the same at any time. */
static int64
checked_length(FunctionCallInfo fcinfo, RtWindowRow *row, int number, const char *option,
			   Interval **interval)
{
	int64		ms;

	if (PG_ARGISNULL(number))
		refuse(row->name, psprintf(_("A %s window needs %s."), row->kind, option),
			   psprintf(_("For example: %s => '10 min'."), option));
	*interval = rt_parameter_interval(fcinfo, number, option, LONGEST_MS);
	if ((*interval)->month != 0)
		refuse(row->name, psprintf(_("Its %s has months, which are not equally long."), option),
			   _("A tumbling window can have the period \"month\" or \"year\"."));
	(void) rt_interval_ms(*interval, &ms);
	return ms;
}

static void
check_shortest(const RtWindowRow *row, const char *option, int64 ms)
{
	if (ms < SHORTEST_MS)
		refuse(row->name, psprintf(_("Its %s is shorter than a second."), option), NULL);
}

/* ---- tumbling ---- */

static const char *
checked_period(FunctionCallInfo fcinfo, const RtWindowRow *row)
{
	static const char *const periods[] = {
		"minute", "hour", "day", "week", "month", "quarter", "year"
	};
	char	   *period = rt_parameter_text(fcinfo, WINDOW_PERIOD, "period");

	for (int i = 0; i < lengthof(periods); i++)
	{
		if (strcmp(period, periods[i]) == 0)
			return period;
	}
	refuse(row->name, psprintf(_("There is no period \"%s\"."), period),
		   _("It is \"minute\", \"hour\", \"day\", \"week\", \"month\", \"quarter\" or \"year\"."));
	return NULL;
}

static const char *
checked_zone(FunctionCallInfo fcinfo)
{
	char	   *name = rt_parameter_text(fcinfo, WINDOW_TIME_ZONE, "time_zone");

	(void) rt_parameter_zone(name);
	return name;
}

static void
take_anchor(FunctionCallInfo fcinfo, RtWindowRow *row)
{
	row->has_anchor = !PG_ARGISNULL(WINDOW_ANCHOR);
	if (!row->has_anchor)
		return;
	row->anchor = PG_GETARG_TIMESTAMPTZ(WINDOW_ANCHOR);
	if (TIMESTAMP_NOT_FINITE(row->anchor))
		refuse(row->name, _("Its anchor is infinite."), NULL);
}

static void
check_tumbling(FunctionCallInfo fcinfo, RtWindowRow *row)
{
	allow_none(fcinfo, row, WINDOW_SLIDE, "slide");
	if (PG_ARGISNULL(WINDOW_PERIOD) == PG_ARGISNULL(WINDOW_DURATION))
		refuse(row->name, _("A tumbling window has either a period or a duration."),
			   _("For example: period => 'day', time_zone => 'Europe/Berlin'."));
	if (!PG_ARGISNULL(WINDOW_PERIOD))
	{
		if (!PG_ARGISNULL(WINDOW_ANCHOR))
			refuse(row->name, _("An anchor goes with a duration; a period begins as the calendar says."), NULL);
		row->period = checked_period(fcinfo, row);
		row->time_zone = PG_ARGISNULL(WINDOW_TIME_ZONE) ? NULL : checked_zone(fcinfo);
		return;
	}
	if (!PG_ARGISNULL(WINDOW_TIME_ZONE))
		refuse(row->name, _("A time zone goes with a period; a duration is the same in all."), NULL);
	check_shortest(row, "duration",
				   checked_length(fcinfo, row, WINDOW_DURATION, "duration", &row->duration));
	take_anchor(fcinfo, row);
}

/* ---- sliding ---- */

static void
check_sliding(FunctionCallInfo fcinfo, RtWindowRow *row)
{
	int64		duration;
	int64		slide;
	int64		buckets;

	allow_none(fcinfo, row, WINDOW_PERIOD, "period");
	allow_none(fcinfo, row, WINDOW_TIME_ZONE, "time_zone");
	duration = checked_length(fcinfo, row, WINDOW_DURATION, "duration", &row->duration);
	slide = checked_length(fcinfo, row, WINDOW_SLIDE, "slide", &row->slide);
	check_shortest(row, "slide", slide);
	if (slide > duration)
		refuse(row->name, _("It slides by more than its duration, so events would be in none."), NULL);
	buckets = rt_window_buckets(duration, slide);
	if (buckets > realtime_max_aggregate_buckets)
	{
		rt_limit_hit(RT_LIMIT_AGGREGATE_BUCKETS);
		refuse(row->name,
			   psprintf(_("It would have %lld parts, the most are %d."), (long long) buckets,
						realtime_max_aggregate_buckets),
			   _("Let it slide by more, or raise realtime.max_aggregate_buckets."));
	}
	rt_limit_note(RT_LIMIT_AGGREGATE_BUCKETS, buckets);
	take_anchor(fcinfo, row);
}

static RtWindowKind
check_options(FunctionCallInfo fcinfo, RtWindowRow *row)
{
	RtWindowKind kind = checked_kind(row->name, row->kind);

	if (kind == RT_WINDOW_TUMBLING)
		check_tumbling(fcinfo, row);
	else if (kind == RT_WINDOW_SLIDING)
		check_sliding(fcinfo, row);
	else
	{
		allow_none(fcinfo, row, WINDOW_PERIOD, "period");
		allow_none(fcinfo, row, WINDOW_TIME_ZONE, "time_zone");
		allow_none(fcinfo, row, WINDOW_DURATION, "duration");
		allow_none(fcinfo, row, WINDOW_ANCHOR, "anchor");
		allow_none(fcinfo, row, WINDOW_SLIDE, "slide");
	}
	return kind;
}

/* ---- the window ---- */

static void
check_name(const RtWindowRow *row)
{
	char	   *stream = psprintf("%s/__window/%s", row->path, row->name);

	if (strchr(row->name, '/') != NULL || !rt_path_is_valid(stream, strlen(stream)) ||
		strlen(stream) > RT_PATH_MAX)
		refuse(row->name, psprintf(_("\"%s\" is not a path."), stream),
			   _("Its name has letters, digits, \"_\" and \"-\"."));
}

static List *
signatures_of(const RtAggregateDeclaration *aggregate)
{
	List	   *signatures = NIL;

	for (int i = 0; i < aggregate->count; i++)
		signatures = lappend(signatures, aggregate->signatures[i]);
	return signatures;
}

Datum
realtime_aggregate_window(PG_FUNCTION_ARGS)
{
	RtWindowRow row = {0};
	const RtAggregateDeclaration *aggregate;
	RtWindowKind kind;
	char	   *topic;

	row.path = rt_parameter_text(fcinfo, WINDOW_PATH, "path");
	row.name = rt_parameter_name(fcinfo, WINDOW_NAME, "name", "a window");
	row.kind = rt_parameter_text(fcinfo, WINDOW_KIND, "kind");
	aggregate = find_aggregate(row.path);
	check_name(&row);
	kind = check_options(fcinfo, &row);
	rt_window_check_reducers(row.path, row.name, kind, signatures_of(aggregate));
	topic = psprintf("%s:%s", aggregate->topic, row.name);
	rt_publish_check_topic(topic, strlen(topic));
	rt_template_check_class(topic, "ordered", row.path);
	rt_template_check_stream(topic, row.path, NULL, NULL);
	rt_source_check_cycle(aggregate->source, topic);
	rt_store_window(&row);
	PG_RETURN_VOID();
}

Datum
realtime_drop_aggregate_window(PG_FUNCTION_ARGS)
{
	char	   *path = rt_parameter_text(fcinfo, WINDOW_PATH, "path");
	char	   *name = rt_parameter_text(fcinfo, WINDOW_NAME, "name");

	(void) find_aggregate(path);
	PG_RETURN_BOOL(rt_store_drop_window(path, name));
}

/*
 * declaration_aggregate.c
 *		Aggregates, their windows, and the streams that these are.
 *
 * All events of an aggregate are a window without a name, whose stream has the
 * path of the aggregate; those of the others are below it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"
#include "src/protocol/topic.h"

/* ---- sources ---- */

bool
rt_source_matches(const char *source, const char *topic, Size len)
{
	Size		source_len = strlen(source);

	if (strchr(source, '{') != NULL)
		return rt_template_check(source, source_len) == RT_TEMPLATE_OK &&
			rt_template_match(source, source_len, topic, len, NULL);
	return rt_pattern_match(source, source_len, topic, len);
}

bool
rt_sink_takes(const RtSinkDeclaration *sink, const char *topic, Size len)
{
	for (int i = 0; i < sink->source_count; i++)
	{
		if (rt_source_matches(sink->sources[i], topic, len))
			return true;
	}
	return false;
}

RtSinkDeclaration *
rt_declarations_add_sink(RtDeclarations *declarations, const char *path, char **sources,
						 int count)
{
	RtSinkDeclaration *sink = palloc0(sizeof(RtSinkDeclaration));

	sink->path = path;
	sink->sources = sources;
	sink->source_count = count;
	declarations->sinks = lappend(declarations->sinks, sink);
	return sink;
}

/* ---- windows ---- */

static RtWindowKind
kind_of_name(const char *name)
{
	if (strcmp(name, "tumbling") == 0)
		return RT_WINDOW_TUMBLING;
	return strcmp(name, "sliding") == 0 ? RT_WINDOW_SLIDING : RT_WINDOW_LIFETIME;
}

void
rt_read_window(RtDeclarations *declarations, const RtRow *row)
{
	RtWindowDeclaration *window = palloc0(sizeof(RtWindowDeclaration));
	char	   *zone = rt_row_text(row, Anum_window_time_zone);

	window->path = rt_row_text(row, Anum_window_path);
	window->name = rt_row_text(row, Anum_window_name);
	window->kind = kind_of_name(rt_row_text(row, Anum_window_kind));
	window->period = rt_row_text(row, Anum_window_period);
	window->time_zone = zone != NULL ? zone : "UTC";
	window->duration_us = rt_row_ms(row, Anum_window_duration, 0) * 1000;
	window->slide_us = rt_row_ms(row, Anum_window_slide, 0) * 1000;
	window->has_anchor = !rt_row_is_null(row, Anum_window_anchor);
	if (window->has_anchor)
		window->anchor = DatumGetTimestampTz(rt_row_value(row, Anum_window_anchor));
	declarations->windows = lappend(declarations->windows, window);
}

static char *
define(const RtAggregateDeclaration *aggregate, const RtWindowDeclaration *window)
{
	static const char *const kinds[] = {"lifetime", "tumbling", "sliding"};

	return psprintf("%s %s %s %s " INT64_FORMAT " " INT64_FORMAT " " INT64_FORMAT,
					aggregate->id, kinds[window->kind],
					window->period != NULL ? window->period : "-",
					window->period != NULL ? window->time_zone : "-",
					window->duration_us, window->slide_us, (int64) window->anchor);
}

static RtStreamDeclaration *
make_stream(const RtAggregateDeclaration *aggregate, const RtWindowDeclaration *window)
{
	RtStreamDeclaration *stream = palloc0(sizeof(RtStreamDeclaration));
	bool		all = window->name[0] == '\0';

	stream->path = all ? pstrdup(aggregate->path) :
		psprintf("%s/__window/%s", aggregate->path, window->name);
	stream->declared = aggregate->path;
	stream->topic = all ? pstrdup(aggregate->topic) :
		psprintf("%s:%s", aggregate->topic, window->name);
	stream->base = stream->topic;
	stream->suffix = "";
	stream->topic_class = RT_TOPIC_ORDERED;
	stream->replay_ttl_ms = stream->stale_after_ms = -1;
	stream->merge = RT_MERGE_SET;
	stream->key = "id";
	stream->functions[RT_STREAM_ACCESS] = aggregate->access;
	stream->guards = aggregate->guards;
	stream->class_of_service = unconstify(char *, aggregate->class_of_service);
	stream->window = window;
	return stream;
}

static void
add_window(RtDeclarations *declarations, RtAggregateDeclaration *aggregate,
		   RtWindowDeclaration *window)
{
	window->definition = define(aggregate, window);
	window->initial = aggregate->initial;
	aggregate->windows = lappend(aggregate->windows, window);
	rt_declarations_add_stream(declarations, make_stream(aggregate, window));
}

static void
join_windows(RtDeclarations *declarations, RtAggregateDeclaration *aggregate)
{
	RtWindowDeclaration *all = palloc0(sizeof(RtWindowDeclaration));
	ListCell   *cell;

	all->path = aggregate->path;
	all->name = "";
	add_window(declarations, aggregate, all);
	foreach(cell, declarations->windows)
	{
		RtWindowDeclaration *window = lfirst(cell);

		if (strcmp(window->path, aggregate->path) == 0)
			add_window(declarations, aggregate, window);
	}
}

void
rt_declarations_join_windows(RtDeclarations *declarations)
{
	ListCell   *cell;

	foreach(cell, declarations->aggregates)
		join_windows(declarations, lfirst(cell));
}

/* ---- aggregates ---- */

static RtNamedFunction
read_function(RtDeclarations *declarations, const RtRow *row, int anum, const char *path,
			  const char *purpose)
{
	char	   *text = rt_row_text(row, anum);
	RtNamedFunction function = {.declared = text != NULL};

	if (text != NULL)
		function.oid = rt_refer(declarations, text, "aggregate", path, purpose);
	return function;
}

static void
read_reducers(RtDeclarations *declarations, const RtRow *row,
			  RtAggregateDeclaration *aggregate)
{
	aggregate->count = rt_row_texts(row, Anum_aggregate_names, &aggregate->names);
	(void) rt_row_texts(row, Anum_aggregate_aggregates, &aggregate->signatures);
	(void) rt_row_texts(row, Anum_aggregate_fields, &aggregate->fields);
	(void) rt_refer_all(declarations, row, Anum_aggregate_aggregates, "aggregate",
						aggregate->path, "aggregate", &aggregate->functions);
	for (int i = 0; i < aggregate->count; i++)
	{
		if (aggregate->fields[i][0] == '\0')
			aggregate->fields[i] = NULL;
	}
}

void
rt_read_aggregate(RtDeclarations *declarations, const RtRow *row)
{
	RtAggregateDeclaration *aggregate = palloc0(sizeof(RtAggregateDeclaration));

	aggregate->path = rt_row_text(row, Anum_aggregate_path);
	aggregate->id = DatumGetCString(DirectFunctionCall1(uuid_out,
														rt_row_value(row, Anum_aggregate_id)));
	aggregate->source = rt_row_text(row, Anum_aggregate_source);
	aggregate->topic = rt_row_text(row, Anum_aggregate_topic);
	read_reducers(declarations, row, aggregate);
	aggregate->access = read_function(declarations, row, Anum_aggregate_access,
									  aggregate->path, "access function");
	aggregate->snapshot = read_function(declarations, row, Anum_aggregate_snapshot,
										aggregate->path, "snapshot function");
	aggregate->guards.count = rt_refer_all(declarations, row, Anum_aggregate_guards, "aggregate",
										   aggregate->path, "guard", &aggregate->guards.functions);
	aggregate->class_of_service = rt_row_text(row, Anum_aggregate_class_of_service);
	aggregate->owner = DatumGetObjectId(rt_row_value(row, Anum_aggregate_owner));
	aggregate->initial = rt_row_text(row, Anum_aggregate_initial);
	declarations->aggregates = lappend(declarations->aggregates, aggregate);
	(void) rt_declarations_add_sink(declarations, aggregate->path, &aggregate->source, 1);
}

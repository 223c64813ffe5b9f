/*
 * declaration_pipe.c
 *		Pipes: what becomes of the items of a stream's value, and of its events.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

static RtPipeKind
kind_of_name(const char *name)
{
	if (strcmp(name, "filter") == 0)
		return RT_PIPE_FILTER;
	if (strcmp(name, "sort") == 0)
		return RT_PIPE_SORT;
	return strcmp(name, "limit") == 0 ? RT_PIPE_LIMIT : RT_PIPE_JOIN;
}

/* The columns of a row, an element for each step. */
typedef struct Columns
{
	char	  **kinds;
	char	  **functions;
	char	  **fields;
	char	  **options;
	Datum	   *live;
} Columns;

/* Returns how many steps there are. */
static int
read_columns(const RtRow *row, Columns *columns)
{
	int			count = rt_row_texts(row, Anum_pipe_kinds, &columns->kinds);
	int			others;

	(void) rt_row_texts(row, Anum_pipe_functions, &columns->functions);
	(void) rt_row_texts(row, Anum_pipe_fields, &columns->fields);
	(void) rt_row_texts(row, Anum_pipe_options, &columns->options);
	deconstruct_array(DatumGetArrayTypeP(rt_row_value(row, Anum_pipe_live)), BOOLOID,
					  sizeof(bool), true, TYPALIGN_CHAR, &columns->live, NULL, &others);
	return count;
}

static void
make_step(RtDeclarations *declarations, const char *path, const Columns *columns, int i,
		  RtPipeStep *step)
{
	step->kind = kind_of_name(columns->kinds[i]);
	step->field = columns->fields[i];
	step->live = DatumGetBool(columns->live[i]);
	if (step->kind == RT_PIPE_SORT)
		step->descending = strcmp(columns->options[i], "desc") == 0;
	else if (step->kind == RT_PIPE_LIMIT)
		step->most = atoi(columns->options[i]);
	else
	{
		step->name = columns->options[i];
		step->signature = columns->functions[i];
		step->function = rt_refer(declarations, step->signature, "pipe", path,
								  step->kind == RT_PIPE_FILTER ? "filter" : "resolver");
	}
}

static void
describe_live(const RtPipeStep *step, StringInfo text)
{
	appendStringInfo(text, "%s%s %s", text->len > 0 ? ", " : "",
					 step->kind == RT_PIPE_FILTER ? "filter" : "join", step->signature);
	if (step->kind == RT_PIPE_JOIN)
		appendStringInfo(text, " %s %s", step->field, step->name);
}

/* What it comes to, all steps together. */
static void
sum_up(RtPipe *pipe)
{
	StringInfoData live;

	initStringInfo(&live);
	for (int i = 0; i < pipe->count; i++)
	{
		const RtPipeStep *step = &pipe->steps[i];

		pipe->cuts |= step->kind == RT_PIPE_SORT || step->kind == RT_PIPE_LIMIT;
		pipe->filters_events |= step->live && step->kind == RT_PIPE_FILTER;
		if (step->live)
			describe_live(step, &live);
	}
	if (live.len > 0)
		pipe->live = live.data;
}

void
rt_read_pipe(RtDeclarations *declarations, const RtRow *row)
{
	RtPipe	   *pipe = palloc0(sizeof(RtPipe));
	char	   *path = rt_row_text(row, Anum_pipe_path);
	RtName		name = {path, strlen(path)};
	Columns		columns;
	bool		found;

	pipe->count = read_columns(row, &columns);
	pipe->steps = palloc0(sizeof(RtPipeStep) * Max(pipe->count, 1));
	for (int i = 0; i < pipe->count; i++)
		make_step(declarations, path, &columns, i, &pipe->steps[i]);
	sum_up(pipe);
	rt_names_insert(declarations->pipes, name, &found)->value = pipe;
}

/* What is computed or asked for otherwise has none. */
static bool
may_have_pipe(const RtStreamDeclaration *stream)
{
	return stream->kind == RT_STREAM_OF_EVENTS && stream->query == NULL &&
		stream->window == NULL && stream->functions[RT_STREAM_LOADER].declared;
}

void
rt_declarations_join_pipes(RtDeclarations *declarations)
{
	rt_names_iterator iterator;
	RtNameEntry *entry;

	if (declarations->pipes->members == 0)
		return;
	rt_names_start_iterate(declarations->streams, &iterator);
	while ((entry = rt_names_iterate(declarations->streams, &iterator)) != NULL)
	{
		RtStreamDeclaration *stream = entry->value;
		RtName		name = {stream->declared, strlen(stream->declared)};
		RtNameEntry *pipe = rt_names_lookup(declarations->pipes, name);

		if (pipe != NULL && may_have_pipe(stream))
			stream->pipe = pipe->value;
	}
}

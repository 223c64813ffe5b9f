/*
 * stream_pipe.c
 *		The pipe of a stream, as its clients get it.
 *
 * Functions of steps run as the caller, with what is left of the loader's
 * arguments, and in its transaction and snapshot: what they read is what the
 * caller may read, at the moment of the value.  What is wrong with them is an
 * error of the load.
 */
#include "postgres.h"

#include "utils/fmgrprotos.h"

#include "src/catalog/json_member.h"
#include "src/executor/request/stream.h"
#include "src/pipe/pipe.h"

static NullableDatum
call_step(void *arg, const RtPipeStep *step, NullableDatum first)
{
	RtStreamWork *stream = arg;

	if (!OidIsValid(step->function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s of the pipe of \"%s\" does not exist",
						step->signature, stream->declaration->path)));
	return rt_stream_invoke(stream, rt_function_get(step->function), &first, 1);
}

static RtPipeRun
run_of(RtStreamWork *stream, RtPipeUse use)
{
	return (RtPipeRun) {
		.pipe = stream->declaration->pipe,.use = use,.call = call_step,.arg = stream
	};
}

List *
rt_stream_pipe(RtStreamWork *stream, List *items)
{
	RtPipeRun	run = run_of(stream, RT_PIPE_ALL);

	return run.pipe == NULL ? items : rt_pipe_run(&run, items, NULL);
}

/* ---- rows that have changed ---- */

static bool
is_deleted(Jsonb *row)
{
	JsonbValue *deleted = rt_json_member(row, "_deleted");

	return deleted != NULL && deleted->type == jbvBool && deleted->val.boolean;
}

/* {key, _deleted: true} */
static Jsonb *
deleted_row(Jsonb *row, const char *key)
{
	JsonbValue	yes = {.type = jbvBool,.val.boolean = true};
	Jsonb	   *named = rt_pipe_key_of(row, key);

	if (named == NULL)
		return NULL;
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(named),
											  JsonbPGetDatum(rt_json_object_of("_deleted", &yes))));
}

List *
rt_stream_pipe_changed(RtStreamWork *stream, List *rows)
{
	RtPipeRun	run = run_of(stream, RT_PIPE_CHANGED);
	List	   *there = NIL;
	List	   *gone = NIL;
	List	   *left_out = NIL;
	ListCell   *cell;

	if (run.pipe == NULL)
		return rows;
	foreach(cell, rows)
	{
		if (is_deleted(lfirst(cell)))
			gone = lappend(gone, lfirst(cell));
		else
			there = lappend(there, lfirst(cell));
	}
	there = rt_pipe_run(&run, there, &left_out);
	foreach(cell, left_out)
	{
		Jsonb	   *row = deleted_row(lfirst(cell), stream->declaration->key);

		if (row != NULL)
			gone = lappend(gone, row);
	}
	return list_concat(gone, there);
}

/* ---- events ---- */

Jsonb *
rt_stream_pipe_event(RtStreamWork *stream, const char **name, Jsonb *data)
{
	RtPipeRun	run = run_of(stream, RT_PIPE_EVENTS);

	if (run.pipe == NULL || run.pipe->live == NULL)
		return data;
	return rt_pipe_event(&run, stream->declaration->merge, stream->declaration->key, name, data);
}

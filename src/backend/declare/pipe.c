/*
 * pipe.c
 *		realtime.pipe(): what becomes of the items of a stream's value.
 *
 * A pipe stays when its stream is declared anew: so whoever declares a stream
 * has the pipe checked once more, and nobody loses a filter unawares.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "src/backend/declare/parameter.h"
#include "src/backend/declare/pipe.h"
#include "src/backend/declare/store_pipe.h"
#include "src/backend/declare/template_check.h"
#include "src/catalog/declaration.h"

#define STEPS_MAX 20
#define MEMBER_MAX 255			/* bytes */

/* Positions of parameters, as in src/sql */
enum
{
	PIPE_PATH,
	PIPE_STEPS
};

/* Columns of realtime.pipe_step */
enum
{
	STEP_KIND,
	STEP_FUNCTION,
	STEP_FIELD,
	STEP_OPTION,
	STEP_LIVE,
	STEP_COLUMNS
};

static const RtFunctionShape filter_shape = {
	.purpose = "a filter", .result = BOOLOID,
	.fixed_count = 1, .fixed = {JSONBOID}, .arguments = true,
	.takes = gettext_noop("It takes (item jsonb), and perhaps the stream's arguments unless it is live, and returns boolean.")
};

static const RtFunctionShape resolver_shape = {
	.purpose = "a resolver", .result = JSONBOID,
	.fixed_count = 1, .fixed = {TEXTARRAYOID}, .arguments = true,
	.takes = gettext_noop("It takes (ids text[]), and perhaps the stream's arguments unless it is live, and returns jsonb.")
};

/* What the steps are for. */
typedef struct Piped
{
	const char *path;
	const char *topic;
	RtMerge		merge;
	const char *key;
	const RtCheckedFunction *signature;
} Piped;

static void
refuse_step(const char *path, int number, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("step %d of the pipe of \"%s\" is not valid", number, path),
			 errdetail_internal("%s", detail),
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* ---- steps as they are given ---- */

static RtPipeKind
checked_kind(const char *path, int number, const char *kind)
{
	if (kind != NULL && strcmp(kind, "filter") == 0)
		return RT_PIPE_FILTER;
	if (kind != NULL && strcmp(kind, "sort") == 0)
		return RT_PIPE_SORT;
	if (kind != NULL && strcmp(kind, "limit") == 0)
		return RT_PIPE_LIMIT;
	if (kind == NULL || strcmp(kind, "join") != 0)
		refuse_step(path, number, _("It is of no kind that there is."),
					_("Make it with realtime.pipe_filter(), pipe_sort(), pipe_limit() or pipe_join()."));
	return RT_PIPE_JOIN;
}

static void
check_field(const char *path, int number, const char *field)
{
	size_t		len = field == NULL ? 0 : strlen(field);

	if (len == 0 || len > MEMBER_MAX || field[0] == '.' || field[len - 1] == '.' ||
		strstr(field, "..") != NULL)
		refuse_step(path, number, _("Its field is no member of an item."),
					_("For example: 'amount' or 'order.amount'."));
}

static bool
checked_direction(const char *path, int number, const char *direction)
{
	if (direction == NULL || (strcmp(direction, "asc") != 0 && strcmp(direction, "desc") != 0))
		refuse_step(path, number, _("Its direction is none."), _("It is \"asc\" or \"desc\"."));
	return strcmp(direction, "desc") == 0;
}

static int
checked_number(const char *path, int number, const char *text)
{
	int			most = text == NULL ? 0 : pg_strtoint32(text);

	if (most <= 0)
		refuse_step(path, number, _("Its limit is not greater than 0."),
					_("It is the number of items that are left."));
	return most;
}

static void
check_name(const char *path, int number, const char *name)
{
	static const char *const others[] = {"reqId", "_deleted", "__proto__", "constructor", "prototype"};

	if (name == NULL || name[0] == '\0' || strlen(name) > MEMBER_MAX)
		refuse_step(path, number, _("It does not say which member items get."), NULL);
	for (size_t i = 0; i < lengthof(others); i++)
	{
		if (strcmp(name, others[i]) == 0)
			refuse_step(path, number, psprintf(_("Items cannot get the member \"%s\"."), name),
						_("It means something else to clients."));
	}
}

static void
check_options(const char *path, int number, const char *option, RtPipeStep *step)
{
	if (step->kind == RT_PIPE_SORT || step->kind == RT_PIPE_JOIN)
		check_field(path, number, step->field);
	if (step->kind == RT_PIPE_SORT)
		step->descending = checked_direction(path, number, option);
	else if (step->kind == RT_PIPE_LIMIT)
		step->most = checked_number(path, number, option);
	else if (step->kind == RT_PIPE_JOIN)
		check_name(path, number, step->name = option);
	if (step->live && (step->kind == RT_PIPE_SORT || step->kind == RT_PIPE_LIMIT))
		refuse_step(path, number, _("A single event has no order and no number."),
					_("For the first rows in an order declare a live query with realtime.query()."));
}

static char *
text_or_null(Datum value, bool is_null)
{
	return is_null ? NULL : TextDatumGetCString(value);
}

/* The function is locked before anything else is. */
static RtPipeStep *
read_step(const char *path, int number, Datum element)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(element);
	TupleDesc	desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
												   HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_data = header,.t_len = HeapTupleHeaderGetDatumLength(header)};
	RtPipeStep *step = palloc0(sizeof(RtPipeStep));
	Datum		values[STEP_COLUMNS];
	bool		nulls[STEP_COLUMNS];

	if (desc->natts != STEP_COLUMNS)
		elog(ERROR, "type realtime.pipe_step has %d columns", desc->natts);
	heap_deform_tuple(&tuple, desc, values, nulls);
	step->kind = checked_kind(path, number, text_or_null(values[STEP_KIND], nulls[STEP_KIND]));
	step->function = nulls[STEP_FUNCTION] ? InvalidOid : DatumGetObjectId(values[STEP_FUNCTION]);
	step->field = text_or_null(values[STEP_FIELD], nulls[STEP_FIELD]);
	step->live = !nulls[STEP_LIVE] && DatumGetBool(values[STEP_LIVE]);
	check_options(path, number, text_or_null(values[STEP_OPTION], nulls[STEP_OPTION]), step);
	if (step->kind != RT_PIPE_FILTER && step->kind != RT_PIPE_JOIN)
		return step;
	if (!OidIsValid(step->function))
		refuse_step(path, number, _("It has no function."), NULL);
	rt_function_lock(step->function);
	return step;
}

static List *
read_steps(FunctionCallInfo fcinfo, const char *path)
{
	List	   *steps = NIL;
	ArrayIterator iterator;
	Datum		element;
	bool		is_null;

	if (PG_ARGISNULL(PIPE_STEPS))
		return NIL;
	iterator = array_create_iterator(PG_GETARG_ARRAYTYPE_P(PIPE_STEPS), 0, NULL);
	while (array_iterate(iterator, &element, &is_null))
	{
		if (is_null)
			rt_parameter_refuse_null("step");
		steps = lappend(steps, read_step(path, list_length(steps) + 1, element));
	}
	array_free_iterator(iterator);
	if (list_length(steps) > STEPS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a pipe has at most %d steps", STEPS_MAX)));
	return steps;
}

/* ---- steps and their stream ---- */

static void
refuse_stream(const char *path, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("\"%s\" cannot have a pipe", path),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}

static void
check_merge(const Piped *piped)
{
	if (piped->merge == RT_MERGE_PRESENCE || piped->merge == RT_MERGE_CURSOR)
		refuse_stream(piped->path, psprintf(_("Its merge is \"%s\"."), rt_merge_name(piped->merge)),
					  _("Values of merge \"crud\", \"latest\" and \"set\" can."));
}

/* Fills in its signature. */
static void
check_step(const Piped *piped, int number, RtPipeStep *step)
{
	RtFunctionShape shape = step->kind == RT_PIPE_FILTER ? filter_shape : resolver_shape;

	if (step->kind == RT_PIPE_JOIN && piped->merge == RT_MERGE_CRUD &&
		strcmp(step->name, piped->key) == 0)
		refuse_step(piped->path, number, psprintf(_("The member \"%s\" is the key of its items."), step->name), NULL);
	if ((step->kind != RT_PIPE_FILTER && step->kind != RT_PIPE_JOIN) || !OidIsValid(step->function))
		return;
	/* who publishes has no arguments */
	shape.arguments = !step->live;
	step->signature = rt_function_check_as(step->function, &shape, piped->signature);
}

static void
add_step(RtPipeRow *row, const RtPipeStep *step)
{
	static const char *const kinds[] = {"filter", "sort", "limit", "join"};
	const char *option = step->kind == RT_PIPE_SORT ? (step->descending ? "desc" : "asc") :
		step->kind == RT_PIPE_LIMIT ? psprintf("%d", step->most) :
		step->kind == RT_PIPE_JOIN ? step->name : "";

	row->kinds = lappend(row->kinds, unconstify(char *, kinds[step->kind]));
	row->functions = lappend(row->functions, unconstify(char *, step->signature != NULL ? step->signature : ""));
	row->fields = lappend(row->fields, unconstify(char *, step->field != NULL ? step->field : ""));
	row->options = lappend(row->options, unconstify(char *, option));
	row->live = lappend_int(row->live, step->live);
}

static const RtStreamDeclaration *
find_stream(const char *path)
{
	const RtStreamDeclaration *stream = rt_declarations_refresh() ?
		rt_declaration_stream(path, strlen(path)) : NULL;

	if (stream == NULL || strcmp(stream->declared, path) != 0 ||
		rt_declaration_rpc(path, strlen(path)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no stream \"%s\"", path),
				 errhint("Declare it with realtime.stream() first.")));
	if (stream->query != NULL)
		refuse_stream(path, _("It is a live query."), _("Write WHERE, JOIN, ORDER BY and LIMIT into its SELECT."));
	if (stream->window != NULL)
		refuse_stream(path, _("It is an aggregate."), _("Its value is one object."));
	if (stream->kind != RT_STREAM_OF_EVENTS || !stream->functions[RT_STREAM_LOADER].declared)
		refuse_stream(path, _("It has no loader, so it has no value to begin with."), _("Give it a transform."));
	return stream;
}

static Piped
piped_stream(const RtStreamDeclaration *stream)
{
	Oid			loader = stream->functions[RT_STREAM_LOADER].oid;

	if (!OidIsValid(loader))
		refuse_stream(stream->path, _("Its loader does not exist."), _("Declare it again."));
	return (Piped) {
		.path = stream->path,.topic = stream->topic,.merge = stream->merge,.key = stream->key,
		.signature = rt_function_check_any(loader, "a loader")
	};
}

/* What becomes of events, once it is declared. */
static const char *
live_text(const char *path)
{
	const RtPipe *pipe = rt_declarations_refresh() ? rt_declaration_pipe(path) : NULL;

	return pipe != NULL ? pipe->live : NULL;
}

PG_FUNCTION_INFO_V1(realtime_pipe);

Datum
realtime_pipe(PG_FUNCTION_ARGS)
{
	RtPipeRow	row = {0};
	List	   *steps;
	Piped		piped = {0};
	ListCell   *cell;

	row.path = rt_parameter_path(fcinfo, PIPE_PATH);
	steps = read_steps(fcinfo, row.path);
	rt_store_begin_stream(row.path);
	if (steps != NIL)
	{
		piped = piped_stream(find_stream(row.path));
		check_merge(&piped);
	}
	foreach(cell, steps)
	{
		check_step(&piped, foreach_current_index(cell) + 1, lfirst(cell));
		add_step(&row, lfirst(cell));
	}
	rt_store_pipe(&row);
	if (steps != NIL)
		rt_template_check_pipe(piped.topic, row.path, piped.key, live_text(row.path));
	PG_RETURN_VOID();
}

/* ---- a stream that is declared where there is a pipe ---- */

static RtMerge
merge_of(const RtStreamRow *row)
{
	RtMerge		merge = RT_MERGE_CRUD;

	while (merge < RT_MERGE_CURSOR && strcmp(rt_merge_name(merge), row->merge) != 0)
		merge++;
	return merge;
}

static void
describe_kept(void *arg)
{
	errcontext("pipe of \"%s\", which is kept; realtime.pipe('%s') removes it",
			   (const char *) arg, (const char *) arg);
}

static void
check_kept_steps(const Piped *piped, const RtPipe *pipe)
{
	ErrorContextCallback callback = {
		.callback = describe_kept,.arg = unconstify(char *, piped->path),
		.previous = error_context_stack
	};

	error_context_stack = &callback;
	check_merge(piped);
	for (int i = 0; i < pipe->count; i++)
	{
		RtPipeStep	step = pipe->steps[i];

		check_step(piped, i + 1, &step);
	}
	error_context_stack = callback.previous;
}

void
rt_pipe_check_kept(const RtStreamRow *row, const RtCheckedFunction *signature)
{
	const RtPipe *pipe = rt_declarations_refresh() ? rt_declaration_pipe(row->path) : NULL;
	Piped		piped = {
		.path = row->path,.topic = row->topic,.merge = merge_of(row),.key = row->key,
		.signature = signature
	};

	/* a channel has none, and gets what others make of the events */
	if (row->functions[RT_STREAM_LOADER] == NULL)
		return;
	if (pipe != NULL)
		check_kept_steps(&piped, pipe);
	rt_template_check_pipe(row->topic, row->path, row->key, pipe != NULL ? pipe->live : NULL);
}

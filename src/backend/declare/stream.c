/*
 * stream.c
 *		realtime.stream(): what stands in the declaration of a stream is
 *		checked here, once.  realtime.channel() comes by here too: a channel is
 *		a stream without a loader.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/regproc.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/pipe.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/stream.h"
#include "src/backend/declare/template_check.h"
#include "src/catalog/declaration.h"
#include "src/ipc/presence.h"
#include "src/protocol/topic.h"

#define REPLAY_SIZE_DEFAULT 1000
#define KEY_DEFAULT "id"
#define KEY_MAX 255				/* bytes */
#define PATTERN_MAX 256			/* bytes, as a topic */

/* What the functions are, but for loader and access, which come first. */
static const struct
{
	RtStreamFunction function;
	int			position;
	RtFunctionShape shape;
}			shapes[] =
{
	{RT_STREAM_GATE, STREAM_GATE, {
		.purpose = "a gate", .result = BOOLOID, .arguments = true,
		.takes = gettext_noop("It takes nothing or the stream's arguments, and returns boolean.")
	}},
	{RT_STREAM_TRANSFORM, STREAM_TRANSFORM, {
		.purpose = "a transform", .result = JSONBOID,
		.fixed_count = 1, .fixed = {JSONBOID},
		.takes = gettext_noop("It takes (data jsonb) and returns jsonb.")
	}},
	{RT_STREAM_DELTA_VERSION, STREAM_DELTA_VERSION, {
		.purpose = "a delta_version function", .result = TEXTOID, .arguments = true,
		.takes = gettext_noop("It takes nothing or the stream's arguments, and returns text.")
	}},
	{RT_STREAM_DELTA_DIFF, STREAM_DELTA_DIFF, {
		.purpose = "a delta_diff function", .result = JSONBOID,
		.fixed_count = 1, .fixed = {TEXTOID}, .arguments = true,
		.takes = gettext_noop("It takes (since text) and perhaps the stream's arguments, and returns jsonb.")
	}},
	{RT_STREAM_DELTA_FROM_SEQ, STREAM_DELTA_FROM_SEQ, {
		.purpose = "a delta_from_seq function", .result = JSONBOID,
		.fixed_count = 1, .fixed = {INT8OID}, .arguments = true,
		.takes = gettext_noop("It takes (since bigint) and perhaps the stream's arguments, and returns jsonb.")
	}},
	{RT_STREAM_ON_SUBSCRIBE, STREAM_ON_SUBSCRIBE, {
		.purpose = "an on_subscribe function",
		.fixed_count = 1, .fixed = {TEXTOID}, .fixed_may_end = true,
		.takes = gettext_noop("It takes nothing or (topic text).")
	}},
	{RT_STREAM_ON_UNSUBSCRIBE, STREAM_ON_UNSUBSCRIBE, {
		.purpose = "an on_unsubscribe function",
		.fixed_count = 2, .fixed = {TEXTOID, INT4OID}, .fixed_may_end = true,
		.takes = gettext_noop("It takes nothing, (topic text) or (topic text, remaining integer).")
	}},
	{RT_STREAM_ON_ERROR, STREAM_ON_ERROR, {
		.purpose = "an on_error function",
		.fixed_count = 3, .fixed = {TEXTOID, TEXTOID, TEXTOID}, .fixed_may_end = true,
		.takes = gettext_noop("It takes nothing, (code text), (code text, message text) or (code text, message text, topic text).")
	}},
	{RT_STREAM_TOPIC_BY, STREAM_TOPIC_BY, {
		.purpose = "a topic_by function", .result = TEXTOID, .arguments = true,
		.stable = true,
		.takes = gettext_noop("It takes nothing or the stream's arguments, and returns text.")
	}},
	{RT_STREAM_PRESENCE, STREAM_PRESENCE, {
		.purpose = "a presence function", .result = JSONBOID, .arguments = true,
		.takes = gettext_noop("It takes nothing or the stream's arguments, and returns jsonb.")
	}},
};

static const RtFunctionShape migrate_shape = {
	.purpose = "a step of migration", .result = JSONBOID,
	.fixed_count = 1, .fixed = {JSONBOID},
	.takes = gettext_noop("It takes (item jsonb) and returns jsonb.")
};

static const RtFunctionShape coalesce_shape = {
	.purpose = "a coalesce_by function", .result = TEXTOID,
	.fixed_count = 1, .fixed = {JSONBOID},
	.takes = gettext_noop("It takes (data jsonb) and returns text.")
};

static void check_merge(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_key(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_max(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_class(FunctionCallInfo fcinfo, RtStreamRow *row);
static const RtCheckedFunction *check_functions(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_coalesce(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_delta(const RtStreamRow *row);
static void check_migration(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_reloading(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_breaker(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_rest(FunctionCallInfo fcinfo, RtStreamRow *row);
static bool shows_presence(const RtStreamRow *row);
static void check_presence(const RtStreamRow *row);
static const char *class_of(const RtStreamRow *row);

PG_FUNCTION_INFO_V1(realtime_stream);

Datum
realtime_stream(PG_FUNCTION_ARGS)
{
	RtStreamRow row = {0};

	rt_parameter_lock_functions(fcinfo);
	(void) rt_stream_check(fcinfo, &row);
	rt_store_stream(&row);
	PG_RETURN_VOID();
}

const RtCheckedFunction *
rt_stream_check(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	const RtCheckedFunction *signature;

	row->path = rt_parameter_path(fcinfo, STREAM_PATH);
	rt_store_begin_stream(row->path);
	row->topic = rt_parameter_template(fcinfo, STREAM_TOPIC, "topic");
	check_merge(fcinfo, row);
	check_key(fcinfo, row);
	check_max(fcinfo, row);
	check_class(fcinfo, row);
	signature = check_functions(fcinfo, row);
	check_coalesce(fcinfo, row);
	check_delta(row);
	check_migration(fcinfo, row);
	check_reloading(fcinfo, row);
	check_breaker(fcinfo, row);
	check_rest(fcinfo, row);
	if (shows_presence(row))
		check_presence(row);
	else
	{
		rt_template_check_class(row->topic, class_of(row), row->path);
		rt_template_check_stream(row->topic, row->path,
								 row->functions[RT_STREAM_TRANSFORM],
								 row->functions[RT_STREAM_COALESCE_BY]);
		rt_pipe_check_kept(row, signature);
	}
	return signature;
}

static bool
merges_as(const RtStreamRow *row, RtMerge merge)
{
	return strcmp(row->merge, rt_merge_name(merge)) == 0;
}

/* Options that clients look at with some merges only are a mistake with others. */
static void
refuse_with_merge(const RtStreamRow *row, const char *option, const char *wanted)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s needs merge %s", option, wanted),
			 errdetail("The merge is \"%s\".", row->merge)));
}

static void
need(bool is_there, const char *option, const char *other)
{
	if (!is_there)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s needs %s", option, other)));
}

static void
check_merge(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->merge = rt_parameter_text(fcinfo, STREAM_MERGE, "merge");
	for (RtMerge merge = RT_MERGE_CRUD; merge <= RT_MERGE_CURSOR; merge++)
	{
		if (merges_as(row, merge))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("merge \"%s\" does not exist", row->merge),
			 errhint("It is \"crud\", \"latest\", \"set\", \"presence\" or \"cursor\".")));
}

/* Clients strip these from each row before they merge it. */
static bool
is_stripped(const char *key)
{
	return strcmp(key, "__proto__") == 0 || strcmp(key, "constructor") == 0 ||
		strcmp(key, "prototype") == 0;
}

static void
check_key(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->key = rt_parameter_text(fcinfo, STREAM_KEY, "key");
	row->prepend = rt_parameter_bool(fcinfo, STREAM_PREPEND, "prepend");
	if (row->key[0] == '\0' || strlen(row->key) > KEY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must have 1 to %d bytes", KEY_MAX)));
	if (is_stripped(row->key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be \"%s\"", row->key),
				 errdetail("Clients do not keep a member of that name.")));
	if (merges_as(row, RT_MERGE_CRUD))
		return;
	if (strcmp(row->key, KEY_DEFAULT) != 0)
		refuse_with_merge(row, "key", "\"crud\"");
	if (row->prepend)
		refuse_with_merge(row, "prepend", "\"crud\"");
}

static void
check_max(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	if (PG_ARGISNULL(STREAM_MAX))
		return;
	row->max = PG_GETARG_INT32(STREAM_MAX);
	if (row->max <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be greater than 0"),
				 errhint("It is the number of rows that clients keep.")));
	if (!merges_as(row, RT_MERGE_CRUD) && !merges_as(row, RT_MERGE_LATEST))
		refuse_with_merge(row, "max", "\"crud\" or \"latest\"");
}

static void
check_class(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->replay = rt_parameter_bool(fcinfo, STREAM_REPLAY, "replay");
	row->is_volatile = rt_parameter_bool(fcinfo, STREAM_VOLATILE, "volatile");
	if (row->replay && row->is_volatile)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream cannot be both volatile and replayed"),
				 errhint("Leave out one of \"volatile\" and \"replay\".")));

	if (PG_ARGISNULL(STREAM_REPLAY_SIZE))
		rt_parameter_refuse_null("replay_size");
	row->replay_size = PG_GETARG_INT32(STREAM_REPLAY_SIZE);
	if (row->replay_size <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size must be greater than 0"),
				 errhint("It is the number of events that are kept.")));
	row->replay_ttl = rt_parameter_interval(fcinfo, STREAM_REPLAY_TTL,
											"replay_ttl", PG_INT64_MAX);
	if (!row->replay && (row->replay_ttl != NULL ||
						 row->replay_size != REPLAY_SIZE_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size and replay_ttl need replay"),
				 errhint("Add replay => true.")));
}

/* ---- functions ---- */

/*
 * What says which arguments the stream has: the loader, or else access if that
 * takes any, or else what names the topic, or what others see.
 */
static const RtCheckedFunction *
check_signature(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	const RtCheckedFunction *loader = NULL;
	const RtCheckedFunction *access = NULL;
	const RtCheckedFunction *topic_by = NULL;
	const RtCheckedFunction *presence = NULL;

	if (!PG_ARGISNULL(STREAM_LOADER))
	{
		loader = rt_function_check_any(PG_GETARG_OID(STREAM_LOADER), "a loader");
		rt_function_check_loader(loader);
		row->functions[RT_STREAM_LOADER] = loader->signature;
	}
	if (!PG_ARGISNULL(STREAM_ACCESS))
	{
		access = rt_function_check_any(PG_GETARG_OID(STREAM_ACCESS),
									   "an access function");
		rt_function_check_stream_access(access, loader);
		row->functions[RT_STREAM_ACCESS] = access->signature;
	}
	if (!PG_ARGISNULL(STREAM_TOPIC_BY))
		topic_by = rt_function_check_any(PG_GETARG_OID(STREAM_TOPIC_BY),
										 "a topic_by function");
	if (!PG_ARGISNULL(STREAM_PRESENCE))
		presence = rt_function_check_any(PG_GETARG_OID(STREAM_PRESENCE), "a presence function");
	if (loader != NULL)
		access = loader;
	else if (topic_by == NULL && presence != NULL &&
			 (access == NULL || access->parameter_count == 0))
		access = presence;
	if (topic_by == NULL)
		return rt_function_check_stream_topic(access, row->topic);
	return loader != NULL || (access != NULL && access->parameter_count > 0) ?
		access : topic_by;
}

static const RtCheckedFunction *
check_functions(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	const RtCheckedFunction *guarded = check_signature(fcinfo, row);

	row->guards = rt_parameter_guards(fcinfo, STREAM_GUARD, guarded);
	for (int i = 0; i < lengthof(shapes); i++)
	{
		if (!PG_ARGISNULL(shapes[i].position))
			row->functions[shapes[i].function] =
				rt_stream_check_function(PG_GETARG_OID(shapes[i].position),
										 shapes[i].function, guarded);
	}
	return guarded;
}

const char *
rt_stream_check_function(Oid oid, RtStreamFunction function,
						 const RtCheckedFunction *guarded)
{
	const RtFunctionShape *shape = NULL;

	for (int i = 0; i < lengthof(shapes); i++)
	{
		if (shapes[i].function == function)
			shape = &shapes[i].shape;
	}
	Assert(shape != NULL);
	return rt_function_check_as(oid, shape, guarded);
}

/* A member of the data, "id" or "a.b", or a function with its parentheses. */
static void
check_coalesce(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	char	   *text;
	size_t		len;

	if (PG_ARGISNULL(STREAM_COALESCE_BY))
		return;
	if (row->is_volatile)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream cannot be both volatile and coalesced"),
				 errhint("Leave out one of \"volatile\" and \"coalesce_by\".")));
	if (row->replay)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream cannot be both replayed and coalesced"),
				 errdetail("Events that are coalesced have no numbers."),
				 errhint("Leave out one of \"replay\" and \"coalesce_by\".")));
	text = rt_parameter_text(fcinfo, STREAM_COALESCE_BY, "coalesce_by");
	len = strlen(text);
	row->functions[RT_STREAM_COALESCE_BY] = text;
	if (len > 0 && text[len - 1] == ')')
	{
		Oid			function = DatumGetObjectId(DirectFunctionCall1(regprocedurein,
																	CStringGetDatum(text)));

		row->functions[RT_STREAM_COALESCE_BY] =
			rt_function_check_as(function, &coalesce_shape, NULL);
	}
	else if (len == 0 || len > KEY_MAX || text[0] == '.' ||
			 text[len - 1] == '.' || strstr(text, "..") != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("coalesce_by \"%s\" is not valid", text),
				 errdetail("It is a member of the data, such as 'id' or 'a.b', or a function such as 'app.key_of(jsonb)'.")));
}

static void
check_delta(const RtStreamRow *row)
{
	const char *const *functions = row->functions;

	if (functions[RT_STREAM_DELTA_VERSION] != NULL)
		need(functions[RT_STREAM_LOADER] != NULL, "delta_version", "a loader");
	if (functions[RT_STREAM_DELTA_DIFF] != NULL)
	{
		need(functions[RT_STREAM_DELTA_VERSION] != NULL, "delta_diff", "delta_version");
		if (!merges_as(row, RT_MERGE_CRUD))
			refuse_with_merge(row, "delta_diff", "\"crud\"");
	}
	if (functions[RT_STREAM_DELTA_FROM_SEQ] != NULL)
	{
		need(functions[RT_STREAM_LOADER] != NULL, "delta_from_seq", "a loader");
		need(row->replay, "delta_from_seq", "replay");
	}
}

static void
check_migration(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->migrate = rt_parameter_functions(fcinfo, STREAM_MIGRATE, "migrate",
										  &migrate_shape);
	if (!PG_ARGISNULL(STREAM_SCHEMA_VERSION))
	{
		row->schema_version = PG_GETARG_INT32(STREAM_SCHEMA_VERSION);
		need(row->functions[RT_STREAM_LOADER] != NULL, "schema_version", "a loader");
		if (row->schema_version <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("schema_version must be greater than 0")));
	}
	if (list_length(row->migrate) == Max(row->schema_version, 1) - 1)
		return;
	need(row->schema_version > 0, "migrate", "schema_version");
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("migrate does not reach schema_version %d", row->schema_version),
			 errdetail("There are %d steps, and from version 1 on it takes %d.",
					   list_length(row->migrate), row->schema_version - 1),
			 errhint("The first function takes an item of version 1 to version 2, and so on.")));
}

/* One that has placeholders has those of the topic: their values say whose value it is. */
static void
check_source_template(const RtStreamRow *row, const char *pattern)
{
	RtTemplateFault fault;

	if (strchr(pattern, '{') == NULL)
		return;
	fault = rt_template_check(pattern, strlen(pattern));
	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pattern \"%s\" of invalidate_on is not valid", pattern),
				 errdetail("The template %s.", rt_template_fault_text(fault)),
				 errhint("Write a brace that is no placeholder twice.")));
}

static void
check_reloading(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	ListCell   *cell;

	row->stale_after = rt_parameter_interval(fcinfo, STREAM_STALE_AFTER,
											 "stale_after", PG_INT32_MAX);
	row->invalidate_on = rt_parameter_texts(fcinfo, STREAM_INVALIDATE_ON,
											"invalidate_on");
	if (row->stale_after != NULL)
		need(row->functions[RT_STREAM_LOADER] != NULL, "stale_after", "a loader");
	if (row->invalidate_on != NIL)
		need(row->functions[RT_STREAM_LOADER] != NULL, "invalidate_on", "a loader");
	row->debounce = rt_parameter_interval(fcinfo, STREAM_DEBOUNCE, "debounce", PG_INT32_MAX);
	if (row->debounce != NULL)
		need(row->functions[RT_STREAM_LOADER] != NULL, "debounce", "a loader");
	foreach(cell, row->invalidate_on)
	{
		const char *pattern = lfirst(cell);

		if (pattern[0] == '\0' || strlen(pattern) > PATTERN_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a pattern of invalidate_on must have 1 to %d bytes",
							PATTERN_MAX)));
		check_source_template(row, pattern);
	}
}

/* A list that is no array ends the client's merging. */
static void
check_fallback(const RtStreamRow *row)
{
	Jsonb	   *fallback = DatumGetJsonbP(row->fallback);

	if (!merges_as(row, RT_MERGE_SET) &&
		(!JB_ROOT_IS_ARRAY(fallback) || JB_ROOT_IS_SCALAR(fallback)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the fallback must be an array"),
				 errdetail("The merge is \"%s\".", row->merge)));
	if (row->replay)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream cannot be both replayed and have a fallback"),
				 errdetail("Who comes back would get the events since, and keep the fallback below them."),
				 errhint("Leave out one of \"replay\" and \"fallback\".")));
}

static void
check_breaker(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->breaker = rt_parameter_breaker(fcinfo, STREAM_BREAKER);
	row->fallback = rt_parameter_fallback(fcinfo, STREAM_FALLBACK, row->breaker);
	if (row->breaker != NULL)
		need(row->functions[RT_STREAM_LOADER] != NULL, "breaker", "a loader");
	if (row->fallback != 0)
		check_fallback(row);
}

static void
check_rest(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->shared = rt_parameter_bool(fcinfo, STREAM_SHARED, "shared");
	if (row->shared)
		need(row->functions[RT_STREAM_LOADER] != NULL, "shared", "a loader");
	row->class_of_service = rt_parameter_class(fcinfo, STREAM_CLASS_OF_SERVICE);
}

static const char *
class_of(const RtStreamRow *row)
{
	return row->replay ? "replay" : row->is_volatile ? "volatile" : "ordered";
}

/* ---- who is present ---- */

static void
refuse_beside_presence(const char *option)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a stream of who is present cannot have %s", option),
			 errdetail("With merge \"presence\" and a presence function the value is who follows it."),
			 errhint("For a value beside that, use realtime.room(), or give another merge.")));
}

void
rt_stream_check_told_topic(const RtStreamRow *row, const char *suffix)
{
	char	   *topic = psprintf("%s%s", row->topic, suffix);

	if (rt_template_check(topic, strlen(topic)) != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic template \"%s\" is too long", row->topic),
				 errdetail("With \"%s\" behind it it is a topic, too.", suffix)));
	rt_template_check_class(topic, "ordered", row->path);
	rt_template_check_stream(topic, row->path, NULL, NULL);
}

/* Not a value beside which somebody is present, but who is: as in the catalog. */
static bool
shows_presence(const RtStreamRow *row)
{
	return row->functions[RT_STREAM_PRESENCE] != NULL && merges_as(row, RT_MERGE_PRESENCE);
}

static void
check_presence(const RtStreamRow *row)
{
	const char *const *functions = row->functions;

	if (functions[RT_STREAM_LOADER] != NULL)
		refuse_beside_presence("a loader");
	if (functions[RT_STREAM_TRANSFORM] != NULL)
		refuse_beside_presence("a transform");
	if (functions[RT_STREAM_COALESCE_BY] != NULL)
		refuse_beside_presence("coalesce_by");
	if (row->replay || row->is_volatile)
		refuse_beside_presence("a class");
	rt_stream_check_told_topic(row, RT_PRESENCE_SUFFIX);
}

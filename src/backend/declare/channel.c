/*
 * channel.c
 *		realtime.channel(): what stands in the declaration of a stream without
 *		a loader is checked here, once.
 */
#include "postgres.h"

#include "fmgr.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/declare/template_check.h"
#include "src/catalog/declaration.h"

#define REPLAY_SIZE_DEFAULT 1000
#define KEY_DEFAULT "id"
#define KEY_MAX 255				/* bytes */

/* Positions of parameters, as in src/sql */
enum
{
	CHANNEL_PATH,
	CHANNEL_TOPIC,
	CHANNEL_MERGE,
	CHANNEL_KEY,
	CHANNEL_PREPEND,
	CHANNEL_MAX,
	CHANNEL_REPLAY,
	CHANNEL_REPLAY_SIZE,
	CHANNEL_REPLAY_TTL,
	CHANNEL_VOLATILE,
	CHANNEL_ACCESS,
	CHANNEL_GUARD
};

static void check_merge(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_key(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_max(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_class(FunctionCallInfo fcinfo, RtStreamRow *row);
static void check_functions(FunctionCallInfo fcinfo, RtStreamRow *row);
static const char *class_of(const RtStreamRow *row);

PG_FUNCTION_INFO_V1(realtime_channel);

Datum
realtime_channel(PG_FUNCTION_ARGS)
{
	RtStreamRow row = {0};

	row.path = rt_parameter_path(fcinfo, CHANNEL_PATH);
	rt_store_begin_stream(row.path);
	row.topic = rt_parameter_template(fcinfo, CHANNEL_TOPIC, "topic");
	check_merge(fcinfo, &row);
	check_key(fcinfo, &row);
	check_max(fcinfo, &row);
	check_class(fcinfo, &row);
	check_functions(fcinfo, &row);
	rt_template_check_class(row.topic, class_of(&row), row.path);
	rt_template_class_changes(row.topic, class_of(&row));

	rt_store_stream(&row);
	PG_RETURN_VOID();
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
check_merge(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	row->merge = rt_parameter_text(fcinfo, CHANNEL_MERGE, "merge");
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
	row->key = rt_parameter_text(fcinfo, CHANNEL_KEY, "key");
	row->prepend = rt_parameter_bool(fcinfo, CHANNEL_PREPEND, "prepend");
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
	if (PG_ARGISNULL(CHANNEL_MAX))
		return;
	row->max = PG_GETARG_INT32(CHANNEL_MAX);
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
	row->replay = rt_parameter_bool(fcinfo, CHANNEL_REPLAY, "replay");
	row->is_volatile = rt_parameter_bool(fcinfo, CHANNEL_VOLATILE, "volatile");
	if (row->replay && row->is_volatile)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a channel cannot be both volatile and replayed"),
				 errhint("Leave out one of \"volatile\" and \"replay\".")));

	if (PG_ARGISNULL(CHANNEL_REPLAY_SIZE))
		rt_parameter_refuse_null("replay_size");
	row->replay_size = PG_GETARG_INT32(CHANNEL_REPLAY_SIZE);
	if (row->replay_size <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size must be greater than 0"),
				 errhint("It is the number of events that are kept.")));
	row->replay_ttl = rt_parameter_interval(fcinfo, CHANNEL_REPLAY_TTL,
											"replay_ttl", PG_INT64_MAX);
	if (!row->replay && (row->replay_ttl != NULL ||
						 row->replay_size != REPLAY_SIZE_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size and replay_ttl need replay"),
				 errhint("Add replay => true.")));
}

/* The access function says what the arguments are, so it comes first. */
static void
check_functions(FunctionCallInfo fcinfo, RtStreamRow *row)
{
	const RtCheckedFunction *access = NULL;
	const RtCheckedFunction *guarded;

	if (!PG_ARGISNULL(CHANNEL_ACCESS))
	{
		access = rt_function_check_any(PG_GETARG_OID(CHANNEL_ACCESS),
									   "an access function");
		row->access = access->signature;
	}
	guarded = rt_function_check_stream_access(access, row->topic);
	row->guards = rt_parameter_guards(fcinfo, CHANNEL_GUARD, guarded);
}

static const char *
class_of(const RtStreamRow *row)
{
	return row->replay ? "replay" : row->is_volatile ? "volatile" : "ordered";
}

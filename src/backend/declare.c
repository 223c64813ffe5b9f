/*
 * declare.c
 *		realtime.rpc(), realtime.topic(), realtime.drop(): what stands in a
 *		declaration is checked here, once, and not when a client calls.
 *
 * The tables can also be written directly (a restored dump does); a statement
 * trigger on them, at the end of this file, makes any change known.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "src/backend/at_commit.h"
#include "src/backend/declaration_store.h"
#include "src/backend/function_check.h"
#include "src/catalog/declaration.h"
#include "src/catalog/interval.h"
#include "src/protocol/envelope.h"
#include "src/protocol/topic.h"

#define REPLAY_SIZE_DEFAULT 1000
#define QUOTED_MAX 100			/* bytes of a bad text in a message */

/* Positions of parameters, as in src/sql */
enum
{
	RPC_PATH,
	RPC_HANDLER,
	RPC_GUARD,
	RPC_TIMEOUT,
	RPC_READ_ONLY,
	RPC_RATE_LIMIT,
	RPC_RATE_WINDOW,
	RPC_IDEMPOTENCY_KEY,
	RPC_IDEMPOTENCY_TTL,
	RPC_LOCK_KEY,
	RPC_LOCK_WAIT,
	RPC_CLASS_OF_SERVICE
};

enum
{
	TOPIC_TEMPLATE,
	TOPIC_CLASS,
	TOPIC_ACCESS,
	TOPIC_OPEN,
	TOPIC_REPLAY_SIZE,
	TOPIC_REPLAY_TTL
};

static char *needed_text(FunctionCallInfo fcinfo, int number, const char *name);
static char *checked_path(FunctionCallInfo fcinfo);
static List *checked_guards(FunctionCallInfo fcinfo, const RtCheckedFunction *handler);
static Interval *checked_interval(FunctionCallInfo fcinfo, int number,
								  const char *name, int64 longest_ms);
static void check_key(FunctionCallInfo fcinfo, int number, const char *name,
					  const RtCheckedFunction *handler);
static void check_rpc_later(FunctionCallInfo fcinfo, const RtCheckedFunction *handler);
static char *checked_template(FunctionCallInfo fcinfo);
static char *checked_class(FunctionCallInfo fcinfo);
static void check_replay(FunctionCallInfo fcinfo, const char *topic_class);
static char *template_form(const char *tpl);
static void check_other_templates(const char *tpl);
static void refuse_null(const char *name) pg_attribute_noreturn();
static void refuse_later(const char *option) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(realtime_rpc);
PG_FUNCTION_INFO_V1(realtime_topic);
PG_FUNCTION_INFO_V1(realtime_drop);
PG_FUNCTION_INFO_V1(realtime_declaration_changed);

Datum
realtime_rpc(PG_FUNCTION_ARGS)
{
	RtRpcRow	row = {0};
	RtCheckedFunction *handler;
	bool		read_only;

	rt_store_begin_rpc();
	row.path = checked_path(fcinfo);
	if (PG_ARGISNULL(RPC_HANDLER))
		refuse_null("handler");
	handler = rt_function_check_any(PG_GETARG_OID(RPC_HANDLER), "a handler");
	rt_function_check_handler(handler);
	row.handler = handler->signature;
	row.guards = checked_guards(fcinfo, handler);
	row.timeout = checked_interval(fcinfo, RPC_TIMEOUT, "timeout", PG_INT32_MAX);
	if (!PG_ARGISNULL(RPC_READ_ONLY))
	{
		read_only = PG_GETARG_BOOL(RPC_READ_ONLY);
		row.read_only = &read_only;
	}
	check_rpc_later(fcinfo, handler);

	rt_store_rpc(&row);
	PG_RETURN_VOID();
}

Datum
realtime_topic(PG_FUNCTION_ARGS)
{
	RtTopicRow	row = {0};

	rt_store_begin_topic();
	row.template = checked_template(fcinfo);
	row.topic_class = checked_class(fcinfo);
	row.open = !PG_ARGISNULL(TOPIC_OPEN) && PG_GETARG_BOOL(TOPIC_OPEN);
	if (!PG_ARGISNULL(TOPIC_ACCESS))
	{
		RtCheckedFunction *access = rt_function_check_any(PG_GETARG_OID(TOPIC_ACCESS),
												 "an access function");

		rt_function_check_access(access, row.template);
		row.access = access->signature;
		if (row.open)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a topic cannot be open and have an access function"),
					 errhint("Leave out one of \"open\" and \"access\".")));
	}
	check_replay(fcinfo, row.topic_class);
	row.replay_size = REPLAY_SIZE_DEFAULT;

	check_other_templates(row.template);
	rt_store_topic(&row);
	PG_RETURN_VOID();
}

Datum
realtime_drop(PG_FUNCTION_ARGS)
{
	char	   *path = needed_text(fcinfo, 0, "path");

	PG_RETURN_BOOL(rt_store_drop(path));
}

/* ---- checks of realtime.rpc() ---- */

static char *
checked_path(FunctionCallInfo fcinfo)
{
	char	   *path = needed_text(fcinfo, RPC_PATH, "path");
	size_t		len = strlen(path);

	if (len > RT_PATH_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path is too long"),
				 errdetail("The path has %zu bytes, the most are %d.",
						   len, RT_PATH_MAX)));
	if (!rt_path_is_valid(path, len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path \"%s\" is not valid", path),
				 errdetail("A path is two or more words of letters, digits, \"_\" and \"-\", joined by \"/\"."),
				 errhint("For example: \"chat/send\".")));
	return path;
}

/* Returns their signatures. */
static List *
checked_guards(FunctionCallInfo fcinfo, const RtCheckedFunction *handler)
{
	List	   *signatures = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(RPC_GUARD))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(RPC_GUARD), REGPROCEDUREOID,
					  sizeof(Oid), true, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		RtCheckedFunction *guard;

		if (nulls[i])
			refuse_null("guard");
		guard = rt_function_check_any(DatumGetObjectId(elements[i]), "a guard");
		rt_function_check_guard(guard, handler);
		signatures = lappend(signatures, guard->signature);
	}
	return signatures;
}

/* Options whose behaviour is not there yet: never accepted silently. */
static void
check_rpc_later(FunctionCallInfo fcinfo, const RtCheckedFunction *handler)
{
	checked_interval(fcinfo, RPC_RATE_WINDOW, "rate_window", PG_INT32_MAX);
	checked_interval(fcinfo, RPC_IDEMPOTENCY_TTL, "idempotency_ttl", PG_INT64_MAX);
	checked_interval(fcinfo, RPC_LOCK_WAIT, "lock_wait", PG_INT32_MAX);
	if (!PG_ARGISNULL(RPC_RATE_LIMIT))
	{
		if (PG_GETARG_INT32(RPC_RATE_LIMIT) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rate_limit must be greater than 0"),
					 errhint("Leave it out to have no limit.")));
		refuse_later("rate_limit");
	}
	check_key(fcinfo, RPC_IDEMPOTENCY_KEY, "idempotency_key", handler);
	check_key(fcinfo, RPC_LOCK_KEY, "lock_key", handler);
	if (!PG_ARGISNULL(RPC_LOCK_WAIT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lock_wait needs lock_key"),
				 errdetail("It is how long a call waits for the lock that lock_key names.")));
	if (!PG_ARGISNULL(RPC_CLASS_OF_SERVICE))
		refuse_later("class_of_service");
}

static void
check_key(FunctionCallInfo fcinfo, int number, const char *name,
		  const RtCheckedFunction *handler)
{
	if (PG_ARGISNULL(number))
		return;
	rt_function_check_key(rt_function_check_any(PG_GETARG_OID(number),
											  "a key function"),
						  handler);
	refuse_later(name);
}

/* ---- checks of realtime.topic() ---- */

static char *
checked_template(FunctionCallInfo fcinfo)
{
	char	   *tpl = needed_text(fcinfo, TOPIC_TEMPLATE, "template");
	RtTemplateFault fault = rt_template_check(tpl, strlen(tpl));

	if (fault != RT_TEMPLATE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic template \"%s\" is not valid",
						pnstrdup(tpl, pg_mbcliplen(tpl, strlen(tpl), QUOTED_MAX))),
				 errdetail("The template %s.", rt_template_fault_text(fault)),
				 errhint("For example: \"chat:{room}\".")));
	if (rt_topic_is_system(tpl, strlen(tpl)))
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("topic template \"%s\" is reserved", tpl),
				 errdetail("Topics that begin with \"__\" belong to the server.")));
	return tpl;
}

static char *
checked_class(FunctionCallInfo fcinfo)
{
	char	   *topic_class = needed_text(fcinfo, TOPIC_CLASS, "class");

	if (strcmp(topic_class, "volatile") != 0 &&
		strcmp(topic_class, "ordered") != 0 &&
		strcmp(topic_class, "replay") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic class \"%s\" does not exist", topic_class),
				 errhint("Classes are \"volatile\" and \"ordered\".")));
	return topic_class;
}

static void
check_replay(FunctionCallInfo fcinfo, const char *topic_class)
{
	bool		replay = strcmp(topic_class, "replay") == 0;

	if (PG_ARGISNULL(TOPIC_REPLAY_SIZE))
		refuse_null("replay_size");
	if (PG_GETARG_INT32(TOPIC_REPLAY_SIZE) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size must be greater than 0"),
				 errhint("It is the number of events that are kept.")));
	checked_interval(fcinfo, TOPIC_REPLAY_TTL, "replay_ttl", PG_INT64_MAX);
	if (!replay && (!PG_ARGISNULL(TOPIC_REPLAY_TTL) ||
					PG_GETARG_INT32(TOPIC_REPLAY_SIZE) != REPLAY_SIZE_DEFAULT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("replay_size and replay_ttl need class \"replay\""),
				 errdetail("The class is \"%s\".", topic_class)));
	if (replay)
		refuse_later("class \"replay\"");
}

/*
 * A template that differs from another one only in the names of placeholders
 * would match the same topics, and nobody could tell which of the two counts.
 */
static void
check_other_templates(const char *tpl)
{
	char	   *form = template_form(tpl);
	ListCell   *cell;

	rt_declarations_refresh();
	foreach(cell, rt_declaration_topics())
	{
		const RtTopicDeclaration *other = lfirst(cell);

		if (strcmp(other->template, tpl) != 0 &&
			strcmp(template_form(other->template), form) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("topic template \"%s\" matches the same topics as \"%s\"",
							tpl, other->template),
					 errdetail("They differ in nothing but the names of placeholders."),
					 errhint("Remove the other declaration first: SELECT realtime.drop('%s');",
							 other->template)));
	}
}

/* The template with its placeholders' names left out. */
static char *
template_form(const char *tpl)
{
	RtSpan		names[RT_PLACEHOLDERS_MAX];
	int			count = rt_template_names(tpl, strlen(tpl), names);
	char	   *form = palloc(strlen(tpl) + 1);
	size_t		from = 0;
	size_t		len = 0;

	for (int i = 0; i < count; i++)
	{
		memcpy(form + len, tpl + from, names[i].off - from);
		len += names[i].off - from;
		from = names[i].off + names[i].len;
	}
	strcpy(form + len, tpl + from);
	return form;
}

/* ---- parameters ---- */

static char *
needed_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		refuse_null(name);
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* NULL, or an interval of at least a millisecond. */
static Interval *
checked_interval(FunctionCallInfo fcinfo, int number, const char *name,
				 int64 longest_ms)
{
	Interval   *interval;
	int64		ms;

	if (PG_ARGISNULL(number))
		return NULL;
	interval = PG_GETARG_INTERVAL_P(number);
	if (!rt_interval_ms(interval, &ms) || ms > longest_ms)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", name),
				 errdetail("The longest is %lld days.",
						   (long long) (longest_ms / (24 * 60 * 60 * 1000)))));
	if (ms < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be at least one millisecond", name),
				 errhint("For example: %s => '2 s'.", name)));
	return interval;
}

static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", name)));
}

static void
refuse_later(const char *option)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s is not supported yet", option),
			 errhint("Declare it without this option.")));
}

/* ---- the trigger on both tables ---- */

Datum
realtime_declaration_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"realtime.declaration_changed")));

	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	rt_at_commit_declarations_changed();
	PG_RETURN_POINTER(NULL);
}

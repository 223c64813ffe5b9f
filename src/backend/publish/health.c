/*
 * health.c
 *		realtime.mark_degraded() and realtime.mark_recovered(): how a topic is, or
 *		the server.
 *
 * Of a topic it is told like an event to those who follow it, once the
 * transaction commits, but about it: on the topic "__system:" followed by its
 * name, without a place in its order, without a number, and without a row.
 *
 * How the server is stands in shared memory from the commit on, and gateways tell
 * it everybody.  What a transaction says of it is kept as bits: at the commit
 * nothing may fail, and the last one that is not rolled back counts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "src/backend/publish/health.h"
#include "src/backend/publish/publish.h"
#include "src/backend/txn_stack.h"
#include "src/ipc/service.h"
#include "src/protocol/topic.h"

#define REASON_MAX 1024			/* bytes */
#define MARKS_MAX 64			/* of the server, in a transaction */

static uint64 marks = 0;		/* bits, by when they came: degraded */
static uint64 mark_count = 0;

static void cut(uint64 begin);

static RtTxnStack stack = {.cut = cut};

PG_FUNCTION_INFO_V1(realtime_mark_degraded);
PG_FUNCTION_INFO_V1(realtime_mark_recovered);

/* ---- the server ---- */

static void
cut(uint64 begin)
{
	mark_count = begin;
}

static void
on_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (mark_count > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has said how the server is")));
			break;
		case XACT_EVENT_COMMIT:
			if (mark_count > 0)
				rt_service_mark_degraded((marks >> (mark_count - 1)) & 1);
			mark_count = 0;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			mark_count = 0;
			break;
		default:
			break;
	}
}

void
rt_health_install(void)
{
	RegisterXactCallback(on_transaction, NULL);
	rt_txn_stack_install(&stack);
}

static void
check_may_speak_for_all(void)
{
	Oid			admin = get_role_oid("realtime_admin", true);

	if (superuser() || has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER) ||
		(OidIsValid(admin) && has_privs_of_role(GetUserId(), admin)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to say how the whole server is"),
			 errdetail("That is for members of realtime_admin and the owner of the database."),
			 errhint("Name a topic.")));
}

static void
mark_server(bool degraded)
{
	uint64		bit;

	check_may_speak_for_all();
	if (mark_count == MARKS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transaction can say %d times how the server is", MARKS_MAX)));
	rt_txn_stack_note(&stack, mark_count);
	bit = UINT64CONST(1) << mark_count;
	marks = degraded ? marks | bit : marks & ~bit;
	mark_count++;
}

/* ---- a topic ---- */

/* Unlike others the topics of live queries may be spoken of, though nobody publishes on them. */
static void
check_topic(const char *topic, Size len)
{
	Size		prefix = strlen(RT_QUERY_TOPIC);

	if (len > prefix && memcmp(topic, RT_QUERY_TOPIC, prefix) == 0 &&
		rt_topic_is_valid(topic, len))
		return;
	rt_publish_check_topic(topic, len);
}

static void
tell(FunctionCallInfo fcinfo, const char *name, const char *data)
{
	text	   *topic;
	RtEvent		event = {
		.event = name,.event_len = strlen(name),
		.data = data,.data_len = strlen(data),
		.topic_class = RT_TOPIC_VOLATILE
	};

	topic = PG_GETARG_TEXT_PP(0);
	event.topic = VARDATA_ANY(topic);
	event.topic_len = VARSIZE_ANY_EXHDR(topic);
	check_topic(event.topic, event.topic_len);
	rt_pending_add_about(&event);
}

static char *
write_reason(const char *reason)
{
	StringInfoData data;

	if (strlen(reason) > REASON_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason is longer than %d bytes", REASON_MAX)));
	initStringInfo(&data);
	appendStringInfoString(&data, "{\"reason\":");
	escape_json(&data, reason);
	appendStringInfoChar(&data, '}');
	return data.data;
}

/* ---- functions ---- */

/* Nobody is told why the server is as it is: the reason is for the log. */
static void
log_reason(const char *reason)
{
	ereport(LOG,
			(errmsg("clients are told that the server is degraded, once this commits"),
			 errdetail("%s", reason)));
}

Datum
realtime_mark_degraded(PG_FUNCTION_ARGS)
{
	char	   *reason = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *data = reason == NULL ? "null" : write_reason(reason);

	if (!rt_publish_begin())
		PG_RETURN_VOID();
	if (!PG_ARGISNULL(0))
	{
		tell(fcinfo, "degraded", data);
		PG_RETURN_VOID();
	}
	mark_server(true);
	if (reason != NULL)
		log_reason(reason);
	PG_RETURN_VOID();
}

Datum
realtime_mark_recovered(PG_FUNCTION_ARGS)
{
	if (!rt_publish_begin())
		PG_RETURN_VOID();
	if (PG_ARGISNULL(0))
		mark_server(false);
	else
		tell(fcinfo, "recovered", "null");
	PG_RETURN_VOID();
}

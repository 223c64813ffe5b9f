/*
 * club.c
 *		realtime.group_join() and its like: connections that form groups.
 *
 * Who is in a group is rows, so joining is part of the transaction, and the number
 * of members is one row's, so of those who come at once, at whichever gateways, no
 * more get in than there is room for.  What members are told goes among the
 * transaction's events: on the group's topic, which their gateways subscribe them
 * to, or to one of them.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "src/backend/publish/publish.h"
#include "src/catalog/signature.h"
#include "src/errcodes.h"
#include "src/executor/command.h"
#include "src/executor/club.h"
#include "src/executor/identity.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/score.h"
#include "src/protocol/topic.h"

#define MEMBER_COLUMNS 4
#define DEFAULT_ROLE "member"

PG_FUNCTION_INFO_V1(realtime_group_join);
PG_FUNCTION_INFO_V1(realtime_group_leave);
PG_FUNCTION_INFO_V1(realtime_group_publish);
PG_FUNCTION_INFO_V1(realtime_group_send);
PG_FUNCTION_INFO_V1(realtime_group_close);
PG_FUNCTION_INFO_V1(realtime_group_members);
PG_FUNCTION_INFO_V1(realtime_group_count);
PG_FUNCTION_INFO_V1(realtime_group_has);
PG_FUNCTION_INFO_V1(realtime_group_meta);
PG_FUNCTION_INFO_V1(realtime_group_set_meta);

/* ---- arguments ---- */

static char *
text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static void
check_role(const char *role)
{
	if (strcmp(role, "member") != 0 && strcmp(role, "admin") != 0 &&
		strcmp(role, "viewer") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("role \"%.80s\" does not exist", role),
				 errhint("Roles are member, admin and viewer.")));
}

pg_noreturn static void
refuse_unknown(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("group \"%.80s\" does not exist", name),
			 errhint("Declare it with realtime.group().")));
}

static RtClub *
group_argument(FunctionCallInfo fcinfo)
{
	char	   *name = text_argument(fcinfo, 0, "name");
	RtClub    *group = rt_club_find(name);

	if (group == NULL)
		refuse_unknown(name);
	return group;
}

/* As it is when nobody else changes it. */
static RtClub *
locked_group_argument(FunctionCallInfo fcinfo, int *members)
{
	RtClub    *group = group_argument(fcinfo);
	const char *name = group->name;

	*members = rt_club_lock(name);
	group = rt_club_find(name);
	if (group == NULL)
		refuse_unknown(name);
	return group;
}

/* ---- telling ---- */

static RtText
topic_of(const char *group, char buffer[RT_TOPIC_MAX])
{
	return (RtText) {buffer, snprintf(buffer, RT_TOPIC_MAX, RT_GROUP_PREFIX "%s", group)};
}

static void
publish(const char *group, const char *name, RtText data)
{
	char		buffer[RT_TOPIC_MAX];
	RtText		topic = topic_of(group, buffer);
	RtEvent		event = {
		.topic = topic.ptr,.topic_len = topic.len,.event = name,.event_len = strlen(name),
		.data = data.ptr,.data_len = data.len,.topic_class = RT_TOPIC_ORDERED
	};

	if (rt_publish_begin())
		rt_pending_add(&event);
}

static void
publish_change(const char *group, const char *event, const char *role, int count)
{
	char		data[64];

	publish(group, event, (RtText) {data, snprintf(data, sizeof(data),
												   "{\"role\":\"%s\",\"count\":%d}", role, count)});
}

static RtRecipient
recipient_of(const RtClubMember *member)
{
	return rt_recipient_connection(member->gateway, member->connection, member->serial);
}

static void
send_to(const RtClubMember *member, const char *event, RtText data)
{
	char		buffer[RT_TOPIC_MAX];
	RtRecipient recipient = recipient_of(member);

	if (rt_publish_begin())
		rt_publish_to(&recipient, topic_of(member->group, buffer), RT_TEXT(event), data);
}

RtText
rt_club_roll(const char *group)
{
	char		buffer[RT_TOPIC_MAX];
	StringInfoData list;
	ListCell   *cell;
	RtText		frame;

	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	foreach(cell, rt_club_members(group, NULL))
	{
		const RtClubMember *member = lfirst(cell);

		appendStringInfo(&list, "%s{\"role\":\"%s\"}", list.len > 1 ? "," : "", member->role);
	}
	appendStringInfoChar(&list, ']');
	frame.ptr = rt_publish_event_frame(topic_of(group, buffer), RT_TEXT("members"),
									   (RtText) {list.data, list.len}, &frame.len);
	return frame;
}

/*
 * Its gateway subscribes it to the topic and tells it who is in the group; or no
 * longer, and tells it the last event if it has missed that.
 */
static void
subscribe(const RtClubMember *member, RtCommandVerb verb, RtText frame)
{
	char		buffer[RT_TOPIC_MAX];
	char		id[RT_CONNECTION_ID_SIZE] = {0};
	RtRecipient recipient = recipient_of(member);
	StringInfoData data;

	strlcpy(id, member->connection_id, sizeof(id));
	initStringInfo(&data);
	appendBinaryStringInfo(&data, id, sizeof(id));
	if (frame.len > 0)
		appendBinaryStringInfo(&data, frame.ptr, frame.len);
	rt_command_give_to(&recipient, verb, topic_of(member->group, buffer),
					   (RtText) {data.data, data.len});
}

/* ---- functions of groups ---- */

void
rt_club_call(const char *signature, const char *name, const char *argument)
{
	Oid			function = signature == NULL ? InvalidOid : rt_signature_resolve(signature);
	LOCAL_FCINFO(call, 2);
	FmgrInfo	info;
	AclResult	right;

	if (!OidIsValid(function))
		return;
	right = rt_aclcheck_function(function, GetUserId());
	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_FUNCTION, get_func_name(function));
	fmgr_info(function, &info);
	InitFunctionCallInfoData(*call, &info, Min(info.fn_nargs, 2), DEFAULT_COLLATION_OID, NULL,
							 NULL);
	call->args[0] = (NullableDatum) {CStringGetTextDatum(name), false};
	call->args[1].isnull = argument == NULL;
	call->args[1].value = argument == NULL ? (Datum) 0 : CStringGetTextDatum(argument);
	(void) FunctionCallInvoke(call);
}

/* ---- joining and leaving ---- */

bool
rt_club_leave(const RtClub *group, const RtClubMember *member)
{
	int			before = rt_club_lock(group->name);
	int			count = rt_club_member_remove(group->name, member->connection_id);

	if (count == before)
		return false;
	rt_score(RT_SCORE_GROUP_LEAVES);
	subscribe(member, RT_CLUB_PART, RT_TEXT_NONE);	/* first: he is not told himself */
	publish_change(group->name, "leave", member->role, count);
	return true;
}

static bool
is_there(const RtClubMember *member)
{
	RtClient	client;

	return member->gateway < realtime_gateways &&
		member->connection < rt_clients_end(member->gateway) &&
		rt_client_read(member->gateway, member->connection, &client) &&
		strcmp(client.id, member->connection_id) == 0;
}

/* Whose connection is gone, though nobody has told it; returns how many are left. */
static int
drop_dead(const RtClub *group)
{
	ListCell   *cell;

	foreach(cell, rt_club_members_old(group->name))
	{
		const RtClubMember *member = lfirst(cell);

		if (!is_there(member))
			(void) rt_club_leave(group, member);
	}
	return rt_club_lock(group->name);
}

static RtClubMember
member_of_caller(const char *group, const char *role)
{
	const RtRequest *request = rt_command_connection();
	const RtCaller *caller = rt_caller();

	return (RtClubMember) {
		.group = group,.connection_id = pstrdup(request->asked.connection_id),.role = role,
			.user_id = caller->anonymous ? NULL :
			pnstrdup(caller->session->user_id, caller->session->user_id_len),
			.db_role = caller->session->role,
			.user_data = caller->user_data_len == 0 ? NULL :
			pnstrdup(caller->user_data, caller->user_data_len),
			.gateway = request->owner,.generation = request->owner_generation,
			.connection = request->asked.connection,
			.serial = request->asked.connection_serial
	};
}

static bool
is_full(const RtClub *group, int members)
{
	if (group->max_members == 0 || members < group->max_members)
		return false;
	return drop_dead(group) >= group->max_members;
}

Datum
realtime_group_join(PG_FUNCTION_ARGS)
{
	char	   *role = PG_ARGISNULL(1) ? DEFAULT_ROLE : text_argument(fcinfo, 1, "role");
	RtClubMember member;
	RtClub    *group;
	int			members;

	check_role(role);
	(void) rt_command_connection();
	group = locked_group_argument(fcinfo, &members);
	member = member_of_caller(group->name, role);
	if (group->closed)
	{
		rt_score(RT_SCORE_GROUP_REJECTED);
		PG_RETURN_BOOL(false);
	}
	if (rt_club_member_find(group->name, member.connection_id) != NULL)
		PG_RETURN_BOOL(true);
	if (is_full(group, members))
	{
		rt_score(RT_SCORE_GROUP_REJECTED);
		rt_club_call(group->on_full, group->name, role);
		PG_RETURN_BOOL(false);
	}
	rt_score(RT_SCORE_GROUP_JOINS);
	members = rt_club_member_add(&member);
	publish_change(group->name, "join", role, members);
	subscribe(&member, RT_CLUB_FOLLOW, rt_club_roll(group->name));
	rt_club_call(group->on_join, group->name, role);
	PG_RETURN_BOOL(true);
}

Datum
realtime_group_leave(PG_FUNCTION_ARGS)
{
	const RtRequest *request = rt_command_connection();
	RtClub    *group = group_argument(fcinfo);
	RtClubMember *member = rt_club_member_find(group->name, request->asked.connection_id);

	if (member == NULL || !rt_club_leave(group, member))
		PG_RETURN_BOOL(false);
	rt_club_call(group->on_leave, group->name, member->role);
	PG_RETURN_BOOL(true);
}

/* ---- to members ---- */

/* Event and data, from argument n on. */
static RtText
event_arguments(FunctionCallInfo fcinfo, int n, char **event)
{
	RtText		data;

	*event = text_argument(fcinfo, n, "event");
	rt_publish_check_name(*event, strlen(*event));
	data.ptr = rt_publish_json_text(PG_ARGISNULL(n + 1) ? NULL : PG_GETARG_JSONB_P(n + 1),
									&data.len);
	data.ptr = pnstrdup(data.ptr, data.len);
	return data;
}

Datum
realtime_group_publish(PG_FUNCTION_ARGS)
{
	RtClub    *group = group_argument(fcinfo);
	char	   *event;
	RtText		data = event_arguments(fcinfo, 1, &event);
	char	   *role;
	ListCell   *cell;

	rt_score(RT_SCORE_GROUP_PUBLISHES);
	if (PG_ARGISNULL(3))
	{
		publish(group->name, event, data);
		PG_RETURN_VOID();
	}
	role = text_argument(fcinfo, 3, "role");
	check_role(role);
	foreach(cell, rt_club_members(group->name, role))
		send_to(lfirst(cell), event, data);
	PG_RETURN_VOID();
}

Datum
realtime_group_send(PG_FUNCTION_ARGS)
{
	RtClub    *group = group_argument(fcinfo);
	char	   *id = text_argument(fcinfo, 1, "connection_id");
	char	   *event;
	RtText		data = event_arguments(fcinfo, 2, &event);
	RtClubMember *member = rt_club_member_find(group->name, id);

	if (member == NULL)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_NOT_FOUND)),
				 errmsg("the connection is not in the group")));
	send_to(member, event, data);
	PG_RETURN_VOID();
}

/* ---- the end of a group ---- */

static RtText
close_data(const char *reason)
{
	StringInfoData data;

	initStringInfo(&data);
	if (reason == NULL)
		return RT_TEXT("null");
	appendStringInfoString(&data, "{\"reason\":");
	escape_json(&data, reason);
	appendStringInfoChar(&data, '}');
	return (RtText) {data.data, data.len};
}

static void
dismiss(const char *group, RtText reason)
{
	char		buffer[RT_TOPIC_MAX];
	ListCell   *cell;
	RtText		frame;

	frame.ptr = rt_publish_event_frame(topic_of(group, buffer), RT_TEXT("close"), reason,
									   &frame.len);
	foreach(cell, rt_club_members(group, NULL))
	{
		const RtClubMember *member = lfirst(cell);

		(void) rt_club_member_remove(group, member->connection_id);
		subscribe(member, RT_CLUB_PART, frame);
	}
}

Datum
realtime_group_close(PG_FUNCTION_ARGS)
{
	int			members;
	RtClub    *group = locked_group_argument(fcinfo, &members);
	char	   *reason = PG_ARGISNULL(1) ? NULL : text_argument(fcinfo, 1, "reason");
	RtText		data;

	if (group->closed)
		PG_RETURN_BOOL(false);
	rt_club_close(group->name, reason);
	data = close_data(reason);
	publish(group->name, "close", data);
	dismiss(group->name, data);
	rt_club_call(group->on_close, group->name, reason);
	PG_RETURN_BOOL(true);
}

/* ---- looking ---- */

Datum
realtime_group_members(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RtClub    *group = group_argument(fcinfo);
	AttInMetadata *input;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, 0);
	input = TupleDescGetAttInMetadata(result->setDesc);
	foreach(cell, rt_club_members(group->name, NULL))
	{
		const RtClubMember *member = lfirst(cell);
		char	   *values[MEMBER_COLUMNS] = {
			unconstify(char *, member->connection_id), unconstify(char *, member->user_id),
			unconstify(char *, member->role), unconstify(char *, member->joined_at)
		};

		tuplestore_puttuple(result->setResult, BuildTupleFromCStrings(input, values));
	}
	return (Datum) 0;
}

Datum
realtime_group_count(PG_FUNCTION_ARGS)
{
	RtClub    *group = group_argument(fcinfo);

	PG_RETURN_INT64(rt_club_count(group->name));
}

Datum
realtime_group_has(PG_FUNCTION_ARGS)
{
	RtClub    *group = group_argument(fcinfo);
	const char *id = PG_ARGISNULL(1) ? rt_command_connection()->asked.connection_id :
		text_argument(fcinfo, 1, "connection_id");

	PG_RETURN_BOOL(rt_club_member_find(group->name, id) != NULL);
}

Datum
realtime_group_meta(PG_FUNCTION_ARGS)
{
	char	   *name = text_argument(fcinfo, 0, "name");
	Jsonb	   *meta = rt_club_meta(name);

	if (meta == NULL)
		refuse_unknown(name);
	PG_RETURN_JSONB_P(meta);
}

Datum
realtime_group_set_meta(PG_FUNCTION_ARGS)
{
	char	   *name = text_argument(fcinfo, 0, "name");

	if (!rt_club_set_meta(name, PG_GETARG_JSONB_P(1)))
		refuse_unknown(name);
	PG_RETURN_VOID();
}

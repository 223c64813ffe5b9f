/*
 * club.c
 *		realtime.group(): groups of connections.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/parameter.h"
#include "src/backend/declare/store.h"
#include "src/backend/publish/publish.h"
#include "src/errcodes.h"
#include "src/ipc/presence.h"

/* Positions of parameters, as in src/sql */
enum
{
	GROUP_NAME,
	GROUP_MAX_MEMBERS,
	GROUP_META,
	GROUP_MEMBER_TTL,
	GROUP_ON_JOIN,
	GROUP_ON_LEAVE,
	GROUP_ON_FULL,
	GROUP_ON_CLOSE
};

static const RtFunctionShape member_shape = {
	.purpose = "a function about members of a group",
	.result = VOIDOID,
	.fixed_count = 2,
	.fixed = {TEXTOID, TEXTOID},
	.fixed_may_end = true,
	.takes = gettext_noop("on_join, on_leave and on_full take (name text, role text), or the name alone, and return void.")
};

static const RtFunctionShape close_shape = {
	.purpose = "a function about a closed group",
	.result = VOIDOID,
	.fixed_count = 2,
	.fixed = {TEXTOID, TEXTOID},
	.fixed_may_end = true,
	.takes = gettext_noop("on_close takes (name text, reason text), or the name alone, and returns void.")
};

PG_FUNCTION_INFO_V1(realtime_group);

/* With what stands before it, it is a topic. */
static char *
checked_name(FunctionCallInfo fcinfo)
{
	char	   *name = rt_parameter_text(fcinfo, GROUP_NAME, "name");

	rt_publish_check_topic(name, strlen(name));
	if (strlen(name) > RT_PRESENCE_TOPIC_MAX)
		ereport(ERROR,
				(errcode(rt_code_errcode(RT_CODE_INVALID_TOPIC)),
				 errmsg("name is too long for a group"),
				 errdetail("It has at most %d bytes.", RT_PRESENCE_TOPIC_MAX)));
	return name;
}

/* 0 = any number. */
static int
checked_max_members(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(GROUP_MAX_MEMBERS))
		return 0;
	if (PG_GETARG_INT32(GROUP_MAX_MEMBERS) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_members must be greater than 0"),
				 errhint("NULL is any number.")));
	return PG_GETARG_INT32(GROUP_MAX_MEMBERS);
}

static const char *
checked_function(FunctionCallInfo fcinfo, int n, const RtFunctionShape *shape)
{
	if (PG_ARGISNULL(n))
		return NULL;
	return rt_function_check_as(PG_GETARG_OID(n), shape, NULL);
}

Datum
realtime_group(PG_FUNCTION_ARGS)
{
	RtClubRow	row;

	rt_parameter_lock_functions(fcinfo);
	rt_store_begin_club();
	row.name = checked_name(fcinfo);
	row.max_members = checked_max_members(fcinfo);
	if (PG_ARGISNULL(GROUP_META))
		rt_parameter_refuse_null("meta");
	row.meta = PG_GETARG_DATUM(GROUP_META);
	row.member_ttl = rt_parameter_interval(fcinfo, GROUP_MEMBER_TTL, "member_ttl",
										   PG_INT32_MAX);
	if (row.member_ttl == NULL)
		rt_parameter_refuse_null("member_ttl");
	row.on_join = checked_function(fcinfo, GROUP_ON_JOIN, &member_shape);
	row.on_leave = checked_function(fcinfo, GROUP_ON_LEAVE, &member_shape);
	row.on_full = checked_function(fcinfo, GROUP_ON_FULL, &member_shape);
	row.on_close = checked_function(fcinfo, GROUP_ON_CLOSE, &close_shape);
	rt_store_club(&row);
	PG_RETURN_VOID();
}

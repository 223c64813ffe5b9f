/*
 * identity.c
 *		Whose call it is: role, claims, and what handlers read of them.
 *
 * The caller's role is taken with SECURITY_LOCAL_USERID_CHANGE, under which
 * PostgreSQL refuses SET ROLE, RESET ROLE and SET SESSION AUTHORIZATION, so a
 * handler cannot leave it.  The executor's own role must be a member of it: a
 * token that names a superuser gives nobody a superuser.
 *
 * request.jwt.claims is an ordinary setting of this process.  It is changed
 * only when the caller is another than last time, and outside transactions:
 * then it outlives an abort and costs no work at commit.  What a handler does
 * to it is undone with its other settings (session_reset.c).
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "src/backend/job/enqueue.h"
#include "src/backend/publish/publish.h"
#include "src/executor/identity.h"
#include "src/executor/role_settings.h"
#include "src/compat.h"
#include "src/guc.h"
#include "src/ipc/service.h"

#define CLAIMS_SETTING "request.jwt.claims"
#define CLAIMS_KEPT 256			/* sessions whose claims are remembered */
#define NO_SERIAL PG_UINT64_MAX

/* Claims of a session, at the session's index modulo CLAIMS_KEPT. */
typedef struct Claims
{
	uint64		serial;			/* of the session; NO_SERIAL = unused */
	char	   *text;			/* in claims_context */
} Claims;

/* A role that calls may run as. */
typedef struct Role
{
	NameData	name;			/* hash key */
	Oid			oid;
	uint64		generation;		/* privilege_generation when looked up */
} Role;

static RtCaller caller;			/* request NULL = nobody */
static Oid	executor_role = InvalidOid;
static Oid	caller_role = InvalidOid;	/* as found last */

static char *claims_setting = NULL; /* the setting's variable */
static uint64 claims_set_for = NO_SERIAL;
static Claims claims[CLAIMS_KEPT];
static MemoryContext claims_context = NULL;

static HTAB *roles = NULL;
static uint64 privilege_generation = 1;

/* Settings of the role that was asked for last; generation 0 = none. */
static struct
{
	NameData	role;
	uint64		generation;		/* of settings */
	uint64		privileges;		/* generation of these */
	const RtRoleSettings *found;
} last_settings;

/* What a session was before it lent itself to somebody. */
static struct
{
	RtCaller	caller;
	Oid			user;
	int			context;
	int			guc_level;
} lender;

/* Claims that a session was lent with last. */
static struct
{
	char	   *who;			/* all that they are made of; NULL = none */
	Size		who_len;
	char	   *text;
} lent;

static void
on_privilege_change(Datum arg, int cacheid, uint32 hashvalue)
{
	privilege_generation++;
}

static void
forget_claims(void)
{
	MemoryContextReset(claims_context);
	for (int i = 0; i < CLAIMS_KEPT; i++)
	{
		claims[i].serial = NO_SERIAL;
		claims[i].text = NULL;
	}
	claims_set_for = NO_SERIAL;
}

static void
watch_privileges(void)
{
	static bool watching = false;

	if (watching)
		return;
	watching = true;
	CacheRegisterSyscacheCallback(AUTHOID, on_privilege_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_privilege_change, (Datum) 0);
	/* its owner is a member of pg_database_owner */
	CacheRegisterSyscacheCallback(DATABASEOID, on_privilege_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_privilege_change, (Datum) 0);
	CacheRegisterSyscacheCallback(PARAMETERACLOID, on_privilege_change, (Datum) 0);
}


/* Of jobs that a call enqueues. */
static char *
user_of_jobs(void)
{
	const RtCaller *by = rt_caller();

	return by == NULL || by->anonymous || by->session->user_id_len == 0 ? NULL :
		pnstrdup(by->session->user_id, by->session->user_id_len);
}

void
rt_identity_init(void)
{
	HASHCTL		ctl;

	executor_role = GetUserId();
	rt_publish_set_origin(rt_caller_request);
	rt_job_set_caller(user_of_jobs, rt_caller_request);

	ctl.keysize = sizeof(NameData);
	ctl.entrysize = sizeof(Role);
	roles = hash_create("realtime roles", 16, &ctl, HASH_ELEM | HASH_STRINGS);
	watch_privileges();

	claims_context = AllocSetContextCreate(TopMemoryContext, "realtime claims",
										   ALLOCSET_DEFAULT_SIZES);
	forget_claims();
	DefineCustomStringVariable(CLAIMS_SETTING,
							   "Claims of the user on whose behalf a call runs.",
							   NULL, &claims_setting, "", PGC_USERSET,
							   GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

void
rt_identity_settings_changed(void)
{
	forget_claims();
}

uint64
rt_privilege_generation(void)
{
	return privilege_generation;
}

const RtCaller *
rt_caller(void)
{
	return caller.request != NULL ? &caller : NULL;
}

const char *
rt_caller_role_name(void)
{
	if (caller.session->role[0] != '\0')
		return caller.session->role;
	return caller.anonymous ? realtime_anonymous_role :
		realtime_authenticated_role;
}

/* ---- claims ---- */

static void
push_string_member(JsonbParseState **state, char *key, const char *value)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = key;
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = unconstify(char *, value);
	v.val.string.len = strlen(value);
	pushJsonbValue(state, WJB_VALUE, &v);
}

/* The user data with sub and role as they are in force. */
static char *
compose_claims(void)
{
	const RtSession *session = caller.session;
	JsonbParseState *state = NULL;
	Datum		result;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (!caller.anonymous)
		push_string_member(&state, "sub", session->user_id);
	push_string_member(&state, "role", rt_caller_role_name());
	result = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));

	if (caller.user_data_len > 0)
	{
		char	   *data = pnstrdup(caller.user_data, caller.user_data_len);
		Datum		user_data = DirectFunctionCall1(jsonb_in, CStringGetDatum(data));

		if (JB_ROOT_IS_OBJECT(DatumGetJsonbP(user_data)))
			result = DirectFunctionCall2(jsonb_concat, user_data, result);
	}
	return JsonbToCString(NULL, &DatumGetJsonbP(result)->root, 0);
}

static const char *
claims_of_session(int index)
{
	Claims	   *kept = &claims[index % CLAIMS_KEPT];

	if (kept->serial != caller.session->serial)
	{
		char	   *text = compose_claims();

		kept->serial = NO_SERIAL;
		if (kept->text != NULL)
			pfree(kept->text);
		kept->text = NULL;
		kept->text = MemoryContextStrdup(claims_context, text);
		kept->serial = caller.session->serial;
		pfree(text);
	}
	return kept->text;
}

static void
set_caller(RtRequest *request, const RtSession *session, const char *user_data,
		   uint32 user_data_len)
{
	caller.request = request;
	caller.session = session;
	caller.anonymous = session->user_id_len == 0;
	caller.user_data = user_data;
	caller.user_data_len = user_data_len;
	caller.because_of = NULL;
}

void
rt_identity_set_request(const char *request_id)
{
	caller.because_of = request_id;
}

void
rt_identity_begin(RtRequest *request)
{
	const RtSession *session = rt_session_get(request->asked.session);

	set_caller(request, session,
			   session->user_data_len > 0 ? rt_session_user_data(session) : NULL,
			   session->user_data_len);
	if (session->serial == claims_set_for)
		return;
	claims_set_for = NO_SERIAL;
	SetConfigOption(CLAIMS_SETTING, claims_of_session(request->asked.session),
					PGC_USERSET, PGC_S_SESSION);
	claims_set_for = session->serial;
}


/* ---- role ---- */

bool
rt_identity_is_stale(void)
{
	return get_role_oid(realtime_executor_role, true) != executor_role;
}

bool
rt_identity_has_anonymous(void)
{
	return OidIsValid(get_role_oid(realtime_anonymous_role, true));
}

/*
 * Looks a role up; InvalidOid if there is none, or if executor_role is not what
 * it was.  Membership is asked for explicitly, even of a superuser:
 * executor_role is meant to be nothing but the sum of its memberships.
 */
static Oid
find_role(const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (!OidIsValid(role) || rt_identity_is_stale())
		return InvalidOid;
	if (!rt_member_can_set_role(executor_role, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("executors cannot run calls as role \"%s\"", name),
				 errhint("Make the role that \"realtime.executor_role\" names a member of it that may become it.")));
	return role;
}

static Oid
role_oid(const char *name)
{
	NameData	key;
	Role	   *role;
	uint64		generation = privilege_generation;
	Oid			oid;

	namestrcpy(&key, name);
	role = hash_search(roles, &key, HASH_FIND, NULL);
	if (role != NULL && role->generation == generation)
		return role->oid;

	/* a change that arrives while we look makes the entry void at once */
	oid = find_role(NameStr(key));
	if (!OidIsValid(oid))
		return InvalidOid;
	role = hash_search(roles, &key, HASH_ENTER, NULL);
	role->oid = oid;
	role->generation = generation;
	return oid;
}

bool
rt_identity_may_become(const char *role)
{
	Oid			oid = get_role_oid(role, true);

	return OidIsValid(oid) && rt_member_can_set_role(executor_role, oid);
}

bool
rt_identity_find(void)
{
	caller_role = role_oid(rt_caller_role_name());
	return OidIsValid(caller_role);
}

bool
rt_identity_find_owner(Oid owner)
{
	caller_role = owner;
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(owner)) &&
		!rt_identity_is_stale();
}

/* Most calls are of the same role as the one before. */
const RtRoleSettings *
rt_identity_settings(void)
{
	const char *name = rt_caller_role_name();
	uint64		generation = rt_settings_generation();
	uint64		privileges = privilege_generation;
	Oid			role;

	if (last_settings.generation == generation &&
		last_settings.privileges == privileges &&
		strcmp(NameStr(last_settings.role), name) == 0)
		return last_settings.found;

	last_settings.generation = 0;
	role = get_role_oid(name, true);
	last_settings.found = OidIsValid(role) ? rt_role_settings_get(role) : NULL;
	namestrcpy(&last_settings.role, name);
	last_settings.privileges = privileges;
	last_settings.generation = generation;
	return last_settings.found;
}

void
rt_identity_assume(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(caller_role, context | SECURITY_LOCAL_USERID_CHANGE);
}

void
rt_identity_end(void)
{
	SetUserIdAndSecContext(executor_role, 0);
	memset(&caller, 0, sizeof(caller));
}

/* ---- who is in no table ---- */

static Oid
role_to_borrow(void)
{
	Oid			role = get_role_oid(rt_caller_role_name(), false);

	if (!superuser() && !rt_member_can_set_role(GetUserId(), role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to become role \"%s\"",
						rt_caller_role_name()),
				 errhint("Be a member of the role that may SET ROLE to it.")));
	return role;
}

static void
remember_claims(const StringInfoData *who)
{
	char	   *text = compose_claims();

	if (lent.who != NULL)
	{
		pfree(lent.who);
		pfree(lent.text);
	}
	lent.who = NULL;
	lent.text = MemoryContextStrdup(TopMemoryContext, text);
	lent.who = MemoryContextAlloc(TopMemoryContext, who->len);
	lent.who_len = who->len;
	memcpy(lent.who, who->data, who->len);
	pfree(text);
}

/* Runs of live queries are of the same few callers again and again. */
static const char *
claims_to_lend(void)
{
	StringInfoData who;

	initStringInfo(&who);
	appendStringInfoString(&who, caller.session->user_id);
	appendStringInfoChar(&who, '\0');
	appendStringInfoString(&who, rt_caller_role_name());
	appendStringInfoChar(&who, '\0');
	if (caller.user_data_len > 0)
		appendBinaryStringInfo(&who, caller.user_data, caller.user_data_len);
	if (lent.who == NULL || lent.who_len != (Size) who.len ||
		memcmp(lent.who, who.data, who.len) != 0)
		remember_claims(&who);
	pfree(who.data);
	return lent.text;
}

/* Jobs of one queue are of the same caller, one after the other. */
void
rt_identity_begin_as(RtRequest *request, const RtSession *session,
					 const char *user_data)
{
	const char *text;

	set_caller(request, session, user_data, strlen(user_data));
	text = claims_to_lend();
	claims_set_for = NO_SERIAL;
	if (strcmp(claims_setting, text) != 0)
		SetConfigOption(CLAIMS_SETTING, text, PGC_USERSET, PGC_S_SESSION);
}

void
rt_identity_borrow(RtRequest *request, const RtSession *session,
				   const char *user_data, uint32 user_data_len)
{
	Oid			role;

	watch_privileges();
	lender.caller = caller;
	set_caller(request, session, user_data, user_data_len);
	role = role_to_borrow();
	GetUserIdAndSecContext(&lender.user, &lender.context);
	lender.guc_level = NewGUCNestLevel();
	rt_role_settings_apply(rt_role_settings_get(role));
	(void) set_config_option(CLAIMS_SETTING, claims_to_lend(), PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(role, lender.context | SECURITY_LOCAL_USERID_CHANGE);
}

void
rt_identity_forget(void)
{
	caller = lender.caller;
	memset(&lender.caller, 0, sizeof(lender.caller));
}

void
rt_identity_give_back(void)
{
	SetUserIdAndSecContext(lender.user, lender.context);
	AtEOXact_GUC(false, lender.guc_level);
	rt_identity_forget();
}

/* ---- for logs ---- */

/* Of the connection: as a proxy calls the request that has opened it, or its own. */
static char *
opening_id(RtRequest *request)
{
	if (request->asked.trace.len == 0)
		return pstrdup(request->asked.connection_id);
	return pnstrdup(rt_shared_text_get(&request->text) + request->asked.trace.off,
					request->asked.trace.len);
}

char *
rt_caller_request_id(void)
{
	RtRequest  *request = caller.request;
	const char *text;

	if (request == NULL)
		return pstrdup("");
	if (caller.because_of != NULL)
		return pstrdup(caller.because_of);
	if (request->asked.connection_id[0] == '\0')
		return pstrdup("of the scheduler");
	if ((request->asked.kind != RT_REQUEST_CALL &&
		 request->asked.kind != RT_REQUEST_STREAM &&
		 request->asked.kind != RT_REQUEST_UPLOAD) ||
		request->asked.id.len <= 2)
		return opening_id(request);

	/* the id is a JSON string: what stands between its quotes will do */
	text = rt_shared_text_get(&request->text);
	return psprintf("%s/%.*s", opening_id(request),
					(int) request->asked.id.len - 2,
					text + request->asked.id.off + 1);
}

char *
rt_caller_request(void)
{
	return caller.request == NULL ||
		(caller.because_of == NULL && caller.request->asked.connection_id[0] == '\0') ?
		NULL : rt_caller_request_id();
}

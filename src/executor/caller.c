/*
 * caller.c
 *		What a handler may ask about its caller, and how it raises.
 *
 * SQL functions; outside of a call, in any session, they return NULL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

#include "src/errcodes.h"
#include "src/executor/errors.h"
#include "src/executor/function/admission.h"
#include "src/executor/identity.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/request.h"

PG_FUNCTION_INFO_V1(realtime_user_id);
PG_FUNCTION_INFO_V1(realtime_user_data);
PG_FUNCTION_INFO_V1(realtime_connection_id);
PG_FUNCTION_INFO_V1(realtime_remote_address);
PG_FUNCTION_INFO_V1(realtime_request_id);
PG_FUNCTION_INFO_V1(realtime_cursor);
PG_FUNCTION_INFO_V1(realtime_shed);
PG_FUNCTION_INFO_V1(realtime_access_pg_role);
PG_FUNCTION_INFO_V1(realtime_raise);

Datum
realtime_user_id(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();

	if (caller == NULL || caller->anonymous)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(caller->session->user_id,
											  caller->session->user_id_len));
}

Datum
realtime_user_data(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();
	char	   *text;

	if (caller == NULL || caller->user_data_len == 0)
		PG_RETURN_NULL();
	text = pnstrdup(caller->user_data, caller->user_data_len);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

Datum
realtime_connection_id(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();

	if (caller == NULL || caller->request->asked.connection_id[0] == '\0')
		PG_RETURN_NULL();
	caller->request->answer_alike = false;	/* for nobody else */
	PG_RETURN_TEXT_P(cstring_to_text(caller->request->asked.connection_id));
}

/* Of a connection; one that is gone meanwhile has none any more. */
static char *
address_of_connection(const RtRequest *request)
{
	RtClient	client;

	if (request->asked.connection_serial == 0 ||
		!rt_client_read(request->owner, request->asked.connection, &client) ||
		client.serial != request->asked.connection_serial ||
		client.address[0] == '\0')
		return NULL;
	return pstrdup(client.address);
}

/* Of who loads a value for a page: it comes with the request. */
static char *
address_of_load(RtRequest *request)
{
	return pnstrdup(rt_shared_text_get(&request->text) + request->asked.idempotency_key.off,
					request->asked.idempotency_key.len);
}

Datum
realtime_remote_address(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();
	char	   *address;

	if (caller == NULL || caller->request->owner == RT_OWNER_SCHEDULER)
		PG_RETURN_NULL();
	caller->request->answer_alike = false;	/* for nobody else */
	address = caller->request->asked.kind == RT_REQUEST_LOAD ||
		caller->request->asked.kind == RT_REQUEST_WEBHOOK ?
		address_of_load(caller->request) : address_of_connection(caller->request);
	if (address == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall1(inet_in, CStringGetDatum(address)));
}

Datum
realtime_request_id(PG_FUNCTION_ARGS)
{
	char	   *id = rt_caller_request();

	if (id == NULL)
		PG_RETURN_NULL();
	rt_caller()->request->answer_alike = false;
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

Datum
realtime_cursor(PG_FUNCTION_ARGS)
{
	const RtCaller *caller = rt_caller();
	RtRequest  *request;
	char	   *text;

	if (caller == NULL || caller->request->asked.cursor.len == 0)
		PG_RETURN_NULL();
	request = caller->request;
	text = pnstrdup(rt_shared_text_get(&request->text) + request->asked.cursor.off,
					request->asked.cursor.len);
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

Datum
realtime_shed(PG_FUNCTION_ARGS)
{
	if (rt_caller() == NULL || PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(rt_class_gives_way(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}

/* Whoever runs what asks: current_user is a definer in what is SECURITY DEFINER. */
static Oid
role_of_caller(void)
{
	return rt_caller() == NULL ? GetSessionUserId() :
		get_role_oid(rt_caller_role_name(), false);
}

Datum
realtime_access_pg_role(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);

	PG_RETURN_BOOL(has_privs_of_role(role_of_caller(), role));
}

static void
check_code(const char *code)
{
	if (!rt_code_text_is_valid(code))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid error code \"%.80s\"", code),
				 errdetail("A code is made of 1 to %d characters A to Z, 0 to 9 and _.",
						   RT_CODE_TEXT_MAX)));
}

static char *
issues_text(Jsonb *issues)
{
	if (!JB_ROOT_IS_ARRAY(issues) || JB_ROOT_IS_SCALAR(issues))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("issues must be a JSON array")));
	return JsonbToCString(NULL, &issues->root, VARSIZE(issues));
}

/*
 * The code travels in the error's constraint name and the issues in its type
 * name: fields of an error that any client shows and nothing interprets.
 */
Datum
realtime_raise(PG_FUNCTION_ARGS)
{
	char	   *code_text;
	char	   *message = NULL;
	char	   *issues = NULL;
	RtCode		code;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("error code must not be null")));
	code_text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_code(code_text);
	code = rt_code_from_wire(code_text);

	if (!PG_ARGISNULL(1))
		message = text_to_cstring(PG_GETARG_TEXT_PP(1));
	else
		message = unconstify(char *, code == RT_CODE_CUSTOM ? code_text :
							 rt_code_message(code));
	if (!PG_ARGISNULL(2))
		issues = issues_text(PG_GETARG_JSONB_P(2));

	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 errmsg_internal("%s", message),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, code_text),
			 issues != NULL ?
			 err_generic_string(PG_DIAG_DATATYPE_NAME, issues) : 0));
	PG_RETURN_VOID();
}

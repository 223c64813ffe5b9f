/*
 * opening.c
 *		Runs the open and the close hook.
 *
 * What is to be told of a connection's end is a row, made in the transaction of
 * the open hook and deleted in that of the close hook.  Whoever comes to tell,
 * and however often, only who deletes the row runs the function.  A connection
 * whose gateway has gone, with or without the server, is found by its row.
 *
 * A close hook that fails is not run again: its row goes without it.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/opened_connection.h"
#include "src/errcodes.h"
#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/reply.h"
#include "src/executor/request/club_end.h"
#include "src/executor/request/opening.h"

#define LOST_MAX 64				/* told of in one request */
#define LOST_MS 200				/* and for so long */

typedef struct OpenWork
{
	RtWork		work;			/* first */
	RtFunction *function;		/* NULL = none */
	bool		closes;			/* its end is to be told */
} OpenWork;

typedef struct CloseWork
{
	RtWork		work;			/* first */
	RtFunction *function;		/* NULL = none */
} CloseWork;

typedef struct LostWork
{
	RtWork		work;			/* first */
	List	   *lost;
} LostWork;

static void
call_hook(RtFunction *function, StringInfo connection)
{
	RtArguments arguments = {.count = 1};

	arguments.values[0] = (NullableDatum) {rt_hook_told(connection), false};
	(void) rt_function_invoke(function, &arguments);
}

static char *
user_id_of_caller(void)
{
	const RtCaller *caller = rt_caller();

	return caller->anonymous ? NULL :
		pnstrdup(caller->session->user_id, caller->session->user_id_len);
}

/* As src/sql says. */
static void
describe(StringInfo connection, const RtRequest *request, const char *address)
{
	initStringInfo(connection);
	rt_hook_tell(connection, "id", request->asked.connection_id);
	rt_hook_tell(connection, "user_id", user_id_of_caller());
	rt_hook_tell(connection, "role", rt_caller_role_name());
	rt_hook_tell(connection, "remote_address", address);
}

/* ---- open ---- */

/* The address of a login is its path. */
static char *
address_of(RtRequest *request)
{
	return request->asked.path.len > 0 ? rt_work_path(request) : NULL;
}

static void
fill_row(RtOpenedConnection *row, RtRequest *request)
{
	const RtCaller *caller = rt_caller();

	row->id = request->asked.connection_id;
	row->gateway = request->owner;
	row->generation = request->owner_generation;
	row->user_id = user_id_of_caller();
	row->role = caller->session->role;
	row->user_data = caller->user_data_len == 0 ? NULL :
		pnstrdup(caller->user_data, caller->user_data_len);
	row->remote_address = address_of(request);
}

static bool
prepare_open(RtWork *work)
{
	OpenWork   *open = (OpenWork *) work;

	if (!rt_work_refresh_declarations(work))
		return false;
	open->function = rt_hook_find(RT_HOOK_OPEN, work);
	open->closes = rt_declaration_hook(RT_HOOK_CLOSE).declared;
	return open->function != NULL || open->closes;
}

static void
run_open(RtWork *work)
{
	OpenWork   *open = (OpenWork *) work;
	RtOpenedConnection row;
	StringInfoData connection;

	work->stage = RT_STAGE_HANDLER;
	if (open->closes)
	{
		fill_row(&row, work->request);
		rt_opened_connection_add(&row);
	}
	if (open->function == NULL)
		return;
	describe(&connection, work->request, address_of(work->request));
	call_hook(open->function, &connection);
}

/* The request as if who has logged in had sent it. */
static RtRequest *
request_of_session(const RtRequest *request)
{
	RtRequest  *copy = rt_work_copy_request(request);

	copy->asked.session = request->answer_session;
	return copy;
}

static void run_close_of(CloseWork *close, RtRequest *request,
						 const RtSession *session, const char *user_data);

/* Its gateway has gone meanwhile, and the next one has looked already, perhaps. */
static void
close_orphan(RtRequest *request, RtWorkResult *result)
{
	CloseWork	close;

	request->asked.since = RT_SINCE_NONE;
	run_close_of(&close, request, NULL, NULL);
	rt_work_add_result(result, &close.work);
}

bool
rt_open_run(RtRequest *request, RtFault *fault, RtWorkResult *result)
{
	OpenWork	open;
	bool		opened;

	memset(fault, 0, sizeof(*fault));
	if (!rt_declaration_hook(RT_HOOK_OPEN).declared &&
		!rt_declaration_hook(RT_HOOK_CLOSE).declared)
		return false;
	memset(&open, 0, sizeof(open));
	rt_work_begin(&open.work, request_of_session(request), "open", prepare_open, run_open);
	rt_work_run(&open.work);
	rt_hook_note_run(open.function, &open.work);
	rt_work_add_result(result, &open.work);
	*fault = open.work.fault;
	opened = open.closes && open.work.fault.code == NULL;
	if (opened && !rt_request_is_wanted(request) && !result->session_is_spoiled)
		close_orphan(open.work.request, result);
	return opened;
}

/* ---- another identity ---- */

static bool
prepare_row(RtWork *work)
{
	return rt_work_refresh_declarations(work);
}

static void
run_change(RtWork *work)
{
	RtOpenedConnection row;

	fill_row(&row, work->request);
	rt_opened_connection_change(&row);
}

void
rt_open_note_change(RtRequest *request, RtWorkResult *result)
{
	RtWork		work;

	if (!rt_declaration_hook(RT_HOOK_CLOSE).declared)
		return;
	rt_work_begin(&work, request_of_session(request), "log in", prepare_row, run_change);
	rt_work_run(&work);
	rt_work_add_result(result, &work);
}

/* ---- close ---- */

/* One that cannot be become any more is nobody's fault but the one who drops roles. */
static void
check_role(void)
{
	if (rt_caller()->session->role[0] != '\0' &&
		!rt_identity_may_become(rt_caller_role_name()))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the role of a connection that has ended is not there any more"),
				 errdetail("Nobody can become role \"%s\".", rt_caller_role_name())));
}

static bool
prepare_close(RtWork *work)
{
	CloseWork  *close = (CloseWork *) work;

	close->function = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	check_role();
	close->function = rt_hook_find(RT_HOOK_CLOSE, work);
	return true;
}

static void
tell_code(StringInfo connection, const RtRequest *request)
{
	char		code[12];

	snprintf(code, sizeof(code), "%d", (int) request->asked.since);
	rt_hook_tell_json(connection, "code",
					  request->asked.since == RT_SINCE_NONE ? "null" : code);
}

static void
run_close(RtWork *work)
{
	CloseWork  *close = (CloseWork *) work;
	StringInfoData connection;
	char	   *since;
	char	   *address;

	work->stage = RT_STAGE_HANDLER;
	if (!rt_opened_connection_take(work->request->asked.connection_id, &since, &address) ||
		close->function == NULL)
		return;
	describe(&connection, work->request, address);
	rt_hook_tell_json(&connection, "since", since);
	tell_code(&connection, work->request);
	call_hook(close->function, &connection);
}

static void
run_remove(RtWork *work)
{
	char	   *since;
	char	   *address;

	(void) rt_opened_connection_take(work->request->asked.connection_id, &since, &address);
}

/* Nobody is there who could be told, now; later, perhaps. */
static bool
has_no_service(const RtWork *work)
{
	return work->unavailable ||
		(work->fault.code != NULL &&
		 strcmp(work->fault.code, rt_code_wire(RT_CODE_SERVICE_UNAVAILABLE)) == 0);
}

static void
remove_row(CloseWork *close, RtRequest *request)
{
	RtWork		work;

	rt_work_begin(&work, rt_work_copy_request(request), "close", prepare_row, run_remove);
	work.as_executor = true;
	rt_work_run(&work);
	close->work.session_is_spoiled |= work.session_is_spoiled;
	close->work.durability = rt_durability_sum(close->work.durability, work.durability);
}

/* session NULL: that of the request. */
static void
run_close_of(CloseWork *close, RtRequest *request, const RtSession *session,
			 const char *user_data)
{
	memset(close, 0, sizeof(*close));
	rt_work_begin(&close->work, rt_work_copy_request(request), "close", prepare_close,
				  run_close);
	close->work.session = session;
	close->work.user_data = user_data;
	rt_work_run(&close->work);
	rt_hook_note_run(close->function, &close->work);
	if (close->work.fault.code != NULL && !has_no_service(&close->work) &&
		!close->work.session_is_spoiled)
		remove_row(close, request);
}

/* ---- those that nobody holds any more ---- */

static void
run_lost(RtWork *work)
{
	LostWork   *lost = (LostWork *) work;

	lost->lost = rt_opened_connections_lost(work->request->owner,
											work->request->owner_generation, LOST_MAX);
}

static void
fill_session(RtSession *session, const RtOpenedConnection *row)
{
	memset(session, 0, sizeof(*session));
	if (row->user_id != NULL)
		session->user_id_len = strlcpy(session->user_id, row->user_id,
									   sizeof(session->user_id));
	strlcpy(session->role, row->role, sizeof(session->role));
}

/* Returns false if nobody can be told now. */
static bool
close_lost(RtRequest *request, const RtOpenedConnection *row, RtWorkResult *result)
{
	RtRequest  *copy = rt_work_copy_request(request);
	RtSession	session;
	CloseWork	close;

	strlcpy(copy->asked.connection_id, row->id, sizeof(copy->asked.connection_id));
	fill_session(&session, row);
	run_close_of(&close, copy, &session, row->user_data != NULL ? row->user_data : "");
	rt_work_add_result(result, &close.work);
	return !has_no_service(&close.work) && !result->session_is_spoiled;
}

/* Some of them: others wait for an executor, too. */
static void
close_some_lost(RtRequest *request, List *lost, RtWorkResult *result)
{
	TimestampTz end = GetCurrentTimestamp() + LOST_MS * INT64CONST(1000);
	ListCell   *cell;

	request->answer_status = list_length(lost) == LOST_MAX;
	foreach(cell, lost)
	{
		if (!close_lost(request, lfirst(cell), result) || GetCurrentTimestamp() >= end)
		{
			request->answer_status = 1;
			return;
		}
	}
}

static RtWorkResult
close_all_lost(RtRequest *request)
{
	LostWork	lost;
	RtWorkResult result;

	memset(&lost, 0, sizeof(lost));
	rt_work_begin(&lost.work, request, "close", prepare_row, run_lost);
	lost.work.as_executor = true;
	rt_work_run(&lost.work);
	result = rt_work_result(&lost.work);
	if (lost.work.fault.code == NULL)
		close_some_lost(request, lost.lost, &result);
	else
		rt_reply_unavailable(request);
	if (!result.session_is_spoiled && !rt_club_end_lost(request, &result))
		request->answer_status = 1;
	return result;
}

RtWorkResult
rt_close_run(RtRequest *request)
{
	RtWorkResult result = {0};
	CloseWork	close;

	if (request->asked.connection_id[0] == '\0')
		return close_all_lost(request);
	if (request->asked.subject != 0 && !rt_club_end(request, &result))
	{
		rt_reply_unavailable(request);
		return result;
	}
	run_close_of(&close, request, NULL, NULL);
	if (has_no_service(&close.work) || close.work.session_is_spoiled)
		rt_reply_unavailable(request);
	rt_work_add_result(&result, &close.work);
	return result;
}

/*
 * load.c
 *		What a client would get, for a session of its own: realtime.load() and
 *		realtime.call().
 *
 * SQL functions.  They run in the session's transaction, as the role and with
 * the claims that the client would have, through guards, gate and access like
 * any request; but errors are the session's, and so are time-outs and commit.
 *
 * What is known of a function may be made anew when it is looked up, so two of
 * these must not be under way in one process, nor one of them within a call.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "src/attempt.h"
#include "src/catalog/declaration_table.h"
#include "src/errcodes.h"
#include "src/executor/context.h"
#include "src/executor/function/arguments.h"
#include "src/executor/identity.h"
#include "src/executor/request/call.h"
#include "src/executor/request/load.h"
#include "src/executor/request/stream.h"
#include "src/executor/user_data.h"
#include "src/protocol/frame.h"

PG_FUNCTION_INFO_V1(realtime_load);
PG_FUNCTION_INFO_V1(realtime_call);
PG_FUNCTION_INFO_V1(realtime_test_call_binary);

/* What was going on when the last visit failed. */
static RtErrorScene last_scene;

/* A question that nobody has sent. */
typedef struct Visit
{
	RtRequest	request;
	RtSession	session;
	RtText		user_data;
	char	   *path;
	char	   *text;			/* path and arguments, as asked.* say */
} Visit;

/* ---- who asks for what ---- */

static void
set_user_id(RtSession *session, Jsonb *user_data)
{
	char	   *id = rt_user_data_id(user_data);

	if (strlen(id) > RT_USER_ID_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("user id is longer than %d bytes", RT_USER_ID_MAX)));
	strcpy(session->user_id, id);
	session->user_id_len = strlen(id);
}

static void
set_role(RtSession *session, Jsonb *user_data)
{
	char	   *role = rt_user_data_role(user_data);

	if (role == NULL)
		return;
	if (strlen(role) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("role of user data is longer than %d bytes", NAMEDATALEN - 1)));
	strcpy(session->role, role);
}

static void
set_user(Visit *visit, Jsonb *user_data)
{
	char	   *text;

	if (!JB_ROOT_IS_OBJECT(user_data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("user data must be a JSON object")));
	set_user_id(&visit->session, user_data);
	set_role(&visit->session, user_data);
	text = JsonbToCString(NULL, &user_data->root, VARSIZE(user_data));
	visit->user_data = RT_TEXT(text);
}

static void
set_question(Visit *visit, Jsonb *args)
{
	RtQuestion *asked = &visit->request.asked;
	char	   *json = rt_arguments_text(args);

	visit->text = psprintf("%s%s", visit->path, json);
	asked->kind = RT_REQUEST_CALL;
	asked->session = RT_SESSION_NONE;
	asked->path = (RtRequestSpan) {0, strlen(visit->path)};
	asked->args = (RtRequestSpan) {asked->path.len, strlen(json)};
	asked->since = RT_SINCE_NONE;
	asked->limit = RT_FRAME_PAYLOAD_MAX;
}

/* A client would have sent it behind the call's header. */
static void
add_payload(Visit *visit, bytea *bytes)
{
	RtQuestion *asked = &visit->request.asked;
	Size		text_len = strlen(visit->text);
	Size		len = VARSIZE_ANY_EXHDR(bytes);
	char	   *text = palloc(text_len + len);

	memcpy(text, visit->text, text_len);
	memcpy(text + text_len, VARDATA_ANY(bytes), len);
	asked->binary = true;
	asked->payload = (RtRequestSpan) {text_len, len};
	visit->text = text;
}

static Visit *
make_visit(FunctionCallInfo fcinfo)
{
	Visit	   *visit = palloc0(sizeof(Visit));

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path and arguments must not be null")));
	if (rt_caller() != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot load or call within a realtime call"),
				 errhint("Call the function itself.")));
	visit->path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	set_question(visit, PG_GETARG_JSONB_P(1));
	if (!PG_ARGISNULL(2))
		set_user(visit, PG_GETARG_JSONB_P(2));
	rt_functions_init();
	rt_context_clear();
	last_scene = (RtErrorScene) {.stage = RT_STAGE_PREPARE,.anonymous = PG_ARGISNULL(2)};
	return visit;
}

/* ---- around it ---- */

static void
describe(void *arg)
{
	RtWork	   *work = arg;

	if (work->parameter != NULL)
		errcontext("argument \"%s\" of \"%s\"", work->parameter, work->activity);
	else
		errcontext("realtime path \"%s\"", work->activity);
}

static void
init_work(RtWork *work, RtGuarded *guarded, Visit *visit)
{
	work->request = &visit->request;
	work->activity = visit->path;
	guarded->work = work;
	guarded->text = visit->text;
}

const RtErrorScene *
rt_visit_last_scene(void)
{
	return &last_scene;
}

static void
note_scene(const RtWork *work)
{
	last_scene.stage = work->stage;
	last_scene.parameter = work->parameter;
	last_scene.anonymous = rt_caller() == NULL || rt_caller()->anonymous;
}

/* Why there is nothing to run. */
pg_noreturn static void
raise_fault(const RtWork *work)
{
	RtCode		code = rt_code_from_wire(work->fault.code);

	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 code == RT_CODE_NOT_FOUND ?
			 errmsg("path \"%s\" is not declared", work->activity) :
			 errmsg_internal("%s", work->fault.message)));
}

typedef Datum (*Visitor) (RtWork *work);

/*
 * Runs something as the caller that the visit names.  What reads only is kept
 * from writing.  The visitor has an active snapshot that it may replace.
 */
static Datum
run_as_visitor(Visit *visit, RtWork *work, Visitor run)
{
	bool		read_only = XactReadOnly;
	Datum		result;

	rt_identity_borrow(&visit->request, &visit->session, visit->user_data.ptr,
					   visit->user_data.len);
	XactReadOnly = read_only || work->read_only;
	PushActiveSnapshot(GetTransactionSnapshot());
	result = run(work);
	PopActiveSnapshot();
	XactReadOnly = read_only;
	rt_identity_give_back();
	return result;
}

static Datum
visit_safely(Visit *visit, RtWork *work, Visitor run, void (*failed) (RtWork *work))
{
	ErrorContextCallback callback;
	Datum		result = (Datum) 0;

	callback.callback = describe;
	callback.arg = work;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	PG_TRY();
	{
		result = run_as_visitor(visit, work, run);
	}
	PG_CATCH();
	{
		note_scene(work);
		rt_identity_forget();
		failed(work);
		PG_RE_THROW();
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	return result;
}

static Datum
without(Datum object, const char *member)
{
	return DirectFunctionCall2(jsonb_delete, object, CStringGetTextDatum(member));
}

/* What is sent to clients, but for what makes it the reply to a request. */
static Datum
inner_of_reply(const RtStreamReply *reply)
{
	size_t		cap = rt_payload_stream_length(reply) + 16;
	char	   *payload = palloc(cap + 1);
	size_t		len = rt_payload_stream(payload, cap, RT_TEXT("\"\""), reply);
	Jsonb	   *envelope;
	Datum		inner;

	Assert(len > 0);
	payload[len] = '\0';
	envelope = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(payload)));
	inner = JsonbPGetDatum(JsonbValueToJsonb(rt_jsonb_member(envelope, "data")));
	return without(without(inner, "ok"), "id");
}

/* ---- streams ---- */

/* Guards may have written: what is loaded sees that, and writes nothing. */
static void
begin_load(RtStreamWork *stream)
{
	CommandCounterIncrement();
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	XactReadOnly = true;
	if (stream->declaration->query != NULL)
		rt_context_clear();
	stream->work.stage = RT_STAGE_HANDLER;
}

/* As an executor would tell it; the session's own error stays as it is. */
static void
observe(RtStreamWork *stream, const ErrorData *error)
{
	RtErrorScene scene = {
		.stage = stream->work.stage,
		.parameter = stream->work.parameter,
		.anonymous = rt_caller()->anonymous
	};
	RtFault		fault;

	(void) rt_fault_from_error(&fault, error, &scene);
	rt_stream_observe_here(stream, &fault);
}

typedef struct Load
{
	RtStreamWork *stream;
	void		(*load) (RtStreamWork *stream);
} Load;

static void
run_load(void *arg)
{
	Load	   *load = arg;

	load->load(load->stream);
}

/*
 * In a subtransaction, so that on_error can be run if it fails.  What that does
 * goes with the session's transaction, unless the error is caught.
 */
static void
load_observed(Load *load, bool read_only)
{
	ErrorData  *error = rt_attempt(run_load, load);

	if (error == NULL)
		return;
	XactReadOnly = read_only;
	observe(load->stream, error);
	ReThrowError(error);
}

static void
load(RtStreamWork *stream, void (*load_value) (RtStreamWork *stream))
{
	Load		load = {stream, load_value};
	bool		read_only = XactReadOnly;

	if (!rt_stream_admit(stream))
		return;
	begin_load(stream);
	if (stream->observed)
		load_observed(&load, read_only);
	else
		load_value(stream);
}

static Datum
load_stream(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;

	load(stream, rt_stream_resume);
	rt_breaker_end(&stream->breaker, &work->fault);
	return inner_of_reply(&stream->reply);
}

static void
load_if_allowed(RtStreamWork *stream)
{
	if (rt_stream_may_load(stream))
		rt_stream_load(stream);
}

/* What who calls a stream's path gets: its value alone. */
static Datum
call_stream(RtWork *work)
{
	RtStreamWork *stream = (RtStreamWork *) work;
	RtStreamReply value;

	load(stream, load_if_allowed);
	rt_breaker_end(&stream->breaker, &work->fault);
	memset(&value, 0, sizeof(value));
	value.seq = -1;
	value.data_json = stream->reply.data_json;
	return DirectFunctionCall2(jsonb_object_field,
							   inner_of_reply(&value),
							   CStringGetTextDatum("data"));
}

static void
stream_failed(RtWork *work)
{
	rt_breaker_end(&((RtStreamWork *) work)->breaker, NULL);
	rt_stream_failed((RtStreamWork *) work);
}

static Datum
visit_stream(Visit *visit, Visitor run)
{
	RtStreamWork *stream = palloc0(sizeof(RtStreamWork));

	init_work(&stream->work, &stream->guarded, visit);
	stream->subscribes = true;
	if (!rt_stream_find(stream))
		raise_fault(&stream->work);
	return visit_safely(visit, &stream->work, run, stream_failed);
}

Datum
realtime_load(PG_FUNCTION_ARGS)
{
	return visit_stream(make_visit(fcinfo), load_stream);
}

/* ---- calls ---- */

static Datum
call_handler(RtWork *work)
{
	RtCallWork *call = (RtCallWork *) work;
	StringInfoData result;

	initStringInfo(&result);
	rt_call_invoke(call, &result);
	rt_breaker_end(&call->breaker, &work->fault);
	return result.len == 0 ? (Datum) 0 :
		DirectFunctionCall1(jsonb_in, CStringGetDatum(result.data));
}

static void
call_failed(RtWork *work)
{
	rt_breaker_end(&((RtCallWork *) work)->breaker, NULL);
	rt_guarded_failed(&((RtCallWork *) work)->guarded);
}

/* 0 = NULL. */
static Datum
visit_path(Visit *visit)
{
	RtCallWork *call = palloc0(sizeof(RtCallWork));

	init_work(&call->work, &call->guarded, visit);
	if (rt_call_find(call))
		return visit_safely(visit, &call->work, call_handler, call_failed);
	if (call->is_stream)
		return visit_stream(visit, call_stream);
	raise_fault(&call->work);
}

Datum
realtime_call(PG_FUNCTION_ARGS)
{
	Datum		result = visit_path(make_visit(fcinfo));

	if (result == (Datum) 0)
		PG_RETURN_NULL();
	return result;
}

/* The same with bytes, the last argument. */
Datum
realtime_test_call_binary(PG_FUNCTION_ARGS)
{
	Visit	   *visit = make_visit(fcinfo);
	Datum		result;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("bytes must not be null")));
	add_payload(visit, PG_GETARG_BYTEA_PP(3));
	result = visit_path(visit);
	if (result == (Datum) 0)
		PG_RETURN_NULL();
	return result;
}

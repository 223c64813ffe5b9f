/*
 * webhook.c
 *		Runs what a webhook declares, for gateways and for other front ends:
 *		realtime.handle_webhook(), realtime.webhook_once().
 *
 * verify, transform and what is published are one transaction, as the anonymous
 * role.  A status says to the sender whether it should come again: what has been
 * refused on purpose should not, what has gone wrong should.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/attempt.h"
#include "src/backend/publish/publish.h"
#include "src/catalog/answer_store.h"
#include "src/catalog/declaration.h"
#include "src/catalog/interval.h"
#include "src/errcodes.h"
#include "src/executor/function/function.h"
#include "src/executor/function/invoke.h"
#include "src/executor/identity.h"
#include "src/executor/reply.h"
#include "src/executor/request/call_key.h"
#include "src/executor/request/login_request.h"
#include "src/executor/request/once.h"
#include "src/executor/request/stream.h"
#include "src/executor/request/webhook.h"
#include "src/ipc/log_limit.h"
#include "src/ipc/parking.h"
#include "src/ipc/path_stat.h"
#include "src/protocol/frame.h"
#include "src/protocol/http.h"

#define KEPT_MAX_BYTES 256		/* of a delivery's id */
#define OK_CONTENT "{\"ok\":true}"

typedef struct Delivery
{
	RtWork		work;			/* first; of a gateway's request */
	const char *path;
	bytea	   *body;
	Jsonb	   *headers;
	const RtWebhookDeclaration *declaration;
	RtFunction *verify;
	RtFunction *transform;
} Delivery;

static const char *current_path = NULL; /* of the one that is handled */

PG_FUNCTION_INFO_V1(realtime_handle_webhook);
PG_FUNCTION_INFO_V1(realtime_webhook_once);

pg_noreturn static void
refuse(RtCode code, const char *message)
{
	ereport(ERROR,
			(errcode(rt_code_errcode(code)),
			 errmsg_internal("%s", message != NULL ? message : rt_code_message(code))));
}

/* ---- what is declared ---- */

static RtFunction *
get_function(Oid oid, const char *path, const char *purpose)
{
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("the %s of webhook \"%s\" does not exist", purpose, path)));
	return rt_function_get(oid);
}

/* Returns what keeps it from being handled, or RT_CODE_CUSTOM. */
static RtCode
find_declaration(Delivery *delivery)
{
	const RtWebhookDeclaration *declaration = rt_declaration_webhook(delivery->path);

	if (declaration == NULL)
		return RT_CODE_NOT_FOUND;
	if (VARSIZE_ANY_EXHDR(delivery->body) > (Size) declaration->max_body)
		return RT_CODE_PAYLOAD_TOO_LARGE;
	delivery->declaration = declaration;
	delivery->verify = get_function(declaration->verify, delivery->path, "verify function");
	delivery->transform = get_function(declaration->transform, delivery->path, "transform");
	return RT_CODE_CUSTOM;
}

/* ---- what is done ---- */

static void
check_execute(RtFunction *function)
{
	if (!rt_function_may_execute(function))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function %s", function->name)));
}

static bool
is_scalar(Jsonb *value, enum jbvType type, bool boolean)
{
	JsonbValue	scalar;

	return JB_ROOT_IS_SCALAR(value) && JsonbExtractScalar(&value->root, &scalar) &&
		scalar.type == type && (type != jbvBool || scalar.val.boolean == boolean);
}

/* Raises if it is not who it should be. */
static Jsonb *
verify(Delivery *delivery)
{
	RtArguments arguments = {.count = 2};
	NullableDatum result;
	Jsonb	   *event;

	check_execute(delivery->verify);
	arguments.values[0] = (NullableDatum) {PointerGetDatum(delivery->body), false};
	arguments.values[1] = (NullableDatum) {JsonbPGetDatum(delivery->headers), false};
	result = rt_function_invoke(delivery->verify, &arguments);
	if (result.isnull)
		refuse(RT_CODE_UNAUTHENTICATED, "Webhook signature is not valid");
	event = DatumGetJsonbP(result.value);
	if (is_scalar(event, jbvBool, false) || is_scalar(event, jbvNull, false))
		refuse(RT_CODE_UNAUTHENTICATED, "Webhook signature is not valid");
	return event;
}

static text *
text_member(Jsonb *message, const char *name)
{
	JsonbValue *value = rt_jsonb_member(message, name);

	return value == NULL || value->type != jbvString ? NULL :
		cstring_to_text_with_len(value->val.string.val, value->val.string.len);
}

static void
publish(const Delivery *delivery, Jsonb *message)
{
	bool		is_object = JB_ROOT_IS_OBJECT(message);
	text	   *event = is_object ? text_member(message, "event") : NULL;
	text	   *topic = delivery->declaration->topic != NULL ?
		cstring_to_text(delivery->declaration->topic) :
		is_object ? text_member(message, "topic") : NULL;
	JsonbValue *data;

	if (event == NULL || topic == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("transform of webhook \"%s\" has returned no message", delivery->path),
				 errdetail("It returns {event, data}, and topic if the webhook has none, or NULL.")));
	data = rt_jsonb_member(message, "data");
	rt_publish(topic, event, data == NULL || data->type == jbvNull ? NULL :
			   JsonbValueToJsonb(data));
}

static void
handle(Delivery *delivery)
{
	RtArguments arguments = {.count = 1};
	NullableDatum message;

	current_path = delivery->path;
	arguments.values[0] = (NullableDatum) {JsonbPGetDatum(verify(delivery)), false};
	check_execute(delivery->transform);
	message = rt_function_invoke(delivery->transform, &arguments);
	if (!message.isnull && !is_scalar(DatumGetJsonbP(message.value), jbvNull, false))
		publish(delivery, DatumGetJsonbP(message.value));
	current_path = NULL;
}

/* ---- what senders are told of errors ---- */

/*
 * What nobody has raised for the sender is not its fault, and is to be sent again.
 * Nobody reads what it is told, so the log has it.
 */
static void
set_retryable(RtFault *fault, const char *path)
{
	int			sqlstate = fault->sqlstate;

	if (sqlstate == 0 || ERRCODE_TO_CATEGORY(sqlstate) == MAKE_SQLSTATE('R', 'T', '0', '0', '0'))
		return;
	if (!fault->unexpected && rt_log_limit_allows(path, sqlstate))
		ereport(LOG,
				(errmsg("webhook \"%s\" has failed: %s", path,
						fault->cause != NULL ? fault->cause : fault->message)));
	if (rt_code_status(rt_code_from_wire(fault->code)) < 500)
		rt_fault_set(fault, RT_CODE_INTERNAL_ERROR, NULL);
}

/* ---- a gateway's request ---- */

static bool
prepare_delivery(RtWork *work)
{
	Delivery   *delivery = (Delivery *) work;
	RtCode		code;

	if (!rt_work_refresh_declarations(work))
		return false;
	code = find_declaration(delivery);
	if (code == RT_CODE_CUSTOM)
		return true;
	rt_fault_set(&work->fault, code, NULL);
	return false;
}

static void
run_delivery(RtWork *work)
{
	work->stage = RT_STAGE_HANDLER;
	handle((Delivery *) work);
	if (!rt_reply_content(work->request, 200, OK_CONTENT, strlen(OK_CONTENT)))
		rt_reply_refuse_overload();
}

static Jsonb *
read_headers(RtRequest *request)
{
	RtHttpHead *head = palloc0(sizeof(RtHttpHead));

	(void) rt_http_head_read(head, rt_shared_text_get(&request->text) + request->asked.args.off,
							 request->asked.args.len);
	return rt_headers_write(head);
}

static Delivery *
make_delivery(RtRequest *request)
{
	Delivery   *delivery = palloc0(sizeof(Delivery));
	const char *text = rt_shared_text_get(&request->text);

	delivery->path = rt_work_path(request);
	delivery->body = (bytea *) cstring_to_text_with_len(text + request->asked.version.off,
														request->asked.version.len);
	delivery->headers = read_headers(request);
	rt_work_begin(&delivery->work, request, psprintf("webhook %s", delivery->path),
				  prepare_delivery, run_delivery);
	delivery->work.may_park = true;
	return delivery;
}

static void
count(const Delivery *delivery, const RtWorkResult *result)
{
	RtPathRun	run = {
		.path = delivery->path,.path_len = strlen(delivery->path),.is_known = result->ran,
		.kind = RT_PATH_CALL,.failed = result->failed,.code = result->code
	};

	if (result->ran)
		run.us = rt_work_run_time(&delivery->work);
	rt_path_stat_count(&run);
}

RtWorkResult
rt_webhook_run(RtRequest *request)
{
	Delivery   *delivery = make_delivery(request);
	RtWork	   *work = &delivery->work;
	RtWorkResult result;

	rt_work_run(work);
	current_path = NULL;
	if (work->waits_ms > 0)
		return rt_work_result(work);
	rt_parking_leave(request);
	if (work->fault.code != NULL)
	{
		set_retryable(&work->fault, work->activity);
		rt_work_reply_fault(work);
	}
	result = rt_work_result(work);
	count(delivery, &result);
	return result;
}

/* ---- other front ends ---- */

static void
handle_as_found(void *arg)
{
	Delivery   *delivery = arg;
	RtCode		code = find_declaration(delivery);

	if (code != RT_CODE_CUSTOM)
		refuse(code, NULL);
	handle(delivery);
}

/* Returns the status. */
static int
tell_error(const Delivery *delivery, const ErrorData *error, char **content)
{
	RtErrorScene scene = {.stage = RT_STAGE_HANDLER};
	RtFault		fault;
	RtText		issues = RT_TEXT_NONE;
	size_t		cap;
	size_t		len;

	(void) rt_fault_from_error(&fault, error, &scene);
	set_retryable(&fault, psprintf("webhook %s", delivery->path));
	if (fault.issues != NULL)
		issues = RT_TEXT(fault.issues);
	cap = RT_FRAME_OVERHEAD + strlen(fault.code) + 6 * strlen(fault.message) + issues.len;
	*content = palloc(cap + 1);
	len = rt_content_failure(*content, cap, RT_TEXT(fault.code), RT_TEXT(fault.message), issues);
	(*content)[len] = '\0';
	return rt_code_status(rt_code_from_wire(fault.code));
}

static Datum
make_answer(FunctionCallInfo fcinfo, int status, const char *content)
{
	TupleDesc	row;
	Datum		values[2] = {Int32GetDatum(status), CStringGetTextDatum(content)};
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

/* What is known of a function may be made anew, so not within a call. */
static void
check_context(void)
{
	if (rt_caller() != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot handle a webhook within a realtime call")));
	if (!rt_declarations_refresh())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"realtime\" is not installed in this database")));
	rt_functions_init();
}

Datum
realtime_handle_webhook(PG_FUNCTION_ARGS)
{
	Delivery   *delivery = palloc0(sizeof(Delivery));
	char	   *content = OK_CONTENT;
	int			status = 200;
	ErrorData  *error;

	check_context();
	delivery->path = text_to_cstring(PG_GETARG_TEXT_PP(0));
	delivery->body = PG_GETARG_BYTEA_PP(1);
	delivery->headers = PG_GETARG_JSONB_P(2);
	error = rt_attempt(handle_as_found, delivery);
	current_path = NULL;
	if (error != NULL)
		status = tell_error(delivery, error, &content);
	PG_RETURN_DATUM(make_answer(fcinfo, status, content));
}

/* ---- deliveries that come again ---- */

/* Its time is up: senders come again for that, and not all of them for a conflict. */
static void
hold_key(const RtKeyWish *wish)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		rt_key_hold(wish, rt_work_current());
	}
	PG_CATCH();
	{
		if (geterrcode() != rt_code_errcode(RT_CODE_CONFLICT))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		refuse(RT_CODE_TIMEOUT, NULL);
	}
	PG_END_TRY();
}

/*
 * Who delivers the same at the same time waits for the first, as calls for their
 * twins, not in an executor: if that fails, the second one is the first.
 */
static bool
claim(const char *id, int64 ttl_ms)
{
	RtOnce		once = {.path = psprintf("webhook %s", current_path),.key = unconstify(char *, id)};
	RtKeyWish	wish = {.key = rt_once_key(&once)};

	hold_key(&wish);
	return rt_answer_claim(once.path, id, ttl_ms);
}

Datum
realtime_webhook_once(PG_FUNCTION_ARGS)
{
	char	   *id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int64		ttl_ms;

	if (current_path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("realtime.webhook_once() can only be used in the functions of a webhook")));
	if (!rt_interval_ms(PG_GETARG_INTERVAL_P(1), &ttl_ms) || ttl_ms < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("ttl must be greater than 0")));
	if (strlen(id) > KEPT_MAX_BYTES)
		refuse(RT_CODE_INVALID_REQUEST, "Webhook id exceeds 256 bytes");
	PreventCommandIfParallelMode("realtime.webhook_once()");
	PG_RETURN_BOOL(claim(id, ttl_ms));
}

/*
 * dispatch.c
 *		Reads messages, fills requests, passes answers on.
 *
 * A call becomes a request slot that holds its path, id, arguments and key,
 * each as text.  What is wrong with it is answered here; what is right is
 * answered by an executor with a frame that only has to be appended.
 */
#include "postgres.h"

#include "src/gateway/ask.h"
#include "src/gateway/asker.h"
#include "src/gateway/cursor.h"
#include "src/gateway/departure.h"
#include "src/gateway/dispatch.h"
#include "src/gateway/gateway.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/login.h"
#include "src/gateway/push.h"
#include "src/gateway/sequential.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/group.h"
#include "src/gateway/topic/member.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/recheck.h"
#include "src/gateway/topic/resume.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/subscribe.h"
#include "src/gateway/upload.h"
#include "src/gateway/withheld.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"
#include "src/ipc/user_calls.h"
#include "src/protocol/binary.h"
#include "src/protocol/frame.h"

#define TURN_MAX 256			/* answers handled at once */
static void continue_sequence(RtConnection *connection, RtSequentialBatch *sequence);

/* ---- calls ---- */

void
rt_send_failure(RtConnection *connection, const char *text, RtSpan id,
				RtCode code, const char *message)
{
	size_t		cap = RT_FRAME_OVERHEAD + 2 * id.len + 6 * strlen(message) + 32;
	RtText		id_json = {text + id.off, id.len};
	RtFailureText failure = {
		.code = RT_TEXT(rt_code_wire(code)),.message = RT_TEXT(message)
	};

	if (id.len == 0)
		return;
	rt_connection_send_payload(connection,
							   rt_payload_failure(rt_frame_buffer(cap), cap, id_json,
												  &failure));
}

RtCode
rt_dispatch_check_call(const RtCall *call, const char **message)
{
	switch (call->fault)
	{
		case RT_CALL_TOO_DEEP:
			*message = "Request nests too deeply";
			return RT_CODE_INVALID_REQUEST;
		case RT_CALL_NO_PATH:
			*message = "Invalid path";
			return RT_CODE_INVALID_REQUEST;
		case RT_CALL_BAD_PATH:
			*message = "Invalid path";
			return RT_CODE_INVALID_REQUEST;
		case RT_CALL_BAD_ARGS:
			*message = "args must be an array";
			return RT_CODE_INVALID_REQUEST;
		case RT_CALL_OK:
			break;
	}
	if (!rt_service_takes_requests())
	{
		*message = rt_code_message(RT_CODE_SERVICE_UNAVAILABLE);
		return RT_CODE_SERVICE_UNAVAILABLE;
	}
	return RT_CODE_CUSTOM;
}

static RtText
text_of(const char *text, RtSpan span)
{
	return (RtText) {text + span.off, span.len};
}

/* Returns false if there is no room for it. */
static bool
ask_call(RtConnection *connection, const char *text, const RtCall *call,
		 uint64 sequence, const RtText *payload)
{
	RtQuestionTexts texts = {
		.path = {call->path, call->path_len},
		.id = text_of(text, call->id),
		.args = text_of(text, call->args),
		.idempotency_key = text_of(text, call->idempotency_key),
		.version = text_of(text, call->version)
	};
	RtQuestion	question;

	rt_question_init(&question, connection,
					 call->stream ? RT_REQUEST_STREAM : RT_REQUEST_CALL);
	question.subject = sequence;
	question.positions = connection->caps_pos;
	question.binary = payload != NULL;
	if (payload != NULL)
		texts.payload = *payload;
	if (!rt_json_is_null(text, call->cursor))
		texts.cursor = text_of(text, call->cursor);
	if (call->stream)
		rt_stream_fill(connection, &question, text, call);
	if (!call->stream)
		return rt_ask(connection, &question, &texts);
	if (!rt_flight_ask(connection, &question, &texts))
		return false;
	rt_stream_begun(connection);
	return true;
}

/* Returns whether a request is under way; if not, the client has its answer. */
static bool
dispatch_call(RtConnection *connection, const char *text, const RtCall *call,
			  uint64 sequence, const RtText *payload)
{
	const char *message = NULL;
	RtCode		code = rt_dispatch_check_call(call, &message);

	if (code == RT_CODE_CUSTOM &&
		!rt_user_calls_allow(rt_client_user(rt_gateway.index, connection->index)))
	{
		code = RT_CODE_RATE_LIMITED;
		message = rt_code_message(code);
	}
	if (code == RT_CODE_CUSTOM && !ask_call(connection, text, call, sequence, payload))
	{
		code = RT_CODE_OVERLOADED;
		message = rt_code_message(code);
	}
	if (code != RT_CODE_CUSTOM)
	{
		rt_send_failure(connection, text, call->id, code, message);
		return false;
	}
	rt_count(calls);
	return true;
}

/* ---- batches ---- */

/*
 * What is wrong with a batch as a whole, NULL if nothing.  Entries that are no
 * calls count as such.  It is not looked at beyond what it may hold.
 */
static const char *
find_batch_fault(const char *text, const RtEnvelope *envelope)
{
	static char message[64];
	RtJsonWalk	walk;
	RtSpan		value;
	RtCall		call;
	int			calls = 0;
	int			streams = 0;

	if (envelope->json == RT_JSON_TOO_DEEP)
		return "Request nests too deeply";
	(void) rt_json_walk_array(&walk, text, envelope->batch);
	while (calls <= realtime_max_batch && streams <= RT_BATCH_STREAMS_MAX)
	{
		if (!rt_json_walk_element(&walk, &value))
		{
			rt_limit_note(RT_LIMIT_BATCH, calls);
			return NULL;
		}
		if (rt_envelope_parse_call(text, value, &call) && call.stream)
			streams++;
		else
			calls++;
	}
	rt_limit_hit(RT_LIMIT_BATCH);
	if (streams > RT_BATCH_STREAMS_MAX)
		snprintf(message, sizeof(message), "Batch exceeds maximum of %d streams",
				 RT_BATCH_STREAMS_MAX);
	else
		snprintf(message, sizeof(message), "Batch exceeds maximum of %d calls",
				 realtime_max_batch);
	return message;
}

/* Answers entries with the same error, as many as a batch may have. */
static void
refuse_batch(RtConnection *connection, const char *text, RtSpan batch,
			 RtCode code, const char *message)
{
	int			left = realtime_max_batch + RT_BATCH_STREAMS_MAX;
	RtJsonWalk	walk;
	RtSpan		value;
	RtCall		call;

	(void) rt_json_walk_array(&walk, text, batch);
	while (left-- > 0 && rt_json_walk_element(&walk, &value))
	{
		if (rt_envelope_parse_call(text, value, &call))
			rt_send_failure(connection, text, call.id, code, message);
	}
}

/* Begins one entry; false if it is answered already. */
static bool
dispatch_entry(RtConnection *connection, const char *text, RtSpan value,
			   uint64 sequence)
{
	RtCall		call;

	if (!rt_envelope_parse_call(text, value, &call))
		return false;
	if (call.id.len == 0 && call.fault == RT_CALL_NO_PATH)
		return false;
	if (call.fault == RT_CALL_NO_PATH)
	{
		rt_send_failure(connection, text, call.id, RT_CODE_INVALID_REQUEST,
						"Each batch entry requires rpc and id");
		return false;
	}
	return dispatch_call(connection, text, &call, sequence, NULL);
}

static void
dispatch_batch(RtConnection *connection, const char *text,
			   const RtEnvelope *envelope)
{
	const char *fault = find_batch_fault(text, envelope);
	RtJsonWalk	walk;
	RtSpan		value;

	if (fault != NULL)
	{
		refuse_batch(connection, text, envelope->batch, RT_CODE_INVALID_REQUEST,
					 fault);
		return;
	}
	if (envelope->sequential)
	{
		RtCode		refusal;
		RtSequentialBatch *sequence = rt_sequential_make(connection, text,
														 envelope->batch,
														 &refusal);

		if (sequence == NULL)
			refuse_batch(connection, text, envelope->batch, refusal,
						 rt_code_message(refusal));
		else
			continue_sequence(connection, sequence);
		return;
	}
	(void) rt_json_walk_array(&walk, text, envelope->batch);
	while (rt_json_walk_element(&walk, &value))
		(void) dispatch_entry(connection, text, value, 0);
}

/* Begins the next entry that needs an executor; frees the batch at its end. */
static void
continue_sequence(RtConnection *connection, RtSequentialBatch *sequence)
{
	RtSpan		value;

	while (rt_json_walk_element(&sequence->rest, &value))
	{
		if (dispatch_entry(connection, sequence->text, value, sequence->ticket))
			return;
	}
	rt_sequential_free(connection, sequence);
}

/* ---- messages ---- */

/* What means nothing to us may be the application's own. */
static void
dispatch_unknown(RtConnection *connection, const char *bytes, uint32 len, bool binary)
{
	RtQuestionTexts texts = {.args = {bytes, len}};
	RtQuestion	question;

	if (!rt_service_may_have_hook(RT_HOOK_MESSAGE) || !rt_service_takes_requests())
	{
		rt_count(frames_ignored);
		return;
	}
	rt_question_init(&question, connection, RT_REQUEST_MESSAGE);
	question.ticket = !binary;
	if (!rt_ask(connection, &question, &texts))
		rt_count(frames_ignored);
}

static void
dispatch_binary_call(RtConnection *connection, const RtBinary *binary)
{
	RtCall		call;

	if (!rt_binary_read_header(binary->header, realtime_max_depth, &call) ||
		call.id.len == 0)
	{
		rt_count(frames_ignored);
		return;
	}
	call.stream = false;
	(void) dispatch_call(connection, binary->header.ptr, &call, 0, &binary->payload);
}

static void
dispatch_binary(RtConnection *connection, const char *bytes, uint32 len)
{
	RtBinary	binary;

	rt_binary_parse(bytes, len, &binary);
	switch (binary.kind)
	{
		case RT_BINARY_CALL:
			dispatch_binary_call(connection, &binary);
			break;
		case RT_BINARY_CHUNK:
			rt_upload_chunk(connection, &binary);
			break;
		case RT_BINARY_CANCEL:
			rt_upload_cancel(connection, binary.stream);
			break;
		case RT_BINARY_IGNORED:
			dispatch_unknown(connection, bytes, len, true);
			break;
	}
}

void
rt_dispatch_message(RtConnection *connection, const char *text, uint32 len,
					bool binary)
{
	RtEnvelope	envelope;

	if (binary)
	{
		dispatch_binary(connection, text, len);
		return;
	}
	rt_envelope_parse(text, len, realtime_max_depth, &envelope);
	if (envelope.json == RT_JSON_TOO_DEEP)
		rt_limit_hit(RT_LIMIT_DEPTH);
	switch (envelope.kind)
	{
		case RT_ENVELOPE_CALL:
			(void) dispatch_call(connection, text, &envelope.call, 0, NULL);
			break;
		case RT_ENVELOPE_BATCH:
			dispatch_batch(connection, text, &envelope);
			break;
		case RT_ENVELOPE_HELLO:
			connection->caps_batch = envelope.caps_batch;
			connection->caps_parts = envelope.caps_parts;
			connection->caps_pos = envelope.caps_pos;
			break;
		case RT_ENVELOPE_SUBSCRIBE:
			rt_subscribe_one(connection, text, &envelope);
			break;
		case RT_ENVELOPE_SUBSCRIBE_BATCH:
			rt_subscribe_batch(connection, text, &envelope);
			break;
		case RT_ENVELOPE_UNSUBSCRIBE:
			rt_unsubscribe(connection, text, &envelope);
			break;
		case RT_ENVELOPE_RESUME:
			rt_resume_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_REPLAY:
			rt_replay_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_AUTH:
			rt_login_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_REPLY:
			rt_push_reply_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_CURSOR:
			rt_cursor_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_CURSOR_SNAPSHOT:
			rt_cursor_snapshot_frame(connection, text, &envelope);
			break;
		case RT_ENVELOPE_IGNORED:
			dispatch_unknown(connection, text, len, binary);
			break;
	}
}

/* ---- answers ---- */

bool
rt_tell_answer(RtConnection *connection, RtRequest *request, const RtAsker *asker)
{
	bool		done;

	rt_flight_note_told(connection);
	switch (request->answer_kind)
	{
		case RT_ANSWER_FRAME:
			/* its own events are told before it */
			if (request->answer_position > 0)
				rt_conflate_send_all(connection);
			done = rt_asker_send(asker, connection, rt_asker_of(request).id_json,
								 (RtText) {rt_shared_text_get(&request->answer),
								 request->answer.len});
			rt_round_frame_await(connection, request->answer_changes);
			return done;
		case RT_ANSWER_FAILED:
			rt_asker_refuse(asker, connection, RT_CODE_INTERNAL_ERROR);
			break;
		case RT_ANSWER_UNAVAILABLE:
			rt_asker_refuse(asker, connection, RT_CODE_SERVICE_UNAVAILABLE);
			break;
		case RT_ANSWER_STREAM:
			done = rt_stream_grant(connection, request, asker);
			rt_recheck_if_another(connection, request->asked.session,
								  request->asked.orders);
			return done;
		case RT_ANSWER_NONE:
		case RT_ANSWER_VERDICTS:
		case RT_ANSWER_REPLAY:
		case RT_ANSWER_ROLLED_BACK:
		case RT_ANSWER_LOGIN:
		case RT_ANSWER_CONTENT:
			break;
	}
	return true;
}

/* One that was overdue has failed, whatever it says, and been told so. */
static void
answer_call(RtConnection *connection, RtRequest *request)
{
	RtAsker		asker = rt_asker_of(request);

	if (!request->told)
		(void) rt_tell_answer(connection, request, &asker);
	if (request->asked.subject != 0)
	{
		RtSequentialBatch *sequence = rt_sequential_find(connection,
														 request->asked.subject);

		if (sequence != NULL)
			continue_sequence(connection, sequence);
	}
}

static void
answer_connection(RtConnection *connection, RtRequest *request)
{
	switch (request->asked.kind)
	{
		case RT_REQUEST_SUBSCRIBE:
			rt_subscribe_verdicts(connection, request);
			rt_recheck_if_another(connection, request->asked.session,
								  request->asked.orders);
			break;
		case RT_REQUEST_REPLAY:
			rt_replay_answer(connection, request);
			break;
		case RT_REQUEST_RESUME:
			rt_resume_answer(connection, request);
			break;
		case RT_REQUEST_REPAIR:
			rt_repair_answer(connection, request);
			break;
		case RT_REQUEST_LOGIN:
			rt_login_answer(connection, request);
			break;
		case RT_REQUEST_RECHECK:
			rt_recheck_answer(connection, request);
			break;
		case RT_REQUEST_UPLOAD:
		case RT_REQUEST_REAUTH:
			rt_upload_answer(connection, request);
			break;
		case RT_REQUEST_MESSAGE:
			if (request->answer_kind == RT_ANSWER_FRAME)
				rt_connection_send(connection, rt_shared_text_get(&request->answer),
								   request->answer.len);
			break;
		default:
			answer_call(connection, request);
			break;
	}
}

static void
pass_answer_on(RtRequest *request)
{
	RtConnection *connection;

	if (request->asked.kind == RT_REQUEST_LOGIN)
		rt_departure_opened(request->asked.connection_serial, request);
	connection = rt_ask_settle(request);
	rt_parts_forget_answer();	/* of one that has ended in an error */
	if (connection != NULL)
		answer_connection(connection, request);
	else if (request->asked.kind == RT_REQUEST_SUBSCRIBE)
		rt_subscribe_verdicts(NULL, request);
	if (request->asked.kind == RT_REQUEST_STREAM)
	{
		rt_stream_ended(connection);
		rt_flight_land(request, connection == NULL);
		rt_parts_forget_answer();
	}
	else if (request->asked.kind == RT_REQUEST_REPAIR)
		rt_repair_ended();
	else if (request->asked.kind == RT_REQUEST_JOIN ||
			 request->asked.kind == RT_REQUEST_LEAVE)
		rt_member_answer(request);
	else if (request->asked.kind == RT_REQUEST_RELOAD)
		rt_group_answer(request);
	else if (request->asked.kind == RT_REQUEST_CLOSE)
		rt_departure_answer(request);
	else if (rt_http_is_asked_by(request))
		rt_http_ask_take(request);
}

static void
tell_overdue(RtRequest *request)
{
	RtConnection *connection = rt_connection_find(request->asked.connection,
												  request->asked.connection_serial);
	RtSpan		id = {request->asked.id.off, request->asked.id.len};

	request->told = true;
	if (connection != NULL && request->asked.kind == RT_REQUEST_UPLOAD)
		rt_upload_overdue(connection, request);
	else if (connection != NULL)
		rt_send_failure(connection, rt_shared_text_get(&request->text), id,
						RT_CODE_TIMEOUT, rt_code_message(RT_CODE_TIMEOUT));
	rt_flight_tell_overdue(request);
}

/* The executor still has them, and their clients know that the time is up. */
static void
tell_all_overdue(void)
{
	RtRequest  *overdue[TURN_MAX];
	int			n = rt_requests_take_overdue(rt_gateway.index,
											 rt_gateway.generation,
											 overdue, TURN_MAX);

	for (int i = 0; i < n; i++)
	{
		RtRequestKind kind = overdue[i]->asked.kind;

		if (kind == RT_REQUEST_CALL || kind == RT_REQUEST_STREAM ||
			kind == RT_REQUEST_UPLOAD)
			tell_overdue(overdue[i]);
		else if (rt_request_is_for_http(kind))
			rt_http_ask_overdue(overdue[i]);
	}
}

/*
 * Answers in hand.  An ERROR costs the one at which it was raised and leaves
 * the others for the next turn.
 */
static RtRequest *in_hand[TURN_MAX];
static int	in_hand_count = 0;
static int	in_hand_done = 0;

static void
pass_on_in_hand(void)
{
	while (in_hand_done < in_hand_count)
		pass_answer_on(in_hand[in_hand_done++]);
	rt_requests_free(in_hand, in_hand_count);
	in_hand_count = in_hand_done = 0;
}

/* Takes new answers.  Returns whether there may be more. */
static bool
take_answers(void)
{
	RtRequest  *taken[TURN_MAX];
	int			n = rt_answers_take(rt_gateway.index, taken, TURN_MAX);

	for (int i = 0; i < n; i++)
	{
		if (!rt_withheld_keep(taken[i]))
			in_hand[in_hand_count++] = taken[i];
	}
	return n == TURN_MAX;
}

void
rt_dispatch_answers(void)
{
	bool		more;

	tell_all_overdue();
	do
	{
		pass_on_in_hand();
		in_hand_count = rt_withheld_release(in_hand, TURN_MAX);
	} while (in_hand_count > 0);
	do
	{
		more = take_answers();
		pass_on_in_hand();
	} while (more);
}

void
rt_dispatch_refuse_waiting(void)
{
	RtRequest  *request;

	pass_on_in_hand();
	while ((request = rt_ask_take_waiting()) != NULL)
	{
		request->answer_kind = RT_ANSWER_UNAVAILABLE;
		in_hand[in_hand_count++] = request;
		pass_on_in_hand();
	}
}

void
rt_dispatch_drop_orphans(void)
{
	pass_on_in_hand();
	in_hand_count = rt_withheld_release_orphans(in_hand, TURN_MAX);
	pass_on_in_hand();
}

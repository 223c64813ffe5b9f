/*
 * reply.c
 *		Puts the answer to a request into its slot.
 *
 * A success takes its place in shared memory before the commit: whether there
 * is room must be known while the transaction can still be rolled back.  A
 * failure comes after it and must not fail: at worst it is cut down to what
 * fits into the slot itself.
 */
#include "postgres.h"


#include "src/executor/reply.h"
#include "src/ipc/session.h"
#include "src/protocol/frame.h"

/* The longest that a failure's frame gets once it is cut down. */
#define BARE_FAILURE_MAX RT_TEXT_IN_PLACE

static RtText
request_id(RtRequest *request)
{
	return (RtText) {rt_shared_text_get(&request->text) + request->asked.id.off,
		request->asked.id.len};
}

void
rt_reply_reset(RtRequest *request)
{
	rt_shared_text_free(&request->answer);
	rt_session_release(request->answer_session, RT_SESSION_REQUEST);
	request->answer_session = RT_SESSION_NONE;
	request->answer_kind = RT_ANSWER_NONE;
	request->answer_says_changes = false;
}

bool
rt_reply_frame(RtRequest *request, const char *frame, Size len)
{
	rt_reply_reset(request);
	if (!rt_shared_text_set(&request->answer, frame, len))
		return false;
	request->answer_kind = RT_ANSWER_FRAME;
	return true;
}

bool
rt_reply_text(RtRequest *request, char *buffer, size_t payload_len)
{
	size_t		frame_len;
	char	   *frame = rt_frame_seal(buffer, payload_len, RT_OPCODE_TEXT,
									  &frame_len);

	return rt_reply_frame(request, frame, frame_len);
}

typedef enum Fit
{
	FITS,
	TOO_LONG,
	NO_ROOM
} Fit;

static bool
is_of_upload(const RtRequest *request)
{
	return request->asked.kind == RT_REQUEST_UPLOAD ||
		request->asked.kind == RT_REQUEST_REAUTH;
}

/* The gateway makes a frame of it. */
static Fit
set_uploaded(RtRequest *request, RtText data_json)
{
	size_t		cap = RT_FRAME_OVERHEAD + data_json.len;
	char	   *content = palloc(cap);
	size_t		len = rt_content_uploaded(content, cap, data_json);
	Fit			fit = FITS;

	if (len > RT_FRAME_PAYLOAD_MAX - RT_FRAME_OVERHEAD)
		fit = TOO_LONG;
	else if (!rt_reply_content(request, 0, content, len))
		fit = NO_ROOM;
	pfree(content);
	return fit;
}

static Fit
set_success(RtRequest *request, const char *data, int data_len)
{
	RtText		id = request_id(request);
	RtText		data_json = {data, data_len};
	size_t		cap = RT_FRAME_OVERHEAD + 2 * id.len + data_len;
	char	   *buffer;
	size_t		payload_len;
	Fit			fit = FITS;

	if (is_of_upload(request))
		return set_uploaded(request, data_json);
	rt_reply_reset(request);
	if (id.len == 0)
		return FITS;

	buffer = palloc(RT_FRAME_HEADROOM + cap);
	payload_len = rt_payload_success(buffer + RT_FRAME_HEADROOM, cap, id, data_json,
									 request->asked.positions);
	Assert(payload_len > 0);
	if (payload_len > RT_FRAME_PAYLOAD_MAX)
		fit = TOO_LONG;
	else if (!rt_reply_text(request, buffer, payload_len))
		fit = NO_ROOM;
	request->answer_says_changes = fit == FITS && request->asked.positions;
	pfree(buffer);
	return fit;
}

bool
rt_reply_try_success(RtRequest *request, const char *data, int data_len)
{
	return set_success(request, data, data_len) == FITS;
}

void
rt_reply_success(RtRequest *request, const char *data, int data_len)
{
	Fit			fit = set_success(request, data, data_len);

	if (fit == TOO_LONG)
		ereport(ERROR,
				(errcode(MAKE_SQLSTATE('R', 'T', '4', '1', '3')),
				 errmsg("Result exceeds the frame limit")));
	if (fit == NO_ROOM)
		rt_reply_refuse_overload();
}

/* There is room for it at the end of the frame. */
void
rt_reply_say_changes(RtRequest *request, uint64 position)
{
	char	   *answer;

	if (!request->answer_says_changes)
		return;
	answer = unconstify(char *, rt_shared_text_get(&request->answer));
	rt_payload_set_position(answer, request->answer.len, position);
	request->answer_changes = position;
}

void
rt_reply_refuse_overload(void)
{
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE('R', 'T', '5', '2', '9')),
			 errmsg("Server is overloaded")));
}

bool
rt_reply_topics(RtRequest *request, RtAnswerKind kind,
				const StringInfoData *topics,
				const char *frames, Size frames_len)
{
	char	   *text;

	rt_reply_reset(request);
	text = rt_shared_text_reserve(&request->answer,
								  (uint32) (topics->len + frames_len));
	if (text == NULL)
		return false;
	memcpy(text, topics->data, topics->len);
	memcpy(text + topics->len, frames, frames_len);
	request->answer_topics_len = topics->len;
	request->answer_kind = kind;
	return true;
}

void
rt_reply_add_topic(StringInfo topics, const char *topic, int len,
				   int64 seq, uint16 flags)
{
	RtAnsweredTopic answered = {.seq = seq,.len = (uint16) len,.flags = flags};

	appendBinaryStringInfo(topics, (char *) &answered, sizeof(answered));
	appendBinaryStringInfo(topics, topic, len);
}

bool
rt_reply_content(RtRequest *request, int status, const char *json, Size len)
{
	rt_reply_reset(request);
	if (!rt_shared_text_set(&request->answer, json, len))
		return false;
	request->answer_status = status;
	request->answer_kind = RT_ANSWER_CONTENT;
	return true;
}

/* ---- failures ---- */

static bool
is_over_http(const RtRequest *request)
{
	return rt_request_is_for_http(request->asked.kind);
}

static size_t
write_failure(RtRequest *request, char *buffer, size_t cap, const RtFailureText *failure)
{
	char	   *payload = buffer + RT_FRAME_HEADROOM;

	if (is_over_http(request))
		return rt_content_failure(payload, cap, failure->code, failure->message,
								  failure->issues_json);
	if (is_of_upload(request))
		return rt_content_upload_failure(payload, cap, failure);
	return rt_payload_failure(payload, cap, request_id(request), failure);
}

static bool
set_failure(RtRequest *request, const RtFault *fault, char *buffer, size_t len)
{
	if (is_over_http(request) || is_of_upload(request))
		return rt_reply_content(request, rt_code_status(rt_code_from_wire(fault->code)),
								buffer + RT_FRAME_HEADROOM, len);
	return rt_reply_text(request, buffer, len);
}

/* Code and that code's own words. */
static void
set_bare_failure(RtRequest *request, const RtFault *fault)
{
	char		buffer[RT_FRAME_HEADROOM + BARE_FAILURE_MAX];
	RtCode		code = rt_code_from_wire(fault->code);
	size_t		cap = BARE_FAILURE_MAX - RT_FRAME_HEADROOM;
	size_t		len;
	RtFailureText failure = {
		.code = RT_TEXT(fault->code),
		.message = RT_TEXT(code == RT_CODE_CUSTOM ? fault->code : rt_code_message(code)),
		.retry_after_ms = fault->retry_after_ms
	};

	len = write_failure(request, buffer, cap, &failure);
	Assert(len > 0);
	(void) set_failure(request, fault, buffer, len);
}

void
rt_reply_failure(RtRequest *request, const RtFault *fault)
{
	RtFailureText failure = {
		.code = RT_TEXT(fault->code),.message = RT_TEXT(fault->message),
		.retry_after_ms = fault->retry_after_ms,
		.has_max_wait = fault->has_max_wait,.max_wait_ms = fault->max_wait_ms
	};
	char	   *buffer;
	size_t		cap;
	size_t		len;

	rt_reply_reset(request);
	if (request->asked.id.len == 0 && !is_over_http(request))
		return;

	if (fault->issues != NULL)
		failure.issues_json = RT_TEXT(fault->issues);
	if (fault->lock_key != NULL)
		failure.lock_key = RT_TEXT(fault->lock_key);
	cap = RT_FRAME_OVERHEAD + 2 * request->asked.id.len + failure.code.len +
		6 * failure.message.len + failure.issues_json.len + 6 * failure.lock_key.len;
	buffer = palloc(RT_FRAME_HEADROOM + cap);
	len = write_failure(request, buffer, cap, &failure);
	if (len == 0 || len > RT_FRAME_PAYLOAD_MAX ||
		!set_failure(request, fault, buffer, len))
		set_bare_failure(request, fault);
	pfree(buffer);
}

/* ---- others ---- */

void
rt_reply_verdicts(RtRequest *request, const char *verdicts, int len)
{
	rt_reply_reset(request);
	if (rt_shared_text_set(&request->answer, verdicts, len))
		request->answer_kind = RT_ANSWER_VERDICTS;
	else
		request->answer_kind = RT_ANSWER_FAILED;
}

void
rt_reply_login(RtRequest *request, const RtLoginAnswer *answer, RtText headers,
			   int session)
{
	char	   *text;

	rt_reply_reset(request);
	request->answer_session = session;
	text = rt_shared_text_reserve(&request->answer, sizeof(*answer) + headers.len);
	request->answer_kind = text != NULL ? RT_ANSWER_LOGIN : RT_ANSWER_FAILED;
	if (text == NULL)
		return;
	memcpy(text, answer, sizeof(*answer));
	if (headers.len > 0)
		memcpy(text + sizeof(*answer), headers.ptr, headers.len);
}

void
rt_reply_unavailable(RtRequest *request)
{
	bool		is_call = request->asked.kind == RT_REQUEST_CALL ||
		request->asked.kind == RT_REQUEST_STREAM;

	rt_reply_reset(request);
	if (!is_call || request->asked.id.len > 0)
		request->answer_kind = RT_ANSWER_UNAVAILABLE;
}

/* What another executor, or this one later, can do is worth trying again. */
void
rt_reply_rolled_back(RtRequest *request, const RtFault *fault)
{
	rt_reply_reset(request);
	request->answer_kind =
		strcmp(fault->code, rt_code_wire(RT_CODE_SERVICE_UNAVAILABLE)) == 0 ?
		RT_ANSWER_UNAVAILABLE : RT_ANSWER_ROLLED_BACK;
}

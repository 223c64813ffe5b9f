/*
 * message.c
 *		Runs the message hook, for frames that mean nothing to the server.
 *
 * As the connection, in a transaction of its own.  What it returns is sent as a
 * frame once that is committed; of an error the client learns nothing.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/executor/function/hook.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/executor/request/message.h"
#include "src/protocol/frame.h"

typedef struct MessageWork
{
	RtWork		work;			/* first */
	RtFunction *function;		/* NULL = none */
} MessageWork;

static bool
prepare_message(RtWork *work)
{
	MessageWork *message = (MessageWork *) work;

	message->function = NULL;
	if (!rt_work_refresh_declarations(work))
		return false;
	message->function = rt_hook_find(RT_HOOK_MESSAGE, work);
	return message->function != NULL;
}

static Datum
bytes_of(RtRequest *request)
{
	const char *bytes = rt_shared_text_get(&request->text) + request->asked.args.off;

	return PointerGetDatum(cstring_to_text_with_len(bytes, request->asked.args.len));
}

/* While the transaction can still fail. */
static void
reply(RtRequest *request, Jsonb *answer)
{
	char	   *json = JsonbToCString(NULL, &answer->root, VARSIZE(answer));
	size_t		len = strlen(json);
	char	   *buffer;

	if (len > RT_FRAME_PAYLOAD_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("what the message hook has returned is too long for a frame")));
	buffer = palloc(RT_FRAME_HEADROOM + len);
	memcpy(buffer + RT_FRAME_HEADROOM, json, len);
	if (!rt_reply_text(request, buffer, len))
		rt_reply_refuse_overload();
}

static void
run_message(RtWork *work)
{
	MessageWork *message = (MessageWork *) work;
	RtRequest  *request = work->request;
	RtArguments arguments = {.count = 2};
	NullableDatum result;

	work->stage = RT_STAGE_HANDLER;
	arguments.values[0] = (NullableDatum) {bytes_of(request), false};
	arguments.values[1] = (NullableDatum) {BoolGetDatum(request->asked.ticket != 0), false};
	result = rt_function_invoke(message->function, &arguments);
	if (!result.isnull)
		reply(request, DatumGetJsonbP(result.value));
}

RtWorkResult
rt_message_run(RtRequest *request)
{
	MessageWork message;

	memset(&message, 0, sizeof(message));
	rt_work_begin(&message.work, request, "message", prepare_message, run_message);
	rt_work_run(&message.work);
	rt_hook_note_run(message.function, &message.work);
	if (message.work.fault.code != NULL)
		rt_reply_reset(request);
	return rt_work_result(&message.work);
}

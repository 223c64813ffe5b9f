/*
 * path.c
 *		Runs what a client asks for by a path, which is a call or a stream.
 *
 * Clients say what they take it for, and are mostly right; the declarations,
 * which count, are known in the transaction of the one or the other.
 *
 * What clients have asked is counted here (path_stat.h); what waits for another
 * call is so when it has run.
 */
#include "postgres.h"

#include "src/executor/request/call.h"
#include "src/executor/request/path.h"
#include "src/executor/request/stream.h"
#include "src/executor/request/upload.h"
#include "src/ipc/path_stat.h"

static RtWorkResult
run(RtRequest *request, bool *stream)
{
	RtWorkResult result;

	*stream = request->asked.kind != RT_REQUEST_CALL;
	if (request->asked.kind == RT_REQUEST_UPLOAD || request->asked.kind == RT_REQUEST_REAUTH)
	{
		*stream = false;
		rt_upload_run(request, &result);
	}
	else if (*stream)
	{
		*stream = rt_stream_run(request, &result);
		if (!*stream)
			(void) rt_call_run(request, &result);
	}
	else
	{
		*stream = !rt_call_run(request, &result);
		if (*stream)
			(void) rt_stream_run(request, &result);
	}
	return result;
}

static void
count(RtRequest *request, const RtWorkResult *result, bool stream, instr_time began)
{
	instr_time	time = result->ended;
	RtPathRun	run = {0};

	INSTR_TIME_SUBTRACT(time, began);
	run.path = rt_shared_text_get(&request->text) + request->asked.path.off;
	run.path_len = request->asked.path.len;
	run.is_known = result->ran;
	run.kind = stream ? RT_PATH_STREAM : RT_PATH_CALL;
	if (request->asked.kind == RT_REQUEST_RELOAD)
		run.kind = RT_PATH_RELOAD;
	run.failed = result->failed;
	run.code = result->code;
	run.us = INSTR_TIME_GET_MICROSEC(time);
	rt_path_stat_count(&run);
}

RtWorkResult
rt_path_run(RtRequest *request, instr_time began)
{
	RtWorkResult result;
	bool		stream;

	result = run(request, &stream);
	if (result.waits_ms == 0 && request->asked.kind != RT_REQUEST_REAUTH)
		count(request, &result, stream, began);
	return result;
}

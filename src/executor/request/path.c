/*
 * path.c
 *		Runs what a client asks for by a path, which is a call or a stream.
 *
 * Clients say what they take it for, and are mostly right; the declarations,
 * which count, are known in the transaction of the one or the other.
 */
#include "postgres.h"

#include "src/executor/request/call.h"
#include "src/executor/request/path.h"
#include "src/executor/request/stream.h"

RtWorkResult
rt_path_run(RtRequest *request)
{
	RtWorkResult result;

	if (request->asked.kind == RT_REQUEST_CALL)
	{
		if (!rt_call_run(request, &result))
			(void) rt_stream_run(request, &result);
	}
	else if (!rt_stream_run(request, &result))
		(void) rt_call_run(request, &result);
	return result;
}

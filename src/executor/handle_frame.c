/*
 * handle_frame.c
 *		realtime.handle_frame(): a frame as if a connection had sent it.
 *
 * It is a command among the events of the transaction, so it comes when that commits,
 * and in its place among what the transaction has published.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/backend/publish/publish.h"
#include "src/executor/command.h"
#include "src/guc.h"
#include "src/ipc/client.h"
#include "src/ipc/service.h"
#include "src/protocol/envelope.h"

PG_FUNCTION_INFO_V1(realtime_handle_frame);

/* What the server does something about, if only to say what is wrong with it. */
static bool
means_something(RtText frame)
{
	RtEnvelope	envelope;

	rt_envelope_parse(frame.ptr, frame.len, realtime_max_depth, &envelope);
	return envelope.kind != RT_ENVELOPE_IGNORED || rt_service_may_have_hook(RT_HOOK_MESSAGE);
}

static void
check_length(RtText frame)
{
	if (frame.len > (size_t) realtime_max_payload)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("frame is too long"),
				 errdetail("It has %zu bytes, and realtime.max_payload is %d.",
						   frame.len, realtime_max_payload)));
}

Datum
realtime_handle_frame(PG_FUNCTION_ARGS)
{
	char	   *id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text	   *bytes = PG_GETARG_TEXT_PP(1);
	RtText		frame = {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
	RtRecipient recipient;
	int			gateway;
	uint32		connection;
	uint64		serial;

	check_length(frame);
	if (!rt_publish_is_possible() || !means_something(frame) ||
		!rt_client_find(id, &gateway, &connection, &serial))
		PG_RETURN_BOOL(false);
	recipient = rt_recipient_connection(gateway, connection, serial);
	rt_command_give_to(&recipient, RT_FRAME_SENT, RT_TEXT_NONE, frame);
	PG_RETURN_BOOL(true);
}

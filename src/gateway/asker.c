/*
 * asker.c
 *		To whom an answer is told.
 */
#include "postgres.h"

#include "src/gateway/asker.h"
#include "src/gateway/dispatch.h"
#include "src/gateway/door/outbox.h"
#include "src/protocol/frame.h"
#include "src/protocol/readdress.h"

RtAsker
rt_asker_of(RtRequest *request)
{
	const RtQuestion *asked = &request->asked;
	const char *text = rt_shared_text_get(&request->text);

	return (RtAsker) {{text + asked->id.off, asked->id.len}, asked->ticket,
		asked->position};
}

static bool
send_readdressed(const RtAsker *asker, RtConnection *connection, RtText id_json,
				 RtText frame)
{
	RtText		payload = rt_frame_payload(frame.ptr);
	size_t		cap = payload.len + 2 * asker->id_json.len;
	char	   *buffer = malloc(RT_FRAME_HEADROOM + cap);
	size_t		len = 0;
	char	   *sealed;

	if (buffer != NULL)
		len = rt_payload_readdress(buffer + RT_FRAME_HEADROOM,
								   Min(cap, RT_FRAME_PAYLOAD_MAX), payload,
								   id_json.len, asker->id_json);
	if (len > 0)
	{
		sealed = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
		rt_connection_send(connection, sealed, len);
	}
	free(buffer);
	return len > 0;
}

bool
rt_asker_send(const RtAsker *asker, RtConnection *connection, RtText id_json,
			  RtText frame)
{
	bool		is_its_own = id_json.len == asker->id_json.len &&
		(id_json.len == 0 || memcmp(id_json.ptr, asker->id_json.ptr, id_json.len) == 0);

	if (!is_its_own)
		return send_readdressed(asker, connection, id_json, frame);
	rt_connection_send(connection, frame.ptr, frame.len);
	return true;
}

void
rt_asker_refuse(const RtAsker *asker, RtConnection *connection, RtCode code)
{
	RtSpan		id = {0, asker->id_json.len};

	rt_send_failure(connection, asker->id_json.ptr, id, code, rt_code_message(code));
}

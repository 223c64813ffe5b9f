/*
 * asker.c
 *		To whom an answer is told.
 */
#include "postgres.h"

#include "src/gateway/asker.h"
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

/* Whether the frames have the asker's id already. */
static bool
is_addressed(const RtAsker *asker, RtRequest *request)
{
	RtText		own = rt_asker_of(request).id_json;

	return own.len == asker->id_json.len &&
		(own.len == 0 || memcmp(own.ptr, asker->id_json.ptr, own.len) == 0);
}

static bool
send_readdressed(const RtAsker *asker, RtConnection *connection,
				 RtRequest *request, const char *frame)
{
	RtText		payload = rt_frame_payload(frame);
	size_t		cap = payload.len + 2 * asker->id_json.len;
	char	   *buffer = malloc(RT_FRAME_HEADROOM + cap);
	size_t		len = 0;
	char	   *sealed;

	if (buffer != NULL)
		len = rt_payload_readdress(buffer + RT_FRAME_HEADROOM,
								   Min(cap, RT_FRAME_PAYLOAD_MAX), payload,
								   request->asked.id.len, asker->id_json);
	if (len > 0)
	{
		sealed = rt_frame_seal(buffer, len, RT_OPCODE_TEXT, &len);
		rt_connection_send(connection, sealed, len);
	}
	free(buffer);
	return len > 0;
}

bool
rt_asker_send(const RtAsker *asker, RtConnection *connection,
			  RtRequest *request, const char *frames, size_t len)
{
	if (!is_addressed(asker, request))
		return send_readdressed(asker, connection, request, frames);
	rt_connection_send(connection, frames, len);
	return true;
}

/*
 * frame_session.c
 *		Payloads that are about the connection and who is on it.
 */
#include "src/protocol/frame.h"
#include "src/protocol/json_writer.h"

size_t
rt_payload_welcome(char *dst, size_t cap, const char *session_id)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"welcome\",\"sessionId\":");
	rt_put_string(&w, RT_TEXT(session_id));
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_resumed(char *dst, size_t cap)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"resumed\"}");
	return rt_writing_end(&w);
}

size_t
rt_payload_ping(char *dst, size_t cap)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"ping\"}");
	return rt_writing_end(&w);
}

size_t
rt_payload_auth(char *dst, size_t cap, int64_t expires)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"auth\",\"ok\":true,\"exp\":");
	if (expires > 0)
		rt_put_number(&w, (uint64_t) expires);
	else
		rt_put_literal(&w, "null");
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_auth_failed(char *dst, size_t cap, RtText code, RtText reason)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"auth\",\"ok\":false,\"code\":");
	rt_put_string(&w, code);
	rt_put_literal(&w, ",\"error\":");
	rt_put_string(&w, reason);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_auth_expiring(char *dst, size_t cap, int64_t expires)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"auth-expiring\",\"exp\":");
	rt_put_number(&w, (uint64_t) expires);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_request(char *dst, size_t cap, uint64_t ref, RtText event, RtText data_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"request\",\"ref\":");
	rt_put_number(&w, ref);
	rt_put_literal(&w, ",\"event\":");
	rt_put_string(&w, event);
	rt_put_literal(&w, ",\"data\":");
	rt_put_json(&w, data_json);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

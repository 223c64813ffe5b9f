/*
 * frame_upload.c
 *		What clients are told of uploads.
 *
 * An executor writes the result, as an object that begins with "ok"; the gateway
 * puts it into the frame.
 */
#include <stdio.h>

#include "src/protocol/frame.h"
#include "src/protocol/json_writer.h"

size_t
rt_content_uploaded(char *dst, size_t cap, RtText data_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"ok\":true");
	if (data_json.len > 0)
	{
		rt_put_literal(&w, ",\"data\":");
		rt_put_json(&w, data_json);
	}
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

void
rt_upload_stream_text(uint32_t stream, char dst[RT_UPLOAD_STREAM_SIZE])
{
	snprintf(dst, RT_UPLOAD_STREAM_SIZE, "%08x", (unsigned int) stream);
}

size_t
rt_payload_upload(char *dst, size_t cap, uint32_t stream, size_t frame_max,
				  RtText result_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);
	char		event[RT_UPLOAD_STREAM_SIZE];

	rt_upload_stream_text(stream, event);
	rt_put_literal(&w, "{\"topic\":\"__upload\",\"event\":");
	rt_put_string(&w, RT_TEXT(event));
	rt_put_literal(&w, ",\"data\":{");
	if (frame_max > 0)
	{
		rt_put_literal(&w, "\"__cap\":");
		rt_put_number(&w, frame_max);
		rt_put_literal(&w, ",");
	}
	/* without its first brace */
	rt_put_bytes(&w, result_json.ptr + 1, result_json.len - 1);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

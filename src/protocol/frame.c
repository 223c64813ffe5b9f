/*
 * frame.c
 *		Writing the payloads of server frames and their headers.
 *
 * All payloads go through one bounded writer (json_writer.c), so the caller
 * learns by a length of 0 that one does not fit.
 */
#include <string.h>

#include "src/protocol/frame.h"
#include "src/protocol/json_writer.h"

#define CLOSE_REASON_MAX 123	/* a control frame's 125 bytes less the code */
#define POSITION_ROOM "               0"

static void put_ref(RtWriter *w, RtText ref_json);
static void put_reply_head(RtWriter *w, RtText id_json);
static void put_replay_head(RtWriter *w, RtText topic_json);
static void put_req_id(RtWriter *w, RtText req_id_json);

/* The length of the header that sealing puts before a payload. */
static size_t
header_length(size_t payload_len)
{
	if (payload_len < 126)
		return 2;
	return payload_len <= UINT16_MAX ? 4 : 10;
}

char *
rt_frame_seal(char *buf, size_t payload_len, RtOpcode opcode,
			  size_t *frame_len)
{
	uint64_t	len = payload_len;
	int			len_bytes = (int) header_length(payload_len) - 2;
	char	   *frame = buf + RT_FRAME_HEADROOM - 2 - len_bytes;

	frame[0] = (char) opcode;
	frame[1] = (char) (len_bytes == 0 ? len : len_bytes == 2 ? 126 : 127);
	for (int i = len_bytes; i > 0; i--)
	{
		frame[1 + i] = (char) (len & 0xFF);
		len >>= 8;
	}
	*frame_len = 2 + len_bytes + payload_len;
	return frame;
}

size_t
rt_frame_length(const char *frame)
{
	RtText		payload = rt_frame_payload(frame);

	return payload.ptr + payload.len - frame;
}

RtText
rt_frame_payload(const char *frame)
{
	const unsigned char *p = (const unsigned char *) frame;
	int			len_bytes = p[1] < 126 ? 0 : p[1] == 126 ? 2 : 8;
	RtText		payload = {frame + 2 + len_bytes, 0};

	if (len_bytes == 0)
		payload.len = p[1];
	for (int i = 0; i < len_bytes; i++)
		payload.len = payload.len << 8 | p[2 + i];
	return payload;
}

size_t
rt_payload_subscribed(char *dst, size_t cap, RtText topic_json, RtText ref_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"subscribed\",\"topic\":");
	rt_put_json(&w, topic_json);
	put_ref(&w, ref_json);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_denied(char *dst, size_t cap, RtText topic_json, RtText ref_json,
				  RtText reason)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"type\":\"subscribe-denied\",\"topic\":");
	rt_put_json(&w, topic_json);
	put_ref(&w, ref_json);
	rt_put_literal(&w, ",\"reason\":");
	rt_put_string(&w, reason);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

/*
 * An event: the topic stands behind EVENT_TOPIC, its name behind EVENT_NAME,
 * the data behind EVENT_DATA and the number, if any, behind EVENT_SEQ.
 */
#define EVENT_TOPIC "{\"topic\":\""
#define EVENT_NAME "\",\"event\":\""
#define EVENT_DATA "\",\"data\":"
#define EVENT_SEQ ",\"seq\":"
#define EVENT_AFTER ",\"after\":"
#define EVENT_END "}"
#define SEQ_MAX 27				/* the most that a number adds */

/* The checks of topic.h leave nothing in the two names to be escaped. */
size_t
rt_payload_event(char *dst, size_t cap, RtText topic, RtText event,
				 RtText data_json, int64_t seq)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, EVENT_TOPIC);
	rt_put_bytes(&w, topic.ptr, topic.len);
	rt_put_literal(&w, EVENT_NAME);
	rt_put_bytes(&w, event.ptr, event.len);
	rt_put_literal(&w, EVENT_DATA);
	rt_put_json(&w, data_json);
	if (seq >= 0)
	{
		rt_put_literal(&w, EVENT_SEQ);
		rt_put_number(&w, (uint64_t) seq);
	}
	rt_put_literal(&w, EVENT_END);
	return rt_writing_end(&w);
}

size_t
rt_payload_placed_event(char *dst, size_t cap, RtText topic, RtText event,
						RtText data_json, int64_t seq, RtText after_json)
{
	size_t		len = rt_payload_event(dst, cap, topic, event, data_json, seq);
	size_t		kept = len - strlen(EVENT_END);
	RtWriter		w;

	if (len == 0)
		return 0;
	w = rt_writing_begin(dst + kept, cap - kept);
	rt_put_literal(&w, EVENT_AFTER);
	rt_put_json(&w, after_json);
	rt_put_literal(&w, EVENT_END);
	len = rt_writing_end(&w);
	return len > 0 ? kept + len : 0;
}

/* The length of the payload without a number. */
static size_t
event_length(const RtEventText *text)
{
	return strlen(EVENT_TOPIC EVENT_NAME EVENT_DATA EVENT_END) +
		text->topic.len + text->event.len + text->data_json.len;
}

size_t
rt_event_payload_max(const RtEventText *text)
{
	return event_length(text) + (text->numbered ? SEQ_MAX : 0);
}

size_t
rt_event_frame_max(const RtEventText *text)
{
	size_t		payload_max = rt_event_payload_max(text);

	return header_length(payload_max) + payload_max;
}

/*
 * The payload is written where the header will end just before it, so that
 * sealing moves nothing.  Where a number has to come the header's length is not
 * known: room is left for the longest, and a frame that needs less is moved.
 */
size_t
rt_event_frame_write(char *dst, const RtEventText *text)
{
	size_t		len = event_length(text);
	char	   *payload = dst + header_length(rt_event_payload_max(text));
	size_t		frame_len = len;

	(void) rt_payload_event(payload, len, text->topic, text->event,
							text->data_json, -1);
	if (!text->numbered)
		(void) rt_frame_seal(payload - RT_FRAME_HEADROOM, len, RT_OPCODE_TEXT,
							 &frame_len);
	return frame_len;
}

/* The payload of one that is numbered stands where it will, once the number is known. */
static RtText
event_payload(const char *dst, size_t len, bool numbered)
{
	if (numbered)
		return (RtText) {dst + header_length(len + SEQ_MAX), len};
	return rt_frame_payload(dst);
}

size_t
rt_event_frame_name_len(const char *dst, size_t len, bool numbered, RtText topic)
{
	RtText		payload = event_payload(dst, len, numbered);
	size_t		before = strlen(EVENT_TOPIC EVENT_NAME) + topic.len;
	const char *end;

	if (payload.len <= before ||
		memcmp(payload.ptr + strlen(EVENT_TOPIC), topic.ptr, topic.len) != 0 ||
		memcmp(payload.ptr + strlen(EVENT_TOPIC) + topic.len, EVENT_NAME, strlen(EVENT_NAME)) != 0)
		return 0;
	end = memchr(payload.ptr + before, '"', payload.len - before);
	return end == NULL ? 0 : (size_t) (end - payload.ptr) - before;
}

void
rt_event_frame_parts(const char *dst, size_t len, bool numbered,
					 size_t topic_len, size_t event_len, RtText *event,
					 RtText *data_json)
{
	RtText		payload = event_payload(dst, len, numbered);

	event->ptr = payload.ptr + strlen(EVENT_TOPIC EVENT_NAME) + topic_len;
	event->len = event_len;
	data_json->ptr = event->ptr + event_len + strlen(EVENT_DATA);
	data_json->len = payload.ptr + payload.len - strlen(EVENT_END) - data_json->ptr;
}

size_t
rt_event_frame_number(char *dst, size_t payload_len, uint64_t seq)
{
	char	   *payload = dst + header_length(payload_len + SEQ_MAX);
	size_t		kept = payload_len - strlen(EVENT_END);
	RtWriter	w = rt_writing_begin(payload + kept, strlen(EVENT_END) + SEQ_MAX);
	size_t		frame_len;
	char	   *frame;

	rt_put_literal(&w, EVENT_SEQ);
	rt_put_number(&w, seq);
	rt_put_literal(&w, EVENT_END);
	frame = rt_frame_seal(payload - RT_FRAME_HEADROOM, kept + rt_writing_end(&w),
						  RT_OPCODE_TEXT, &frame_len);
	if (frame != dst)
		memmove(dst, frame, frame_len);
	return frame_len;
}

size_t
rt_payload_success(char *dst, size_t cap, RtText id_json, RtText data_json,
				   bool with_position)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_reply_head(&w, id_json);
	rt_put_literal(&w, ",\"ok\":true");
	if (data_json.len > 0)
	{
		rt_put_literal(&w, ",\"data\":");
		rt_put_json(&w, data_json);
	}
	if (with_position)
		rt_put_literal(&w, ",\"pos\":" POSITION_ROOM);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

/* Blanks before a number are JSON. */
void
rt_payload_set_position(char *frame, size_t frame_len, uint64_t position)
{
	char	   *digit = frame + frame_len - 2;

	for (size_t i = 0; i < sizeof(POSITION_ROOM) - 1 && (i == 0 || position > 0); i++)
	{
		*--digit = (char) ('0' + position % 10);
		position /= 10;
	}
}

static void
put_round(RtWriter *w, RtText events_json)
{
	rt_put_literal(w, "{\"type\":\"round\",\"events\":[");
	rt_put_bytes(w, events_json.ptr, events_json.len);
}

size_t
rt_payload_round(char *dst, size_t cap, RtText events_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_round(&w, events_json);
	rt_put_literal(&w, "],\"more\":true}");
	return rt_writing_end(&w);
}

size_t
rt_payload_round_end(char *dst, size_t cap, RtText events_json,
					 uint64_t position, bool late)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_round(&w, events_json);
	rt_put_literal(&w, "],\"pos\":");
	rt_put_number(&w, position);
	if (late)
		rt_put_literal(&w, ",\"late\":true");
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

static void
put_member(RtWriter *w, const char *name, RtText text)
{
	if (text.len == 0)
		return;
	rt_put_bytes(w, name, strlen(name));
	rt_put_string(w, text);
}

static void
put_number_member(RtWriter *w, const char *name, uint64_t number)
{
	rt_put_bytes(w, name, strlen(name));
	rt_put_number(w, number);
}

/* How the client merges, and from where on. */
static void
put_stream_merge(RtWriter *w, const RtStreamReply *reply)
{
	put_member(w, ",\"topic\":", reply->topic);
	put_member(w, ",\"merge\":", reply->merge);
	put_member(w, ",\"key\":", reply->key);
	if (reply->prepend)
		rt_put_literal(w, ",\"prepend\":true");
	if (reply->max > 0)
		put_number_member(w, ",\"max\":", (uint64_t) reply->max);
	if (reply->seq >= 0)
		put_number_member(w, ",\"seq\":", (uint64_t) reply->seq);
}

/* What the data is. */
static void
put_stream_data_kind(RtWriter *w, const RtStreamReply *reply)
{
	if (reply->replay == RT_REPLAYED_YES)
		rt_put_literal(w, ",\"replay\":true");
	else if (reply->replay == RT_REPLAYED_NO)
		rt_put_literal(w, ",\"replay\":false");
	if (reply->channel)
		rt_put_literal(w, ",\"channel\":true");
	if (reply->delta)
		rt_put_literal(w, ",\"delta\":true");
	if (reply->unchanged)
		rt_put_literal(w, ",\"unchanged\":true");
	put_member(w, ",\"version\":", reply->version);
	if (reply->schema_version > 0)
		put_number_member(w, ",\"schemaVersion\":", (uint64_t) reply->schema_version);
	if (reply->paged)
	{
		if (reply->has_more)
			rt_put_literal(w, ",\"hasMore\":true");
		else
			rt_put_literal(w, ",\"hasMore\":false");
	}
	if (reply->cursor_json.len > 0)
	{
		rt_put_literal(w, ",\"cursor\":");
		rt_put_json(w, reply->cursor_json);
	}
}

/* As members of an object. */
static void
put_stream(RtWriter *w, const RtStreamReply *reply)
{
	rt_put_literal(w, "\"data\":");
	rt_put_json(w, reply->data_json);
	if (reply->gated)
	{
		rt_put_literal(w, ",\"gated\":true");
		return;
	}
	put_stream_merge(w, reply);
	put_stream_data_kind(w, reply);
	if (reply->more)
		rt_put_literal(w, ",\"more\":true");
}

size_t
rt_payload_stream(char *dst, size_t cap, RtText id_json, const RtStreamReply *reply)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_reply_head(&w, id_json);
	rt_put_literal(&w, ",\"ok\":true,");
	put_stream(&w, reply);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

size_t
rt_payload_stream_fill(char *dst, size_t cap, RtText payload, size_t id_len,
					   RtText events_json, int64_t seq)
{
	static const char opening[] = ",\"ok\":true,\"data\":[";
	size_t		head = strlen(RT_REPLY_HEAD) + strlen(RT_REPLY_MIDDLE) + 2 * id_len +
		strlen(opening);
	RtWriter	w = rt_writing_begin(dst, cap);

	if (payload.len < head + 2)
		return 0;
	rt_put_bytes(&w, payload.ptr, head);
	rt_put_bytes(&w, events_json.ptr, events_json.len);
	rt_put_bytes(&w, payload.ptr + head, payload.len - head - 2);
	put_number_member(&w, ",\"seq\":", (uint64_t) seq);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

size_t
rt_content_stream(char *dst, size_t cap, const RtStreamReply *reply)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{");
	put_stream(&w, reply);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_stream_length(const RtStreamReply *reply)
{
	return RT_FRAME_OVERHEAD + reply->data_json.len + reply->topic.len +
		reply->merge.len + 6 * reply->key.len + 6 * reply->version.len +
		reply->cursor_json.len;
}

size_t
rt_payload_part(char *dst, size_t cap, RtText id_json, RtText items_json,
				bool more)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, RT_PART_HEAD);
	rt_put_json(&w, id_json);
	rt_put_literal(&w, ",\"data\":{\"items\":");
	rt_put_json(&w, items_json);
	if (more)
		rt_put_literal(&w, ",\"more\":true}}");
	else
		rt_put_literal(&w, ",\"more\":false}}");
	return rt_writing_end(&w);
}

size_t
rt_frame_replay_item(char *dst, size_t cap, uint64_t seq, RtText topic,
					 RtText event, RtText data_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"seq\":");
	rt_put_number(&w, seq);
	rt_put_literal(&w, ",\"topic\":\"");
	rt_put_bytes(&w, topic.ptr, topic.len);
	rt_put_literal(&w, "\",\"event\":\"");
	rt_put_bytes(&w, event.ptr, event.len);
	rt_put_literal(&w, "\",\"data\":");
	rt_put_json(&w, data_json);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_replay_message(char *dst, size_t cap, RtText topic_json,
						  uint64_t seq, RtText event, RtText data_json,
						  RtText req_id_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_replay_head(&w, topic_json);
	rt_put_literal(&w, "msg\",\"data\":{\"seq\":");
	rt_put_number(&w, seq);
	rt_put_literal(&w, ",\"event\":\"");
	rt_put_bytes(&w, event.ptr, event.len);
	rt_put_literal(&w, "\",\"data\":");
	rt_put_json(&w, data_json);
	put_req_id(&w, req_id_json);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

size_t
rt_payload_replay_truncated(char *dst, size_t cap, RtText topic_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_replay_head(&w, topic_json);
	rt_put_literal(&w, "truncated\",\"data\":null}");
	return rt_writing_end(&w);
}

size_t
rt_payload_replay_denied(char *dst, size_t cap, RtText topic_json, RtText code, RtText req_id_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_replay_head(&w, topic_json);
	rt_put_literal(&w, "denied\",\"data\":{\"code\":");
	rt_put_string(&w, code);
	put_req_id(&w, req_id_json);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

/* Clients take null for an end with nothing to say. */
size_t
rt_payload_replay_end(char *dst, size_t cap, RtText topic_json, RtText req_id_json, bool truncated)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_replay_head(&w, topic_json);
	rt_put_literal(&w, "end\",\"data\":");
	if (req_id_json.len > 0)
	{
		rt_put_literal(&w, "{\"reqId\":");
		rt_put_json(&w, req_id_json);
		if (truncated)
			rt_put_literal(&w, ",\"truncated\":true");
		rt_put_literal(&w, "}}");
	}
	else if (truncated)
		rt_put_literal(&w, "{\"truncated\":true}}");
	else
		rt_put_literal(&w, "null}");
	return rt_writing_end(&w);
}

/* From "ok" to the last of its members. */
static void
put_failure(RtWriter *w, const RtFailureText *failure)
{
	rt_put_literal(w, "\"ok\":false,\"code\":");
	rt_put_string(w, failure->code);
	rt_put_literal(w, ",\"error\":");
	rt_put_string(w, failure->message);
	if (failure->issues_json.len > 0)
	{
		rt_put_literal(w, ",\"issues\":");
		rt_put_json(w, failure->issues_json);
	}
	if (failure->retry_after_ms > 0)
	{
		rt_put_literal(w, ",\"retryAfter\":");
		rt_put_number(w, (uint64_t) failure->retry_after_ms);
	}
	if (failure->lock_key.len > 0)
	{
		rt_put_literal(w, ",\"key\":");
		rt_put_string(w, failure->lock_key);
	}
	if (failure->has_max_wait)
	{
		rt_put_literal(w, ",\"maxWaitMs\":");
		rt_put_number(w, (uint64_t) failure->max_wait_ms);
	}
}

size_t
rt_payload_failure(char *dst, size_t cap, RtText id_json, const RtFailureText *failure)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	put_reply_head(&w, id_json);
	rt_put_literal(&w, ",");
	put_failure(&w, failure);
	rt_put_literal(&w, "}}");
	return rt_writing_end(&w);
}

size_t
rt_content_upload_failure(char *dst, size_t cap, const RtFailureText *failure)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{");
	put_failure(&w, failure);
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_content_failure(char *dst, size_t cap, RtText code, RtText message,
				   RtText issues_json)
{
	RtWriter	w = rt_writing_begin(dst, cap);

	rt_put_literal(&w, "{\"code\":");
	rt_put_string(&w, code);
	put_member(&w, ",\"message\":", message);
	if (issues_json.len > 0)
	{
		rt_put_literal(&w, ",\"issues\":");
		rt_put_json(&w, issues_json);
	}
	rt_put_literal(&w, "}");
	return rt_writing_end(&w);
}

size_t
rt_payload_close(char *dst, size_t cap, uint16_t code, const char *reason)
{
	RtWriter	w = rt_writing_begin(dst, cap);
	char		code_bytes[2] = {(char) (code >> 8), (char) (code & 0xFF)};
	size_t		len = reason != NULL ? strlen(reason) : 0;

	if (len > CLOSE_REASON_MAX)
	{
		/* A character whose first byte stays must not lose the others. */
		len = CLOSE_REASON_MAX;
		while (len > 0 && ((unsigned char) reason[len] & 0xC0) == 0x80)
			len--;
	}
	rt_put_bytes(&w, code_bytes, sizeof(code_bytes));
	rt_put_bytes(&w, reason, len);
	return rt_writing_end(&w);
}

static void
put_ref(RtWriter *w, RtText ref_json)
{
	if (ref_json.len > 0)
	{
		rt_put_literal(w, ",\"ref\":");
		rt_put_bytes(w, ref_json.ptr, ref_json.len);
	}
}

/* A reply up to its "ok". */
static void
put_reply_head(RtWriter *w, RtText id_json)
{
	rt_put_literal(w, RT_REPLY_HEAD);
	rt_put_json(w, id_json);
	rt_put_literal(w, RT_REPLY_MIDDLE);
	rt_put_json(w, id_json);
}

/* An event of "__replay:<topic>" up to the event's name. */
static void
put_replay_head(RtWriter *w, RtText topic_json)
{
	rt_put_literal(w, "{\"topic\":\"__replay:");
	if (topic_json.len > 0)
		rt_put_bytes(w, topic_json.ptr + 1, topic_json.len - 1);
	else
		rt_put_literal(w, "\"");
	rt_put_literal(w, ",\"event\":\"");
}

/* Behind another member; nothing if it is absent. */
static void
put_req_id(RtWriter *w, RtText req_id_json)
{
	if (req_id_json.len == 0)
		return;
	rt_put_literal(w, ",\"reqId\":");
	rt_put_json(w, req_id_json);
}

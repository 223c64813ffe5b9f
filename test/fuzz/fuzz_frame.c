/*
 * fuzz_frame.c
 *		Input: two JSON texts and two texts, separated by the byte 0xFF.  Every
 *		payload is written from them, in buffers of every telling size.
 */
#include "src/protocol/frame.h"
#include "src/protocol/topic.h"
#include "test/fuzz/fuzz.h"

#define SEPARATOR 0xFF
#define PARTS 4

typedef struct Input
{
	RtText		json[2];
	RtText		text[2];
	RtText		topic;
	RtText		topic_json;
	RtText		event;
	uint64_t	number;
	char	   *reason;			/* text[0], terminated */
} Input;

typedef size_t (*WritePayload) (char *dst, size_t cap, const Input *in);

static size_t
write_welcome(char *dst, size_t cap, const Input *in)
{
	return rt_payload_welcome(dst, cap, in->reason);
}

static size_t
write_subscribed(char *dst, size_t cap, const Input *in)
{
	return rt_payload_subscribed(dst, cap, in->json[0], in->json[1]);
}

static size_t
write_denied(char *dst, size_t cap, const Input *in)
{
	return rt_payload_denied(dst, cap, in->json[0], in->json[1], in->text[0]);
}

static size_t
write_event(char *dst, size_t cap, const Input *in)
{
	return rt_payload_event(dst, cap, in->topic, in->event, in->json[0],
							(int64_t) in->number);
}

static size_t
write_success(char *dst, size_t cap, const Input *in)
{
	return rt_payload_success(dst, cap, in->json[0], in->json[1], in->json[0].len % 2 > 0);
}

static size_t
write_failure(char *dst, size_t cap, const Input *in)
{
	RtFailureText failure = {
		.code = in->text[0],.message = in->text[1],.issues_json = in->json[1],
		.retry_after_ms = (int64_t) in->number,.lock_key = in->text[0],
		.max_wait_ms = (int64_t) (in->number >> 1)
	};

	return rt_payload_failure(dst, cap, in->json[0], &failure);
}

static size_t
write_stream(char *dst, size_t cap, const Input *in)
{
	RtStreamReply reply = {
		.data_json = in->json[1],.topic = in->topic,.merge = in->text[0],
		.key = in->text[1],.prepend = (in->number & 1) != 0,
		.max = (int64_t) in->number,.seq = (int64_t) in->number,
		.replay = (RtReplayed) (in->number % 3),
		.channel = (in->number & 2) != 0,.gated = (in->number & 60) == 4,
		.delta = (in->number & 4) != 0,.unchanged = (in->number & 8) != 0,
		.version = in->event,.schema_version = (int32_t) (in->number >> 8),
		.paged = (in->number & 16) != 0,.has_more = (in->number & 32) != 0,
		.cursor_json = in->json[1]
	};

	return rt_payload_stream(dst, cap, in->json[0], &reply);
}

static size_t
write_replay_item(char *dst, size_t cap, const Input *in)
{
	return rt_frame_replay_item(dst, cap, in->number, in->topic, in->event,
								in->json[0]);
}

static size_t
write_replay_message(char *dst, size_t cap, const Input *in)
{
	return rt_payload_replay_message(dst, cap, in->topic_json, in->number,
									 in->event, in->json[0], in->json[1]);
}

static size_t
write_replay_truncated(char *dst, size_t cap, const Input *in)
{
	return rt_payload_replay_truncated(dst, cap, in->topic_json);
}

static size_t
write_replay_denied(char *dst, size_t cap, const Input *in)
{
	return rt_payload_replay_denied(dst, cap, in->topic_json, in->text[1],
									in->json[0]);
}

static size_t
write_replay_end(char *dst, size_t cap, const Input *in)
{
	return rt_payload_replay_end(dst, cap, in->topic_json, in->json[0],
								 (in->number & 1) != 0);
}

static const WritePayload payloads[] = {
	write_welcome, write_subscribed, write_denied, write_event, write_success,
	write_failure, write_stream, write_replay_item, write_replay_message,
	write_replay_truncated, write_replay_denied, write_replay_end
};

/* The header that was written says what follows it. */
static void
check_seal(size_t payload_len)
{
	char	   *buf = fuzz_alloc(RT_FRAME_HEADROOM + payload_len);
	size_t		frame_len;
	size_t		header_len;
	uint64_t	len;
	unsigned char *frame;

	frame = (unsigned char *) rt_frame_seal(buf, payload_len, RT_OPCODE_TEXT,
											&frame_len);
	header_len = frame_len - payload_len;
	FUZZ_ASSERT((char *) frame + header_len == buf + RT_FRAME_HEADROOM);
	FUZZ_ASSERT(frame[0] == 0x81 && frame[1] < 128);
	len = frame[1] < 126 ? frame[1] : 0;
	for (size_t i = 2; i < header_len; i++)
		len = len << 8 | frame[i];
	FUZZ_ASSERT(len == payload_len);
	free(buf);
}

/* The larger buffer is the promise of frame.h, an id and a code being twice in it. */
static void
check_payload(WritePayload write, const Input *in)
{
	size_t		enough = RT_FRAME_OVERHEAD + in->json[0].len * 2 +
		in->json[1].len * 2 + 6 * (2 * in->text[0].len + in->text[1].len) +
		in->topic.len + 2 + in->event.len;
	char	   *dst = fuzz_alloc(enough);
	size_t		len = write(dst, enough, in);
	size_t		caps[] = {0, 1, len / 2, len - 1, len};

	FUZZ_ASSERT(len > 0 && len <= enough);
	FUZZ_ASSERT(rt_json_check(dst, len, FUZZ_MAX_DEPTH + 2) == RT_JSON_OK);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
	{
		char	   *exact = fuzz_alloc(caps[i]);

		FUZZ_ASSERT(write(exact, caps[i], in) == (caps[i] < len ? 0 : len));
		FUZZ_ASSERT(caps[i] < len || memcmp(exact, dst, len) == 0);
		free(exact);
	}
	check_seal(len);
	free(dst);
}

/* A reason is kept as far as it goes, and not cut inside a character. */
static void
check_close(const Input *in)
{
	size_t		reason_len = strlen(in->reason);
	char		dst[125];
	size_t		len = rt_payload_close(dst, sizeof(dst),
									   (uint16_t) in->number, in->reason);
	size_t		kept = len - 2;

	FUZZ_ASSERT(len >= 2 && len <= sizeof(dst) && kept <= reason_len);
	FUZZ_ASSERT(memcmp(dst + 2, in->reason, kept) == 0);
	FUZZ_ASSERT(reason_len > 123 || kept == reason_len);
	FUZZ_ASSERT(kept == 0 || kept == reason_len ||
				((unsigned char) in->reason[kept] & 0xC0) != 0x80);
	FUZZ_ASSERT(rt_payload_close(dst, len - 1, 1000, in->reason) == 0);
}

static RtText
next_part(const char **pos, const char *end)
{
	const char *begin = *pos;
	const char *stop = begin;

	while (stop < end && (unsigned char) *stop != SEPARATOR)
		stop++;
	*pos = stop < end ? stop + 1 : end;
	return (RtText) {begin, (size_t) (stop - begin)};
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *pos = (const char *) data;
	const char *end = pos + size;
	char		quoted[RT_TOPIC_MAX + 2];
	Input		in = {.topic = RT_TEXT("t"),.event = RT_TEXT("e")};

	for (int i = 0; i < PARTS; i++)
	{
		RtText		part = next_part(&pos, end);

		if (i >= 2)
			in.text[i - 2] = part;
		else if (rt_json_check(part.ptr, part.len, FUZZ_MAX_DEPTH) ==
				 RT_JSON_OK)
			in.json[i] = part;
	}
	if (rt_topic_is_valid(in.text[0].ptr, in.text[0].len))
		in.topic = in.text[0];
	if (rt_event_is_valid(in.text[1].ptr, in.text[1].len))
		in.event = in.text[1];
	quoted[0] = '"';
	memcpy(quoted + 1, in.topic.ptr, in.topic.len);
	quoted[in.topic.len + 1] = '"';
	in.topic_json = (RtText) {quoted, in.topic.len + 2};
	memcpy(&in.number, data, size < 8 ? size : 8);
	in.reason = fuzz_alloc(in.text[0].len + 1);
	memcpy(in.reason, in.text[0].ptr, in.text[0].len);
	in.reason[in.text[0].len] = '\0';

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		check_payload(payloads[i], &in);
	check_close(&in);
	free(in.reason);
	return 0;
}

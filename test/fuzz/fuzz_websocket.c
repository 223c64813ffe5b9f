/*
 * fuzz_websocket.c
 *		Input: a byte of options, then what a client sends over a WebSocket.
 *		Read at once and in small pieces it must come to the same events.
 */
#include "src/protocol/websocket.h"
#include "test/fuzz/fuzz.h"

#define MAX_MESSAGE 2000

/* What was passed on, without the borders of pieces. */
typedef struct Outcome
{
	size_t		messages;
	size_t		controls;
	size_t		data_len;		/* of the unfinished message */
	size_t		control_len;
	uint32_t	hash;			/* of everything */
	uint16_t	code;
} Outcome;

static void
mix(Outcome *out, uint32_t value)
{
	out->hash = (out->hash ^ value) * 16777619u;
}

static void
note_payload(Outcome *out, const RtWebSocketEvent *event)
{
	for (size_t i = 0; i < event->payload.len; i++)
		mix(out, (unsigned char) event->payload.ptr[i]);
}

static void
note_data(Outcome *out, const RtWebSocketEvent *event, bool may_compress)
{
	if (event->first)
	{
		FUZZ_ASSERT(out->data_len == 0);
		mix(out, 1000u + event->binary + 2u * event->compressed);
	}
	FUZZ_ASSERT(may_compress || !event->compressed);
	note_payload(out, event);
	out->data_len += event->payload.len;
	FUZZ_ASSERT(out->data_len + event->left <= MAX_MESSAGE);
	if (event->last)
	{
		out->messages++;
		out->data_len = 0;
		mix(out, 2000);
	}
}

static void
note_control(Outcome *out, const RtWebSocketEvent *event)
{
	if (event->first)
	{
		FUZZ_ASSERT(out->control_len == 0);
		mix(out, 3000u + event->kind);
	}
	note_payload(out, event);
	out->control_len += event->payload.len;
	FUZZ_ASSERT(out->control_len + event->left <= RT_WEBSOCKET_CONTROL_MAX);
	if (event->last)
	{
		out->controls++;
		out->control_len = 0;
		mix(out, 4000);
	}
}

static void
note_event(Outcome *out, const RtWebSocketEvent *event, const RtWebSocketReader *reader)
{
	uint16_t	code;

	if (event->kind == RT_WEBSOCKET_OFFENCE)
	{
		FUZZ_ASSERT(out->code == 0 && reader->ended && event->reason != NULL);
		FUZZ_ASSERT(event->code == 1002 || event->code == 1007 || event->code == 1009);
		out->code = event->code;
	}
	else if (event->kind == RT_WEBSOCKET_DATA)
		note_data(out, event, reader->may_compress);
	else
	{
		note_control(out, event);
		if (event->kind == RT_WEBSOCKET_CLOSE && event->first && event->last)
		{
			FUZZ_ASSERT(reader->ended);
			(void) rt_websocket_read_close(event->payload, &code);
		}
	}
}

static void
read_piece(RtWebSocketReader *reader, Outcome *out, const uint8_t *data, size_t n)
{
	char	   *copy = fuzz_alloc(n);
	size_t		at = 0;

	memcpy(copy, data, n);
	while (at < n)
	{
		bool		ended = reader->ended;
		RtWebSocketEvent event;
		size_t		used = rt_websocket_read(reader, copy + at, n - at,
											 MAX_MESSAGE, &event);

		FUZZ_ASSERT(used <= n - at && used > 0);
		FUZZ_ASSERT(!ended || event.kind == RT_WEBSOCKET_NOTHING);
		FUZZ_ASSERT(event.kind != RT_WEBSOCKET_NOTHING || used == n - at);
		if (event.kind != RT_WEBSOCKET_NOTHING)
			note_event(out, &event, reader);
		at += used;
	}
	free(copy);
}

static void
read_in_steps(Outcome *out, const uint8_t *data, size_t size, bool may_compress,
			  size_t step)
{
	RtWebSocketReader reader;

	memset(out, 0, sizeof(*out));
	memset(&reader, 0, sizeof(reader));
	reader.may_compress = may_compress;
	for (size_t at = 0; at < size; at += step)
		read_piece(&reader, out, data + at, size - at < step ? size - at : step);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Outcome		whole;
	Outcome		cut;
	bool		may_compress;

	if (size < 2)
		return 0;
	may_compress = (data[0] & 1) != 0;
	read_in_steps(&whole, data + 1, size - 1, may_compress, size);
	read_in_steps(&cut, data + 1, size - 1, may_compress, 1u + (data[0] >> 1) % 16);
	/* an offence in a text is found before its piece is passed on */
	if (whole.code != 1007)
		FUZZ_ASSERT(whole.hash == cut.hash);
	FUZZ_ASSERT(whole.code == cut.code);
	FUZZ_ASSERT(whole.messages == cut.messages && whole.controls == cut.controls);
	return 0;
}

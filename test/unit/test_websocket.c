/*
 * test_websocket.c
 *		src/protocol/websocket.c: frames, their order, their offences.
 *
 * What a client sends is written down as frames and read whole, byte by byte
 * and in pieces of three bytes; all must come to the same.  What was passed
 * on is noted as text: a message as T(...) or B(...), a control frame as
 * ping(...), pong(...) or close(...), an offence as !code.
 */
#include "src/protocol/websocket.h"
#include "test/unit/unit.h"

#define MAX_MESSAGE 1000

static char sent[300000];
static size_t sent_len;
static char note[300000];
static size_t note_len;
static bool may_compress;

/* ---- writing frames ---- */

static void
send_bytes(const void *bytes, size_t len)
{
	memcpy(sent + sent_len, bytes, len);
	sent_len += len;
}

/* A header whose length takes a number of bytes, with a mask of zeros. */
static void
send_header(int first, uint64_t len, int len_bytes)
{
	unsigned char header[14] = {(unsigned char) first};

	header[1] = 0x80 | (len_bytes == 0 ? (unsigned char) len : len_bytes == 2 ? 126 : 127);
	for (int i = 0; i < len_bytes; i++)
		header[2 + i] = (unsigned char) (len >> (8 * (len_bytes - 1 - i)));
	send_bytes(header, (size_t) (2 + len_bytes + 4));
}

static void
send_frame_bytes(int first, const char *payload, size_t len)
{
	static unsigned int seed = 1;
	unsigned char mask[4];
	size_t		at;

	send_header(first, len, len < 126 ? 0 : len < 65536 ? 2 : 8);
	for (size_t i = 0; i < 4; i++)
		mask[i] = (unsigned char) ((seed = seed * 1103515245 + 12345) >> 16);
	memcpy(sent + sent_len - 4, mask, 4);
	at = sent_len;
	send_bytes(payload, len);
	for (size_t i = 0; i < len; i++)
		sent[at + i] = (char) (sent[at + i] ^ mask[i % 4]);
}

static void
send_frame(int first, const char *payload)
{
	send_frame_bytes(first, payload, strlen(payload));
}

static void
start(void)
{
	sent_len = 0;
	may_compress = false;
}

/* ---- reading ---- */

static void
note_bytes(const void *bytes, size_t len)
{
	memcpy(note + note_len, bytes, len);
	note_len += len;
}

static void
note_event(const RtWebSocketEvent *event)
{
	static const char *const names[] = {"", "", "ping(", "pong(", "close("};
	char		begin[32];

	if (event->kind == RT_WEBSOCKET_OFFENCE)
	{
		CHECK(strlen(event->reason) > 0);
		note_bytes(begin, (size_t) sprintf(begin, "!%d", event->code));
		return;
	}
	if (event->first && event->kind == RT_WEBSOCKET_DATA)
		note_bytes(begin, (size_t) sprintf(begin, "%s%c(", event->compressed ? "z" : "",
										   event->binary ? 'B' : 'T'));
	else if (event->first)
		note_bytes(names[event->kind], strlen(names[event->kind]));
	note_bytes(event->payload.ptr, event->payload.len);
	if (event->last)
		note_bytes(")", 1);
}

/* Hands over all that was sent in steps. */
static void
read_in_steps(size_t step)
{
	RtWebSocketReader reader;

	memset(&reader, 0, sizeof(reader));
	reader.may_compress = may_compress;
	note_len = 0;
	for (size_t have = 0; have < sent_len;)
	{
		size_t		n = sent_len - have < step ? sent_len - have : step;
		char	   *copy = unit_copy(sent + have, n);

		for (size_t at = 0; at < n;)
		{
			RtWebSocketEvent event;
			size_t		used = rt_websocket_read(&reader, copy + at, n - at,
												 MAX_MESSAGE, &event);

			CHECK(used <= n - at && (used > 0 || event.kind != RT_WEBSOCKET_NOTHING));
			if (event.kind != RT_WEBSOCKET_NOTHING)
				note_event(&event);
			else
				CHECK(used == n - at);
			at += used;
		}
		have += n;
		free(copy);
	}
	note[note_len] = '\0';
}

/* Whether what was sent since start() comes to this, however it arrives. */
static bool
is_read_as(const char *expected)
{
	bool		good = true;

	for (size_t step = 1; step <= 3; step++)
	{
		read_in_steps(step == 2 ? sent_len : step);
		if (strcmp(note, expected) != 0)
		{
			printf("# %.200s instead of %.200s\n", note, expected);
			good = false;
		}
	}
	return good;
}

/* ---- messages ---- */

static void
reads_messages(void)
{
	start();
	send_frame(0x81, "hello");
	send_frame(0x82, "\xff\xfe");
	send_frame(0x81, "");
	send_frame(0x82, "");
	send_frame(0x81, "0123456789abcdef");
	CHECK(is_read_as("T(hello)B(\xff\xfe)T()B()T(0123456789abcdef)"));
}

static void
reads_all_lengths(void)
{
	static const size_t lengths[] = {1, 2, 7, 8, 9, 125, 126, 127, 999, 1000};

	for (size_t i = 0; i < COUNT_OF(lengths); i++)
	{
		char		text[1001];
		char		expected[1010];

		memset(text, 'x', lengths[i]);
		text[lengths[i]] = '\0';
		snprintf(expected, sizeof(expected), "T(%s)", text);
		start();
		send_frame(0x81, text);
		CHECK(is_read_as(expected));
	}
}

static void
reads_fragments(void)
{
	start();
	send_frame(0x01, "he");
	send_frame(0x00, "");
	send_frame(0x89, "are you there");
	send_frame(0x00, "ll");
	send_frame(0x8A, "");
	send_frame(0x80, "o");
	send_frame(0x02, "");
	send_frame(0x80, "\xff");
	CHECK(is_read_as("T(heping(are you there)llpong()o)B(\xff)"));
}

static void
tells_what_is_left(void)
{
	RtWebSocketReader reader;
	RtWebSocketEvent event;

	start();
	send_frame(0x01, "0123456789");
	memset(&reader, 0, sizeof(reader));
	CHECK(rt_websocket_read(&reader, sent, 9, MAX_MESSAGE, &event) == 9);
	CHECK(event.kind == RT_WEBSOCKET_DATA && event.payload.len == 3 && event.left == 7);
	CHECK(event.first && !event.last);
	CHECK(rt_websocket_read(&reader, sent + 9, 7, MAX_MESSAGE, &event) == 7);
	CHECK(event.payload.len == 7 && event.left == 0 && !event.first && !event.last);
}

static void
reads_one_thing_at_a_time(void)
{
	RtWebSocketReader reader;
	RtWebSocketEvent event;

	start();
	send_frame(0x81, "a");
	send_frame(0x89, "b");
	memset(&reader, 0, sizeof(reader));
	CHECK(rt_websocket_read(&reader, sent, sent_len, MAX_MESSAGE, &event) == 7);
	CHECK(event.kind == RT_WEBSOCKET_DATA && event.last);
	CHECK(rt_websocket_read(&reader, sent + 7, sent_len - 7, MAX_MESSAGE, &event) == 7);
	CHECK(event.kind == RT_WEBSOCKET_PING && event.first && event.last);
	CHECK(rt_websocket_read(&reader, sent, 0, MAX_MESSAGE, &event) == 0);
	CHECK(event.kind == RT_WEBSOCKET_NOTHING);
}

/* ---- offences ---- */

/* A message before it is passed on, what comes behind it is not read. */
static bool
offends(int code, const char *frame, size_t len)
{
	char		expected[64];

	snprintf(expected, sizeof(expected), "T(good)!%d", code);
	start();
	send_frame(0x81, "good");
	send_bytes(frame, len);
	send_frame(0x81, "never read");
	send_frame(0x88, "");
	return is_read_as(expected);
}

#define OFFENDS(code, frame) offends(code, frame, sizeof(frame) - 1)

static void
wants_masks(void)
{
	CHECK(OFFENDS(1002, "\x81\x00"));
	CHECK(OFFENDS(1002, "\x81\x01x"));
	CHECK(OFFENDS(1002, "\x82\x01x"));
	CHECK(OFFENDS(1002, "\x89\x00"));
	CHECK(OFFENDS(1002, "\x8A\x00"));
	CHECK(OFFENDS(1002, "\x88\x00"));
	CHECK(OFFENDS(1002, "\x01\x01x"));
	CHECK(OFFENDS(1002, "\x81\x7E\x01\x00"));
}

static void
refuses_reserved_bits(void)
{
	for (int bits = 0x10; bits <= 0x70; bits += 0x10)
	{
		static const int opcodes[] = {0x81, 0x82, 0x88, 0x89, 0x8A, 0x01};

		for (size_t i = 0; i < COUNT_OF(opcodes); i++)
		{
			char		frame[2] = {(char) (opcodes[i] | bits), (char) 0x80};

			CHECK(offends(1002, frame, 2));
		}
	}
}

static void
refuses_reserved_opcodes(void)
{
	static const int reserved[] = {3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF};

	for (size_t i = 0; i < COUNT_OF(reserved); i++)
	{
		char		frame[2] = {(char) (0x80 | reserved[i]), (char) 0x80};

		CHECK(offends(1002, frame, 2));
		frame[0] = (char) reserved[i];
		CHECK(offends(1002, frame, 2));
	}
}

static void
refuses_bad_control_frames(void)
{
	CHECK(OFFENDS(1002, "\x09\x80"));
	CHECK(OFFENDS(1002, "\x0A\x80"));
	CHECK(OFFENDS(1002, "\x08\x80"));
	CHECK(OFFENDS(1002, "\x89\xFE"));
	CHECK(OFFENDS(1002, "\x88\xFE"));
	CHECK(OFFENDS(1002, "\x8A\xFF"));
}

static void
refuses_bad_order(void)
{
	CHECK(OFFENDS(1002, "\x80\x80"));
	CHECK(OFFENDS(1002, "\x00\x80"));
	start();
	send_frame(0x01, "a");
	send_frame(0x81, "b");
	CHECK(is_read_as("T(a!1002"));
	start();
	send_frame(0x01, "a");
	send_frame(0x89, "p");
	send_frame(0x02, "b");
	CHECK(is_read_as("T(aping(p)!1002"));
	start();
	send_frame(0x81, "a");
	send_frame(0x80, "b");
	CHECK(is_read_as("T(a)!1002"));
}

static void
refuses_bad_lengths(void)
{
	start();
	send_header(0x81, 125, 2);
	CHECK(is_read_as("!1002"));
	start();
	send_header(0x81, 0xFFFF, 8);
	CHECK(is_read_as("!1002"));
	start();
	send_header(0x81, 5, 8);
	CHECK(is_read_as("!1002"));
	start();
	send_header(0x81, UINT64_C(1) << 63, 8);
	CHECK(is_read_as("!1002"));
	start();
	send_header(0x81, UINT64_MAX, 8);
	CHECK(is_read_as("!1002"));
}

/* With the header: nobody waits for the bytes. */
static void
refuses_long_messages(void)
{
	char		text[1002];

	memset(text, 'x', sizeof(text));
	start();
	send_header(0x81, MAX_MESSAGE + 1, 2);
	CHECK(is_read_as("!1009"));
	start();
	send_header(0x82, UINT64_MAX >> 1, 8);
	CHECK(is_read_as("!1009"));
	start();
	send_frame_bytes(0x02, text, 600);
	send_frame_bytes(0x80, text, 400);
	send_frame_bytes(0x02, text, 600);
	read_in_steps(sent_len);
	CHECK(note_len == 1006 + 600 - 1 && strstr(note, "!") == NULL);
	send_header(0x00, 401, 2);
	read_in_steps(sent_len);
	CHECK(strcmp(note + note_len - 5, "!1009") == 0);
	start();
	send_frame_bytes(0x02, text, 600);
	send_header(0x00, UINT64_MAX >> 1, 8);
	read_in_steps(1);
	CHECK(strcmp(note + note_len - 5, "!1009") == 0);
}

/* ---- text ---- */

static void
checks_text(void)
{
	start();
	send_frame(0x81, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
	send_frame(0x01, "\xE2");
	send_frame(0x89, "\xff");
	send_frame(0x00, "");
	send_frame(0x00, "\x82");
	send_frame(0x80, "\xAC");
	send_frame_bytes(0x81, "a\0b", 3);
	read_in_steps(3);
	CHECK(note_len == 31 && strstr(note, "!") == NULL);
	start();
	send_frame(0x82, "\xC3");
	send_frame(0x81, "good");
	CHECK(is_read_as("B(\xC3)T(good)"));
}

static bool
text_offends(const char *first, const char *second)
{
	start();
	send_frame(second != NULL ? 0x01 : 0x81, first);
	if (second != NULL)
		send_frame(0x80, second);
	read_in_steps(sent_len);
	return note_len >= 5 && strcmp(note + note_len - 5, "!1007") == 0;
}

static void
refuses_bad_text(void)
{
	CHECK(text_offends("\xff", NULL));
	CHECK(text_offends("\xC0\xAF", NULL));
	CHECK(text_offends("\xED\xA0\x80", NULL));
	CHECK(text_offends("\xF4\x90\x80\x80", NULL));
	CHECK(text_offends("\xE2\x82", NULL));
	CHECK(text_offends("\xE2\x82", ""));
	CHECK(text_offends("\xE2\x82", "x"));
	CHECK(text_offends("\xE2", "\x28\xA1"));
	CHECK(text_offends("ok", "\xff"));
}

/* At the first byte that no text has, though the frame goes on. */
static void
refuses_bad_text_early(void)
{
	RtWebSocketReader reader;
	RtWebSocketEvent event;

	start();
	send_frame(0x01, "good\xE2\x28 and much that never arrives");
	memset(&reader, 0, sizeof(reader));
	(void) rt_websocket_read(&reader, sent, 6 + 5, MAX_MESSAGE, &event);
	CHECK(event.kind == RT_WEBSOCKET_DATA);
	(void) rt_websocket_read(&reader, sent + 6 + 5, 1, MAX_MESSAGE, &event);
	CHECK(event.kind == RT_WEBSOCKET_OFFENCE && event.code == 1007);
	(void) rt_websocket_read(&reader, sent + 6 + 6, 5, MAX_MESSAGE, &event);
	CHECK(event.kind == RT_WEBSOCKET_NOTHING);
}

/* ---- compression ---- */

static void
knows_compressed_messages(void)
{
	start();
	may_compress = true;
	send_frame(0xC1, "\xff");
	send_frame(0x81, "plain");
	send_frame(0x42, "a");
	send_frame(0x89, "p");
	send_frame(0x80, "b");
	CHECK(is_read_as("zT(\xff)T(plain)zB(aping(p)b)"));
	start();
	may_compress = true;
	send_frame(0x41, "a");
	send_frame(0xC0, "b");
	CHECK(is_read_as("zT(a!1002"));
	start();
	may_compress = true;
	send_frame(0xC9, "");
	CHECK(is_read_as("!1002"));
	start();
	may_compress = true;
	send_frame(0xE1, "");
	CHECK(is_read_as("!1002"));
}

/* ---- closing ---- */

static void
reads_nothing_behind_a_close(void)
{
	start();
	send_frame(0x81, "good");
	send_frame(0x88, "\x03\xe8" "bye");
	send_frame(0x81, "never read");
	send_frame(0x88, "");
	CHECK(is_read_as("T(good)close(\x03\xe8" "bye)"));
	start();
	send_frame(0x01, "begun");
	send_frame(0x88, "");
	send_frame(0x80, "never read");
	CHECK(is_read_as("T(begunclose()"));
}

static void
reads_close_codes(void)
{
	for (unsigned int code = 0; code <= 65535; code++)
	{
		char		payload[2] = {(char) (code >> 8), (char) code};
		bool		valid = (code >= 1000 && code <= 1014 && code != 1004 &&
							 code != 1005 && code != 1006) || (code >= 3000 && code <= 4999);
		uint16_t	found;

		CHECK(rt_websocket_code_is_valid(code) == valid);
		CHECK(rt_websocket_read_close((RtText) {payload, 2}, &found) == (valid ? 0 : 1002));
		CHECK(!valid || found == code);
	}
}

static uint16_t
close_offence(const char *payload, size_t len)
{
	char	   *copy = unit_copy(payload, len);
	uint16_t	code;
	uint16_t	offence = rt_websocket_read_close((RtText) {copy, len}, &code);

	CHECK(len != 0 || code == 1005);
	free(copy);
	return offence;
}

static void
reads_close_reasons(void)
{
	CHECK(close_offence("", 0) == 0);
	CHECK(close_offence("\x03", 1) == 1002);
	CHECK(close_offence("\x03\xe8", 2) == 0);
	CHECK(close_offence("\x03\xe8" "bye \xE2\x82\xAC", 9) == 0);
	CHECK(close_offence("\x03\xe8\xff", 3) == 1007);
	CHECK(close_offence("\x03\xe8\xE2\x82", 4) == 1007);
	CHECK(close_offence("\x03\xee\xff", 3) == 1002);
}

/* ---- masks ---- */

static void
unmasks(void)
{
	for (size_t len = 0; len <= 40; len++)
	{
		for (size_t cut = 0; cut <= len; cut++)
		{
			uint8_t		mask[4] = {0x11, 0x22, 0x44, 0x88};
			char	   *bytes = calloc(len + 1, 1);
			bool		good = true;

			rt_websocket_unmask(bytes, cut, mask);
			rt_websocket_unmask(bytes + cut, len - cut, mask);
			for (size_t i = 0; i < len; i++)
				good = good && (unsigned char) bytes[i] == 0x11 << (i % 4);
			CHECK(good);
			CHECK(mask[0] == 0x11 << (len % 4));
			free(bytes);
		}
	}
}

int
main(void)
{
	RUN(reads_messages);
	RUN(reads_all_lengths);
	RUN(reads_fragments);
	RUN(tells_what_is_left);
	RUN(reads_one_thing_at_a_time);
	RUN(wants_masks);
	RUN(refuses_reserved_bits);
	RUN(refuses_reserved_opcodes);
	RUN(refuses_bad_control_frames);
	RUN(refuses_bad_order);
	RUN(refuses_bad_lengths);
	RUN(refuses_long_messages);
	RUN(checks_text);
	RUN(refuses_bad_text);
	RUN(refuses_bad_text_early);
	RUN(knows_compressed_messages);
	RUN(reads_nothing_behind_a_close);
	RUN(reads_close_codes);
	RUN(reads_close_reasons);
	RUN(unmasks);
	return unit_done();
}

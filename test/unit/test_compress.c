/*
 * test_compress.c
 *		src/gateway/door/compress.c: events that are compressed in turn.
 */
#include "postgres.h"

#undef printf
#undef fprintf
#undef snprintf

#include "src/gateway/door/compress.c"
#include "test/unit/unit.h"

#define LENGTH 2000

int			realtime_compression_min_size = 1;
int			realtime_max_payload = 1024 * 1024;

static char frames[2][RT_FRAME_HEADROOM + LENGTH];

/* An event of one letter; each fills the buffer to another extent. */
static RtEventFrame
make_event(int number, char letter, size_t len)
{
	RtText		frame;

	memset(frames[number] + RT_FRAME_HEADROOM, letter, len);
	frame.ptr = rt_frame_seal(frames[number], len, RT_OPCODE_TEXT, &frame.len);
	return rt_event_frame(frame.ptr, frame.len);
}

static bool
says(RtText compressed, char letter, size_t len)
{
	const char *reason;
	RtText		message;

	if (rt_inflate_message(rt_frame_payload(compressed.ptr), &message, &reason) != 0 ||
		message.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (message.ptr[i] != letter)
			return false;
	}
	return true;
}

/* Delivering the first is interrupted by delivering the second. */
static void
in_turn(void)
{
	RtEventFrame first = make_event(0, 'a', 500);
	RtEventFrame second = make_event(1, 'b', LENGTH);

	CHECK(says(rt_compress_event(&first), 'a', 500));
	CHECK(says(rt_compress_event(&second), 'b', LENGTH));
	CHECK(says(rt_compress_event(&first), 'a', 500));
	CHECK(says(rt_compress_event(&first), 'a', 500));
	CHECK(says(rt_compress_event(&second), 'b', LENGTH));
}

/* Nobody compresses it anew for each who gets it. */
static void
once(void)
{
	RtEventFrame event = make_event(0, 'a', 500);
	uint64		before;

	(void) rt_compress_event(&event);
	before = event_number;
	(void) rt_compress_event(&event);
	CHECK(event_number == before);
}

int
main(void)
{
	RUN(in_turn);
	RUN(once);
	return unit_done();
}

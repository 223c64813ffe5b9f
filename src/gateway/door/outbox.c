/*
 * outbox.c
 *		The raw write path: one send per connection and turn.
 *
 * Server frames are unmasked, so complete frames can be appended to any
 * number of outboxes and written without the library's framing
 * (LWS_WRITE_RAW), outside its WRITEABLE callback.  What the kernel does not
 * take is copied by the library, at most RT_WRITE_CHUNK bytes or one frame,
 * because nothing is written again before it has been drained; the library
 * asks for the callback itself then.
 *
 * The library answers pings as soon as it has drained what it was given.  So
 * that must end with a frame, or the pong would be put into the middle of one.
 *
 * An outbox larger than FLUSH_AT is written at once, and all of them when they
 * hold UNWRITTEN_MAX together, so that one large event to many subscribers
 * does not stand in memory as many times.
 */
#include "postgres.h"

#include <libwebsockets.h>

#include "utils/memutils.h"

#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/subscription.h"
#include "src/guc.h"
#include "src/protocol/frame.h"

#define FLUSH_AT (64 * 1024)	/* bytes */
#define UNWRITTEN_ENOUGH (8 * 1024 * 1024)	/* bytes appended that end a turn's
											 * fan-out */
#define UNWRITTEN_MAX (16 * 1024 * 1024)	/* before all are written in the
											 * middle of one event */
#define SMALL_SIZE 4096			/* buffers of this size are kept for reuse */
#define SMALL_KEPT 1024			/* how many at most */

static dlist_head dirty = DLIST_STATIC_INIT(dirty);
static size_t unwritten = 0;	/* bytes appended since the last flush */
static char *small_buffers[SMALL_KEPT];
static int	small_count = 0;

static char *frame_buffer = NULL;
static size_t frame_buffer_size = 0;

/* ---- memory ---- */

static char *
take_small(void)
{
	if (small_count > 0)
		return small_buffers[--small_count];
	return malloc(SMALL_SIZE);
}

static void
release_outbox(RtBuffer *outbox)
{
	if (outbox->size == SMALL_SIZE && small_count < SMALL_KEPT)
		small_buffers[small_count++] = outbox->data;
	else
		free(outbox->data);
	memset(outbox, 0, sizeof(*outbox));
}

static bool
reserve_outbox(RtBuffer *outbox, size_t len)
{
	size_t		used = outbox->end - outbox->start;
	size_t		size;
	char	   *data;

	if (outbox->end + len <= outbox->size)
		return true;
	if (outbox->data == NULL && len <= SMALL_SIZE)
	{
		outbox->data = take_small();
		outbox->size = outbox->data != NULL ? SMALL_SIZE : 0;
		return outbox->data != NULL;
	}

	size = Max(outbox->size, SMALL_SIZE);
	while (size < used + len)
		size *= 2;
	if (size > PG_UINT32_MAX)
		return false;
	data = malloc(size);
	if (data == NULL)
		return false;
	if (used > 0)
		memcpy(data, outbox->data + outbox->start, used);
	if (outbox->data != NULL)
		release_outbox(outbox);
	outbox->data = data;
	outbox->size = size;
	outbox->start = 0;
	outbox->end = used;
	return true;
}

/* ---- writing ---- */

/* How many bytes to write at once: the next frames, whole ones. */
static size_t
next_write(const RtBuffer *outbox)
{
	const char *frames = outbox->data + outbox->start;
	size_t		have = outbox->end - outbox->start;
	size_t		len;

	if (have <= RT_WRITE_CHUNK)
		return have;
	len = rt_frame_length(frames);
	while (len < RT_WRITE_CHUNK)
	{
		size_t		next = rt_frame_length(frames + len);

		if (len + next > RT_WRITE_CHUNK)
			break;
		len += next;
	}
	return len;
}

/* Writes what the kernel takes now.  Returns false if the socket is dead. */
static bool
write_outbox(RtConnection *connection)
{
	RtBuffer   *outbox = &connection->outbox;

	while (outbox->start < outbox->end)
	{
		size_t		len = next_write(outbox);

		if (lws_partial_buffered(connection->wsi))
		{
			connection->blocked = true;
			return true;
		}
		if (lws_write(connection->wsi,
					  (unsigned char *) outbox->data + outbox->start,
					  len, LWS_WRITE_RAW) < 0)
			return false;
		outbox->start += len;
		rt_count_add(bytes_out, len);
	}
	connection->blocked = lws_partial_buffered(connection->wsi) != 0;
	connection->last_sent_ms = rt_gateway.now_ms;
	if (outbox->data != NULL)
		release_outbox(outbox);
	return true;
}

static void
flush_connection(RtConnection *connection)
{
	if (connection->wsi == NULL)
		return;
	if (!write_outbox(connection))
	{
		release_outbox(&connection->outbox);
		rt_connection_kill(connection);
		return;
	}
	if (connection->lost_count > 0 && !connection->blocked &&
		connection->state == RT_CONNECTION_OPEN)
	{
		if (rt_subscriptions_send_markers(connection) != NULL)
			rt_repair_want(connection);
		(void) write_outbox(connection);
	}
}

void
rt_connections_flush(void)
{
	unwritten = 0;
	while (!dlist_is_empty(&dirty))
	{
		dlist_node *node = dlist_pop_head_node(&dirty);
		RtConnection *connection = dlist_container(RtConnection, dirty_node, node);

		flush_connection(connection);
		/* markers may have been appended: they are written already */
		connection->in_dirty = false;
	}
}

void
rt_connection_mark_dirty(RtConnection *connection)
{
	if (connection->in_dirty || connection->wsi == NULL)
		return;
	dlist_push_tail(&dirty, &connection->dirty_node);
	connection->in_dirty = true;
}

void
rt_connection_writable(RtConnection *connection)
{
	connection->blocked = false;
	if (rt_outbox_pending(connection) > 0 || connection->lost_count > 0)
		rt_connection_mark_dirty(connection);
}

bool
rt_outbox_is_time_to_write(void)
{
	return unwritten >= UNWRITTEN_ENOUGH;
}

size_t
rt_outbox_pending(const RtConnection *connection)
{
	return connection->outbox.end - connection->outbox.start;
}

void
rt_outbox_forget(RtConnection *connection)
{
	if (connection->in_dirty)
	{
		dlist_delete(&connection->dirty_node);
		connection->in_dirty = false;
	}
	if (connection->outbox.data != NULL)
		release_outbox(&connection->outbox);
}

void
rt_outbox_append(RtConnection *connection, const char *bytes, size_t len)
{
	if (connection->wsi == NULL)
		return;
	if (!reserve_outbox(&connection->outbox, len))
	{
		rt_connection_kill(connection);
		return;
	}
	memcpy(connection->outbox.data + connection->outbox.end, bytes, len);
	connection->outbox.end += len;
	unwritten += len;
	rt_connection_mark_dirty(connection);
	if (rt_outbox_pending(connection) >= FLUSH_AT && !connection->blocked &&
		!rt_event_loop_in_callback())
		if (!write_outbox(connection))
			rt_connection_kill(connection);
}

void
rt_connection_send(RtConnection *connection, const char *frame, size_t len)
{
	if (connection->state != RT_CONNECTION_OPEN)
		return;
	/* an answer may be as large as a frame beside the events that wait */
	if (rt_outbox_pending(connection) + len >
		(size_t) realtime_max_backpressure + 2 * RT_FRAME_PAYLOAD_MAX)
	{
		release_outbox(&connection->outbox);
		rt_connection_kill(connection);
		return;
	}
	rt_outbox_append(connection, frame, len);
}

bool
rt_connection_deliver(RtConnection *connection, const char *frame, size_t len)
{
	if (connection->state != RT_CONNECTION_OPEN)
		return true;
	/* a single frame may always wait, however small the limit is */
	if (rt_outbox_pending(connection) > 0 &&
		rt_outbox_pending(connection) + len > (size_t) realtime_max_backpressure)
		return false;
	rt_outbox_append(connection, frame, len);
	rt_count(deliveries);
	if (unwritten > UNWRITTEN_MAX)
		rt_connections_flush();
	return true;
}

/* ---- small frames ---- */

char *
rt_frame_buffer(size_t payload_cap)
{
	size_t		size = payload_cap + RT_FRAME_HEADROOM;

	if (size > frame_buffer_size)
	{
		/* grown only from the loop; callbacks ask for little */
		char	   *data = realloc(frame_buffer, Max(size, 64 * 1024));

		if (data == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("Failed on a frame of %zu bytes.", size)));
		frame_buffer = data;
		frame_buffer_size = Max(size, 64 * 1024);
	}
	return frame_buffer + RT_FRAME_HEADROOM;
}

void
rt_connection_send_payload(RtConnection *connection, size_t payload_len)
{
	size_t		frame_len;
	char	   *frame;

	if (payload_len == 0)
		return;
	frame = rt_frame_seal(frame_buffer, payload_len, RT_OPCODE_TEXT, &frame_len);
	rt_connection_send(connection, frame, frame_len);
}

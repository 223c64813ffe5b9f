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
 *
 * What others do not read is bounded for all of them together (budget.h).  For
 * an answer that finds no memory those are ended who have not read for the
 * longest time, for an event only those who have not for a while: otherwise it
 * is lost, which can be made good.
 */
#include "postgres.h"

#include <libwebsockets.h>

#include "utils/memutils.h"

#include "src/gateway/door/behind.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/door/socket.h"
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
#define SMALL_FRAME_MAX (64 * 1024)	/* what we build ourselves: parts of control
										 * frames, ids and messages */
#define DEAF_MS 1000			/* not to have read for so long may cost the
								 * connection when events need its memory */

static dlist_head dirty = DLIST_STATIC_INIT(dirty);
static size_t unwritten = 0;	/* bytes appended since the last flush */

static char frame_buffer[RT_FRAME_HEADROOM + SMALL_FRAME_MAX];

/* ---- room ---- */

/* What the library has not written yet is a copy of its own. */
static void
note_handed_over(RtConnection *connection, size_t bytes)
{
	rt_budget_resize_buffer(&connection->budget, connection->handed_over, bytes);
	connection->handed_over = bytes;
}

void
rt_outbox_drop(RtConnection *connection)
{
	rt_buffer_release(&connection->outbox, &connection->budget);
	note_handed_over(connection, 0);
}

static void
drop_and_kill(RtConnection *connection)
{
	rt_outbox_drop(connection);
	rt_connection_kill(connection);
}

/* If need be, at the cost of those who have not read for the longest time. */
static bool
make_room(RtConnection *connection, size_t len, int64 patience_ms)
{
	while (!rt_buffer_reserve(&connection->outbox, &connection->budget, len, 1))
	{
		if (!rt_behind_end_first(connection, patience_ms))
			return false;
	}
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

	connection->blocked = lws_partial_buffered(connection->wsi) != 0;
	while (outbox->start < outbox->end && !connection->blocked)
	{
		size_t		len = next_write(outbox);

		if (lws_write(connection->wsi,
					  (unsigned char *) outbox->data + outbox->start,
					  len, LWS_WRITE_RAW) < 0)
			return false;
		outbox->start += len;
		rt_count_add(bytes_out, len);
		connection->last_sent_ms = rt_gateway.now_ms;
		connection->blocked = lws_partial_buffered(connection->wsi) != 0;
		note_handed_over(connection, connection->blocked ? len : 0);
	}
	if (outbox->start == outbox->end)
		rt_buffer_release(outbox, &connection->budget);
	if (connection->blocked)
		rt_behind_add(connection);
	else
		rt_behind_remove(connection);
	return true;
}

static void
make_losses_good(RtConnection *connection)
{
	bool		more = true;

	while (more && !connection->blocked &&
		   connection->state == RT_CONNECTION_OPEN)
	{
		more = rt_subscriptions_send_markers(connection);
		if (!write_outbox(connection))
			drop_and_kill(connection);
	}
	if (!connection->blocked && rt_subscription_to_repair(connection) != NULL)
		rt_repair_want(connection);
}

static void
flush_connection(RtConnection *connection)
{
	if (connection->wsi == NULL)
		return;
	if (!write_outbox(connection))
	{
		drop_and_kill(connection);
		return;
	}
	if (rt_subscriptions_are_lost(connection))
		make_losses_good(connection);
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
	note_handed_over(connection, 0);
	if (rt_outbox_pending(connection) > 0 || rt_subscriptions_are_lost(connection))
		rt_connection_mark_dirty(connection);
	else
		rt_behind_remove(connection);
}

bool
rt_outbox_is_time_to_write(void)
{
	return unwritten >= UNWRITTEN_ENOUGH;
}

size_t
rt_outbox_pending(const RtConnection *connection)
{
	return rt_buffer_used(&connection->outbox);
}

void
rt_outbox_forget(RtConnection *connection)
{
	if (connection->in_dirty)
	{
		dlist_delete(&connection->dirty_node);
		connection->in_dirty = false;
	}
	rt_behind_remove(connection);
	rt_outbox_drop(connection);
}

void
rt_outbox_append(RtConnection *connection, const char *bytes, size_t len)
{
	if (connection->wsi == NULL)
		return;
	if (!make_room(connection, len, 0))
	{
		drop_and_kill(connection);
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
		drop_and_kill(connection);
		rt_count(stalled);
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
	if (!make_room(connection, len, DEAF_MS))
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
	if (payload_cap > SMALL_FRAME_MAX)
		elog(ERROR, "a small frame of %zu bytes", payload_cap);
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

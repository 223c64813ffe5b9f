/*
 * outbox.c
 *		What is sent to connections.
 *
 * Server frames are unmasked, so one frame is appended to any number of
 * connections as it is, or in its compressed form.
 */
#include "postgres.h"

#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/topic/flight.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/log_limit.h"
#include "src/protocol/frame.h"

#define SMALL_FRAME_MAX (64 * 1024)	/* what we build ourselves: parts of control
										 * frames, ids and messages */

static char frame_buffer[RT_FRAME_HEADROOM + SMALL_FRAME_MAX];

void
rt_connection_mark_dirty(RtConnection *connection)
{
	if (connection->socket != NULL)
		rt_socket_mark_dirty(connection->socket);
}

size_t
rt_outbox_pending(const RtConnection *connection)
{
	return connection->socket != NULL ? rt_socket_pending(connection->socket) : 0;
}

/* Each of the frames compressed, if it is a text and long enough. */
static void
append_compressed(RtSocket *socket, const char *frames, size_t len)
{
	while (len > 0)
	{
		RtText		frame = {frames, rt_frame_length(frames)};
		RtText		form = frame;

		if ((unsigned char) frame.ptr[0] == RT_OPCODE_TEXT)
			form = rt_compress_frame(frame);
		rt_socket_append(socket, form.ptr, form.len);
		frames += frame.len;
		len -= frame.len;
	}
}

/* An answer may be as large as a frame beside the events that wait. */
size_t
rt_outbox_limit(void)
{
	return (size_t) realtime_max_backpressure + 2 * RT_FRAME_PAYLOAD_MAX;
}

/* Anybody may be able to cause it, so the log has only some of these. */
static void
tell_dropped(const RtConnection *connection)
{
	if (!rt_log_limit_allows("", ERRCODE_CONFIGURATION_LIMIT_EXCEEDED))
		return;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("a reply to realtime connection %s could not be delivered", connection->id),
			 errdetail("%zu bytes wait for its client, which does not read them; the connection is ended.",
					   rt_outbox_pending(connection)),
			 errhint("\"realtime.max_backpressure\" and one long reply may wait.")));
}

void
rt_outbox_overflow(RtConnection *connection)
{
	if (connection->state != RT_CONNECTION_OPEN)
		return;
	rt_limit_hit(RT_LIMIT_BACKPRESSURE);
	rt_count(replies_dropped);
	tell_dropped(connection);
	rt_connection_kill(connection);
	rt_count(stalled);
}

void
rt_connection_send(RtConnection *connection, const char *frames, size_t len)
{
	if (connection->state != RT_CONNECTION_OPEN)
		return;
	if (rt_outbox_pending(connection) + len > rt_outbox_limit())
	{
		rt_outbox_overflow(connection);
		return;
	}
	if (rt_connection_compresses(connection))
		append_compressed(connection->socket, frames, len);
	else
		rt_socket_append(connection->socket, frames, len);
}

/* A single frame may always wait, however small the limit is. */
static bool
may_wait(const RtConnection *connection, size_t len)
{
	size_t		pending = rt_outbox_pending(connection);

	if (pending > 0 && pending + len > (size_t) realtime_max_backpressure)
	{
		rt_limit_hit(RT_LIMIT_BACKPRESSURE);
		return false;
	}
	rt_limit_note(RT_LIMIT_BACKPRESSURE, pending);
	return true;
}

bool
rt_connection_deliver(RtConnection *connection, RtEventFrame *event)
{
	RtText		frame = event->plain;

	if (connection->state != RT_CONNECTION_OPEN)
		return true;
	if (rt_connection_compresses(connection))
		frame = rt_compress_event(event);
	if (!may_wait(connection, frame.len))
		return false;
	if (!rt_socket_make_room(connection->socket, frame.len))
		return false;
	rt_socket_append(connection->socket, frame.ptr, frame.len);
	rt_flight_note_told(connection);
	rt_count(deliveries);
	if (rt_sockets_overflow())
		rt_sockets_flush();
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

/*
 * The marker of a stream client: a payload with "reqId" is never merged, and
 * "truncated" makes the stream fetch anew (protocol: lost events).
 */
void
rt_outbox_send_marker(RtConnection *connection, RtText topic)
{
	size_t		cap = topic.len + RT_FRAME_OVERHEAD;

	rt_connection_send_payload(connection,
							   rt_payload_event(rt_frame_buffer(cap), cap, topic,
												RT_TEXT("truncated"),
												RT_TEXT("{\"reqId\":0,\"truncated\":true}"), -1));
	rt_count(markers);
}

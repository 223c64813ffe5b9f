/*
 * inbox.c
 *		From bytes to messages.
 *
 * A callback reads frames, copies the payload of messages into the inbox,
 * once, and answers pings.  How a connection ends is noted there and done in
 * the loop, behind the messages that came before: what a client has sent
 * before its close frame, or before an offence, is handled.
 *
 * A compressed message is kept as it came and inflated when it is handled.  As
 * a few bytes may become many, only so much is inflated for a connection in a
 * turn; while it has more, nothing is read from it.
 */
#include "postgres.h"

#include "src/gateway/door/compress.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/protocol/close_code.h"
#include "src/protocol/frame.h"

#define INBOX_PART 4			/* of the memory that a gateway has left */
#define INFLATED_ENOUGH (256 * 1024)	/* bytes of a connection in a turn */

/* Precedes each message in an inbox. */
typedef struct MessageHeader
{
	uint32		len;
	bool		binary;
	bool		compressed;
} MessageHeader;

static dlist_head ready = DLIST_STATIC_INIT(ready);
static dlist_head next_turn = DLIST_STATIC_INIT(next_turn); /* ready then */
static RtConnection *current = NULL;

RtConnection *
rt_connection_take_current(void)
{
	RtConnection *connection = current;

	current = NULL;
	return connection;
}

static void
mark_ready(RtConnection *connection)
{
	if (connection->in_ready)
		return;
	dlist_push_tail(&ready, &connection->ready_node);
	connection->in_ready = true;
}

void
rt_inbox_forget(RtConnection *connection)
{
	if (connection->in_ready)
		dlist_delete(&connection->ready_node);
	connection->in_ready = false;
	rt_buffer_release(&connection->inbox, &connection->budget);
	rt_buffer_release(&connection->control, &connection->budget);
}

void
rt_inbox_hold(RtConnection *connection, RtInboxHold reason)
{
	connection->held |= reason;
	rt_socket_pause(connection->socket, RT_SOCKET_HELD);
}

void
rt_inbox_release(RtConnection *connection, RtInboxHold reason)
{
	connection->held &= ~reason;
	if (connection->held != 0)
		return;
	connection->last_received_ms = rt_gateway.now_ms;	/* nobody has listened */
	rt_socket_resume(connection->socket, RT_SOCKET_HELD);
	mark_ready(connection);
}

bool
rt_inboxes_are_ready(void)
{
	return !dlist_is_empty(&ready);
}

/* ---- messages ---- */

/* Begins a message with the place for its header; false without memory. */
static bool
begin_message(RtConnection *connection, const RtWebSocketEvent *event)
{
	RtBuffer   *inbox = &connection->inbox;
	MessageHeader header = {
		.binary = event->binary,.compressed = event->compressed
	};

	if (!rt_buffer_reserve(inbox, &connection->budget, sizeof(header), INBOX_PART))
		return false;
	connection->message_at = rt_buffer_used(inbox);
	memcpy(inbox->data + inbox->end, &header, sizeof(header));
	inbox->end += sizeof(header);
	connection->in_message = true;
	return true;
}

static bool
append(RtConnection *connection, RtBuffer *buffer, RtText bytes)
{
	if (!rt_buffer_reserve(buffer, &connection->budget, bytes.len, INBOX_PART))
		return false;
	memcpy(buffer->data + buffer->end, bytes.ptr, bytes.len);
	buffer->end += bytes.len;
	return true;
}

static void
end_message(RtConnection *connection)
{
	RtBuffer   *inbox = &connection->inbox;
	uint32		len = rt_buffer_used(inbox) - connection->message_at -
		sizeof(MessageHeader);

	memcpy(inbox->data + inbox->start + connection->message_at, &len, sizeof(len));
	connection->in_message = false;
	mark_ready(connection);
}

/* Nothing more is taken; the connection ends when what came before is handled. */
static void
end_input(RtConnection *connection, uint16 code, const char *reason)
{
	if (connection->end_code != 0)
		return;
	connection->end_code = code;
	connection->end_reason = reason;
	mark_ready(connection);
}

static void
take_data(RtConnection *connection, const RtWebSocketEvent *event)
{
	if ((event->first && !begin_message(connection, event)) ||
		!append(connection, &connection->inbox, event->payload))
		end_input(connection, RT_CLOSE_TRY_AGAIN, "Out of memory");
	else if (event->last)
		end_message(connection);
}

/* ---- control frames ---- */

static void
answer_ping(RtConnection *connection, RtText payload)
{
	char		frame[RT_FRAME_HEADROOM + RT_WEBSOCKET_CONTROL_MAX];
	size_t		len;
	char	   *begin;

	memcpy(frame + RT_FRAME_HEADROOM, payload.ptr, payload.len);
	begin = rt_frame_seal(frame, payload.len, RT_OPCODE_PONG, &len);
	rt_connection_send(connection, begin, len);
}

/* The peer's close frame: answered in kind, or as the offence that it is. */
static void
take_close(RtConnection *connection, RtText payload)
{
	uint16_t	code;
	uint16_t	offence = rt_websocket_read_close(payload, &code);

	if (connection->state != RT_CONNECTION_OPEN)
		rt_connection_finish(connection);
	else if (offence != 0)
		end_input(connection, offence, "Bad close frame");
	else
		end_input(connection, code, NULL);
}

static void
handle_control(RtConnection *connection, RtWebSocketKind kind, RtText payload)
{
	if (kind == RT_WEBSOCKET_CLOSE)
		take_close(connection, payload);
	else if (kind == RT_WEBSOCKET_PING)
		answer_ping(connection, payload);
}

/* One that has come in several pieces is put together first. */
static void
take_control(RtConnection *connection, const RtWebSocketEvent *event)
{
	RtBuffer   *control = &connection->control;

	if (event->first && event->last)
	{
		handle_control(connection, event->kind, event->payload);
		return;
	}
	if (!append(connection, control, event->payload))
		end_input(connection, RT_CLOSE_TRY_AGAIN, "Out of memory");
	else if (event->last)
	{
		handle_control(connection, event->kind,
					   (RtText) {control->data + control->start, rt_buffer_used(control)});
		rt_buffer_release(control, &connection->budget);
	}
}

/* ---- frames ---- */

static void
take_event(RtConnection *connection, const RtWebSocketEvent *event)
{
	switch (event->kind)
	{
		case RT_WEBSOCKET_NOTHING:
			break;
		case RT_WEBSOCKET_DATA:
			if (connection->state == RT_CONNECTION_OPEN)
				take_data(connection, event);
			break;
		case RT_WEBSOCKET_PING:
		case RT_WEBSOCKET_PONG:
		case RT_WEBSOCKET_CLOSE:
			take_control(connection, event);
			break;
		case RT_WEBSOCKET_OFFENCE:
			if (connection->state == RT_CONNECTION_OPEN)
				end_input(connection, event->code, event->reason);
			else
				rt_connection_finish(connection);
			break;
	}
}

void
rt_inbox_receive(RtConnection *connection, char *bytes, size_t len)
{
	size_t		used = 0;

	connection->last_received_ms = rt_gateway.now_ms;
	while (used < len && connection->end_code == 0)
	{
		RtWebSocketEvent event;

		used += rt_websocket_read(&connection->reader, bytes + used, len - used,
								  realtime_max_payload, &event);
		take_event(connection, &event);
	}
}

/* ---- what has not come from the client ---- */

/* Bytes of whole messages; an unfinished one is not counted. */
static uint32
complete_bytes(const RtConnection *connection)
{
	return connection->in_message ? connection->message_at :
		rt_buffer_used(&connection->inbox);
}

/* Before the one that is not finished yet, which moves. */
bool
rt_inbox_put(RtConnection *connection, RtText text)
{
	RtBuffer   *inbox = &connection->inbox;
	MessageHeader header = {.len = text.len};
	uint32		size = sizeof(header) + text.len;
	uint32		complete = complete_bytes(connection);
	char	   *place;

	if (connection->state != RT_CONNECTION_OPEN || connection->end_code != 0 ||
		!rt_buffer_reserve(inbox, &connection->budget, size, INBOX_PART))
		return false;
	place = inbox->data + inbox->start + complete;
	memmove(place + size, place, rt_buffer_used(inbox) - complete);
	memcpy(place, &header, sizeof(header));
	memcpy(place + sizeof(header), text.ptr, text.len);
	inbox->end += size;
	if (connection->in_message)
		connection->message_at += size;
	mark_ready(connection);
	return true;
}

/* ---- handling ---- */

/* As it was noted.  Nobody waits for the peer: it has said all, or too much. */
static void
end_connection(RtConnection *connection)
{
	if (connection->end_code == RT_CLOSE_TOO_LONG)
		rt_limit_hit(RT_LIMIT_PAYLOAD);
	rt_connection_close(connection, connection->end_code, connection->end_reason);
	rt_connection_finish(connection);
}

/* Nothing behind an offence is handled, nor is what was noted of it. */
static void
offend(RtConnection *connection, uint16 code, const char *reason)
{
	connection->end_code = code;
	connection->end_reason = reason;
	end_connection(connection);
}

/* Inflates a message; one that is not what it must be ends the connection. */
static bool
inflate(RtConnection *connection, bool binary, RtText *message)
{
	RtUtf8		utf8 = {0, 0, 0};
	const char *reason = NULL;
	uint16		code = rt_inflate_message(*message, message, &reason);

	if (code == 0 && !binary &&
		(!rt_utf8_check(&utf8, message->ptr, message->len) || utf8.left > 0))
	{
		code = RT_CLOSE_INVALID_TEXT;
		reason = "Invalid UTF-8";
	}
	if (code != 0)
		offend(connection, code, reason);
	return code == 0;
}

/* Takes the first message out of an inbox and handles it. */
static void
handle_first(RtConnection *connection, RtMessageHandler handle, size_t *inflated)
{
	RtBuffer   *inbox = &connection->inbox;
	MessageHeader header;
	RtText		message;

	memcpy(&header, inbox->data + inbox->start, sizeof(header));
	message = (RtText) {inbox->data + inbox->start + sizeof(header), header.len};
	inbox->start += sizeof(header) + header.len;
	if (connection->in_message)
		connection->message_at -= sizeof(header) + header.len;
	rt_count(frames_in);
	if (header.compressed)
	{
		if (!inflate(connection, header.binary, &message))
			return;
		*inflated += message.len;
	}
	handle(connection, message.ptr, message.len, header.binary);
}

/* What it has left is handled in the next turn. */
static void
defer(RtConnection *connection)
{
	rt_socket_pause(connection->socket, RT_SOCKET_BUSY);
	dlist_push_tail(&next_turn, &connection->ready_node);
	connection->in_ready = true;
}

/* Handles what is complete; an unfinished message stays. */
static void
handle_inbox(RtConnection *connection, RtMessageHandler handle)
{
	size_t		inflated = 0;

	while (complete_bytes(connection) > 0 && connection->held == 0 &&
		   connection->state == RT_CONNECTION_OPEN)
	{
		if (inflated >= INFLATED_ENOUGH)
		{
			defer(connection);
			return;
		}
		handle_first(connection, handle, &inflated);
	}
	if (connection->held != 0 && connection->state == RT_CONNECTION_OPEN)
		return;
	if (connection->state == RT_CONNECTION_OPEN)
		rt_socket_resume(connection->socket, RT_SOCKET_BUSY);
	if (connection->end_code != 0)
		end_connection(connection);
	if (!connection->in_message || connection->state != RT_CONNECTION_OPEN)
		rt_inbox_forget(connection);
}

/* Those that had too much for the last turn come first. */
static void
take_deferred(void)
{
	while (!dlist_is_empty(&next_turn))
	{
		dlist_node *node = dlist_tail_node(&next_turn);

		dlist_delete(node);
		dlist_push_head(&ready, node);
	}
}

bool
rt_connections_handle_messages(RtMessageHandler handle)
{
	take_deferred();
	while (!dlist_is_empty(&ready))
	{
		dlist_node *node = dlist_pop_head_node(&ready);

		current = dlist_container(RtConnection, ready_node, node);
		current->in_ready = false;
		handle_inbox(current, handle);
		current = NULL;
	}
	return !dlist_is_empty(&next_turn);
}

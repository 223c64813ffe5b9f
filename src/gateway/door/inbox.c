/*
 * inbox.c
 *		From bytes to messages.
 *
 * A callback reads frames, copies the payload of messages into the inbox,
 * once, and answers pings.  How a connection ends is noted there and done in
 * the loop, behind the messages that came before: what a client has sent
 * before its close frame, or before an offence, is handled.
 */
#include "postgres.h"

#include "src/gateway/door/inbox.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/protocol/frame.h"

#define INBOX_PART 4			/* of the memory that a gateway has left */

/* Precedes each message in an inbox. */
typedef struct MessageHeader
{
	uint32		len;
	uint32		binary;
} MessageHeader;

static dlist_head ready = DLIST_STATIC_INIT(ready);
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

/* ---- messages ---- */

/* Begins a message with the place for its header; false without memory. */
static bool
begin_message(RtConnection *connection, bool binary)
{
	RtBuffer   *inbox = &connection->inbox;
	MessageHeader header = {.len = 0,.binary = binary};

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
	if ((event->first && !begin_message(connection, event->binary)) ||
		!append(connection, &connection->inbox, event->payload))
		end_input(connection, 1013, "Out of memory");
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
		end_input(connection, 1013, "Out of memory");
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

/* ---- handling ---- */

/* As it was noted.  Nobody waits for the peer: it has said all, or too much. */
static void
end_connection(RtConnection *connection)
{
	rt_connection_close(connection, connection->end_code, connection->end_reason);
	rt_connection_finish(connection);
}

/* Handles what is complete; an unfinished message stays. */
static void
handle_inbox(RtConnection *connection, RtMessageHandler handle)
{
	RtBuffer   *inbox = &connection->inbox;
	uint32		complete = connection->in_message ?
		inbox->start + connection->message_at : inbox->end;

	while (inbox->start < complete && connection->state == RT_CONNECTION_OPEN)
	{
		MessageHeader header;
		const char *text;

		memcpy(&header, inbox->data + inbox->start, sizeof(header));
		text = inbox->data + inbox->start + sizeof(header);
		inbox->start += sizeof(header) + header.len;
		rt_count(frames_in);
		handle(connection, text, header.len, header.binary != 0);
	}
	if (connection->end_code != 0)
		end_connection(connection);
	if (!connection->in_message || connection->state != RT_CONNECTION_OPEN)
		rt_inbox_forget(connection);
	else
		connection->message_at = 0;
}

void
rt_connections_handle_messages(RtMessageHandler handle)
{
	while (!dlist_is_empty(&ready))
	{
		dlist_node *node = dlist_pop_head_node(&ready);

		current = dlist_container(RtConnection, ready_node, node);
		current->in_ready = false;
		handle_inbox(current, handle);
		current = NULL;
	}
}

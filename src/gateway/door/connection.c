/*
 * connection.c
 *		The table of connections and their buffers.
 *
 * A connection is born in a callback of libwebsockets and dies in the loop:
 * the callback that reports its end only cuts the tie to the socket and puts
 * it on the list of the gone.  An idle connection has no buffers.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/gateway/door/connection.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/outbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/sequential.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/subscription.h"
#include "src/guc.h"
#include "src/ipc/session.h"
#include "src/protocol/frame.h"

#define CLOSE_TIMEOUT_SECS 3	/* for the peer to answer our close frame */
#define SUBSCRIPTIONS_REAPED 4096	/* in a turn */
#define INBOX_PART 4			/* of the memory that a gateway has left */

/* Precedes each message in an inbox. */
typedef struct MessageHeader
{
	uint32		len;
	uint32		binary;
} MessageHeader;

static RtConnection **table = NULL; /* by index; NULL = free */
static uint32 *free_indexes = NULL;
static uint32 free_count = 0;
static uint64 last_serial = 0;
static dlist_head ready = DLIST_STATIC_INIT(ready);
static dlist_head gone = DLIST_STATIC_INIT(gone);
static RtConnection *current = NULL;

void
rt_connections_init(void)
{
	uint32		max = realtime_max_connections;

	table = MemoryContextAllocHuge(rt_gateway.context, max * sizeof(*table));
	memset(table, 0, max * sizeof(*table));
	free_indexes = MemoryContextAllocHuge(rt_gateway.context,
										  max * sizeof(*free_indexes));
	for (uint32 i = 0; i < max; i++)
		free_indexes[i] = max - 1 - i;
	free_count = max;
}

int
rt_connection_count(void)
{
	return realtime_max_connections - (int) free_count;
}

RtConnection *
rt_connection_take_current(void)
{
	RtConnection *connection = current;

	current = NULL;
	return connection;
}

/* ---- birth ---- */

/* A random uuid (RFC 4122, version 4). */
static bool
make_uuid(char *dst)
{
	uint8		b[16];

	if (!pg_strong_random(b, sizeof(b)))
		return false;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(dst, 37,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
			 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return true;
}

RtConnection *
rt_connection_open(struct lws *wsi)
{
	RtConnection *connection;

	if (free_count == 0 || rt_gateway.stopping)
		return NULL;
	connection = calloc(1, sizeof(RtConnection));
	if (connection == NULL)
		return NULL;
	if (!make_uuid(connection->id))
	{
		free(connection);
		return NULL;
	}

	connection->wsi = wsi;
	connection->serial = ++last_serial;
	connection->index = free_indexes[--free_count];
	connection->state = RT_CONNECTION_OPEN;
	connection->session = RT_SESSION_ANONYMOUS;
	connection->last_received_ms = rt_gateway.now_ms;
	connection->last_sent_ms = rt_gateway.now_ms;
	table[connection->index] = connection;
	rt_count(accepted);
	rt_count_add(connections, 1);

	rt_connection_send_payload(connection,
							   rt_payload_welcome(rt_frame_buffer(256), 256,
												  connection->id));
	return connection;
}

RtConnection *
rt_connection_find(uint32 index, uint64 serial)
{
	RtConnection *connection = table[index];

	if (connection == NULL || connection->serial != serial ||
		connection->state != RT_CONNECTION_OPEN)
		return NULL;
	return connection;
}

/* ---- what comes in ---- */

static void
mark_ready(RtConnection *connection)
{
	if (connection->in_ready)
		return;
	dlist_push_tail(&ready, &connection->ready_node);
	connection->in_ready = true;
}

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

static uint32
message_length(const RtConnection *connection)
{
	return rt_buffer_used(&connection->inbox) - connection->message_at -
		sizeof(MessageHeader);
}

static void
end_message(RtConnection *connection)
{
	RtBuffer   *inbox = &connection->inbox;
	uint32		len = message_length(connection);

	memcpy(inbox->data + inbox->start + connection->message_at, &len, sizeof(len));
	connection->in_message = false;
	mark_ready(connection);
}

/* Nothing more of it is taken; the connection ends once it is handled. */
static void
refuse_message(RtConnection *connection, uint16 close_code)
{
	connection->refusal = close_code;
	mark_ready(connection);
}

void
rt_connection_receive(RtConnection *connection, const char *bytes, size_t len,
					  bool first, bool last, bool binary)
{
	RtBuffer   *inbox = &connection->inbox;

	connection->last_received_ms = rt_gateway.now_ms;
	if (connection->state != RT_CONNECTION_OPEN || connection->refusal != 0)
		return;

	if ((first || !connection->in_message) && !begin_message(connection, binary))
		refuse_message(connection, 1013);
	else if (message_length(connection) + len > (size_t) realtime_max_payload)
		refuse_message(connection, 1009);
	else if (!rt_buffer_reserve(inbox, &connection->budget, len, INBOX_PART))
		refuse_message(connection, 1013);
	else
	{
		memcpy(inbox->data + inbox->end, bytes, len);
		inbox->end += len;
		if (last)
			end_message(connection);
	}
}

void
rt_connection_alive(RtConnection *connection)
{
	connection->last_received_ms = rt_gateway.now_ms;
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
	if (connection->refusal != 0)
		rt_connection_close(connection, connection->refusal,
							connection->refusal == 1009 ?
							"Message too large" : "Out of memory");
	if (!connection->in_message)
		rt_buffer_release(inbox, &connection->budget);
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

/* ---- end ---- */

void
rt_connection_gone(RtConnection *connection)
{
	if (connection->state == RT_CONNECTION_GONE)
		return;
	connection->wsi = NULL;
	connection->state = RT_CONNECTION_GONE;
	dlist_push_tail(&gone, &connection->gone_node);
}

void
rt_connection_close(RtConnection *connection, int code, const char *reason)
{
	size_t		len;
	size_t		frame_len;
	char	   *buffer;
	char	   *frame;

	if (connection->state != RT_CONNECTION_OPEN)
		return;

	buffer = rt_frame_buffer(128);
	len = rt_payload_close(buffer, 125, code, reason);
	frame = rt_frame_seal(buffer - RT_FRAME_HEADROOM, len, RT_OPCODE_CLOSE, &frame_len);
	rt_outbox_append(connection, frame, frame_len);
	connection->state = RT_CONNECTION_CLOSING;
	rt_event_loop_close_after(connection->wsi, CLOSE_TIMEOUT_SECS);
}

void
rt_connection_kill(RtConnection *connection)
{
	if (connection->wsi == NULL)
		return;
	if (connection->state == RT_CONNECTION_OPEN)
		connection->state = RT_CONNECTION_CLOSING;
	rt_event_loop_kill(connection->wsi);
}

void
rt_connections_close_all(int code, const char *reason)
{
	for (int i = 0; i < realtime_max_connections; i++)
	{
		if (table[i] != NULL)
			rt_connection_close(table[i], code, reason);
	}
}

static void
free_connection(RtConnection *connection)
{
	rt_sequential_drop_all(connection);
	rt_streams_forget(connection);
	rt_repair_forget(connection);
	rt_outbox_forget(connection);
	if (connection->in_ready)
		dlist_delete(&connection->ready_node);
	rt_session_release(connection->session, RT_SESSION_GATEWAY);
	rt_buffer_release(&connection->inbox, &connection->budget);
	Assert(connection->budget.kept == 0 && connection->budget.buffered == 0);
	table[connection->index] = NULL;
	free_indexes[free_count++] = connection->index;
	pg_atomic_write_u64(&rt_gateway.counters->connections, rt_connection_count());
	free(connection);
}

bool
rt_connections_reap(void)
{
	int			quota = SUBSCRIPTIONS_REAPED;

	while (!dlist_is_empty(&gone))
	{
		RtConnection *connection = dlist_head_element(RtConnection, gone_node, &gone);

		if (!rt_subscriptions_drop_some(connection, &quota))
			return true;
		dlist_delete(&connection->gone_node);
		free_connection(connection);
	}
	return false;
}

/* ---- silence ---- */

/*
 * A browser cannot see protocol pings and takes 150 s without data for a dead
 * socket, so it gets a data frame; the protocol ping behind it makes the peer
 * answer, which shows us that it lives.  The ping must not be empty: the
 * library does not report empty pongs.
 */
static void
ping_connection(RtConnection *connection)
{
	char		ping[RT_FRAME_HEADROOM + 1];
	size_t		frame_len;
	char	   *frame;

	connection->last_ping_ms = rt_gateway.now_ms;
	rt_connection_send_payload(connection,
							   rt_payload_ping(rt_frame_buffer(64), 64));
	ping[RT_FRAME_HEADROOM] = 'p';
	frame = rt_frame_seal(ping, 1, RT_OPCODE_PING, &frame_len);
	rt_connection_send(connection, frame, frame_len);
}

void
rt_connections_sweep(void)
{
	int64		now = rt_gateway.now_ms;

	for (int i = 0; i < realtime_max_connections; i++)
	{
		RtConnection *connection = table[i];
		int64		silence;

		if (connection == NULL || connection->state != RT_CONNECTION_OPEN)
			continue;
		silence = now - connection->last_received_ms;
		if (realtime_idle_timeout > 0 && silence > realtime_idle_timeout)
			rt_connection_close(connection, 1001, "Idle timeout");
		else if (realtime_ping_interval > 0 &&
				 now - connection->last_ping_ms >= realtime_ping_interval &&
				 (now - connection->last_sent_ms >= realtime_ping_interval ||
				  silence >= realtime_ping_interval))
			ping_connection(connection);
	}
}

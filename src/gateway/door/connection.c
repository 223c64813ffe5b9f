/*
 * connection.c
 *		The table of connections, their birth and their end.
 *
 * A connection dies in the loop: the callback that reports its end only cuts
 * the tie to the socket and puts it on the list of the gone.  An idle
 * connection has no buffers.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/gateway/ask.h"
#include "src/gateway/cursor.h"
#include "src/gateway/cursor_board.h"
#include "src/gateway/departure.h"
#include "src/gateway/door/address.h"
#include "src/gateway/door/connection.h"
#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/inbox.h"
#include "src/gateway/gateway.h"
#include "src/gateway/login.h"
#include "src/gateway/presence.h"
#include "src/gateway/presence_plugin.h"
#include "src/gateway/push.h"
#include "src/gateway/sequential.h"
#include "src/gateway/topic/conflate.h"
#include "src/gateway/topic/flight.h"
#include "src/gateway/topic/parts.h"
#include "src/gateway/topic/recipient.h"
#include "src/gateway/topic/repair.h"
#include "src/gateway/topic/round_frame.h"
#include "src/gateway/topic/stream.h"
#include "src/gateway/topic/subscription.h"
#include "src/gateway/upload.h"
#include "src/guc.h"
#include "src/ipc/assertion.h"
#include "src/ipc/client.h"
#include "src/ipc/client_order.h"
#include "src/ipc/limit.h"
#include "src/ipc/request.h"
#include "src/ipc/session.h"
#include "src/ipc/user_calls.h"
#include "src/protocol/close_code.h"
#include "src/protocol/frame.h"

#define CLOSE_TIMEOUT_SECS 3	/* for the peer to answer our close frame */
#define SUBSCRIPTIONS_REAPED 4096	/* in a turn */
#define LINGER_SECS 2			/* for the peer to take what is written */
#define SERIAL_BITS 40			/* of a life of the gateway */
#define LIVES 32768				/* that have serials of their own */

static RtConnection **table = NULL; /* by index; NULL = free */
static uint32 *free_indexes = NULL;
static uint32 free_count = 0;
static uint64 last_serial = 0;
static dlist_head gone = DLIST_STATIC_INIT(gone);

static void on_receive(void *user, char *bytes, size_t len);
static bool on_drained(void *user);
static void on_dropped(void *user);
static void on_gone(void *user);

static const RtSocketCalls calls = {
	.receive = on_receive,
	.drained = on_drained,
	.dropped = on_dropped,
	.gone = on_gone
};

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
	/* what is said of a connection of before is of none that there is now */
	last_serial = (uint64) (rt_gateway.generation % LIVES) << SERIAL_BITS;
	rt_clients_reset(rt_gateway.index);
	rt_orders_reset(rt_gateway.index);
	rt_user_calls_reset(rt_gateway.index);
}

int
rt_connection_count(void)
{
	return realtime_max_connections - (int) free_count;
}

/* ---- birth ---- */

/* A random uuid (RFC 4122, version 4). */
bool
rt_connection_make_id(char dst[RT_CONNECTION_ID_SIZE])
{
	uint8		b[16];

	if (!pg_strong_random(b, sizeof(b)))
		return false;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(dst, RT_CONNECTION_ID_SIZE,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
			 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
	return true;
}

static void
note_open(const RtConnection *connection)
{
	char		text[RT_ADDRESS_TEXT_MAX];

	rt_address_write(connection->address, text);
	rt_client_note_open(rt_gateway.index, connection->index, connection->serial,
						connection->id, text, rt_address_hash(connection->address));
}

RtConnection *
rt_connection_open(RtSocket *socket, const unsigned char address[RT_HOST_ADDRESS_SIZE])
{
	RtConnection *connection;

	if (free_count == 0 || rt_gateway.stopping)
		return NULL;
	connection = calloc(1, sizeof(RtConnection));
	if (connection == NULL)
		return NULL;
	if (!rt_connection_make_id(connection->id))
	{
		free(connection);
		return NULL;
	}

	connection->socket = socket;
	memcpy(connection->address, address, RT_HOST_ADDRESS_SIZE);
	rt_socket_hand_over(socket, &calls, connection);
	connection->serial = ++last_serial;
	connection->index = free_indexes[--free_count];
	connection->state = RT_CONNECTION_OPEN;
	connection->session = RT_SESSION_ANONYMOUS;
	connection->last_request = RT_REQUEST_NONE;
	connection->last_received_ms = rt_gateway.now_ms;
	table[connection->index] = connection;
	note_open(connection);
	rt_count(accepted);
	rt_count_add(connections, 1);
	rt_limit_note(RT_LIMIT_CONNECTIONS, pg_atomic_read_u64(&rt_gateway.counters->connections));
	return connection;
}

void
rt_connection_begin(RtConnection *connection)
{
	rt_connection_send_payload(connection,
							   rt_payload_welcome(rt_frame_buffer(256), 256,
												  connection->id));
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

/* ---- what the socket tells ---- */

static void
on_receive(void *user, char *bytes, size_t len)
{
	rt_inbox_receive(user, bytes, len);
}

/* First what waits; what it has lost meanwhile is made good once it has caught up. */
static bool
on_drained(void *user)
{
	RtConnection *connection = user;

	if (connection->state != RT_CONNECTION_OPEN)
		return false;
	if (rt_parts_send(connection) || rt_presence_send_more(connection) ||
		rt_conflate_send(connection))
		return true;
	rt_recipient_tell_missed(connection);
	if (rt_subscriptions_are_lost(connection) && rt_subscriptions_send_markers(connection))
		return true;
	if (rt_subscription_to_repair(connection) != NULL)
		rt_repair_want(connection);
	return rt_cursors_send_behind(connection) || rt_socket_pending(connection->socket) > 0;
}

/* From now on no answer reaches the client. */
static void
set_ended(RtConnection *connection, RtConnectionState state, int code)
{
	bool		was_open = connection->state == RT_CONNECTION_OPEN;

	connection->state = state;
	if (!was_open)
		return;
	rt_count(closed[rt_close_kind(code)]);
	rt_client_note_gone(rt_gateway.index, connection->index);
	rt_push_forget(connection);
	rt_presence_forget(connection);
	rt_cursor_forget(connection);
	rt_uploads_forget(connection);
	rt_departure_begin(connection, code);
	rt_session_note_leave(connection->session);
}

static void
on_dropped(void *user)
{
	RtConnection *connection = user;

	if (connection->state == RT_CONNECTION_OPEN)
		set_ended(connection, RT_CONNECTION_CLOSING, RT_CLOSE_ABNORMAL);
}

static void
on_gone(void *user)
{
	RtConnection *connection = user;

	connection->socket = NULL;
	set_ended(connection, RT_CONNECTION_GONE, RT_CLOSE_ABNORMAL);
	dlist_push_tail(&gone, &connection->gone_node);
}

RtText
rt_connection_key(const RtConnection *connection)
{
	const RtSession *session = rt_session_get(connection->session);

	if (session->user_id_len > 0)
		return (RtText) {session->user_id, session->user_id_len};
	return RT_TEXT(connection->id);
}

/* ---- end ---- */

void
rt_connection_close(RtConnection *connection, int code, const char *reason)
{
	size_t		len = 0;
	size_t		frame_len;
	char	   *buffer;
	char	   *frame;

	if (connection->state != RT_CONNECTION_OPEN)
		return;

	buffer = rt_frame_buffer(128);
	if (code != RT_CLOSE_NONE)
		len = rt_payload_close(buffer, 125, code, reason);
	frame = rt_frame_seal(buffer - RT_FRAME_HEADROOM, len, RT_OPCODE_CLOSE, &frame_len);
	rt_socket_append(connection->socket, frame, frame_len);
	set_ended(connection, RT_CONNECTION_CLOSING, code);
	rt_socket_end_after(connection->socket, CLOSE_TIMEOUT_SECS);
}

void
rt_connection_finish(RtConnection *connection)
{
	if (connection->socket != NULL)
		rt_socket_finish(connection->socket, LINGER_SECS);
}

void
rt_connection_kill(RtConnection *connection)
{
	if (connection->socket != NULL)
		rt_socket_drop(connection->socket);
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

void
rt_connections_each(void (*tell) (RtConnection *connection))
{
	for (int i = 0; i < realtime_max_connections; i++)
	{
		if (table[i] != NULL && table[i]->state == RT_CONNECTION_OPEN)
			tell(table[i]);
	}
}

/* The answer to a question that waited will not come. */
static void
note_forgotten(const RtQuestion *question)
{
	if (question->kind == RT_REQUEST_STREAM)
	{
		rt_stream_ended(NULL);
		rt_flight_give_up(question->flight);
	}
	else if (question->kind == RT_REQUEST_REPAIR)
		rt_repair_ended();
}

static void
free_connection(RtConnection *connection)
{
	rt_ask_forget(connection, note_forgotten);
	rt_flights_forget(connection);
	rt_recipient_leave(connection);
	rt_conflate_forget_sent(connection);
	rt_parts_forget(connection);
	rt_sequential_drop_all(connection);
	rt_streams_forget(connection);
	rt_round_frame_forget(connection);
	rt_repair_forget(connection);
	rt_inbox_forget(connection);
	rt_session_release(connection->session, RT_SESSION_GATEWAY);
	rt_holds(connection->budget.kept == 0 && connection->budget.buffered == 0,
			 RT_ASSERTION_MEMORY, "A connection that is gone has not given back its memory.");
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
 * answer, which shows us that it lives.
 */
static void
ping_connection(RtConnection *connection)
{
	char		ping[RT_FRAME_HEADROOM];
	size_t		frame_len;
	char	   *frame;

	connection->last_ping_ms = rt_gateway.now_ms;
	rt_connection_send_payload(connection,
							   rt_payload_ping(rt_frame_buffer(64), 64));
	frame = rt_frame_seal(ping, 0, RT_OPCODE_PING, &frame_len);
	rt_connection_send(connection, frame, frame_len);
}

void
rt_connections_sweep(void)
{
	int64		now = rt_gateway.now_ms;
	int64		wall_clock = (int64) time(NULL);

	for (int i = 0; i < realtime_max_connections; i++)
	{
		RtConnection *connection = table[i];
		int64		silence;

		if (connection == NULL || connection->state != RT_CONNECTION_OPEN)
			continue;
		rt_client_note_subscriptions(rt_gateway.index, i, connection->subscription_count);
		silence = connection->held != 0 ? 0 : now - connection->last_received_ms;
		if (realtime_idle_timeout > 0 && silence > realtime_idle_timeout)
		{
			rt_limit_hit(RT_LIMIT_IDLE_TIMEOUT);
			rt_connection_close(connection, RT_CLOSE_GOING_AWAY, "Idle timeout");
		}
		else if (realtime_ping_interval > 0 &&
				 now - connection->last_ping_ms >= realtime_ping_interval &&
				 (now - connection->socket->written_ms >= realtime_ping_interval ||
				  silence >= realtime_ping_interval))
			ping_connection(connection);
		if (connection->expires > 0)
			rt_login_sweep(connection, wall_clock);
	}
}

/*
 * websocket.c
 *		A WebSocket client reduced to what a load generator needs.
 *
 * Frames to the server are masked with the key 0, which leaves the payload as
 * it is: what the server must do is the same, what we must do is nothing.
 * Frames from the server are taken out of a large receive buffer in one go;
 * only the rest of an incomplete one is kept with its connection.  The reply
 * to the handshake is believed if its status is 101.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

#define RECEIVE_SIZE (2 * 1024 * 1024)	/* no frame may be longer */
#define HEADER_MAX 14			/* of a client's frame */
#define OPEN_TIMEOUT_NS (30 * 1000000000ULL)	/* without one that opens */

#define OPCODE_TEXT 0x1
#define OPCODE_COMPRESSED 0x41	/* RSV1 is taken as part of it */
#define OPCODE_CLOSE 0x8
#define OPCODE_PING 0x9
#define OPCODE_PONG 0xA

#define WELCOME "{\"type\":\"welcome\""

Connection *connections;
uint64_t	websocket_received_ns;

static const Handlers *handlers;
static char receive_buffer[RECEIVE_SIZE];
static int	started_count;		/* connections that were begun */
static int	ready_count;
static int	closed_count;
static bool tolerate_close;

static void on_ready(Source *source, uint32_t events);

void
websocket_tolerate_close(void)
{
	tolerate_close = true;
}

int
websocket_closed_count(void)
{
	return closed_count;
}

/* ---- the end of a connection ---- */

static void
connection_lost(Connection *connection, const char *why, const char *detail)
{
	if (connection->state == CONNECTION_CLOSED)
		return;
	if (!tolerate_close)
		fail(EXIT_CONNECTION, "connection %d of %d: %s%s%s", connection->number + 1,
			 options.connections, why, detail[0] != '\0' ? ": " : "", detail);
	if (closed_count++ == 0)
		fprintf(stderr, "load: connection %d: %s%s%s\n", connection->number + 1, why,
				detail[0] != '\0' ? ": " : "", detail);
	connection->state = CONNECTION_CLOSED;
	close(connection->source.fd);
	connection->source.fd = -1;
}

static void
server_closed(Connection *connection, const char *payload, size_t len)
{
	char		detail[160];
	int			code = 1005;

	if (len >= 2)
		code = (unsigned char) payload[0] << 8 | (unsigned char) payload[1];
	snprintf(detail, sizeof(detail), "%d %.*s", code,
			 len > 2 ? (int) len - 2 : 0, payload + 2);
	connection_lost(connection, "closed by the server", detail);
}

/* ---- sending ---- */

static char *
reserve(Connection *connection, size_t len)
{
	if (connection->out_len + len > connection->out_size)
	{
		connection->out_size = 2 * (connection->out_len + len);
		connection->out = reallocate(connection->out, connection->out_size);
	}
	return connection->out + connection->out_len;
}

char *
websocket_reserve(Connection *connection, size_t max_len)
{
	return reserve(connection, HEADER_MAX + max_len) + HEADER_MAX;
}

/* The text stands HEADER_MAX bytes behind the end; moves it to its header. */
static void
commit_frame(Connection *connection, int opcode, size_t len)
{
	char	   *frame = connection->out + connection->out_len;
	size_t		header;

	frame[0] = (char) (0x80 | opcode);
	if (len < 126)
	{
		frame[1] = (char) (0x80 | len);
		header = 2;
	}
	else if (len < 65536)
	{
		frame[1] = (char) (0x80 | 126);
		frame[2] = (char) (len >> 8);
		frame[3] = (char) len;
		header = 4;
	}
	else
	{
		frame[1] = (char) (0x80 | 127);
		for (int i = 0; i < 8; i++)
			frame[2 + i] = (char) ((uint64_t) len >> (56 - 8 * i));
		header = 10;
	}
	memset(frame + header, 0, 4);	/* the mask */
	header += 4;
	memmove(frame + header, frame + HEADER_MAX, len);
	connection->out_len += header + len;
}

void
websocket_commit(Connection *connection, size_t len)
{
	commit_frame(connection, OPCODE_TEXT, len);
}

static void
wait_to_write(Connection *connection, bool waits)
{
	if (connection->waits_to_write == waits)
		return;
	connection->waits_to_write = waits;
	loop_change(&connection->source, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void
websocket_flush(Connection *connection)
{
	while (connection->out_sent < connection->out_len)
	{
		ssize_t		n = send(connection->source.fd,
							 connection->out + connection->out_sent,
							 connection->out_len - connection->out_sent,
							 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
		{
			wait_to_write(connection, true);
			return;
		}
		if (n < 0)
		{
			connection_lost(connection, "could not send", strerror(errno));
			return;
		}
		connection->out_sent += (size_t) n;
	}
	connection->out_sent = connection->out_len = 0;
	wait_to_write(connection, false);
}

/* ---- receiving ---- */

static void
say_hello(Connection *connection)
{
	size_t		len = strlen(options.hello);

	memcpy(websocket_reserve(connection, len), options.hello, len);
	websocket_commit(connection, len);
}

static void
connection_ready(Connection *connection)
{
	connection->state = CONNECTION_READY;
	ready_count++;
	if (options.hello != NULL)
		say_hello(connection);
	if (handlers->on_ready != NULL)
		handlers->on_ready(connection);
}

static void
handle_frame(Connection *connection, int opcode, char *payload, size_t len)
{
	switch (opcode)
	{
		case OPCODE_TEXT:
			if (connection->state == CONNECTION_READY)
				handlers->on_message(connection, payload, len);
			else if (len > strlen(WELCOME) &&
					 memcmp(payload, WELCOME, strlen(WELCOME)) == 0)
				connection_ready(connection);
			break;
		case OPCODE_COMPRESSED:
			if (handlers->on_compressed == NULL)
				connection_lost(connection, "sent a compressed message", "");
			else
				handlers->on_compressed(connection, len);
			break;
		case OPCODE_PING:
			memcpy(websocket_reserve(connection, len), payload, len);
			commit_frame(connection, OPCODE_PONG, len);
			break;
		case OPCODE_CLOSE:
			server_closed(connection, payload, len);
			break;
		case OPCODE_PONG:
			break;
		default:
			connection_lost(connection, "sent a frame that is no whole text message", "");
	}
}

/* Handles the complete frames; returns how many bytes they have. */
static size_t
handle_frames(Connection *connection, char *buffer, size_t len)
{
	size_t		done = 0;

	while (len - done >= 2 && connection->state != CONNECTION_CLOSED)
	{
		unsigned char *frame = (unsigned char *) buffer + done;
		size_t		header = 2;
		uint64_t	payload = frame[1] & 0x7F;

		if (payload == 126)
		{
			header = 4;
			if (len - done < header)
				break;
			payload = (uint64_t) frame[2] << 8 | frame[3];
		}
		else if (payload == 127)
		{
			header = 10;
			if (len - done < header)
				break;
			payload = 0;
			for (int i = 2; i < 10; i++)
				payload = payload << 8 | frame[i];
		}
		if (payload > RECEIVE_SIZE - header)
			fail(EXIT_CONNECTION, "the server sent a frame of %llu bytes",
				 (unsigned long long) payload);
		if (len - done < header + payload)
			break;
		/* FIN is taken as part of the opcode: fragments are not expected */
		handle_frame(connection, frame[0] ^ 0x80, buffer + done + header, payload);
		done += header + payload;
	}
	return done;
}

/* Handles the answer to the handshake; returns how many bytes it has. */
static size_t
handle_upgrade(Connection *connection, char *buffer, size_t len)
{
	char	   *end = memmem(buffer, len, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	if (len < 12 || memcmp(buffer, "HTTP/1.1 101", 12) != 0)
	{
		*(char *) memchr(buffer, '\r', len) = '\0';
		fail(EXIT_CONNECTION, "http://%s:%d%s is no WebSocket: the server said \"%.100s\"",
			 options.host, options.port, options.path, buffer);
	}
	connection->state = CONNECTION_OPEN;
	if (!options.welcome)
		connection_ready(connection);
	return (size_t) (end + 4 - buffer);
}

static void
keep_rest(Connection *connection, const char *rest, size_t len)
{
	if (len > connection->in_size)
	{
		connection->in_size = 2 * len;
		connection->in = reallocate(connection->in, connection->in_size);
	}
	if (len > 0)
		memcpy(connection->in, rest, len);
	connection->in_len = len;
}

static void
receive(Connection *connection)
{
	size_t		len = connection->in_len;
	size_t		done = 0;
	ssize_t		n;

	if (len > 0)
		memcpy(receive_buffer, connection->in, len);
	n = recv(connection->source.fd, receive_buffer + len, RECEIVE_SIZE - len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
	{
		connection_lost(connection, n == 0 ? "closed by the server without a word" :
						"could not receive", n == 0 ? "" : strerror(errno));
		return;
	}
	websocket_received_ns = now_ns();
	len += (size_t) n;
	if (connection->state == CONNECTION_UPGRADING)
		done = handle_upgrade(connection, receive_buffer, len);
	if (connection->state >= CONNECTION_OPEN)
		done += handle_frames(connection, receive_buffer + done, len - done);
	if (connection->state != CONNECTION_CLOSED)
	{
		keep_rest(connection, receive_buffer + done, len - done);
		if (connection->out_len > 0 && !connection->waits_to_write)
			websocket_flush(connection);
	}
}

/* ---- opening ---- */

static void
send_upgrade(Connection *connection)
{
	char	   *text = reserve(connection, 512 + strlen(options.path));

	connection->out_len +=
		(size_t) sprintf(text, "GET %s HTTP/1.1\r\n"
						 "Host: %.200s:%d\r\n"
						 "Upgrade: websocket\r\n"
						 "Connection: Upgrade\r\n"
						 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
						 "Sec-WebSocket-Version: 13\r\n%s\r\n",
						 options.path, options.host, options.port,
						 options.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
	connection->state = CONNECTION_UPGRADING;
	websocket_flush(connection);
}

static void
on_ready(Source *source, uint32_t events)
{
	Connection *connection = (Connection *) source;

	if (connection->state == CONNECTION_CLOSED)
		return;
	if (connection->state == CONNECTION_CONNECTING)
	{
		int			error = 0;
		socklen_t	len = sizeof(error);

		getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0)
			fail(EXIT_CONNECTION, "could not connect to %s:%d: %s", options.host,
				 options.port, strerror(error));
		send_upgrade(connection);
		return;
	}
	if (events & EPOLLOUT)
		websocket_flush(connection);
	if (events & ~(uint32_t) EPOLLOUT)
		receive(connection);
}

static void
open_next(void)
{
	Connection *connection = &connections[started_count];

	connection->number = started_count++;
	connection->source.fd = loop_connect(options.host, options.port,
										 connection->number);
	connection->source.on_ready = on_ready;
	connection->state = CONNECTION_CONNECTING;
	connection->waits_to_write = true;
	loop_add(&connection->source, EPOLLIN | EPOLLOUT);
}

double
websocket_open_all(const Handlers *mode_handlers)
{
	uint64_t	began = now_ns();
	uint64_t	progress = began;

	handlers = mode_handlers;
	connections = allocate(sizeof(Connection) * (size_t) options.connections);
	while (ready_count < options.connections)
	{
		int			before = ready_count;

		while (started_count < options.connections &&
			   started_count - ready_count < options.opening)
			open_next();
		loop_turn(1000);
		if (ready_count > before)
			progress = now_ns();
		else if (now_ns() - progress > OPEN_TIMEOUT_NS)
			fail(EXIT_CONNECTION, "only %d of %d connections became ready%s",
				 ready_count, options.connections,
				 options.welcome ? " (see --no-welcome)" : "");
	}
	return (double) (now_ns() - began) / 1e9;
}

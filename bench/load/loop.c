/*
 * loop.c
 *		One epoll instance, level-triggered.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "load.h"
#include "loop.h"

#define EVENTS_MAX 512
#define PER_ADDRESS 5000		/* connections from one source address */

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static int	epoll_fd = -1;

static void
control(int operation, Source *source, uint32_t events)
{
	struct epoll_event event = {.events = events,.data.ptr = source};

	if (epoll_fd < 0 && (epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		fail(EXIT_USAGE, "could not create an epoll instance: %m");
	if (epoll_ctl(epoll_fd, operation, source->fd, &event) < 0)
		fail(EXIT_USAGE, "could not watch a socket: %m");
}

void
loop_add(Source *source, uint32_t events)
{
	control(EPOLL_CTL_ADD, source, events);
}

void
loop_change(Source *source, uint32_t events)
{
	control(EPOLL_CTL_MOD, source, events);
}

void
loop_turn(int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int			n = epoll_wait(epoll_fd, events, EVENTS_MAX, timeout_ms);

	if (n < 0 && errno != EINTR)
		fail(EXIT_USAGE, "could not wait for sockets: %m");
	for (int i = 0; i < n; i++)
	{
		Source	   *source = events[i].data.ptr;

		source->on_ready(source, events[i].events);
	}
}

void
loop_until(uint64_t deadline_ns)
{
	uint64_t	now;

	while ((now = now_ns()) < deadline_ns)
		loop_turn((int) ((deadline_ns - now) / 1000000) + 1);
}

/* ---- connecting ---- */

static struct sockaddr_in
resolve(const char *host, int port)
{
	struct addrinfo hints = {.ai_family = AF_INET,.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	struct sockaddr_in address = {.sin_family = AF_INET,.sin_port = htons((uint16_t) port)};
	int			rc;

	if (inet_pton(AF_INET, host, &address.sin_addr) == 1)
		return address;
	rc = getaddrinfo(host, NULL, &hints, &found);
	if (rc != 0)
		fail(EXIT_USAGE, "could not look up \"%s\": %s", host, gai_strerror(rc));
	memcpy(&address, found->ai_addr, sizeof(address));
	freeaddrinfo(found);
	address.sin_port = htons((uint16_t) port);
	return address;
}

/*
 * Many connections to this machine come from several of its addresses:
 * between two addresses and one port there are only some 28,000.
 */
static void
bind_source(int fd, int source_number)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int			on = 1;

	from.sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + 1 + (uint32_t) (source_number / PER_ADDRESS));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *) &from, sizeof(from)) < 0)
		fail(EXIT_USAGE, "could not bind to %s: %m", inet_ntoa(from.sin_addr));
}

static int
open_socket(int family)
{
	int			fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail(EXIT_USAGE, "could not create a socket: %m%s",
			 errno == EMFILE ? " (see ulimit -n)" : "");
	return fd;
}

int
loop_connect(const char *host, int port, int source_number)
{
	struct sockaddr_in address;
	int			on = 1;
	int			fd;

	if (host[0] == '/')
	{
		struct sockaddr_un local = {.sun_family = AF_UNIX};

		if (snprintf(local.sun_path, sizeof(local.sun_path), "%s/.s.PGSQL.%d",
					 host, port) >= (int) sizeof(local.sun_path))
			fail(EXIT_USAGE, "the name of the socket is too long: %s", host);
		fd = open_socket(AF_UNIX);
		if (connect(fd, (struct sockaddr *) &local, sizeof(local)) < 0)
			fail(EXIT_CONNECTION, "could not connect to %s: %m", local.sun_path);
		return fd;
	}

	address = resolve(host, port);
	fd = open_socket(AF_INET);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (source_number >= PER_ADDRESS &&
		(ntohl(address.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET)
		bind_source(fd, source_number);
	if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 &&
		errno != EINPROGRESS)
		fail(EXIT_CONNECTION, "could not connect to %s:%d: %m", host, port);
	return fd;
}

void
loop_wait_connected(int fd, const char *url)
{
	struct pollfd wanted = {.fd = fd,.events = POLLOUT};
	int			error = ETIMEDOUT;
	socklen_t	len = sizeof(error);

	if (poll(&wanted, 1, 10000) > 0)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0)
		fail(EXIT_CONNECTION, "could not connect to %s: %s", url, strerror(error));
}

void
loop_send_all(int fd, const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t		n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;			/* rare and short: the server reads at once */
		if (n < 0)
			fail(EXIT_CONNECTION, "could not send: %m");
		text += n;
		len -= (size_t) n;
	}
}

/*
 * listener.c
 *		Listening and accepting; several gateways share the port.
 *
 * The sockets are our own, not the library's: so we accept no more than we
 * can hold (it would spin on a full descriptor table), refuse politely, and
 * stop listening before the last answers are written.  Every gateway binds
 * with SO_REUSEPORT and the kernel spreads connections among them.
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>
#include <uv.h>

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "src/gateway/door/event_loop.h"
#include "src/gateway/door/http.h"
#include "src/gateway/door/listener.h"
#include "src/gateway/door/tcp.h"
#include "src/gateway/door/tls.h"
#include "src/gateway/gateway.h"
#include "src/guc.h"
#include "src/ipc/limit.h"
#include "src/ipc/service.h"

#define MAX_LISTENERS 16
#define BACKLOG 4096
#define ACCEPTS_PER_TURN 128
#define RETRY_MS 200			/* after accept() failed for want of resources */

static struct
{
	int			fd;
	uv_poll_t	poll;
}			listeners[MAX_LISTENERS];
static int	listener_count = 0;
static int	socket_limit = 0;
static uint32 last_error = 0;	/* of the last try to listen */
static uv_timer_t retry_timer;

static void on_connection(uv_poll_t *handle, int status, int events);

/* ---- accepting ---- */

static const char busy_answer[] =
"HTTP/1.1 503 Service Unavailable\r\n"
"Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\n"
"Too many connections.\n";

static void
refuse_socket(int fd)
{
	if (!rt_tls_is_wanted())
	{
		ssize_t		ignored = send(fd, busy_answer, sizeof(busy_answer) - 1,
								   MSG_DONTWAIT | MSG_NOSIGNAL);

		(void) ignored;
	}
	close(fd);
	rt_count(refused);
	rt_limit_hit(RT_LIMIT_CONNECTIONS);
}

static void
on_retry(uv_timer_t *timer)
{
	for (int i = 0; i < listener_count; i++)
		uv_poll_start(&listeners[i].poll, UV_READABLE, on_connection);
}

/* Out of descriptors or memory: leave the queue alone for a moment. */
static void
pause_accepting(void)
{
	for (int i = 0; i < listener_count; i++)
		uv_poll_stop(&listeners[i].poll);
	uv_timer_start(&retry_timer, on_retry, RETRY_MS, 0);
}

static void
on_connection(uv_poll_t *handle, int status, int events)
{
	int			listener = *(int *) handle->data;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
	{
		int			fd = accept4(listener, NULL, NULL,
								 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
		{
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				pause_accepting();
			return;
		}
		if (rt_event_loop_sockets() >= socket_limit)
		{
			refuse_socket(fd);
			continue;
		}
		rt_tcp_configure(fd);
		rt_http_accept(fd);
	}
}

/* ---- binding ---- */

/*
 * SO_REUSEPORT lets another server of the same user bind the port as well, and
 * clients would reach either.  So while none of ours listens the first gateway
 * binds without it, to see whether the port is free; the others wait for it.
 */
static int
bind_address(const struct addrinfo *address, bool shared)
{
	int			one = 1;
	int			fd = socket(address->ai_family,
							SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		(shared &&
		 setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
		(address->ai_family == AF_INET6 &&
		 setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
		bind(fd, address->ai_addr, address->ai_addrlen) != 0 ||
		listen(fd, BACKLOG) != 0)
	{
		int			saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void
add_listener(int fd)
{
	int			i = listener_count++;

	listeners[i].fd = fd;
	uv_poll_init(rt_event_loop_uv(), &listeners[i].poll, fd);
	listeners[i].poll.data = &listeners[i].fd;
	uv_poll_start(&listeners[i].poll, UV_READABLE, on_connection);
}

/* All addresses that a name stands for; "*" is any.  NULL if there are none. */
static struct addrinfo *
resolve_name(const char *name, int level)
{
	struct addrinfo hints;
	struct addrinfo *found = NULL;
	char		port[16];
	int			result;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE;
	snprintf(port, sizeof(port), "%d", realtime_port);
	result = getaddrinfo(strcmp(name, "*") == 0 ? NULL : name, port, &hints, &found);
	if (result == 0)
		return found;
	last_error = RT_LISTEN_NO_ADDRESS;
	ereport(level,
			(errmsg("could not translate realtime listen address \"%s\": %s",
					name, gai_strerror(result))));
	return NULL;
}

/* A machine without IPv6 still resolves localhost to ::1. */
static bool
address_is_absent(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* Listens on a name's addresses; probing only binds them for a moment. */
static bool
bind_name(const char *name, bool probe, int level)
{
	struct addrinfo *found = resolve_name(name, level);
	bool		good = true;

	for (struct addrinfo *a = found; a != NULL && listener_count < MAX_LISTENERS;
		 a = a->ai_next)
	{
		int			fd = bind_address(a, !probe);

		if (fd >= 0 && probe)
			close(fd);
		else if (fd >= 0)
			add_listener(fd);
		else if (!address_is_absent(errno))
		{
			good = false;
			last_error = errno;
			ereport(level,
					(errcode_for_socket_access(),
					 errmsg("could not listen on \"%s\", port %d: %m",
							name, realtime_port),
					 errhint("Is another server running on that port? If not, wait a few seconds; it is tried again.")));
		}
	}
	if (found != NULL)
		freeaddrinfo(found);
	return good;
}

static bool
bind_names(List *names, bool probe, int level)
{
	bool		good = true;
	ListCell   *cell;

	foreach(cell, names)
		good = bind_name((char *) lfirst(cell), probe, level) && good;
	return good;
}

bool
rt_listener_open(int max_sockets)
{
	static bool failed_before = false;
	int			level = failed_before ? DEBUG1 : WARNING;
	char	   *copy = pstrdup(realtime_listen_addresses);
	List	   *names = NIL;

	socket_limit = max_sockets;
	if (!SplitGUCList(copy, ',', &names))
		ereport(FATAL,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid list syntax in parameter \"%s\"",
						"realtime.listen_addresses")));
	if (!failed_before)
		uv_timer_init(rt_event_loop_uv(), &retry_timer);

	last_error = 0;
	if (rt_port_is_ours() ||
		(rt_gateway.index == 0 && bind_names(names, true, level)))
		(void) bind_names(names, false, level);
	rt_port_set_error(rt_gateway.index, last_error);
	if (listener_count > 0)
		rt_port_taken(rt_gateway.index);

	failed_before = true;
	list_free(names);
	pfree(copy);
	return listener_count > 0;
}

void
rt_listener_close(void)
{
	if (listener_count == 0)
		return;
	uv_timer_stop(&retry_timer);
	for (int i = 0; i < listener_count; i++)
	{
		uv_poll_stop(&listeners[i].poll);
		close(listeners[i].fd);
	}
	listener_count = 0;
	rt_port_left(rt_gateway.index);
}

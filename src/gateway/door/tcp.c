/*
 * tcp.c
 *		What we want of the kernel for a client's socket, and what it knows.
 *
 * linux/tcp.h and netinet/tcp.h do not go together, and the second does not
 * know all of struct tcp_info.
 */
#include "postgres.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "src/gateway/door/tcp.h"

/*
 * What the kernel has not sent yet waits with us, where it is counted; left to
 * itself it takes megabytes for a peer that does not read.
 */
void
rt_tcp_configure(int fd)
{
	int			one = 1;
	int			unsent = RT_WRITE_CHUNK;

	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

uint64
rt_tcp_taken(int fd)
{
	struct tcp_info info;
	socklen_t	len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
		len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
		return RT_TCP_UNKNOWN;
	return info.tcpi_bytes_acked;
}

bool
rt_tcp_is_ended(int fd)
{
	struct pollfd look = {.fd = fd,.events = POLLRDHUP};

	return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void
rt_tcp_break(int fd)
{
	struct linger reset = {.l_onoff = 1,.l_linger = 0};

	(void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void) shutdown(fd, SHUT_RDWR);
}

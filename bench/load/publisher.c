/*
 * publisher.c
 *		Publishes through SQL or HTTP.
 *
 *	sql://user@host:port/database	a message is a statement, sent with the
 *									simple query protocol (see sql.h)
 *	http://host:port/path			a message is the body of a POST
 *
 * One message goes out per tick of a timer, without waiting for the answer to
 * the one before.  A burst is options.burst events at once: of SQL the
 * statement publishes them all, in one transaction; of HTTP there are as many
 * requests, written together.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"
#include "loop.h"
#include "publisher.h"
#include "sql.h"
#include "template.h"

#define BUFFER_SIZE (256 * 1024)

static Template message;
static Source timer = {-1, NULL};
static char *out;				/* one tick's requests */
static uint64_t sent_count;

/* SQL */
static bool is_sql;
static SqlSession session;

/* HTTP */
static char host[128];
static int	port;
static char path[256];
static Source server;
static char in[BUFFER_SIZE];
static size_t in_len;
static uint64_t confirmed_count;

uint64_t
publisher_sent(void)
{
	return sent_count;
}

uint64_t
publisher_confirmed(void)
{
	return is_sql ? session.completed : confirmed_count;
}

/* ---- requests ---- */

static size_t
write_post(char *to)
{
	static char *body;
	size_t		len;
	size_t		head;

	if (body == NULL)
		body = allocate(message.max_len);
	len = template_fill(&message, body, 0);
	head = (size_t) sprintf(to, "POST %s HTTP/1.1\r\nHost: %s:%d\r\n"
							"Content-Type: application/json\r\n"
							"Content-Length: %zu\r\n\r\n",
							path, host, port, len);
	memcpy(to + head, body, len);
	return head + len;
}

static void
publish(void)
{
	size_t		len = 0;

	if (is_sql)
	{
		sql_send(&session, out,
				 template_fill(&message, out + SQL_QUERY_HEADER, 0));
		sent_count++;
		return;
	}
	for (int i = 0; i < options.burst; i++)
		len += write_post(out + len);
	sent_count += (uint64_t) options.burst;
	loop_send_all(server.fd, out, len);
}

/* ---- answers ---- */

/* One answer; returns its length, 0 if it is not complete. */
static size_t
handle_http(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	const char *field;
	size_t		total;

	if (end == NULL)
		return 0;
	total = (size_t) (end + 4 - text);
	if (len < 13 || memcmp(text, "HTTP/1.1 2", 10) != 0)
		fail(EXIT_ANSWERS, "publisher: the server said \"%.*s\"",
			 (int) ((const char *) memchr(text, '\r', len) - text), text);
	for (field = text; field < end; field++)
	{
		if (field[0] == '\n' && strncasecmp(field + 1, "content-length:", 15) == 0)
			total += strtoul(field + 16, NULL, 10);
		if (field[0] == '\n' && strncasecmp(field + 1, "transfer-encoding:", 18) == 0)
			fail(EXIT_ANSWERS, "publisher: an answer in chunks is not supported");
	}
	if (len < total)
		return 0;
	confirmed_count++;
	return total;
}

static void
on_server(Source *source, uint32_t events)
{
	size_t		done = 0;
	size_t		one;
	ssize_t		n = recv(source->fd, in + in_len, sizeof(in) - 1 - in_len, 0);

	(void) events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		fail(EXIT_CONNECTION, "publisher: %s", n == 0 ? "the server has closed the connection" :
			 strerror(errno));
	in_len += (size_t) n;
	in[in_len] = '\0';
	while ((one = handle_http(in + done, in_len - done)) > 0)
		done += one;
	in_len -= done;
	memmove(in, in + done, in_len);
	if (in_len == sizeof(in) - 1)
		fail(EXIT_CONNECTION, "publisher: the server's answer is too long");
}

/* ---- time ---- */

static void
on_tick(Source *source, uint32_t events)
{
	uint64_t	ticks;

	(void) events;
	if (read(source->fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return;
	while (ticks-- > 0)
		publish();
}

static void
set_timer(uint64_t interval_ns)
{
	struct itimerspec spec;

	spec.it_interval.tv_sec = (time_t) (interval_ns / 1000000000);
	spec.it_interval.tv_nsec = (long) (interval_ns % 1000000000);
	spec.it_value = spec.it_interval;
	if (timerfd_settime(timer.fd, 0, &spec, NULL) < 0)
		fail(EXIT_USAGE, "could not set a timer: %m");
}

void
publisher_start(void)
{
	set_timer((uint64_t) (1e9 / options.rate));
}

void
publisher_stop(void)
{
	set_timer(0);
}

/* ---- opening ---- */

static void
open_http(const char *url)
{
	if (sscanf(url, "http://%127[^:]:%d%255s", host, &port, path) != 3)
		fail(EXIT_USAGE, "the publisher must be sql://user@host:port/database "
			 "or http://host:port/path, not \"%s\"", url);
	server.fd = loop_connect(host, port, 0);
	server.on_ready = on_server;
	loop_wait_connected(server.fd, url);
	loop_add(&server, EPOLLIN);
}

void
publisher_open(void)
{
	template_parse(&message, options.message);
	out = allocate((size_t) options.burst * (message.max_len + 1024));
	is_sql = sql_is_url(options.publisher);
	if (is_sql)
		sql_open(&session, options.publisher);
	else
		open_http(options.publisher);

	timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timer.on_ready = on_tick;
	loop_add(&timer, EPOLLIN);
}

/*
 * publisher.c
 *		Publishes through SQL or HTTP.
 *
 *	sql://user@host:port/database	a message is a statement, sent with the
 *									simple query protocol; host may be the
 *									directory of a Unix socket, percent-encoded
 *	http://host:port/path			a message is the body of a POST
 *
 * One message goes out per tick of a timer, without waiting for the answer to
 * the one before.  A burst is options.burst events at once: of SQL the
 * statement publishes them all, in one transaction; of HTTP there are as many
 * requests, written together.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
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
#include "template.h"

#define BUFFER_SIZE (256 * 1024)

typedef struct Target
{
	bool		sql;
	char		user[64];
	char		host[128];
	int			port;
	char		path[256];		/* SQL: database */
} Target;

static Target target;
static Template message;
static Source server;
static Source timer = {-1, NULL};

static char *out;				/* one tick's requests */
static char in[BUFFER_SIZE];
static size_t in_len;
static bool is_ready;			/* SQL: the session has begun */
static uint64_t sent_count;
static uint64_t confirmed_count;

uint64_t
publisher_sent(void)
{
	return sent_count;
}

uint64_t
publisher_confirmed(void)
{
	return confirmed_count;
}

/* ---- where to ---- */

static void
percent_decode(char *text)
{
	char	   *to = text;

	for (char *from = text; *from != '\0'; from++)
	{
		unsigned	byte;

		if (*from == '%' && isxdigit((unsigned char) from[1]) &&
			sscanf(from + 1, "%2x", &byte) == 1)
		{
			*to++ = (char) byte;
			from += 2;
		}
		else
			*to++ = *from;
	}
	*to = '\0';
}

static void
parse_target(const char *url)
{
	if (sscanf(url, "sql://%63[^@]@%127[^:]:%d/%255s", target.user, target.host,
			   &target.port, target.path) == 4)
		target.sql = true;
	else if (sscanf(url, "http://%127[^:]:%d%255s", target.host, &target.port,
					target.path) != 3)
		fail(EXIT_USAGE, "the publisher must be sql://user@host:port/database "
			 "or http://host:port/path, not \"%s\"", url);
	percent_decode(target.host);
}

/* ---- requests ---- */

static void
send_all(const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t		n = send(server.fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;			/* rare and short: the server reads at once */
		if (n < 0)
			fail(EXIT_CONNECTION, "publisher: could not send: %m");
		text += n;
		len -= (size_t) n;
	}
}

static void
put_length(char *at, size_t len)
{
	uint32_t	value = htonl((uint32_t) len);

	memcpy(at, &value, 4);
}

static void
send_startup(void)
{
	char		text[512];
	size_t		len = 8;

	put_length(text + 4, 196608);	/* protocol 3.0 */
	len += (size_t) sprintf(text + len, "user%c%s%cdatabase%c%s%c", 0, target.user,
							0, 0, target.path, 0);
	text[len++] = '\0';
	put_length(text, len);
	send_all(text, len);
}

static size_t
write_query(char *to)
{
	size_t		len = template_fill(&message, to + 5, 0);

	to[0] = 'Q';
	to[5 + len] = '\0';
	put_length(to + 1, 4 + len + 1);
	return 5 + len + 1;
}

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
							target.path, target.host, target.port, len);
	memcpy(to + head, body, len);
	return head + len;
}

static void
publish(void)
{
	size_t		len = 0;

	if (target.sql)
	{
		len = write_query(out);
		sent_count++;
	}
	else
	{
		for (int i = 0; i < options.burst; i++)
			len += write_post(out + len);
		sent_count += (uint64_t) options.burst;
	}
	send_all(out, len);
}

/* ---- answers ---- */

static const char *
error_field(const char *body, size_t len, char field)
{
	const char *end = body + len;

	while (body < end && *body != '\0')
	{
		if (*body == field)
			return body + 1;
		body += strlen(body) + 1;
	}
	return "";
}

/* One message of the server's; returns its length, 0 if it is not complete. */
static size_t
handle_sql(const char *text, size_t len)
{
	uint32_t	value;
	size_t		total;

	if (len < 5)
		return 0;
	memcpy(&value, text + 1, 4);
	total = 1 + ntohl(value);
	if (len < total)
		return 0;
	switch (text[0])
	{
		case 'R':
			memcpy(&value, text + 5, 4);
			if (value != 0)
				fail(EXIT_USAGE, "publisher: the server asks user \"%s\" for a password, "
					 "which is not supported", target.user);
			break;
		case 'E':
			fail(EXIT_ANSWERS, "publisher: %s: %s", error_field(text + 5, total - 5, 'S'),
				 error_field(text + 5, total - 5, 'M'));
		case 'Z':
			if (is_ready)
				confirmed_count++;
			is_ready = true;
			break;
		default:
			break;
	}
	return total;
}

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
	while ((one = target.sql ? handle_sql(in + done, in_len - done) :
			handle_http(in + done, in_len - done)) > 0)
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

static void
wait_until_connected(void)
{
	struct pollfd wanted = {.fd = server.fd,.events = POLLOUT};
	int			error = ETIMEDOUT;
	socklen_t	len = sizeof(error);

	if (poll(&wanted, 1, 10000) > 0)
		getsockopt(server.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error != 0)
		fail(EXIT_CONNECTION, "could not connect to %s: %s", options.publisher,
			 strerror(error));
}

void
publisher_open(void)
{
	uint64_t	deadline = now_ns() + 10 * 1000000000ULL;

	parse_target(options.publisher);
	template_parse(&message, options.message);
	out = allocate((size_t) options.burst * (message.max_len + 1024));

	server.fd = loop_connect(target.host, target.port, 0);
	server.on_ready = on_server;
	wait_until_connected();
	if (target.sql)
		send_startup();
	loop_add(&server, EPOLLIN);
	timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timer.on_ready = on_tick;
	loop_add(&timer, EPOLLIN);

	while (target.sql && !is_ready)
	{
		if (now_ns() > deadline)
			fail(EXIT_CONNECTION, "publisher: no session with %s", options.publisher);
		loop_turn(100);
	}
}

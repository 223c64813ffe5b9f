/*
 * sql.c
 *		The part of PostgreSQL's protocol that statements without results and
 *		notifications need.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"
#include "sql.h"

#define PROTOCOL 196608			/* 3.0 */
#define BEGIN_NS (10 * 1000000000ULL)	/* a session may take to begin */

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

bool
sql_is_url(const char *url)
{
	return strncmp(url, "sql:", 4) == 0;
}

static void
parse_url(SqlSession *session, const char *url)
{
	session->url = url;
	if (sscanf(url, "sql://%63[^@]@%127[^:]:%d/%255s", session->user,
			   session->host, &session->port, session->database) != 4)
		fail(EXIT_USAGE, "\"%s\" is not of the form sql://user@host:port/database", url);
	percent_decode(session->host);
}

/* ---- what we send ---- */

static void
put_length(char *at, size_t len)
{
	uint32_t	value = htonl((uint32_t) len);

	memcpy(at, &value, 4);
}

static void
send_startup(SqlSession *session)
{
	char		text[512];
	size_t		len = 8;

	put_length(text + 4, PROTOCOL);
	len += (size_t) sprintf(text + len, "user%c%s%cdatabase%c%s%c", 0,
							session->user, 0, 0, session->database, 0);
	text[len++] = '\0';
	put_length(text, len);
	loop_send_all(session->source.fd, text, len);
}

void
sql_send(SqlSession *session, char *buffer, size_t len)
{
	buffer[0] = 'Q';
	buffer[SQL_QUERY_HEADER + len] = '\0';
	put_length(buffer + 1, 4 + len + 1);
	loop_send_all(session->source.fd, buffer, SQL_QUERY_HEADER + len + 1);
}

/* ---- what the server says ---- */

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
handle_message(SqlSession *session, const char *text, size_t len)
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
		case 'A':
			session->notifications++;
			session->bytes += total;
			break;
		case 'R':
			memcpy(&value, text + 5, 4);
			if (value != 0)
				fail(EXIT_USAGE, "%s: the server asks for a password, which is not supported",
					 session->url);
			break;
		case 'E':
			fail(EXIT_ANSWERS, "%s: %s: %s", session->url,
				 error_field(text + 5, total - 5, 'S'),
				 error_field(text + 5, total - 5, 'M'));
		case 'Z':
			if (session->is_ready)
				session->completed++;
			session->is_ready = true;
			break;
		default:
			break;
	}
	return total;
}

static void
on_server(Source *source, uint32_t events)
{
	SqlSession *session = (SqlSession *) source;
	size_t		done = 0;
	size_t		one;
	ssize_t		n = recv(source->fd, session->in + session->in_len,
						 SQL_BUFFER_SIZE - session->in_len, 0);

	(void) events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		fail(EXIT_CONNECTION, "%s: %s", session->url,
			 n == 0 ? "the server has closed the connection" : strerror(errno));
	session->in_len += (size_t) n;
	while ((one = handle_message(session, session->in + done, session->in_len - done)) > 0)
		done += one;
	session->in_len -= done;
	memmove(session->in, session->in + done, session->in_len);
	if (session->in_len == SQL_BUFFER_SIZE)
		fail(EXIT_CONNECTION, "%s: a message of the server is too long", session->url);
}

/* ---- a session ---- */

void
sql_open(SqlSession *session, const char *url)
{
	uint64_t	deadline = now_ns() + BEGIN_NS;

	parse_url(session, url);
	session->source.fd = loop_connect(session->host, session->port, 0);
	session->source.on_ready = on_server;
	loop_wait_connected(session->source.fd, url);
	send_startup(session);
	loop_add(&session->source, EPOLLIN);
	while (!session->is_ready)
	{
		if (now_ns() > deadline)
			fail(EXIT_CONNECTION, "no session with %s", url);
		loop_turn(100);
	}
}

void
sql_run(SqlSession *session, const char *text)
{
	uint64_t	before = session->completed;
	size_t		len = strlen(text);
	char	   *buffer = allocate(SQL_QUERY_HEADER + len + 1);

	memcpy(buffer + SQL_QUERY_HEADER, text, len);
	sql_send(session, buffer, len);
	free(buffer);
	while (session->completed == before)
		loop_turn(100);
}

/*
 * sql.h
 *		A session with PostgreSQL that sends statements and does not look at
 *		their results.
 *
 * Addresses are sql://user@host:port/database; host may be the directory of a
 * Unix socket, percent-encoded.  Whatever the server refuses ends the program.
 */
#ifndef BENCH_SQL_H
#define BENCH_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

#define SQL_BUFFER_SIZE (256 * 1024)	/* no message of the server is longer */
#define SQL_QUERY_HEADER 5		/* bytes before the text of a statement */

typedef struct SqlSession
{
	Source		source;
	const char *url;
	char		user[64];
	char		host[128];
	int			port;
	char		database[256];

	bool		is_ready;		/* the session has begun */
	uint64_t	completed;		/* statements */
	uint64_t	notifications;
	uint64_t	bytes;			/* of notifications */

	char		in[SQL_BUFFER_SIZE];
	size_t		in_len;
} SqlSession;

extern bool sql_is_url(const char *url);

/* Connects and waits until the session has begun. */
extern void sql_open(SqlSession *session, const char *url);

/*
 * Sends the statement whose len bytes of text stand SQL_QUERY_HEADER bytes
 * into the buffer; there must be room for one byte behind it.
 */
extern void sql_send(SqlSession *session, char *buffer, size_t len);

/* Runs statements and waits until all are done. */
extern void sql_run(SqlSession *session, const char *text);

#endif							/* BENCH_SQL_H */

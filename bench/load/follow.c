/*
 * follow.c
 *		Asks for a stream on every connection at once, and sees how long it takes
 *		until all have it.
 *
 * Each connection asks as soon as it is ready, so the time is counted from the
 * first handshake on: like that of clients that come back together.  It is done
 * with its reply, or with the frame that contains the text of --last.  With
 * --again all ask once more, at the same moment, on the connections that they
 * have: like pages whose tab comes to the front.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "histogram.h"
#include "template.h"
#include "websocket.h"

#define PATIENCE_NS (120 * 1000000000ULL)
#define REPLY "{\"topic\":\"__rpc\""
#define OK_WITHIN 300			/* bytes in which a reply says "ok" */

typedef struct Phase
{
	const char *name;
	Template	question;
	const char *last;			/* what the last frame contains; NULL = the reply */
	uint64_t	began;
	uint64_t	ended;
	uint64_t	cpu;
	uint64_t	own;
	uint64_t	bytes;
	int			done;			/* connections */
	Histogram	latencies;
} Phase;

static Phase phases[2] = {{.name = "first"}, {.name = "again"}};
static Phase *phase = &phases[0];
static uint64_t refused;

static bool
contains(const char *text, size_t len, const char *wanted)
{
	return memmem(text, len, wanted, strlen(wanted)) != NULL;
}

static void
ask(Connection *connection)
{
	char	   *text = websocket_reserve(connection, phase->question.max_len);

	websocket_commit(connection, template_fill(&phase->question, text,
											   (uint64_t) connection->number));
}

static void
note_refusal(const char *text, size_t len)
{
	if (refused++ == 0)
		fprintf(stderr, "load: the first refusal: %.*s\n",
				(int) (len < 500 ? len : 500), text);
}

static void
on_message(Connection *connection, const char *text, size_t len)
{
	bool		is_reply = len > strlen(REPLY) && memcmp(text, REPLY, strlen(REPLY)) == 0;

	(void) connection;
	phase->bytes += len;
	if (is_reply && !contains(text, len < OK_WITHIN ? len : OK_WITHIN, "\"ok\":true"))
		note_refusal(text, len);
	else if (phase->last != NULL ? !contains(text, len, phase->last) : !is_reply)
		return;
	histogram_add(&phase->latencies, now_ns() - phase->began);
	phase->done++;
}

static void
begin(Phase *next)
{
	phase = next;
	phase->own = own_cpu_us();
	phase->cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count);
	phase->began = now_ns();
}

static void
finish(void)
{
	while (phase->done < options.connections)
	{
		if (now_ns() - phase->began > PATIENCE_NS)
			fail(EXIT_ANSWERS, "%s: only %d of %d connections are done", phase->name,
				 phase->done, options.connections);
		loop_turn(100);
	}
	phase->ended = now_ns();
	phase->cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count) - phase->cpu;
	phase->own = own_cpu_us() - phase->own;
}

static void
report(const Phase *of)
{
	double		seconds = (double) (of->ended - of->began) / 1e9;

	printf("%s: %d connections in %.3f s, %.1f MB\n", of->name, options.connections,
		   seconds, (double) of->bytes / 1e6);
	printf("result mode=follow phase=%s seconds=%.4f per_second=%.1f bytes=%llu refused=%llu",
		   of->name, seconds, options.connections / seconds,
		   (unsigned long long) of->bytes, (unsigned long long) refused);
	histogram_print(&of->latencies);
	printf(" cpu_us=%llu own_cpu_percent=%.0f\n", (unsigned long long) of->cpu,
		   (double) of->own / seconds / 10000);
}

int
run_follow(void)
{
	static const Handlers handlers = {ask, on_message, NULL};

	if (options.subscribe == NULL)
		fail(EXIT_USAGE, "follow needs --subscribe, the question");
	template_parse(&phases[0].question, options.subscribe);
	phases[0].last = options.last;
	begin(&phases[0]);
	websocket_open_all(&handlers);
	finish();
	report(&phases[0]);
	if (options.again != NULL)
	{
		template_parse(&phases[1].question, options.again);
		begin(&phases[1]);
		for (int i = 0; i < options.connections; i++)
		{
			ask(&connections[i]);
			websocket_flush(&connections[i]);
		}
		finish();
		report(&phases[1]);
	}
	return refused == 0 ? EXIT_OK : EXIT_ANSWERS;
}

/*
 * watch.c
 *		Receives events and counts them, until it is told to stop.
 *
 * For benchmarks in which somebody else publishes: a WebSocket connection that
 * subscribes to some topics, or a PostgreSQL session that has run LISTEN.  Both
 * do nothing with an event but count it.  Prints "ready" once it would receive
 * one, and the result when SIGTERM or SIGINT has come and no event for a while.
 */
#define _GNU_SOURCE

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sql.h"
#include "template.h"
#include "websocket.h"

#define QUIET_NS 200000000ULL	/* no event for so long: it was the last */
#define LAST_NS (5 * 1000000000ULL) /* waits for the last no longer */

static volatile sig_atomic_t stopped;
static Template subscribe;
static int	subscribed;
static uint64_t events;
static uint64_t markers;		/* "you lost events" */
static uint64_t bytes;
static SqlSession session;

static void
on_signal(int number)
{
	(void) number;
	stopped = 1;
}

static bool
begins_with(const char *text, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

/* of a stream, which is a subscription as well */
static void
on_reply(const char *text, size_t len)
{
	if (memmem(text, len, "\"ok\":true", 9) == NULL)
		fail(EXIT_ANSWERS, "the server refuses the stream: %.*s", (int) len, text);
	subscribed++;
}

static void
on_message(Connection *connection, const char *text, size_t len)
{
	(void) connection;
	if (begins_with(text, len, "{\"topic\":\"__rpc\""))
		on_reply(text, len);
	else if (begins_with(text, len, "{\"topic\":"))
	{
		if (memmem(text, len, "\"event\":\"truncated\"", 19) != NULL)
			markers++;
		else
		{
			events++;
			bytes += len;
		}
	}
	else if (begins_with(text, len, "{\"type\":\"subscribed\""))
		subscribed++;
	else if (begins_with(text, len, "{\"type\":\"subscribe-denied\""))
		fail(EXIT_ANSWERS, "the server refuses the subscription: %.*s", (int) len, text);
}

static void
on_ready(Connection *connection)
{
	for (int i = 0; i < options.topics; i++)
		websocket_commit(connection,
						 template_fill(&subscribe,
									   websocket_reserve(connection, subscribe.max_len),
									   (uint64_t) connection->number));
}

static void
watch_topics(void)
{
	static const Handlers handlers = {on_ready, on_message, NULL};
	uint64_t	deadline;

	template_parse(&subscribe, options.subscribe);
	websocket_open_all(&handlers);
	deadline = now_ns() + 30 * 1000000000ULL;
	while (subscribed < options.connections * options.topics)
	{
		if (now_ns() > deadline)
			fail(EXIT_ANSWERS, "only %d of %d subscriptions were acknowledged",
				 subscribed, options.connections * options.topics);
		loop_turn(100);
	}
}

static void
watch_channels(void)
{
	sql_open(&session, options.listener);
	sql_run(&session, options.message);
}

static uint64_t
received(void)
{
	return events + session.notifications;
}

static void
wait_for_the_last(void)
{
	uint64_t	deadline = now_ns() + LAST_NS;
	uint64_t	last = now_ns();
	uint64_t	before = received();

	while (now_ns() - last < QUIET_NS && now_ns() < deadline)
	{
		loop_turn(50);
		if (received() > before)
		{
			before = received();
			last = now_ns();
		}
	}
}

int
run_watch(void)
{
	struct sigaction action = {.sa_handler = on_signal};	/* no SA_RESTART */
	uint64_t	began;
	uint64_t	own;
	double		seconds;

	if ((options.subscribe == NULL) == (options.listener == NULL))
		fail(EXIT_USAGE, "watch needs either --subscribe or --listener");
	if (options.listener != NULL && options.message == NULL)
		fail(EXIT_USAGE, "--listener needs --message, the statement to run");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (options.listener != NULL)
		watch_channels();
	else
		watch_topics();
	printf("ready\n");
	fflush(stdout);

	began = now_ns();
	own = own_cpu_us();
	while (!stopped && now_ns() - began < (uint64_t) (options.seconds * 1e9))
		loop_turn(100);
	wait_for_the_last();
	seconds = (double) (now_ns() - began) / 1e9;
	own = own_cpu_us() - own;

	printf("%llu events and %llu markers in %.2f s\n",
		   (unsigned long long) received(), (unsigned long long) markers, seconds);
	printf("result mode=watch events=%llu markers=%llu bytes=%llu own_cpu_percent=%.0f\n",
		   (unsigned long long) received(), (unsigned long long) markers,
		   (unsigned long long) (bytes + session.bytes),
		   (double) own / seconds / 10000);
	return EXIT_OK;
}

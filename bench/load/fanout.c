/*
 * fanout.c
 *		Subscribes with every connection and counts what is delivered.
 *
 * An event carries the time at which it was published, in microseconds since
 * 1970, as the member "t" of its JSON; server and load generator run on one
 * machine.  Events published before the measurement began are not counted,
 * so the last ones are waited for.  Of one that comes compressed only its length
 * is known; those from before have come before the measurement begins.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "histogram.h"
#include "publisher.h"
#include "template.h"
#include "websocket.h"

#define SETTLE_NS 500000000ULL	/* without acknowledgements, and between phases */
#define LAST_NS (3 * 1000000000ULL) /* the last events may take */

static Template subscribe;
static Histogram latencies;
static int	subscribed;
static uint64_t count_from_us = UINT64_MAX; /* events published since then count */
static uint64_t received;
static uint64_t bytes;

static bool
begins_with(const char *text, size_t len, const char *prefix)
{
	return len >= strlen(prefix) && memcmp(text, prefix, strlen(prefix)) == 0;
}

static void
on_event(const char *text, size_t len)
{
	const char *stamp = memmem(text, len, "\"t\":", 4);
	uint64_t	published = stamp != NULL ? strtoull(stamp + 4, NULL, 10) : 0;
	uint64_t	now = wall_us();

	if (published < count_from_us)
		return;
	received++;
	bytes += len;
	histogram_add(&latencies, now > published ? (now - published) * 1000 : 0);
}

static bool
ends_with(const char *text, size_t len, const char *end)
{
	return len >= strlen(end) && memcmp(text + len - strlen(end), end, strlen(end)) == 0;
}

/* The reply of a stream is a subscription as well, with its last part. */
static void
on_reply(const char *text, size_t len)
{
	if (memmem(text, len, "\"ok\":true", 9) == NULL)
		fail(EXIT_ANSWERS, "the server refuses the stream: %.*s", (int) len, text);
	if (memmem(text, len, "\"more\":true", 11) == NULL)
		subscribed++;
}

static void
on_part(const char *text, size_t len)
{
	if (ends_with(text, len, "\"more\":false}}"))
		subscribed++;
}

static void
on_message(Connection *connection, const char *text, size_t len)
{
	(void) connection;
	if (begins_with(text, len, "{\"topic\":\"__rpc\""))
		on_reply(text, len);
	else if (begins_with(text, len, "{\"topic\":\"__parts\""))
		on_part(text, len);
	else if (begins_with(text, len, "{\"topic\":"))
		on_event(text, len);
	else if (begins_with(text, len, "{\"type\":\"subscribed\""))
		subscribed++;
	else if (begins_with(text, len, "{\"type\":\"subscribe-denied\""))
		fail(EXIT_ANSWERS, "the server refuses the subscription: %.*s", (int) len, text);
}

static void
on_compressed(Connection *connection, size_t len)
{
	(void) connection;
	if (count_from_us == UINT64_MAX)
		return;
	received++;
	bytes += len;
}

static void
on_ready(Connection *connection)
{
	if (options.subscribe != NULL)
		websocket_commit(connection,
						 template_fill(&subscribe,
									   websocket_reserve(connection, subscribe.max_len),
									   (uint64_t) connection->number));
}

static void
wait_for_subscriptions(void)
{
	uint64_t	deadline = now_ns() + 30 * 1000000000ULL;

	if (options.subscribe == NULL)
	{
		loop_until(now_ns() + SETTLE_NS);
		return;
	}
	while (subscribed < options.connections)
	{
		if (now_ns() > deadline)
			fail(EXIT_ANSWERS, "only %d of %d subscriptions were acknowledged",
				 subscribed, options.connections);
		loop_turn(100);
	}
}

static void
report(double seconds, uint64_t published, uint64_t cpu_us, uint64_t own_us)
{
	uint64_t	expected = published * (uint64_t) options.connections;
	uint64_t	missing = expected > received ? expected - received : 0;

	printf("%llu events to %d subscribers in %.2f s: %.0f deliveries a second",
		   (unsigned long long) published, options.connections, seconds,
		   (double) received / seconds);
	printf(", p50 %.1f us, p99 %.1f us",
		   (double) histogram_quantile(&latencies, 0.50) / 1000,
		   (double) histogram_quantile(&latencies, 0.99) / 1000);
	if (missing > 0)
		printf(", %llu MISSING", (unsigned long long) missing);
	printf("\n");

	printf("result mode=fanout deliveries=%llu seconds=%.3f per_second=%.1f missing=%llu bytes_each=%.1f",
		   (unsigned long long) received, seconds, (double) received / seconds,
		   (unsigned long long) missing,
		   received > 0 ? (double) bytes / (double) received : 0);
	histogram_print(&latencies);
	if (options.cpu_root_count > 0 && received > 0)
		printf(" cpu_us=%llu cpu_us_each=%.3f", (unsigned long long) cpu_us,
			   (double) cpu_us / (double) received);
	printf(" own_cpu_percent=%.0f\n", (double) own_us / seconds / 10000);
}

/* Events that one message of the publisher makes. */
static uint64_t
events_per_message(void)
{
	return strncmp(options.publisher, "sql:", 4) == 0 ? (uint64_t) options.burst : 1;
}

/* Publishes for so long; returns the number of events. */
static uint64_t
publish_for(double seconds)
{
	uint64_t	before = publisher_sent();

	publisher_start();
	loop_until(now_ns() + (uint64_t) (seconds * 1e9));
	publisher_stop();
	return (publisher_sent() - before) * events_per_message();
}

static void
wait_for_the_last(uint64_t expected)
{
	uint64_t	deadline = now_ns() + LAST_NS;

	while (received < expected && now_ns() < deadline)
		loop_turn(100);
}

int
run_fanout(void)
{
	static const Handlers handlers = {on_ready, on_message, on_compressed};
	uint64_t	began;
	uint64_t	published;
	uint64_t	cpu;
	uint64_t	own;
	double		seconds;

	if (options.publisher == NULL || options.message == NULL)
		fail(EXIT_USAGE, "fanout needs --publisher and --message");
	if (options.subscribe != NULL)
		template_parse(&subscribe, options.subscribe);
	websocket_open_all(&handlers);
	wait_for_subscriptions();
	publisher_open();

	(void) publish_for(options.warmup);
	loop_until(now_ns() + SETTLE_NS);

	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count);
	own = own_cpu_us();
	count_from_us = wall_us();
	began = now_ns();
	published = publish_for(options.seconds);
	wait_for_the_last(published * (uint64_t) options.connections);
	seconds = (double) (now_ns() - began) / 1e9;
	own = own_cpu_us() - own;
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count) - cpu;

	report(seconds, published, cpu, own);
	return received == published * (uint64_t) options.connections ? EXIT_OK : EXIT_ANSWERS;
}

/*
 * cursors.c
 *		Moves cursors on some connections and counts what all of them are told.
 *
 * A position names its cursor and its time, as the members "n" and "t" of its
 * JSON, in this order.  A server need not tell each position, but the last of
 * each cursor: after the measurement these are waited for.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "histogram.h"
#include "template.h"
#include "websocket.h"

#define SETTLE_NS 500000000ULL	/* before the measurement */
#define LAST_NS (10 * 1000000000ULL)	/* the last positions may take */
#define READY_NS (60 * 1000000000ULL)
#define TURN_MS 1

static Template subscribe;
static Template message;
static Histogram latencies;
static int	subscribed;
static bool measuring;
static uint64_t sent;			/* while measuring, as are the next */
static uint64_t told;
static uint64_t frames;
static uint64_t bytes;
static uint64_t *last_told;		/* time of a cursor's position, by connection */
static uint64_t *last_sent;

static bool
contains(const char *text, size_t len, const char *wanted)
{
	return memmem(text, len, wanted, strlen(wanted)) != NULL;
}

/* One position; returns where to look on, NULL if there is none. */
static const char *
take_position(Connection *connection, const char *text, const char *end, uint64_t *time)
{
	const char *at = memmem(text, (size_t) (end - text), "\"n\":", 4);
	char	   *rest;
	uint64_t	cursor;

	if (at == NULL)
		return NULL;
	cursor = strtoull(at + 4, &rest, 10);
	if (cursor >= (uint64_t) options.movers || memcmp(rest, ",\"t\":", 5) != 0)
		fail(EXIT_ANSWERS, "no position: %.100s", at);
	*time = strtoull(rest + 5, &rest, 10);
	last_told[(uint64_t) connection->number * (uint64_t) options.movers + cursor] = *time;
	return rest;
}

static void
take_positions(Connection *connection, const char *text, size_t len)
{
	const char *end = text + len;
	uint64_t	count = 0;
	uint64_t	time;
	uint64_t	now = wall_us();

	while ((text = take_position(connection, text, end, &time)) != NULL)
	{
		if (measuring)
			histogram_add(&latencies, now > time ? (now - time) * 1000 : 0);
		count++;
	}
	if (!measuring || count == 0)
		return;
	told += count;
	frames++;
	bytes += len;
}

static void
send_text(Connection *connection, Template *template)
{
	char	   *text = websocket_reserve(connection, template->max_len);

	websocket_commit(connection, template_fill(template, text, (uint64_t) connection->number));
}

static void
on_message(Connection *connection, const char *text, size_t len)
{
	if (options.last != NULL && subscribed < options.connections &&
		contains(text, len, options.last))
		subscribed++;
	/* Engine.IO's ping, of Socket.IO */
	if (len == 1 && text[0] == '2')
	{
		memcpy(websocket_reserve(connection, 1), "3", 1);
		websocket_commit(connection, 1);
		return;
	}
	take_positions(connection, text, len);
}

static void
on_ready(Connection *connection)
{
	if (options.hello != NULL)
	{
		memcpy(websocket_reserve(connection, strlen(options.hello)), options.hello,
			   strlen(options.hello));
		websocket_commit(connection, strlen(options.hello));
	}
	if (options.subscribe != NULL)
		send_text(connection, &subscribe);
}

static void
wait_for_subscriptions(void)
{
	uint64_t	deadline = now_ns() + READY_NS;

	while (options.last != NULL && subscribed < options.connections)
	{
		if (now_ns() > deadline)
			fail(EXIT_ANSWERS, "only %d of %d connections are ready", subscribed,
				 options.connections);
		loop_turn(100);
	}
	loop_until(now_ns() + SETTLE_NS);
}

/* What was sent is read from the text, because the time is part of it. */
static void
move(int mover)
{
	Connection *connection = &connections[mover];
	char	   *text = websocket_reserve(connection, message.max_len);
	size_t		len = template_fill(&message, text, (uint64_t) mover);
	const char *time = memmem(text, len, "\"t\":", 4);

	if (time == NULL)
		fail(EXIT_USAGE, "--message needs \"t\":{t}");
	last_sent[mover] = strtoull(time + 4, NULL, 10);
	websocket_commit(connection, len);
	websocket_flush(connection);
	sent++;
}

/* Each in its turn, so that they do not move at one moment. */
static void
move_for(double seconds)
{
	uint64_t	began = now_ns();
	uint64_t	end = began + (uint64_t) (seconds * 1e9);
	double		gap = 1e9 / (options.rate * options.movers);
	uint64_t	count = 0;
	uint64_t	now;

	while ((now = now_ns()) < end)
	{
		while ((double) (now - began) >= gap * (double) count)
			move((int) (count++ % (uint64_t) options.movers));
		loop_turn(TURN_MS);
	}
}

/* Positions that are the last and that somebody does not know. */
static uint64_t
count_missing(void)
{
	uint64_t	missing = 0;

	for (int i = 0; i < options.connections; i++)
		for (int j = 0; j < options.movers; j++)
			missing += last_told[i * options.movers + j] != last_sent[j];
	return missing;
}

static uint64_t
wait_for_the_last(void)
{
	uint64_t	deadline = now_ns() + LAST_NS;

	while (count_missing() > 0 && now_ns() < deadline)
		loop_until(now_ns() + 50000000ULL);
	return count_missing();
}

static void
report(double seconds, uint64_t missing, uint64_t cpu_us, uint64_t own_us)
{
	printf("%llu positions of %d cursors to %d in %.2f s: %llu told in %llu messages, p50 %.1f us, p99 %.1f us%s\n",
		   (unsigned long long) sent, options.movers, options.connections, seconds,
		   (unsigned long long) told, (unsigned long long) frames,
		   (double) histogram_quantile(&latencies, 0.50) / 1000,
		   (double) histogram_quantile(&latencies, 0.99) / 1000,
		   missing > 0 ? ", the last ones MISSING" : "");
	printf("result mode=cursors sent=%llu told=%llu messages=%llu seconds=%.3f per_second=%.1f missing=%llu bytes=%llu",
		   (unsigned long long) sent, (unsigned long long) told, (unsigned long long) frames,
		   seconds, (double) told / seconds, (unsigned long long) missing,
		   (unsigned long long) bytes);
	histogram_print(&latencies);
	if (options.cpu_root_count > 0 && told > 0)
		printf(" cpu_us=%llu cpu_us_each=%.4f cpu_percent=%.0f", (unsigned long long) cpu_us,
			   (double) cpu_us / (double) told, (double) cpu_us / seconds / 10000);
	printf(" own_cpu_percent=%.0f\n", (double) own_us / seconds / 10000);
}

static void
prepare(void)
{
	if (options.message == NULL)
		fail(EXIT_USAGE, "cursors needs --message");
	if (options.movers > options.connections)
		fail(EXIT_USAGE, "there are more movers than connections");
	if (options.subscribe != NULL)
		template_parse(&subscribe, options.subscribe);
	template_parse(&message, options.message);
	last_sent = allocate((size_t) options.movers * sizeof(uint64_t));
	last_told = allocate((size_t) options.movers * (size_t) options.connections *
						 sizeof(uint64_t));
}

int
run_cursors(void)
{
	static const Handlers handlers = {on_ready, on_message, NULL};
	uint64_t	began;
	uint64_t	cpu;
	uint64_t	own;
	uint64_t	missing;
	double		seconds;

	prepare();
	websocket_open_all(&handlers);
	wait_for_subscriptions();
	move_for(options.warmup);

	sent = 0;
	measuring = true;
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count);
	own = own_cpu_us();
	began = now_ns();
	move_for(options.seconds);
	seconds = (double) (now_ns() - began) / 1e9;
	own = own_cpu_us() - own;
	missing = wait_for_the_last();
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count) - cpu;
	report(seconds, missing, cpu, own);
	return missing == 0 ? EXIT_OK : EXIT_ANSWERS;
}

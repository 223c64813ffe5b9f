/*
 * calls.c
 *		Calls a function over and over on every connection.
 *
 * A connection has options.in_flight slots.  The id of a call is the number
 * of its slot; its answer frees the slot for the next call, so that the
 * number in flight stays the same.  What is answered during the warm-up is
 * not counted, nor is what is answered after the end.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "histogram.h"
#include "template.h"
#include "websocket.h"

#define REPLY "{\"topic\":\"__rpc\",\"event\":\""
#define OK_WITHIN 160			/* bytes after the id in which "ok" must come */
#define DRAIN_NS (5 * 1000000000ULL)

static Template call;
static Histogram latencies;
static bool calling;			/* an answer is followed by the next call */
static bool counting;
static uint64_t in_flight;
static uint64_t errors;
static uint64_t strays;			/* answers to nothing */

/* When the call in each slot was sent; 0 if it is free. */
static uint64_t *
slots_of(Connection *connection)
{
	return connection->mode;
}

static void
send_call(Connection *connection, unsigned slot, uint64_t now)
{
	char	   *text = websocket_reserve(connection, call.max_len);

	websocket_commit(connection, template_fill(&call, text, slot));
	slots_of(connection)[slot] = now;
	in_flight++;
}

static void
note_error(const char *text, size_t len)
{
	if (errors++ == 0)
		fprintf(stderr, "load: the first error: %.*s\n",
				(int) (len < 500 ? len : 500), text);
}

/* "ok" follows the id closely; what comes later is the result's own. */
static bool
is_ok(const char *text, size_t len)
{
	const char *ok = memmem(text, len < OK_WITHIN ? len : OK_WITHIN, "\"ok\":", 5);

	return ok != NULL && ok + 5 < text + len && ok[5] == 't';
}

/* Reads the slot's number, up to the quote; -1 if it is none of ours. */
static int
read_slot(const char **text, const char *end)
{
	const char *p = *text;
	int			slot = 0;

	while (p < end && *p >= '0' && *p <= '9' && slot < options.in_flight)
		slot = slot * 10 + (*p++ - '0');
	if (p == *text || p == end || *p != '"' || slot >= options.in_flight)
		return -1;
	*text = p;
	return slot;
}

static void
on_message(Connection *connection, const char *text, size_t len)
{
	const char *end = text + len;
	const char *p = text + strlen(REPLY);
	uint64_t   *started;
	int			slot;

	if (len < strlen(REPLY) || memcmp(text, REPLY, strlen(REPLY)) != 0)
		return;					/* a ping of the application's, say */
	slot = read_slot(&p, end);
	if (slot < 0 || slots_of(connection)[slot] == 0)
	{
		strays++;
		return;
	}
	started = &slots_of(connection)[slot];
	if (!is_ok(p, (size_t) (end - p)))
		note_error(text, len);
	if (counting)
		histogram_add(&latencies, websocket_received_ns - *started);
	*started = 0;
	in_flight--;
	if (calling)
		send_call(connection, (unsigned) slot, websocket_received_ns);
}

/* As {"rpc":"<path>","id":"{id}","args":<args>}. */
static void
make_call(void)
{
	size_t		size = strlen(options.rpc) + strlen(options.args) + 64;
	char	   *text = allocate(size);

	snprintf(text, size, "{\"rpc\":\"%s\",\"id\":\"{id}\",\"args\":%s}",
			 options.rpc, options.args);
	template_parse(&call, text);
}

static void
start_all(void)
{
	calling = true;
	for (int i = 0; i < options.connections; i++)
	{
		connections[i].mode = allocate(sizeof(uint64_t) * (size_t) options.in_flight);
		for (int slot = 0; slot < options.in_flight; slot++)
			send_call(&connections[i], (unsigned) slot, now_ns());
		websocket_flush(&connections[i]);
	}
}

static void
drain(void)
{
	uint64_t	deadline = now_ns() + DRAIN_NS;

	calling = false;
	while (in_flight > 0 && now_ns() < deadline)
		loop_turn(100);
}

static void
report(double seconds, uint64_t cpu_us, uint64_t own_us)
{
	double		rate = (double) latencies.count / seconds;

	printf("%llu calls of %s in %.2f s: %.0f a second",
		   (unsigned long long) latencies.count, options.rpc, seconds, rate);
	printf(", p50 %.1f us, p99 %.1f us",
		   (double) histogram_quantile(&latencies, 0.50) / 1000,
		   (double) histogram_quantile(&latencies, 0.99) / 1000);
	printf(", %llu errors\n", (unsigned long long) errors);
	if (in_flight > 0)
		printf("%llu calls were not answered\n", (unsigned long long) in_flight);
	if (strays > 0)
		printf("%llu answers belonged to no call\n", (unsigned long long) strays);

	printf("result mode=calls calls=%llu seconds=%.3f per_second=%.1f errors=%llu unanswered=%llu",
		   (unsigned long long) latencies.count, seconds, rate,
		   (unsigned long long) errors, (unsigned long long) in_flight);
	histogram_print(&latencies);
	if (options.cpu_root_count > 0 && latencies.count > 0)
		printf(" cpu_us=%llu cpu_us_each=%.3f", (unsigned long long) cpu_us,
			   (double) cpu_us / (double) latencies.count);
	printf(" own_cpu_percent=%.0f\n", (double) own_us / seconds / 10000);
}

int
run_calls(void)
{
	static const Handlers handlers = {NULL, on_message, NULL};
	uint64_t	began;
	uint64_t	ended;
	uint64_t	cpu;
	uint64_t	own;

	if (options.rpc == NULL)
		fail(EXIT_USAGE, "calls needs --rpc");
	make_call();
	websocket_open_all(&handlers);
	start_all();
	loop_until(now_ns() + (uint64_t) (options.warmup * 1e9));

	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count);
	own = own_cpu_us();
	counting = true;
	began = now_ns();
	loop_until(began + (uint64_t) (options.seconds * 1e9));
	counting = false;
	ended = now_ns();
	own = own_cpu_us() - own;
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count) - cpu;

	drain();
	report((double) (ended - began) / 1e9, cpu, own);
	return errors > 0 || in_flight > 0 || strays > 0 ? EXIT_ANSWERS : EXIT_OK;
}

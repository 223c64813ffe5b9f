/*
 * idle.c
 *		Opens connections and keeps them without saying a word.
 *
 * Prints "ready" once all are open, for whoever wants to look at the server
 * meanwhile, and the result at the end.
 */
#include <stdio.h>

#include "cpu.h"
#include "websocket.h"

static uint64_t messages;

static void
on_message(Connection *connection, const char *text, size_t len)
{
	(void) connection;
	(void) text;
	(void) len;
	messages++;
}

int
run_idle(void)
{
	static const Handlers handlers = {NULL, on_message, NULL};
	double		opening = websocket_open_all(&handlers);
	uint64_t	began = now_ns();
	uint64_t	cpu;
	double		seconds;

	printf("ready connections=%d open_seconds=%.3f\n", options.connections, opening);
	fflush(stdout);
	websocket_tolerate_close();

	/* the last connections' aftermath is not idleness */
	loop_until(began + (uint64_t) (options.warmup * 1e9));
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count);
	began = now_ns();
	loop_until(began + (uint64_t) (options.seconds * 1e9));
	seconds = (double) (now_ns() - began) / 1e9;
	cpu = cpu_used_us(options.cpu_roots, options.cpu_root_count) - cpu;

	printf("%d connections open after %.2f s; %d closed in the %.0f s since\n",
		   options.connections, opening, websocket_closed_count(), seconds);
	printf("result mode=idle connections=%d open_seconds=%.3f closed=%d messages=%llu",
		   options.connections, opening, websocket_closed_count(),
		   (unsigned long long) messages);
	if (options.cpu_root_count > 0)
		printf(" cpu_us=%llu cpu_percent=%.3f", (unsigned long long) cpu,
			   (double) cpu / seconds / 10000);
	printf("\n");
	return websocket_closed_count() > 0 ? EXIT_CONNECTION : EXIT_OK;
}

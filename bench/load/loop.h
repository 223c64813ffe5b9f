/*
 * loop.h
 *		Waits for sockets and timers and calls whom they belong to.
 */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <stddef.h>
#include <stdint.h>

/* The first member of whatever owns a file descriptor. */
typedef struct Source
{
	int			fd;
	void		(*on_ready) (struct Source *source, uint32_t events);
} Source;

extern void loop_add(Source *source, uint32_t events);
extern void loop_change(Source *source, uint32_t events);

/* Waits for something to happen, at most this long, and handles it. */
extern void loop_turn(int timeout_ms);

/* Turns until the monotonic clock shows this. */
extern void loop_until(uint64_t deadline_ns);

/* Opens a TCP or, if host begins with '/', a Unix socket; does not wait. */
extern int	loop_connect(const char *host, int port, int source_number);

/* Waits until it is connected; ends the program if that fails. */
extern void loop_wait_connected(int fd, const char *url);

/* Sends all of it, and waits where the kernel does not take it at once. */
extern void loop_send_all(int fd, const char *text, size_t len);

#endif							/* BENCH_LOOP_H */

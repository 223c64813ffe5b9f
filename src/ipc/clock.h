/*
 * clock.h
 *		A clock that never goes back, the same in all processes.
 */
#ifndef RT_IPC_CLOCK_H
#define RT_IPC_CLOCK_H

#include "src/compat.h"

#include <time.h>

/* Milliseconds since some moment before the server's start. */
static inline int64
rt_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The same in microseconds. */
static inline int64
rt_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif							/* RT_IPC_CLOCK_H */

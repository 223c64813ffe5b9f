/*
 * histogram.h
 *		Counts durations; tells percentiles to within 1/128 of the value.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB (1 << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_SIZE ((64 - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

typedef struct Histogram
{
	uint64_t	count;
	uint64_t	max;
	uint32_t	buckets[HISTOGRAM_SIZE];
} Histogram;

extern void histogram_add(Histogram *histogram, uint64_t value);

/* The value that a share (0 to 1) of all values does not exceed; 0 if empty. */
extern uint64_t histogram_quantile(const Histogram *histogram, double share);

/* Prints " p50_us=... p95_us=... p99_us=... max_us=..." for nanoseconds. */
extern void histogram_print(const Histogram *histogram);

#endif							/* BENCH_HISTOGRAM_H */

/*
 * histogram.c
 *		Counts durations in buckets whose width grows with the value.
 *
 * Values below HISTOGRAM_SUB have a bucket each.  Above, every power of two is
 * cut into HISTOGRAM_SUB buckets, so that the error stays below 1/128.
 */
#include <stdio.h>

#include "histogram.h"

static unsigned
bucket_of(uint64_t value)
{
	int			shift;

	if (value < HISTOGRAM_SUB)
		return (unsigned) value;
	shift = 63 - __builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return (unsigned) ((shift << HISTOGRAM_SUB_BITS) + (value >> shift));
}

/* The middle of a bucket. */
static uint64_t
value_of(unsigned bucket)
{
	unsigned	shift;

	if (bucket < 2 * HISTOGRAM_SUB)
		return bucket;
	shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	return ((uint64_t) (bucket - (shift << HISTOGRAM_SUB_BITS)) << shift) +
		((1ULL << shift) >> 1);
}

void
histogram_add(Histogram *histogram, uint64_t value)
{
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
	histogram->buckets[bucket_of(value)]++;
}

uint64_t
histogram_quantile(const Histogram *histogram, double share)
{
	uint64_t	wanted = (uint64_t) (share * (double) histogram->count + 0.5);
	uint64_t	seen = 0;

	if (wanted < 1)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_SIZE; i++)
	{
		seen += histogram->buckets[i];
		if (seen >= wanted)
		{
			uint64_t	value = value_of(i);

			return value < histogram->max ? value : histogram->max;
		}
	}
	return histogram->max;
}

void
histogram_print(const Histogram *histogram)
{
	printf(" p50_us=%.1f p95_us=%.1f p99_us=%.1f max_us=%.1f",
		   (double) histogram_quantile(histogram, 0.50) / 1000,
		   (double) histogram_quantile(histogram, 0.95) / 1000,
		   (double) histogram_quantile(histogram, 0.99) / 1000,
		   (double) histogram->max / 1000);
}

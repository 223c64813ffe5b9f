/*
 * interval.c
 *		Lengths of time from intervals.
 */
#include "postgres.h"

#include "src/catalog/interval.h"

/* Microseconds that surely fit; a double is exact enough to tell. */
#define LONGEST_US 9.0e18

bool
rt_interval_ms(const Interval *interval, int64 *ms)
{
	double		days = (double) interval->month * DAYS_PER_MONTH +
	interval->day;
	double		us = days * USECS_PER_DAY + (double) interval->time;

	if (us > LONGEST_US || us < -LONGEST_US)
		return false;
	*ms = (((int64) interval->month * DAYS_PER_MONTH + interval->day) *
		   USECS_PER_DAY + interval->time) / 1000;
	return true;
}

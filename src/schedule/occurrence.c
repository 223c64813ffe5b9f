/*
 * occurrence.c
 *		When the times of a schedule are, in a time zone.
 *
 * A zone is a sequence of periods in which local time and UTC differ by the
 * same.  We walk along them, from a little before the time in question, so that
 * a change which repeats local times is seen.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "src/guc.h"
#include "src/schedule/occurrence.h"

#define DAY INT64CONST(86400)
#define LONGEST_REPEAT (2 * DAY)	/* of local times, in any zone */

typedef struct Walk
{
	const RtSchedule *schedule;
	const pg_tz *zone;
	int64		after;
	int64		used;			/* local times before it have been: of fixed hours */
} Walk;

/* Until when the offset stays as it is at a time. */
static int64
period_end(const pg_tz *zone, int64 at, long *offset, long *next_offset)
{
	pg_time_t	time = (pg_time_t) at;
	pg_time_t	boundary;
	int			dst;

	*offset = *next_offset = 0;
	if (pg_next_dst_boundary(&time, offset, &dst, &boundary, next_offset, &dst, zone) == 1)
		return (int64) boundary;
	*next_offset = *offset;
	return PG_INT64_MAX;
}

/* In a period; NEVER if there is none. */
static int64
next_in_period(const Walk *walk, int64 begin, int64 end, long offset, int64 limit)
{
	int64		from = Max(Max(walk->after + 1, begin) + offset, walk->used);
	int64		local = rt_schedule_next_local(walk->schedule, from,
											   Min(end, limit) + offset);

	return local == RT_SCHEDULE_NEVER ? local : local - offset;
}

/* Whether the change to a later local time leaves out one of a fixed hour. */
static bool
is_left_out(const Walk *walk, int64 end, long offset, long next_offset)
{
	return !walk->schedule->any_hour && next_offset > offset && end > walk->after &&
		rt_schedule_next_local(walk->schedule, end + offset,
							   end + next_offset) != RT_SCHEDULE_NEVER;
}

static int64
walk_along(Walk *walk, int64 limit)
{
	int64		at = walk->after - LONGEST_REPEAT;

	while (at < limit)
	{
		long		offset;
		long		next_offset;
		int64		end = period_end(walk->zone, at, &offset, &next_offset);
		int64		next = end > walk->after ?
			next_in_period(walk, at, end, offset, limit) : RT_SCHEDULE_NEVER;

		if (next != RT_SCHEDULE_NEVER)
			return next;
		if (end >= limit)
			break;
		if (is_left_out(walk, end, offset, next_offset))
			return end;
		if (!walk->schedule->any_hour)
			walk->used = Max(walk->used, end + offset);
		at = end;
	}
	return RT_SCHEDULE_NEVER;
}

/* The next of a duration's multiples. */
static int64
next_multiple(int64 every, int64 after)
{
	int64		past = after % every;

	return after - (past < 0 ? past + every : past) + every;
}

TimestampTz
rt_schedule_now(void)
{
	if (realtime_cron_clock[0] != '\0')
		return time_t_to_timestamptz((pg_time_t) strtoll(realtime_cron_clock, NULL, 10));
	return GetCurrentTimestamp();
}

int64
rt_occurrence_time(TimestampTz time)
{
	int64		second = time / USECS_PER_SEC - (time % USECS_PER_SEC < 0 ? 1 : 0);

	return second + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
}

int64
rt_occurrence_after(const RtSchedule *schedule, const pg_tz *zone, int64 after)
{
	Walk		walk = {.schedule = schedule,.zone = zone,.after = after,.used = PG_INT64_MIN};

	if (schedule->every > 0)
		return next_multiple(schedule->every, after);
	return walk_along(&walk, after + RT_OCCURRENCE_YEARS * 366 * DAY);
}

/*
 * From the end backwards, in steps that grow: so a schedule of each second is
 * not followed through a year.
 */
int64
rt_occurrence_last(const RtSchedule *schedule, const pg_tz *zone, int64 from,
				   int64 until)
{
	int64		last = RT_SCHEDULE_NEVER;

	for (int64 step = 1;; step *= 16)
	{
		int64		begin = until - from > step ? until - step : from;

		for (int64 next = rt_occurrence_after(schedule, zone, begin - 1);
			 next != RT_SCHEDULE_NEVER && next <= until;
			 next = rt_occurrence_after(schedule, zone, next))
			last = next;
		if (last != RT_SCHEDULE_NEVER || begin == from)
			return last;
	}
}

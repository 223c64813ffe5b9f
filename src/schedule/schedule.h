/*
 * schedule.h
 *		When something is to be done again and again: the text that says so, and
 *		the local times that it means.
 *
 * Plain C.  Local times are seconds since 1970-01-01 00:00 of a calendar
 * without time zones; what they are in a zone is told by occurrence.h.
 */
#ifndef RT_SCHEDULE_SCHEDULE_H
#define RT_SCHEDULE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define RT_SCHEDULE_NEVER INT64_MIN
#define RT_SCHEDULE_LENGTH_MAX 256	/* bytes of the text */

/* Bits are values that match. */
typedef struct RtSchedule
{
	int64_t		every;			/* seconds since the epoch; 0 = the fields count */
	uint64_t	seconds;
	uint64_t	minutes;
	uint32_t	hours;
	uint32_t	days;			/* of a month, from bit 1 */
	uint32_t	months;			/* from bit 1 */
	uint32_t	weekdays;		/* 0 = Sunday */
	bool		any_hour;		/* these begin with a star */
	bool		any_day;
	bool		any_weekday;
} RtSchedule;

/* What is wrong with a text, as the rest of a sentence about the field. */
typedef struct RtScheduleFault
{
	const char *field;			/* "minute" ...; NULL = the text as a whole */
	const char *reason;
} RtScheduleFault;

/*
 * Reads five fields (minute, hour, day of month, month, day of week), six with
 * the second before them, a word such as @hourly, or @every and a duration.
 * Returns false and what is wrong.
 */
extern bool rt_schedule_parse(const char *text, RtSchedule *schedule,
							  RtScheduleFault *fault);

/*
 * The first local time from one on and before another that matches the fields, or
 * RT_SCHEDULE_NEVER.  Not for @every.
 */
extern int64_t rt_schedule_next_local(const RtSchedule *schedule, int64_t from,
									  int64_t before);

#endif							/* RT_SCHEDULE_SCHEDULE_H */

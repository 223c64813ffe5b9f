/*
 * occurrence.h
 *		When the times of a schedule are, in a time zone.
 *
 * Times are seconds since 1970, of UTC.  With a fixed hour a local time that
 * the clock leaves out is the moment of its change, and one that comes twice
 * is the first of both; a schedule whose hour begins with a star goes by the
 * time that passes, and has each.
 */
#ifndef RT_SCHEDULE_OCCURRENCE_H
#define RT_SCHEDULE_OCCURRENCE_H

#include "src/compat.h"

#include "datatype/timestamp.h"
#include "pgtime.h"

#include "src/schedule/schedule.h"

#define RT_OCCURRENCE_YEARS 12	/* after which nothing is looked for */

/* The present, or what realtime.cron_clock says it is. */
extern TimestampTz rt_schedule_now(void);

/* The second in which a time is. */
extern int64 rt_occurrence_time(TimestampTz time);

/* The first time after one, or RT_SCHEDULE_NEVER. */
extern int64 rt_occurrence_after(const RtSchedule *schedule, const pg_tz *zone,
								 int64 after);

/* The last time up to one and not before another, or RT_SCHEDULE_NEVER. */
extern int64 rt_occurrence_last(const RtSchedule *schedule, const pg_tz *zone,
								int64 from, int64 until);

#endif							/* RT_SCHEDULE_OCCURRENCE_H */

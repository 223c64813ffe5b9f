/*
 * schedule.c
 *		When something is to be done again and again.
 *
 * The rules are those of Vixie's cron (crontab(5)): a day matches if day of
 * month and day of week do, or one of them if neither begins with a star.
 */
#include "src/schedule/schedule.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY 86400
#define FIELDS_MAX 6
#define WORD_MAX 32
#define NAME_LENGTH 3
#define EVERY_MAX ((int64_t) 366 * DAY)

typedef struct Field
{
	const char *name;
	int			least;
	int			most;
	const char *const *names;	/* of values from least on; NULL = none */
} Field;

static const char *const month_names[] = {
	"jan", "feb", "mar", "apr", "may", "jun",
	"jul", "aug", "sep", "oct", "nov", "dec", NULL
};
static const char *const weekday_names[] = {
	"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL
};

static const Field fields[FIELDS_MAX] = {
	{"second", 0, 59, NULL},
	{"minute", 0, 59, NULL},
	{"hour", 0, 23, NULL},
	{"day of month", 1, 31, NULL},
	{"month", 1, 12, month_names},
	{"day of week", 0, 7, weekday_names}
};

static const struct
{
	const char *word;
	const char *means;
}			words[] = {
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"}
};

static bool
refuse(RtScheduleFault *fault, const char *field, const char *reason)
{
	fault->field = field;
	fault->reason = reason;
	return false;
}

/* ---- fields ---- */

static const char *
skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static bool
ends_field(char c)
{
	return c == '\0' || c == ' ' || c == '\t';
}

/* Three letters, whatever their case. */
static bool
read_name(const char **at, const Field *field, int *value)
{
	for (int i = 0; field->names != NULL && field->names[i] != NULL; i++)
	{
		if (strncasecmp(*at, field->names[i], NAME_LENGTH) == 0 &&
			!isalpha((unsigned char) (*at)[NAME_LENGTH]))
		{
			*value = field->least + i;
			*at += NAME_LENGTH;
			return true;
		}
	}
	return false;
}

/* At most four digits, which no field needs. */
static bool
read_number(const char **at, int *value)
{
	const char *from = *at;

	*value = 0;
	while (isdigit((unsigned char) **at) && *at - from < 4)
		*value = *value * 10 + (*(*at)++ - '0');
	return *at > from && !isdigit((unsigned char) **at);
}

static bool
read_value(const char **at, const Field *field, int *value, RtScheduleFault *fault)
{
	if (!read_name(at, field, value) && !read_number(at, value))
		return refuse(fault, field->name, "has something that is neither a value nor *");
	if (*value < field->least || *value > field->most)
		return refuse(fault, field->name, "has a value that is out of its range");
	return true;
}

/* What stands between two commas, without its step. */
static bool
read_range(const char **at, const Field *field, int *from, int *to, bool *is_range,
		   RtScheduleFault *fault)
{
	*is_range = true;
	if (**at == '*')
	{
		*from = field->least;
		*to = field->most;
		(*at)++;
		return true;
	}
	if (!read_value(at, field, from, fault))
		return false;
	*to = *from;
	*is_range = **at == '-';
	if (!*is_range)
		return true;
	(*at)++;
	if (!read_value(at, field, to, fault))
		return false;
	return *from <= *to || refuse(fault, field->name, "has a range that ends before it begins");
}

static bool
read_step(const char **at, const Field *field, bool is_range, int *step,
		  RtScheduleFault *fault)
{
	*step = 1;
	if (**at != '/')
		return true;
	if (!is_range)
		return refuse(fault, field->name, "has a step without a range or *");
	(*at)++;
	if (!read_number(at, step) || *step == 0)
		return refuse(fault, field->name, "has a step that is no number above 0");
	return true;
}

static bool
read_field(const char **at, const Field *field, uint64_t *bits, RtScheduleFault *fault)
{
	*bits = 0;
	for (;;)
	{
		int			from;
		int			to;
		int			step;
		bool		is_range;

		if (!read_range(at, field, &from, &to, &is_range, fault) ||
			!read_step(at, field, is_range, &step, fault))
			return false;
		for (int value = from; value <= to; value += step)
			*bits |= UINT64_C(1) << value;
		if (**at != ',')
			break;
		(*at)++;
	}
	return ends_field(**at) ||
		refuse(fault, field->name, "has something behind a value that does not belong there");
}

static int
count_fields(const char *at)
{
	int			count = 0;

	for (at = skip_blanks(at); *at != '\0'; at = skip_blanks(at))
	{
		count++;
		while (!ends_field(*at))
			at++;
	}
	return count;
}

static void
take_fields(RtSchedule *schedule, const uint64_t *bits)
{
	schedule->seconds = bits[0];
	schedule->minutes = bits[1];
	schedule->hours = (uint32_t) bits[2];
	schedule->days = (uint32_t) bits[3];
	schedule->months = (uint32_t) bits[4];
	/* Sunday is 0 and 7 */
	schedule->weekdays = (uint32_t) ((bits[5] | bits[5] >> 7) & 0x7f);
}

static bool
parse_fields(const char *text, RtSchedule *schedule, RtScheduleFault *fault)
{
	const char *at = text;
	int			count = count_fields(text);
	uint64_t	bits[FIELDS_MAX] = {1};
	bool		star[FIELDS_MAX] = {false};

	if (count != FIELDS_MAX && count != FIELDS_MAX - 1)
		return refuse(fault, NULL, "has neither five fields nor six");
	for (int i = FIELDS_MAX - count; i < FIELDS_MAX; i++)
	{
		at = skip_blanks(at);
		star[i] = *at == '*';
		if (!read_field(&at, &fields[i], &bits[i], fault))
			return false;
	}
	take_fields(schedule, bits);
	schedule->any_hour = star[2];
	schedule->any_day = star[3];
	schedule->any_weekday = star[5];
	return true;
}

/* ---- words ---- */

static int64_t
unit_seconds(char unit)
{
	switch (unit)
	{
		case 's':
			return 1;
		case 'm':
			return 60;
		case 'h':
			return 3600;
		case 'd':
			return DAY;
		default:
			return 0;
	}
}

/* Numbers with units, as 1h30m. */
static bool
parse_every(const char *at, RtSchedule *schedule, RtScheduleFault *fault)
{
	at = skip_blanks(at);
	do
	{
		int64_t		count = 0;

		if (!isdigit((unsigned char) *at))
			return refuse(fault, NULL, "has no duration behind @every");
		while (isdigit((unsigned char) *at) && count <= EVERY_MAX)
			count = count * 10 + (*at++ - '0');
		if (count > EVERY_MAX)
			return refuse(fault, NULL, "has a duration of more than 366 days");
		if (unit_seconds(*at) == 0)
			return refuse(fault, NULL, "has a duration whose unit is none of s, m, h and d");
		schedule->every += count * unit_seconds(*at++);
		if (schedule->every > EVERY_MAX)
			return refuse(fault, NULL, "has a duration of more than 366 days");
	} while (!ends_field(*at));
	if (*skip_blanks(at) != '\0')
		return refuse(fault, NULL, "has something behind its duration");
	return schedule->every > 0 || refuse(fault, NULL, "has a duration of nothing");
}

static bool
parse_word(const char *text, RtSchedule *schedule, RtScheduleFault *fault)
{
	size_t		len = strcspn(text, " \t");

	if (len == strlen("@every") && strncasecmp(text, "@every", len) == 0)
		return parse_every(text + len, schedule, fault);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
	{
		if (len == strlen(words[i].word) && strncasecmp(text, words[i].word, len) == 0 &&
			*skip_blanks(text + len) == '\0')
			return parse_fields(words[i].means, schedule, fault);
	}
	return refuse(fault, NULL, "begins with @ and is no word that is known");
}

bool
rt_schedule_parse(const char *text, RtSchedule *schedule, RtScheduleFault *fault)
{
	memset(schedule, 0, sizeof(*schedule));
	fault->field = fault->reason = NULL;
	if (strlen(text) > RT_SCHEDULE_LENGTH_MAX)
		return refuse(fault, NULL, "is too long");
	text = skip_blanks(text);
	if (*text == '@')
		return parse_word(text, schedule, fault);
	return parse_fields(text, schedule, fault);
}

/* ---- local times ---- */

static bool
day_matches(const RtSchedule *schedule, const struct tm *day)
{
	bool		of_month = (schedule->days >> day->tm_mday & 1) != 0;
	bool		of_week = (schedule->weekdays >> day->tm_wday & 1) != 0;

	if ((schedule->months >> (day->tm_mon + 1) & 1) == 0)
		return false;
	if (schedule->any_day || schedule->any_weekday)
		return of_month && of_week;
	return of_month || of_week;
}

/* The first matching second of a day from one on, or -1. */
static int
next_in_day(const RtSchedule *schedule, int from)
{
	int			minute_from = from / 60 % 60;
	int			second_from = from % 60;

	for (int hour = from / 3600; hour < 24; hour++)
	{
		if ((schedule->hours >> hour & 1) == 0)
			minute_from = 60;
		for (int minute = minute_from; minute < 60; minute++)
		{
			if ((schedule->minutes >> minute & 1) == 0)
				second_from = 60;
			for (int second = second_from; second < 60; second++)
			{
				if ((schedule->seconds >> second & 1) != 0)
					return hour * 3600 + minute * 60 + second;
			}
			second_from = 0;
		}
		minute_from = second_from = 0;
	}
	return -1;
}

static int64_t
day_of(int64_t local)
{
	return local >= 0 ? local / DAY : -((DAY - 1 - local) / DAY);
}

int64_t
rt_schedule_next_local(const RtSchedule *schedule, int64_t from, int64_t before)
{
	for (int64_t day = day_of(from); day * DAY < before; day++)
	{
		time_t		midnight = (time_t) (day * DAY);
		int			second = from > day * DAY ? (int) (from - day * DAY) : 0;
		struct tm	date;

		if (gmtime_r(&midnight, &date) == NULL)
			break;
		if (!day_matches(schedule, &date))
			continue;
		second = next_in_day(schedule, second);
		if (second >= 0)
			return day * DAY + second < before ? day * DAY + second : RT_SCHEDULE_NEVER;
	}
	return RT_SCHEDULE_NEVER;
}

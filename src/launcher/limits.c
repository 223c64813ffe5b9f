/*
 * limits.c
 *		Tells the log which limits have acted.
 *
 * Clients can make a limit act as often as they like, and each time it is only
 * counted.  Who reads the log learns of those that concern everybody, the first
 * time and then once an hour.
 */
#include "postgres.h"

#include "src/ipc/limit.h"
#include "src/ipc/limit_use.h"
#include "src/launcher/limits.h"

static int
describe(const RtLimitUse *use)
{
	return errdetail("Its peak is %lld, its maximum %lld.",
					 (long long) use->peak, (long long) use->maximum);
}

static void
tell(RtLimitKind limit, uint64 news)
{
	const RtLimitRow *row = rt_limit_row(limit);
	RtLimitUse	use = rt_limit_use(limit);

	ereport(row->policy == RT_LIMIT_WARN ? WARNING : LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("limit \"%s\" of realtime has acted %llu times",
					row->name, (unsigned long long) news),
			 use.maximum >= 0 ? describe(&use) : 0,
			 errhint("The view realtime.limits says what it does.  It is told of once an hour at most.")));
}

void
rt_limits_tell(void)
{
	for (int limit = 0; limit < RT_LIMITS; limit++)
	{
		uint64		news = rt_limit_take_news((RtLimitKind) limit);

		if (news > 0)
			tell((RtLimitKind) limit, news);
	}
}

/*
 * round_group.c
 *		Which groups of live queries there are: they are made for who asks first, and
 *		removed when nobody follows them.
 */
#include "postgres.h"

#include "src/executor/query/group_key.h"
#include "src/executor/query/round_group.h"
#include "src/guc.h"
#include "src/ipc/clock.h"
#include "src/ipc/limit.h"
#include "src/ipc/query_maker.h"
#include "src/ipc/query_round.h"

#define LOOK_MS 1000			/* between looks for groups that nobody follows */
#define GROUPS_PART 4			/* of those that there may be, for one client */
#define GROUPS_LEAST 16

/* ---- removing ---- */

/* Whether anybody wants to know of it, or may be on the way, or on the way back. */
static bool
is_followed(const RtQueryGroup *group, int64 now_ms)
{
	return now_ms - rt_query_group_wanted_ms(group, now_ms) < realtime_query_linger;
}

bool
rt_round_group_is_left(RtQueryGroup *group, int64 now_ms)
{
	return !is_followed(group, now_ms) && rt_query_group_remove(group);
}

static void
remove_idle(int64 now_ms, int64 linger_ms)
{
	RtQueryGroup *group = NULL;

	while ((group = rt_query_group_next(group)) != NULL)
	{
		int64		wanted_ms = rt_query_group_wanted_ms(group, now_ms);

		if (is_followed(group, now_ms) || rt_query_group_is_loading(group))
			continue;
		if (group->touched || now_ms - wanted_ms >= linger_ms)
			(void) rt_query_group_remove(group);
		else
			rt_query_round_due(wanted_ms + linger_ms);
	}
}

/* Looks at all groups, so not in each round. */
void
rt_round_remove_idle(int64 now_ms)
{
	static int64 looked_ms = 0;

	if (now_ms - looked_ms < LOOK_MS)
	{
		rt_query_round_due(looked_ms + LOOK_MS);
		return;
	}
	looked_ms = now_ms;
	remove_idle(now_ms, Max(RT_QUERY_LINGER_MS, realtime_query_linger));
}

/* ---- making ---- */

static int
share_of_groups(void)
{
	return Max(realtime_max_query_groups / GROUPS_PART, GROUPS_LEAST);
}

void
rt_round_make_room(void)
{
	remove_idle(rt_clock_ms(), 0);
}

RtQueryGroup *
rt_round_group(Oid declaration, const char *key, uint32 len, uint64 maker)
{
	RtQueryGroupHash hash = rt_query_group_hash(key, len);
	RtQueryGroup *group = rt_query_group_find(&hash, key, len);
	RtQueryGroupKey parts;
	RtQueryGroupMarks marks;

	if (group != NULL)
		return group;
	if (rt_query_maker_groups(maker) >= share_of_groups())
	{
		/* perhaps it has let go of some */
		rt_round_make_room();
		if (rt_query_maker_groups(maker) >= share_of_groups())
		{
			rt_limit_hit(RT_LIMIT_QUERY_GROUPS);
			return NULL;
		}
	}
	rt_query_group_key_read(key, &parts);
	rt_query_group_key_marks(&parts, &marks);
	group = rt_query_group_make(&hash, &marks, declaration, key, len, maker);
	if (group == NULL)
	{
		rt_round_make_room();
		group = rt_query_group_make(&hash, &marks, declaration, key, len, maker);
	}
	if (group == NULL)
		rt_limit_hit(rt_query_groups_are_all() ? RT_LIMIT_QUERY_GROUPS : RT_LIMIT_QUERY_MEMORY);
	else						/* perhaps it is followed by nobody then */
		rt_query_round_due(group->joined_ms + RT_QUERY_LINGER_MS);
	return group;
}

/*
 * event_merge.c
 *		What clients do with an event, by the merge of the stream.
 */
#include "postgres.h"

#include "src/catalog/event_merge.h"

static bool
is_one_of(const char *event, Size len, const char *const *names)
{
	for (; *names != NULL; names++)
	{
		if (strlen(*names) == len && memcmp(*names, event, len) == 0)
			return true;
	}
	return false;
}

bool
rt_event_carries_item(RtMerge merge, const char *event, Size len)
{
	static const char *const of_all[] = {"refreshed", NULL};
	static const char *const of_crud[] = {"created", "updated", "set", NULL};
	static const char *const of_presence[] = {"join", "set", NULL};
	static const char *const of_cursor[] = {"update", "set", NULL};

	if (is_one_of(event, len, of_all))
		return true;
	switch (merge)
	{
		case RT_MERGE_CRUD:
			return is_one_of(event, len, of_crud);
		case RT_MERGE_LATEST:
		case RT_MERGE_SET:
			return true;
		case RT_MERGE_PRESENCE:
			return is_one_of(event, len, of_presence);
		case RT_MERGE_CURSOR:
			return is_one_of(event, len, of_cursor);
	}
	return false;
}

/*
 * event_merge.c
 *		What clients do with an event, by the merge of the stream.
 */
#include "postgres.h"

#include "src/catalog/event_merge.h"

bool
rt_event_carries_item(RtMerge merge, const char *event)
{
	if (strcmp(event, "refreshed") == 0)
		return true;
	switch (merge)
	{
		case RT_MERGE_CRUD:
			return strcmp(event, "created") == 0 || strcmp(event, "updated") == 0 ||
				strcmp(event, "set") == 0;
		case RT_MERGE_LATEST:
		case RT_MERGE_SET:
			return true;
		case RT_MERGE_PRESENCE:
			return strcmp(event, "join") == 0 || strcmp(event, "set") == 0;
		case RT_MERGE_CURSOR:
			return strcmp(event, "update") == 0 || strcmp(event, "set") == 0;
	}
	return false;
}

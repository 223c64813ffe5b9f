/*
 * event_merge.h
 *		What clients do with an event, by the merge of the stream.
 */
#ifndef RT_CATALOG_EVENT_MERGE_H
#define RT_CATALOG_EVENT_MERGE_H

#include "src/compat.h"

#include "src/catalog/declaration.h"

/*
 * Whether an event's data is an item of the value, or an array of items, so
 * that it is shown as the stream's transform makes it.  Others tell no more
 * than a key.
 */
extern bool rt_event_carries_item(RtMerge merge, const char *event, Size len);

#endif							/* RT_CATALOG_EVENT_MERGE_H */

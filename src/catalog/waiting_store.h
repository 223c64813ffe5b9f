/*
 * waiting_store.h
 *		How many jobs and events wait, as their tables have it.
 */
#ifndef RT_CATALOG_WAITING_STORE_H
#define RT_CATALOG_WAITING_STORE_H

#include "src/ipc/waiting.h"

/* Fills in what there is of a name and kind: some pages of an index each. */
extern void rt_waiting_count(RtWaiting *waiting);

#endif							/* RT_CATALOG_WAITING_STORE_H */

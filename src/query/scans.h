/*
 * scans.h
 *		How a plan reads its tables.
 */
#ifndef RT_QUERY_SCANS_H
#define RT_QUERY_SCANS_H

#include "src/compat.h"

#include "nodes/plannodes.h"

/* Is told of each scan of a table; with which index, or that it reads all of it. */
typedef void (*RtQueryScanFunction) (Oid relation, Oid index, void *arg);

extern void rt_query_scans(const PlannedStmt *planned, RtQueryScanFunction function,
						   void *arg);

#endif							/* RT_QUERY_SCANS_H */

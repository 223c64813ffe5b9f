/*
 * source.h
 *		Topics whose events somebody takes, in declarations.
 */
#ifndef RT_BACKEND_DECLARE_SOURCE_H
#define RT_BACKEND_DECLARE_SOURCE_H

#include "fmgr.h"
#include "nodes/pg_list.h"

#include "src/catalog/declaration.h"

/* A topic, a pattern or a template; raises if the parameter is none. */
extern char *rt_parameter_source(FunctionCallInfo fcinfo, int number, const char *name);
extern void rt_source_check(const char *source);

/*
 * Raises if what is published on a topic would come back to its own source, be
 * it by way of other aggregates.
 */
extern void rt_source_check_cycle(const char *source, const char *topic);

/* Raises if an aggregate (signatures) cannot have a window of that kind. */
extern void rt_window_check_reducers(const char *path, const char *name, RtWindowKind kind,
									 const List *aggregates);

#endif							/* RT_BACKEND_DECLARE_SOURCE_H */

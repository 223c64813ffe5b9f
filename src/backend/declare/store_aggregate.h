/*
 * store_aggregate.h
 *		Writing the declarations of aggregates and effects.
 */
#ifndef RT_BACKEND_DECLARE_STORE_AGGREGATE_H
#define RT_BACKEND_DECLARE_STORE_AGGREGATE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/* A row of realtime.aggregate_declaration; NULL pointers are NULLs. */
typedef struct RtAggregateRow
{
	const char *path;
	const char *source;
	const char *topic;
	List	   *names;			/* of char *, as all lists here */
	List	   *aggregates;
	List	   *fields;			/* "" = none */
	const char *access;
	List	   *guards;
	const char *snapshot;
	const char *class_of_service;
	Oid			owner;
	const char *initial;		/* JSON */
} RtAggregateRow;

/* A row of realtime.aggregate_window_declaration. */
typedef struct RtWindowRow
{
	const char *path;
	const char *name;
	const char *kind;
	const char *period;
	const char *time_zone;
	Interval   *duration;
	bool		has_anchor;
	TimestampTz anchor;
	Interval   *slide;
} RtWindowRow;

/* A row of realtime.effect_declaration; a handler or a queue. */
typedef struct RtEffectRow
{
	const char *path;
	List	   *sources;
	const char *handler;
	const char *queue;
	Oid			owner;
} RtEffectRow;

extern void rt_store_effect(const RtEffectRow *row);

/* Nobody else declares an aggregate, a stream, or anything of that path, meanwhile. */
extern void rt_store_begin_aggregate(const char *path);

/* Inserts or replaces, also what had the same path as something else. */
extern void rt_store_aggregate(const RtAggregateRow *row);
extern void rt_store_window(const RtWindowRow *row);

/* Returns whether there was one. */
extern bool rt_store_drop_window(const char *path, const char *name);

#endif							/* RT_BACKEND_DECLARE_STORE_AGGREGATE_H */

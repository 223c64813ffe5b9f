/*
 * store.h
 *		Writing the tables of declarations.
 *
 * All of these write as the owner of the tables, whoever is the user.
 */
#ifndef RT_BACKEND_DECLARE_STORE_H
#define RT_BACKEND_DECLARE_STORE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"

/* A row of realtime.rpc_declaration; NULL pointers are NULLs. */
typedef struct RtRpcRow
{
	const char *path;
	const char *handler;
	List	   *guards;			/* of char * */
	Interval   *timeout;
	int			rate_limit;		/* 0 = NULL */
	Interval   *rate_window;	/* NULL = the default */
	bool	   *read_only;
	const char *idempotency_key;
	Interval   *idempotency_ttl;
	const char *lock_key;
	Interval   *lock_wait;
	bool		share_result;
	const char *class_of_service;
	bool		idempotent;
	const char *breaker;
	Datum		fallback;		/* jsonb; 0 = NULL */
	const char *kind;
	int64		max_size;		/* these: 0 = NULL */
	int			max_per_session;
	int			max_total;
	int64		reauth_every;
} RtRpcRow;

/* A row of realtime.topic_declaration. */
typedef struct RtTopicRow
{
	const char *template;
	const char *topic_class;
	bool		open;
	const char *access;
	int			replay_size;
	Interval   *replay_ttl;
} RtTopicRow;

/* A row of realtime.stream_declaration. */
typedef struct RtStreamRow
{
	const char *path;
	const char *topic;
	const char *merge;
	const char *key;
	bool		prepend;
	int			max;			/* 0 = NULL */
	bool		replay;
	int			replay_size;
	Interval   *replay_ttl;
	bool		is_volatile;
	const char *functions[RT_STREAM_FUNCTIONS]; /* coalesce_by: or a member */
	List	   *guards;			/* of char *, as all lists here */
	int			schema_version; /* 0 = NULL */
	List	   *migrate;
	Interval   *stale_after;
	List	   *invalidate_on;
	bool		shared;
	const char *class_of_service;
	const char *breaker;
	Datum		fallback;		/* jsonb; 0 = NULL */
	bool		is_room;
	bool		cursors;
	List	   *actions;
	Interval   *debounce;		/* NULL = none */
} RtStreamRow;

/* A row of realtime.query_declaration. */
typedef struct RtQueryRow
{
	const char *path;
	const char *sql;			/* or there is a loader */
	const char *loader;
	const char *key;
	List	   *parameters;		/* types, by OID */
	List	   *depends_on;		/* relations, by OID */
	Interval   *stale_after;
	Interval   *debounce;		/* not NULL */
	int			max_rows;
	const char *functions[RT_STREAM_FUNCTIONS];
	List	   *guards;			/* of char * */
	int			max;			/* 0 = NULL */
	bool		prepend;
	const char *class_of_service;
} RtQueryRow;

/* A row of realtime.admission_declaration. */
typedef struct RtAdmissionRow
{
	const char *name;
	List	   *reasons;		/* of char * */
	const char *predicate;
} RtAdmissionRow;

/* A row of realtime.guard_declaration. */
typedef struct RtGuardRow
{
	const char *module;
	List	   *guards;			/* of char * */
	bool		authenticated;
} RtGuardRow;

/* A row of realtime.cron_declaration. */
typedef struct RtCronRow
{
	const char *path;
	const char *schedule;
	const char *handler;
	const char *topic;
	const char *time_zone;
	const char *missed;
	Interval   *timeout;
	bool		active;
	Oid			owner;
} RtCronRow;

/* A row of realtime.group_declaration. */
typedef struct RtClubRow
{
	const char *name;
	int			max_members;	/* 0 = NULL */
	Datum		meta;			/* jsonb */
	Interval   *member_ttl;
	const char *on_join;
	const char *on_leave;
	const char *on_full;
	const char *on_close;
} RtClubRow;

/* A row of realtime.bridge_declaration. */
typedef struct RtBridgeRow
{
	const char *channel;
	const char *topic;
	const char *event;
	const char *parse;
	const char *invalidate;
} RtBridgeRow;

/*
 * To be called before the row is put together: from here to the end of the
 * transaction no schema or type is renamed (see dependency.c); for a topic or
 * a stream, and a job, also nobody else declares one, and for an rpc, a stream or a query
 * nobody else declares anything of that path.
 */
/* A table of the extension, by its name. */
extern Oid	rt_store_table(const char *name);

extern void rt_store_begin_rpc(const char *path);
extern void rt_store_begin_topic(void);
extern void rt_store_begin_stream(const char *path);
extern void rt_store_begin_query(const char *path);
extern void rt_store_begin_bridge(void);
extern void rt_store_begin_cron(void);
extern void rt_store_begin_hook(void);
extern void rt_store_begin_admission(void);
extern void rt_store_begin_guard(void);
extern void rt_store_begin_breaker(void);
extern void rt_store_begin_rate_limit(void);
extern void rt_store_begin_middleware(void);
extern void rt_store_begin_club(void);

/* Inserts or replaces, also what had the same path as something else. */
extern void rt_store_rpc(const RtRpcRow *row);
extern void rt_store_topic(const RtTopicRow *row);
extern void rt_store_stream(const RtStreamRow *row);
extern void rt_store_query(const RtQueryRow *row);
extern void rt_store_bridge(const RtBridgeRow *row);
extern void rt_store_cron(const RtCronRow *row);

/* One that was closed is open again. */
extern void rt_store_club(const RtClubRow *row);

/* Without reasons and predicate: there is none any more. */
extern void rt_store_admission(const RtAdmissionRow *row);

/* Without a limit and not exempt: likewise. */
extern void rt_store_rate_limit(const char *path, int limit, Interval *window,
								bool exempt);

/* threshold 0: likewise. */
extern void rt_store_breaker(const char *name, int threshold, Interval *reset);

/* Without guards and authenticated: likewise. */
extern void rt_store_guard(const RtGuardRow *row);

/* The function by its signature; NULL = there is none any more. */
extern void rt_store_middleware(const char *name, const char *function, int place);

/* By its signature; NULL = there is none any more. */
extern void rt_store_hook(RtHook hook, const char *function);

/* Waits for those who are declaring, and keeps others from beginning. */
extern void rt_store_lock(void);

/* Drops all declarations of that name, but hooks, classes,
 * breakers, middlewares and guards of modules; returns whether there was one. */
extern bool rt_store_drop(const char *name);

/* Only that of a table, if it is there. */
extern void rt_store_drop_from(const RtDeclarationTable *table, const char *name);

/* Replaces a function's signature wherever it is stored. */
extern void rt_store_rename_function(const char *old_signature,
									 const char *new_signature);

#endif							/* RT_BACKEND_DECLARE_STORE_H */

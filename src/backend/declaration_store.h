/*
 * declaration_store.h
 *		Writing the tables of declarations.
 *
 * All of these write as the owner of the tables, whoever is the user.
 */
#ifndef RT_BACKEND_DECLARATION_STORE_H
#define RT_BACKEND_DECLARATION_STORE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/* A row of realtime.rpc_declaration; NULL pointers are NULLs. */
typedef struct RtRpcRow
{
	const char *path;
	const char *handler;
	List	   *guards;			/* of char * */
	Interval   *timeout;
	bool	   *read_only;
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

/*
 * To be called before the row is put together: from here to the end of the
 * transaction no schema or type is renamed (see dependency.c); for a topic
 * also nobody else declares one.
 */
extern void rt_store_begin_rpc(void);
extern void rt_store_begin_topic(void);

/* Inserts or replaces. */
extern void rt_store_rpc(const RtRpcRow *row);
extern void rt_store_topic(const RtTopicRow *row);

/* Waits for those who are declaring, and keeps others from beginning. */
extern void rt_store_lock(void);

/* Returns whether there was such a declaration. */
extern bool rt_store_drop(const char *path);

/* Replaces a function's signature wherever it is stored. */
extern void rt_store_rename_function(const char *old_signature,
									 const char *new_signature);

#endif							/* RT_BACKEND_DECLARATION_STORE_H */

/*
 * store_pipe.h
 *		Writing the declarations of pipes.
 */
#ifndef RT_BACKEND_DECLARE_STORE_PIPE_H
#define RT_BACKEND_DECLARE_STORE_PIPE_H

#include "src/compat.h"

#include "nodes/pg_list.h"

/* A row of realtime.pipe_declaration: an element for each step. */
typedef struct RtPipeRow
{
	const char *path;
	List	   *kinds;			/* of char *; NIL = there is no pipe any more */
	List	   *functions;		/* likewise, "" = none, as these */
	List	   *fields;
	List	   *options;
	List	   *live;			/* of integers */
} RtPipeRow;

/* Inserts, replaces or removes. */
extern void rt_store_pipe(const RtPipeRow *row);

#endif							/* RT_BACKEND_DECLARE_STORE_PIPE_H */

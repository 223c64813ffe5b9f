/*
 * declaration_part.h
 *		Steps of reading the tables of declarations.  For src/catalog only.
 */
#ifndef RT_CATALOG_DECLARATION_PART_H
#define RT_CATALOG_DECLARATION_PART_H

#include "src/compat.h"

#include "src/catalog/declaration_cache.h"
#include "src/catalog/declaration_row.h"

/* Notes that a declaration names a function, and finds that function. */
extern Oid	rt_refer(RtDeclarations *declarations, const char *signature,
					 const char *kind, const char *declaration,
					 const char *purpose);

/* The same of all that an array names.  Returns how many. */
extern int	rt_refer_all(RtDeclarations *declarations, const RtRow *row, int anum,
						 const char *kind, const char *path,
						 const char *purpose, Oid **functions);

/* The function that a column names, if it does. */
extern RtNamedFunction rt_read_function(RtDeclarations *declarations, const RtRow *row,
										int anum, const char *kind,
										const char *declaration, const char *purpose);

/* Reads what clients call. */
extern void rt_read_rpc(RtDeclarations *declarations, const RtRow *row);

/* Makes a stream known by its path. */
extern void rt_declarations_add_stream(RtDeclarations *declarations,
									   RtStreamDeclaration *stream);

/* The same of a room, and of what is in it. */
extern void rt_declarations_add_room(RtDeclarations *declarations, const RtRow *row,
									 RtStreamDeclaration *data);

/* Makes one that of who is present on the topics that it names, or of cursors there. */
extern void rt_stream_show(RtStreamDeclaration *stream, RtStreamKind kind);

/* Reads a rule; and gives paths the limits that rules say. */
extern void rt_read_rate(RtDeclarations *declarations, const RtRow *row);
extern void rt_declarations_join_rates(RtDeclarations *declarations);

/* Reads a job. */
extern void rt_read_cron(RtDeclarations *declarations, const RtRow *row);

/* Reads a webhook. */
extern void rt_read_webhook(RtDeclarations *declarations, const RtRow *row);

/* Reads a queue. */
extern void rt_read_job_queue(RtDeclarations *declarations, const RtRow *row);

/* Reads an aggregate, and a window; and gives the first what it has, with its streams. */
extern void rt_read_aggregate(RtDeclarations *declarations, const RtRow *row);
extern void rt_read_window(RtDeclarations *declarations, const RtRow *row);
extern void rt_declarations_join_windows(RtDeclarations *declarations);

/* Makes somebody known who gets the events of sources. */
extern RtSinkDeclaration *rt_declarations_add_sink(RtDeclarations *declarations,
												   const char *path, char **sources,
												   int count);

/* Reads an effect. */
extern void rt_read_effect(RtDeclarations *declarations, const RtRow *row);

/* Reads a pipe; and gives streams those that their paths have. */
extern void rt_read_pipe(RtDeclarations *declarations, const RtRow *row);
extern void rt_declarations_join_pipes(RtDeclarations *declarations);

/* Reads a module, and puts the guards of modules before those of the paths in them. */
extern void rt_read_module(RtDeclarations *declarations, const RtRow *row);
extern void rt_declarations_join_modules(RtDeclarations *declarations);

#endif							/* RT_CATALOG_DECLARATION_PART_H */

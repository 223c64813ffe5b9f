/*
 * pipe.h
 *		What pipes make of the items of a value, and of events.
 *
 * No processes and no shared memory: executors run it for values, and whoever
 * publishes for events.  How functions are called is theirs.
 */
#ifndef RT_PIPE_PIPE_H
#define RT_PIPE_PIPE_H

#include "src/compat.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "src/catalog/declaration.h"

/* Calls the function of a step; first is what comes before the arguments. */
typedef NullableDatum (*RtPipeCall) (void *arg, const RtPipeStep *step, NullableDatum first);

/* What items are of. */
typedef enum RtPipeUse
{
	RT_PIPE_ALL,				/* a whole value */
	RT_PIPE_CHANGED,			/* the rows of one that have changed */
	RT_PIPE_EVENTS				/* what is published */
} RtPipeUse;

typedef struct RtPipeRun
{
	const RtPipe *pipe;
	RtPipeUse	use;
	RtPipeCall	call;
	void	   *arg;
} RtPipeRun;

/*
 * What is left of a list of Jsonb, in the current context.  Those that a filter
 * has left out are added to *left_out, unless that is NULL.
 */
extern List *rt_pipe_run(const RtPipeRun *run, List *items, List **left_out);

/*
 * What becomes of an event of a topic that carries items; NULL = nothing.  The
 * name may be another one then: of a row that has changed nobody knows whether
 * clients have it, so it is "created" for them, which replaces one that they have;
 * or "deleted", with nothing but the key.
 */
extern Jsonb *rt_pipe_event(const RtPipeRun *run, RtMerge merge, const char *key,
							const char **name, Jsonb *data);

/* Whether an event brings the value as a whole, whose items are looked at one by one. */
extern bool rt_pipe_brings_all(const char *name, size_t len, Jsonb *data);

/* A row that names one which is gone: its key, and that it is deleted.  NULL = it has none. */
extern Jsonb *rt_pipe_key_of(Jsonb *item, const char *key);

#endif							/* RT_PIPE_PIPE_H */

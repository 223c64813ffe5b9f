/*
 * access.h
 *		Decides which topics a connection may subscribe to.
 */
#ifndef RT_EXECUTOR_REQUEST_ACCESS_H
#define RT_EXECUTOR_REQUEST_ACCESS_H

#include "src/compat.h"

#include "src/executor/work.h"
#include "src/ipc/request.h"

/*
 * Decides about all topics of a request and puts the verdicts into it.
 * Allocates in the current context.
 */
extern RtWorkResult rt_access_run(RtRequest *request);

/* A topic and whether the caller may subscribe to it. */
typedef struct RtAccessTopic
{
	const char *name;			/* terminated */
	int			len;
	bool		asks_function;	/* not decided by the declaration alone */
	bool		of_stream;		/* its events are a stream's */
	bool		numbered;		/* its class is replay */
	RtVerdict	verdict;
	const char *reason;			/* DENY */
} RtAccessTopic;

/*
 * Decides about topics whose names are filled in, all else zero.  Returns
 * false if the extension is not there.
 */
extern bool rt_access_decide(RtRequest *request, RtAccessTopic *topics,
							 int count, RtWorkResult *result);

#endif							/* RT_EXECUTOR_REQUEST_ACCESS_H */

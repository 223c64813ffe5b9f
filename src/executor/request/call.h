/*
 * call.h
 *		Runs one call of a declared function.
 */
#ifndef RT_EXECUTOR_REQUEST_CALL_H
#define RT_EXECUTOR_REQUEST_CALL_H

#include "src/compat.h"

#include "lib/stringinfo.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/breaker.h"
#include "src/executor/function/guard.h"
#include "src/executor/work.h"
#include "src/ipc/request.h"

/* What is being done about one request. */
typedef struct RtCallWork
{
	RtWork		work;			/* first */
	RtGuarded	guarded;		/* the handler */
	RtBreakerPass breaker;
	const RtRpcDeclaration *declaration;
	bool		is_counted;		/* by its rate */
	bool		is_stream;		/* the path is none of a call */
} RtCallWork;

/*
 * The steps of it, for who has a transaction: finds what to run, returns false
 * if there is nothing, with the fault noted or is_stream; then, as the caller
 * and under an active snapshot, runs it.  result NULL: it is not wanted.
 */
extern bool rt_call_find(RtCallWork *call);
extern void rt_call_invoke(RtCallWork *call, StringInfo result);

/*
 * Runs it, puts the answer into the request and says in *result what became of
 * it.  Allocates in the current context.  Returns false, having done nothing, if
 * a request of kind CALL has the path of a stream.
 */
extern bool rt_call_run(RtRequest *request, RtWorkResult *result);

#endif							/* RT_EXECUTOR_REQUEST_CALL_H */

/*
 * call_rate.h
 *		Whether a client has called a path too often.
 */
#ifndef RT_EXECUTOR_REQUEST_CALL_RATE_H
#define RT_EXECUTOR_REQUEST_CALL_RATE_H

#include "src/compat.h"

#include "src/catalog/declaration.h"
#include "src/executor/work.h"

/*
 * In prepare, once for each request of a client: counts it.  Returns false, with
 * the fault noted, if it is one too many.
 */
extern bool rt_call_rate_allows(RtWork *work, const RtRpcDeclaration *declaration);

#endif							/* RT_EXECUTOR_REQUEST_CALL_RATE_H */

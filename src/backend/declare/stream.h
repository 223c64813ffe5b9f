/*
 * stream.h
 *		What declarations of streams and of live queries have in common.
 */
#ifndef RT_BACKEND_DECLARE_STREAM_H
#define RT_BACKEND_DECLARE_STREAM_H

#include "src/backend/declare/function_check.h"
#include "src/catalog/declaration.h"

/*
 * Checks a function of a stream, other than its loader and access; guarded has
 * the stream's parameters.  Returns its signature.
 */
extern const char *rt_stream_check_function(Oid oid, RtStreamFunction function,
											const RtCheckedFunction *guarded);

#endif							/* RT_BACKEND_DECLARE_STREAM_H */

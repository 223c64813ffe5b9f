/*
 * stream.h
 *		What declarations of streams and of live queries have in common.
 */
#ifndef RT_BACKEND_DECLARE_STREAM_H
#define RT_BACKEND_DECLARE_STREAM_H

#include "fmgr.h"

#include "src/backend/declare/function_check.h"
#include "src/backend/declare/store.h"
#include "src/catalog/declaration.h"

/* Positions of parameters of realtime.stream(), as in src/sql */
typedef enum RtStreamParameter
{
	STREAM_PATH,
	STREAM_TOPIC,
	STREAM_LOADER,
	STREAM_MERGE,
	STREAM_KEY,
	STREAM_PREPEND,
	STREAM_MAX,
	STREAM_REPLAY,
	STREAM_REPLAY_SIZE,
	STREAM_REPLAY_TTL,
	STREAM_VOLATILE,
	STREAM_COALESCE_BY,
	STREAM_ACCESS,
	STREAM_GATE,
	STREAM_GUARD,
	STREAM_TRANSFORM,
	STREAM_DELTA_VERSION,
	STREAM_DELTA_DIFF,
	STREAM_DELTA_FROM_SEQ,
	STREAM_SCHEMA_VERSION,
	STREAM_MIGRATE,
	STREAM_STALE_AFTER,
	STREAM_INVALIDATE_ON,
	STREAM_ON_SUBSCRIBE,
	STREAM_ON_UNSUBSCRIBE,
	STREAM_ON_ERROR,
	STREAM_CLASS_OF_SERVICE,
	STREAM_SHARED,
	STREAM_TOPIC_BY,
	STREAM_BREAKER,
	STREAM_FALLBACK,
	STREAM_PRESENCE,
	STREAM_DEBOUNCE,
	STREAM_PARAMETERS
} RtStreamParameter;

/*
 * Checks parameters of realtime.stream(), whose functions are locked, and puts
 * them into a row.  Returns what has the stream's parameters.
 */
extern const RtCheckedFunction *rt_stream_check(FunctionCallInfo fcinfo, RtStreamRow *row);

/*
 * Checks a function of a stream, other than its loader and access; guarded has
 * the stream's parameters.  Returns its signature.
 */
extern const char *rt_stream_check_function(Oid oid, RtStreamFunction function,
											const RtCheckedFunction *guarded);

/*
 * Events of the stream's topics are also told with a suffix behind the name, as
 * events of class ordered.  Raises if that cannot be.
 */
extern void rt_stream_check_told_topic(const RtStreamRow *row, const char *suffix);

#endif							/* RT_BACKEND_DECLARE_STREAM_H */

/*
 * load.h
 *		What a client would get, for a session of its own.
 */
#ifndef RT_EXECUTOR_REQUEST_LOAD_H
#define RT_EXECUTOR_REQUEST_LOAD_H

#include "src/compat.h"

#include "fmgr.h"

#include "src/executor/errors.h"

/* SQL: path text, args jsonb, user_data jsonb. */
extern Datum realtime_load(PG_FUNCTION_ARGS);
extern Datum realtime_call(PG_FUNCTION_ARGS);

/* How far the last of them had come that has failed; until the next one. */
extern const RtErrorScene *rt_visit_last_scene(void);

#endif							/* RT_EXECUTOR_REQUEST_LOAD_H */

/*
 * schema.h
 *		realtime.watch_schema(): tables that become live because of their schema.
 */
#ifndef RT_BACKEND_LIVE_SCHEMA_H
#define RT_BACKEND_LIVE_SCHEMA_H

#include "src/compat.h"

#include "src/backend/command.h"

extern const RtCommandWatcher rt_schema_watcher;

#endif							/* RT_BACKEND_LIVE_SCHEMA_H */

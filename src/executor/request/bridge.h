/*
 * bridge.h
 *		Publishes notifications (NOTIFY) as declared by realtime.bridge().
 */
#ifndef RT_EXECUTOR_REQUEST_BRIDGE_H
#define RT_EXECUTOR_REQUEST_BRIDGE_H

#include "src/compat.h"

#include "src/executor/work.h"

extern RtWorkResult rt_bridge_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_BRIDGE_H */

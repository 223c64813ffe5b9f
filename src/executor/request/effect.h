/*
 * effect.h
 *		Runs the function of an effect for events.
 */
#ifndef RT_EXECUTOR_REQUEST_EFFECT_H
#define RT_EXECUTOR_REQUEST_EFFECT_H

#include "src/executor/work.h"

extern RtWorkResult rt_effect_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_EFFECT_H */

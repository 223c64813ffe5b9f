/*
 * intake.h
 *		Takes events that are there for an aggregate or an effect.
 */
#ifndef RT_EXECUTOR_REQUEST_INTAKE_H
#define RT_EXECUTOR_REQUEST_INTAKE_H

#include "src/executor/work.h"

extern RtWorkResult rt_intake_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_INTAKE_H */

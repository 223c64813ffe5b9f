/*
 * module.h
 *		Writes a module of what is declared, or its types, for a gateway.
 */
#ifndef RT_EXECUTOR_REQUEST_MODULE_H
#define RT_EXECUTOR_REQUEST_MODULE_H

#include "src/executor/work.h"

extern RtWorkResult rt_module_run(RtRequest *request);

#endif							/* RT_EXECUTOR_REQUEST_MODULE_H */

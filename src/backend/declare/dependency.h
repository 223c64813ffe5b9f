/*
 * dependency.h
 *		Keeps declarations in step with the functions that they name.
 */
#ifndef RT_BACKEND_DECLARE_DEPENDENCY_H
#define RT_BACKEND_DECLARE_DEPENDENCY_H

#include "src/backend/command.h"

extern const RtCommandWatcher rt_dependency_watcher;

#endif							/* RT_BACKEND_DECLARE_DEPENDENCY_H */

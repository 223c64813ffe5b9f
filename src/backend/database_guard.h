/*
 * database_guard.h
 *		Commands about databases and roles that our workers must know of.
 */
#ifndef RT_BACKEND_DATABASE_GUARD_H
#define RT_BACKEND_DATABASE_GUARD_H

#include "src/backend/command.h"

extern const RtCommandWatcher rt_database_watcher;

#endif							/* RT_BACKEND_DATABASE_GUARD_H */

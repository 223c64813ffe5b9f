/*
 * rights.h
 *		Commands after which clients may perhaps see less than before.
 */
#ifndef RT_BACKEND_RIGHTS_H
#define RT_BACKEND_RIGHTS_H

#include "src/backend/command.h"

extern const RtCommandWatcher rt_rights_watcher;

#endif							/* RT_BACKEND_RIGHTS_H */

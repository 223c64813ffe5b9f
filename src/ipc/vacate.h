/*
 * vacate.h
 *		Making our processes leave a database that is to be changed.
 */
#ifndef RT_IPC_VACATE_H
#define RT_IPC_VACATE_H

#include "src/compat.h"

extern Size rt_vacate_size(void);
extern void rt_vacate_init(void);

/*
 * A database whose other users must leave (DROP, RENAME ...).  Only one
 * backend at a time vacates; vacate_begin waits, interruptibly, until no
 * worker of ours is connected to it or the deadline (ms) has passed, and
 * returns false in the second case.  vacate_end is also done at the backend's
 * exit.
 */
extern bool rt_database_vacate_begin(Oid database, int timeout_ms);
extern void rt_database_vacate_end(void);
extern bool rt_database_is_vacated(Oid database);

#endif							/* RT_IPC_VACATE_H */

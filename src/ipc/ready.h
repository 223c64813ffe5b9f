/*
 * ready.h
 *		Whether the server as a whole is ready for clients.
 */
#ifndef RT_IPC_READY_H
#define RT_IPC_READY_H

#include "src/compat.h"

/* NULL, or a sentence that says why clients should go elsewhere or wait. */
extern const char *rt_ready_reason(void);

#endif							/* RT_IPC_READY_H */

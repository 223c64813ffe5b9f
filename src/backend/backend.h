/*
 * backend.h
 *		What ordinary sessions do for realtime: publish, declare, and keep
 *		declarations and workers in step with what other commands do.
 */
#ifndef RT_BACKEND_BACKEND_H
#define RT_BACKEND_BACKEND_H

/* Installs all callbacks and hooks of src/backend; once, from _PG_init. */
extern void rt_backend_install(void);

#endif							/* RT_BACKEND_BACKEND_H */

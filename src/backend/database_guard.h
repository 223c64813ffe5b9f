/*
 * database_guard.h
 *		Commands about databases and roles that our workers must know of.
 */
#ifndef RT_BACKEND_DATABASE_GUARD_H
#define RT_BACKEND_DATABASE_GUARD_H

/* Installs the hook; once, from rt_backend_install(). */
extern void rt_database_guard_install(void);

#endif							/* RT_BACKEND_DATABASE_GUARD_H */

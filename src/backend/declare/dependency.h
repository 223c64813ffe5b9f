/*
 * dependency.h
 *		Keeps declarations in step with the functions that they name.
 */
#ifndef RT_BACKEND_DECLARE_DEPENDENCY_H
#define RT_BACKEND_DECLARE_DEPENDENCY_H

/* Installs the hooks; once, from rt_backend_install(). */
extern void rt_dependency_install(void);

#endif							/* RT_BACKEND_DECLARE_DEPENDENCY_H */

/*
 * due.h
 *		Publishes what throttle() and debounce() have kept, once it is due:
 *		rt_publish_due() in publish.h.
 */
#ifndef RT_BACKEND_PUBLISH_DUE_H
#define RT_BACKEND_PUBLISH_DUE_H

/* Registers the callback; once, from rt_backend_install(). */
extern void rt_due_install(void);

#endif							/* RT_BACKEND_PUBLISH_DUE_H */

/*
 * timer_publish.h
 *		Publishes what throttle() and debounce() have kept, once it is due:
 *		rt_publish_due() in publish.h.
 */
#ifndef RT_BACKEND_TIMER_PUBLISH_H
#define RT_BACKEND_TIMER_PUBLISH_H

/* Registers the callback; once, from rt_backend_install(). */
extern void rt_timer_publish_install(void);

#endif							/* RT_BACKEND_TIMER_PUBLISH_H */

/*
 * health.h
 *		How a topic is, or the whole server, as who runs the application says.
 */
#ifndef RT_BACKEND_PUBLISH_HEALTH_H
#define RT_BACKEND_PUBLISH_HEALTH_H

extern void rt_health_install(void);

#endif							/* RT_BACKEND_PUBLISH_HEALTH_H */

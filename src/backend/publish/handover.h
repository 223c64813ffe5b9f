/*
 * handover.h
 *		From a transaction's events to the ring.
 */
#ifndef RT_BACKEND_PUBLISH_HANDOVER_H
#define RT_BACKEND_PUBLISH_HANDOVER_H

/* Registers the transaction callbacks; once, from rt_backend_install(). */
extern void rt_handover_install(void);

#endif							/* RT_BACKEND_PUBLISH_HANDOVER_H */

/*
 * throttle.h
 *		realtime.throttle() and realtime.debounce() in this transaction, and
 *		the publishing of what they have kept.
 */
#ifndef RT_BACKEND_PUBLISH_THROTTLE_H
#define RT_BACKEND_PUBLISH_THROTTLE_H

/* Registers the transaction callbacks; once, from rt_backend_install(). */
extern void rt_throttle_install(void);

/*
 * Decides which of the calls are published with this transaction, and takes
 * the others out of its pending events.  At PRE_COMMIT, before the events are
 * ordered and numbered.  May raise.
 */
extern void rt_throttle_precommit(void);

#endif							/* RT_BACKEND_PUBLISH_THROTTLE_H */

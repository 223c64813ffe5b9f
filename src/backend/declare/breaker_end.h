/*
 * breaker_end.h
 *		Breakers that nothing uses any more.
 */
#ifndef RT_BACKEND_DECLARE_BREAKER_END_H
#define RT_BACKEND_DECLARE_BREAKER_END_H

/* Registers its callback; once, from rt_backend_install(). */
extern void rt_breaker_end_install(void);

/* A declaration is changed by this transaction. */
extern void rt_breaker_end_note(void);

#endif							/* RT_BACKEND_DECLARE_BREAKER_END_H */

/*
 * intake.h
 *		Events of a transaction that somebody is to take: aggregates and effects.
 */
#ifndef RT_BACKEND_PUBLISH_INTAKE_H
#define RT_BACKEND_PUBLISH_INTAKE_H

#include "src/backend/publish/pending.h"

/* Whether anybody takes events of a topic; declarations are up to date. */
extern bool rt_intake_is_source(const char *topic, Size len);

/*
 * Before the commit, with the topics' locks held and before events have numbers:
 * writes them down for all who take them.  Raises an ERROR if that cannot be done.
 */
extern void rt_intake_precommit(const RtPending *pending);

/* At the commit, and at any end: tells who is to take them, and forgets it. */
extern void rt_intake_atcommit(void);
extern void rt_intake_forget(void);

#endif							/* RT_BACKEND_PUBLISH_INTAKE_H */

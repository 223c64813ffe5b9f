/*
 * lost.h
 *		Topics of live tables whose subscribers must load again, because this
 *		transaction has changed more than it can publish.
 *
 * Once a topic is lost, further events of it in the transaction would be of no
 * use to anybody, and rt_live_lost_covers() says so.
 */
#ifndef RT_BACKEND_LIVE_LOST_H
#define RT_BACKEND_LIVE_LOST_H

#include "src/backend/publish/publish.h"

/* Registers the transaction callbacks; once, from rt_live_table_install(). */
extern void rt_live_lost_install(void);

extern bool rt_live_lost_covers(const char *topic, Size len);

/* Publishes a marker instead of events of a topic; its name and data do not matter. */
extern void rt_live_lost_add(const RtEvent *event);

/* Publishes markers for all topics that match a checked template. */
extern void rt_live_lost_add_template(const char *tpl);

#endif							/* RT_BACKEND_LIVE_LOST_H */

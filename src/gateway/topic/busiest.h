/*
 * busiest.h
 *		Which topics have the most events: counts them, about, for the view
 *		realtime.pressure.
 */
#ifndef RT_GATEWAY_TOPIC_BUSIEST_H
#define RT_GATEWAY_TOPIC_BUSIEST_H

#include "src/ipc/publish_ring.h"

/* An event of one topic has been read, whether anybody follows it or not. */
extern void rt_busiest_note(const RtRingEntry *entry);

/* Tells the busiest of a time that has passed, and begins anew. */
extern void rt_busiest_tell(int64 elapsed_ms);

#endif							/* RT_GATEWAY_TOPIC_BUSIEST_H */

/*
 * epoch_end.h
 *		Whether what a transaction publishes ends the epoch of all numbers.
 */
#ifndef RT_BACKEND_PUBLISH_EPOCH_END_H
#define RT_BACKEND_PUBLISH_EPOCH_END_H

#include "src/compat.h"

/*
 * Whether entries mark topics as lost, by a template, of which clients may
 * have numbers.  Only an RT_RING_MANY can.
 */
extern bool rt_epoch_ends_by_marks(const char *entries, Size size);

/*
 * Whether a topic of the entries has become one of class replay since the
 * declarations had that version.  Who has a number of it would not be told of
 * an event without one.
 */
extern bool rt_epoch_ends_by_class(const char *entries, Size size, uint64 version);

#endif							/* RT_BACKEND_PUBLISH_EPOCH_END_H */

/*
 * epoch.h
 *		The epoch of the numbers, and the floor below which none counts.
 */
#ifndef RT_BACKEND_PUBLISH_EPOCH_H
#define RT_BACKEND_PUBLISH_EPOCH_H

#include "src/compat.h"

#include "utils/relcache.h"

/*
 * The number that all topics go on from that have no higher one, and the epoch
 * of what is given above it.
 */
typedef struct RtFloor
{
	int			epoch;
	int64		seq;
} RtFloor;

/*
 * The floor that holds.  Begins an epoch if the row says that its own has been
 * in use elsewhere.  With the locks of the topics held that are to be numbered,
 * so that it cannot end meanwhile.
 */
extern RtFloor rt_epoch_agree(Relation epochs);

/*
 * Raises the floor above all numbers, of an epoch above that one if above is
 * not -1.  With the locks of all topics held: nobody may commit a number below
 * the floor afterwards, because it would be taken for an old one by who has
 * loaded meanwhile.
 */
extern RtFloor rt_epoch_end(Relation epochs, int above);

#endif							/* RT_BACKEND_PUBLISH_EPOCH_H */

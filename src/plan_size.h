/*
 * plan_size.h
 *		How much memory a kept plan takes.
 */
#ifndef RT_PLAN_SIZE_H
#define RT_PLAN_SIZE_H

#include "src/compat.h"

#include "executor/spi.h"

/* Bytes, with what there is beside the plan itself; 0 of NULL. */
extern Size rt_plan_size(SPIPlanPtr plan);

#endif							/* RT_PLAN_SIZE_H */

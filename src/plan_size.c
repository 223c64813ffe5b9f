/*
 * plan_size.c
 *		How much memory a kept plan takes.
 *
 * A plan grows when PostgreSQL finds out that it is good for all arguments, which
 * it does at the sixth use.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/plancache.h"

#include "src/plan_size.h"

#define BESIDE 2048				/* bytes */

Size
rt_plan_size(SPIPlanPtr plan)
{
	Size		bytes = BESIDE;
	ListCell   *cell;

	if (plan == NULL)
		return 0;
	foreach(cell, SPI_plan_get_plan_sources(plan))
	{
		CachedPlanSource *source = lfirst(cell);

		bytes += MemoryContextMemAllocated(source->context, true);
		if (source->gplan != NULL)
			bytes += MemoryContextMemAllocated(source->gplan->context, true);
	}
	return bytes;
}

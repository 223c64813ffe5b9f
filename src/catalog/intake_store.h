/*
 * intake_store.h
 *		Events that somebody is still to take, as their table keeps them.
 */
#ifndef RT_CATALOG_INTAKE_STORE_H
#define RT_CATALOG_INTAKE_STORE_H

#include "src/compat.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* Columns of realtime.intake */
enum
{
	Anum_intake_path = 1,
	Anum_intake_id,
	Anum_intake_n,
	Anum_intake_topic,
	Anum_intake_event,
	Anum_intake_data,
	Anum_intake_published_at,
	Natts_intake = Anum_intake_published_at
};

typedef struct RtIntakeEvent
{
	char	   *topic;
	char	   *event;
	char	   *data;			/* JSON */
	TimestampTz published_at;
} RtIntakeEvent;

/*
 * Takes events of a path away, from the first on and at most so many, of those
 * published before a time: a list of RtIntakeEvent in the current context.  They
 * are fewer if they are long.  Says whether there may be more of them.
 */
extern List *rt_intake_take(const char *path, TimestampTz before, int most, bool *more);

/* Removes what nobody takes any more. */
extern void rt_intake_forget_undeclared(void);

#endif							/* RT_CATALOG_INTAKE_STORE_H */

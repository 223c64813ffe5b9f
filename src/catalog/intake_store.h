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

/* What is to be taken away, from the first event on, and was. */
typedef struct RtIntakeTake
{
	const char *path;
	TimestampTz before;			/* only what was published before */
	int			most;
	List	   *events;			/* RtIntakeEvent, in the current context; fewer if they
								 * are long */
	bool		more;			/* there may be more */
} RtIntakeTake;

extern void rt_intake_take(RtIntakeTake *take);

/* Removes what a path has not taken, and what nobody takes any more. */
extern void rt_intake_forget_path(const char *path);
extern void rt_intake_forget_undeclared(void);

#endif							/* RT_CATALOG_INTAKE_STORE_H */

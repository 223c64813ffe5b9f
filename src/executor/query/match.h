/*
 * match.h
 *		Which groups of live queries the changes of a round concern.
 *
 * A change of a row concerns a group if one of the relations of its query has a
 * column changed that the query looks at, and the row passes, before or after,
 * what the query demands of it.  Of that one condition is looked at, "column =
 * argument", where the types leave no doubt of what is equal: so that of a
 * thousand clients with their own argument one is found without a run of all.
 * All else that is not known for certain concerns a group.
 */
#ifndef RT_EXECUTOR_QUERY_MATCH_H
#define RT_EXECUTOR_QUERY_MATCH_H

#include "executor/tuptable.h"

#include "src/ipc/change_ring.h"
#include "src/ipc/query_group.h"
#include "src/query/analysis.h"

typedef struct RtRoundChanges RtRoundChanges;

/* None yet; in the current context, which must live as long. */
extern RtRoundChanges *rt_round_changes(void);

/* One more; NULL = anything may have changed.  Copies what it needs. */
extern void rt_round_changes_add(RtRoundChanges *changes, const RtChange *change);

/* Some may be there that an earlier round had. */
extern void rt_round_changes_repeat(RtRoundChanges *changes);

/* Whether they are what is between two states of the tables, each once. */
extern bool rt_round_changes_can_be_counted(const RtRoundChanges *changes);

/*
 * The images, before and after, of rows of a relation that have changed and may
 * concern a group of the query, with the columns that the query needs; or why all
 * of the query is to be run.  They are made once for all groups of a query.
 */
typedef struct RtChangeImage
{
	TupleTableSlot *slot;
	bool		is_new;			/* it has come, and is not gone */
} RtChangeImage;

typedef struct RtChangeImages
{
	int			count;
	const RtChangeImage *images;	/* live as long as the changes */
} RtChangeImages;

extern RtQueryWhyFull rt_round_changes_images(RtRoundChanges *changes,
											  const RtQueryGroup *group,
											  const RtQuery *query,
											  const RtQueryRelation *relation,
											  RtChangeImages *images);

/* Whether they may change a group's result. */
extern bool rt_round_changes_concern(RtRoundChanges *changes, RtQueryGroup *group);

/* Whether there are none, so that none concerns a group. */
extern bool rt_round_changes_are_none(const RtRoundChanges *changes);

/* Whether anything may have changed, also what queries are made of. */
extern bool rt_round_changes_are_all(const RtRoundChanges *changes);

#endif							/* RT_EXECUTOR_QUERY_MATCH_H */

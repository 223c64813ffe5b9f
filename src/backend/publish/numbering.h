/*
 * numbering.h
 *		Numbers for the events of replay topics, and their rows.
 */
#ifndef RT_BACKEND_PUBLISH_NUMBERING_H
#define RT_BACKEND_PUBLISH_NUMBERING_H

#include "src/backend/publish/entry.h"

typedef struct RtNumbering RtNumbering;

/*
 * Opens the tables.  To be called before the locks of topics are taken, as
 * locks of tables come first.  Returns NULL if the extension has been dropped,
 * perhaps by this very transaction.
 */
extern RtNumbering *rt_numbering_begin(void);

/*
 * Has numbers go on above all that were given before, see rt_epoch_end().
 */
extern void rt_numbering_end_epoch(RtNumbering *numbering, int above);

/*
 * Gives each entry its number, in entry->seq, and stores its row.  The locks
 * of all the topics must be held.
 */
extern void rt_numbering_run(RtNumbering *numbering, char *buffer,
							 const RtUnnumbered *unnumbered, int count);

extern void rt_numbering_end(RtNumbering *numbering);

#endif							/* RT_BACKEND_PUBLISH_NUMBERING_H */

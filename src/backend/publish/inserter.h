/*
 * inserter.h
 *		Puts rows into a table and its indexes, without SQL: no rights of the user
 *		are needed, no triggers run.
 */
#ifndef RT_BACKEND_PUBLISH_INSERTER_H
#define RT_BACKEND_PUBLISH_INSERTER_H

#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "src/compat.h"

typedef struct RtInserter RtInserter;

/* For a table that is open to be written; in the current context. */
extern RtInserter *rt_inserter_begin(Relation table);

/* The table's opened indexes. */
extern const ResultRelInfo *rt_inserter_target(const RtInserter *inserter);

/*
 * The slot of the next row, empty, whose values are made in the context of values;
 * and the row is added, of about so many bytes.
 */
extern TupleTableSlot *rt_inserter_slot(RtInserter *inserter);
extern MemoryContext rt_inserter_values(const RtInserter *inserter);
extern void rt_inserter_add(RtInserter *inserter, Size bytes);

/* Inserts what has been added, which happens by itself when it is much. */
extern void rt_inserter_flush(RtInserter *inserter);

/* Flushes nothing; the table stays open. */
extern void rt_inserter_end(RtInserter *inserter);

#endif							/* RT_BACKEND_PUBLISH_INSERTER_H */

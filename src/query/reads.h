/*
 * reads.h
 *		What a query reads: relations, the clock, and who asks.
 *
 * And what cannot be followed, which is an ERROR.
 */
#ifndef RT_QUERY_READS_H
#define RT_QUERY_READS_H

#include "src/query/analysis.h"

#include "nodes/parsenodes.h"

typedef struct RtQueryReads
{
	const RtQuerySource *source;
	List	   *objects;		/* relations, views too, by OID */
	List	   *elsewhere;		/* of RtQueryRelation: not of the query itself */
	const char *caller_by;		/* what reads it, or NULL */
	const char *time_by;

	/* while looking */
	const char *where;			/* NULL: in the query itself */
	Node	   *call;
	List	   *functions;		/* those that have been looked into */
	List	   *policies_of;	/* relations whose policies have been */
} RtQueryReads;

/* Looks through a rewritten query, and at what it calls. */
extern void rt_query_read(RtQueryReads *reads, Query *query);

/* A function that a query calls (function.c). */
extern void rt_query_read_function(RtQueryReads *reads, Oid function, Node *call);

/* The policies of all roles on a relation (policy.c). */
extern void rt_query_read_policies(RtQueryReads *reads, Oid relation);

/*
 * Columns of a relation that are read somewhere else than in the query itself;
 * 0 = all.
 */
extern void rt_query_read_elsewhere(RtQueryReads *reads, Oid relation,
									const char *where, const Bitmapset *columns);

/* ERROR if changes of a relation cannot be followed. */
extern void rt_query_check_relation(const RtQueryReads *reads, Oid relation);

#endif							/* RT_QUERY_READS_H */
